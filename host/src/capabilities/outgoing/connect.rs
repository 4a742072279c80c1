//! Connecting: the name is resolved here, every address is looked at, and the connection goes to that very address. A name
//! that leads elsewhere a moment later changes nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use wasmtime_wasi_http::Error as HttpError;

use super::address::is_public;

/// How long one address may take to answer: the next one is tried after it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const TRIED: usize = 4;

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    private: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the name cannot be resolved")]
    Name,
    #[error("the name leads to a private or special address")]
    Prohibited,
    #[error("no connection: {0}")]
    Io(io::Error),
    #[error("no connection in time")]
    Timeout,
}

impl Error {
    /// The case of wasi:http.
    pub(super) fn to_http(&self) -> HttpError {
        match self {
            Self::Name => HttpError::DnsError { rcode: None, info_code: None },
            Self::Prohibited => HttpError::DestinationIpProhibited,
            Self::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => HttpError::ConnectionRefused,
            Self::Io(_) => HttpError::DestinationUnavailable,
            Self::Timeout => HttpError::ConnectionTimeout,
        }
    }
}

impl Connector {
    pub(super) const fn new(private: bool) -> Self {
        Self { private }
    }

    async fn connect(self, host: String, port: u16) -> Result<TcpStream, Error> {
        let mut last = Error::Name;
        for address in self.resolve(&host, port).await?.into_iter().take(TRIED) {
            match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(Error::Io)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = Error::Io(error),
                Err(_) => last = Error::Timeout,
            }
        }
        Err(last)
    }

    /// The addresses that may be connected to. One that is written out was granted as it is, and is never given to a
    /// resolver; nor is `localhost`, which is this machine (RFC 6761).
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        if host.eq_ignore_ascii_case("localhost") {
            let here = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
            return Ok(here.map(|address| SocketAddr::new(address, port)).into());
        }
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.map_err(|_| Error::Name)?.collect();
        let none = if found.is_empty() { Error::Name } else { Error::Prohibited };
        let allowed: Vec<_> = found.into_iter().filter(|found| self.private || is_public(found.ip())).collect();
        if allowed.is_empty() { Err(none) } else { Ok(allowed) }
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let (host, port) = super::target(&uri).map_err(|_| Error::Name)?;
            Ok(TokioIo::new(connector.connect(host.to_owned(), port).await?))
        })
    }
}

/// The connector with TLS for https. Certificates are checked against those that this machine trusts.
pub(super) fn https(connector: Connector) -> Result<HttpsConnector<Connector>, HttpError> {
    Ok(HttpsConnectorBuilder::new().with_tls_config(trust()?).https_or_http().enable_http1().wrap_connector(connector))
}

/// Read once: a machine trusts some hundred authorities.
fn trust() -> Result<ClientConfig, HttpError> {
    static TRUST: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = TRUST.get() {
        return Ok(config.clone());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| HttpError::ConfigurationError)?;
    let config = match builder.clone().with_native_roots() {
        Ok(builder) => builder.with_no_client_auth(),
        // Requests without TLS go on; those with it fail at the certificate.
        Err(error) => {
            tracing::warn!("plugins cannot call https: {error}; install this machine's certificates (ca-certificates)");
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        }
    };
    Ok(TRUST.get_or_init(|| config).clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    async fn resolve(private: bool, host: &str) -> Result<Vec<SocketAddr>, Error> {
        Connector::new(private).resolve(host, 80).await
    }

    #[tokio::test]
    async fn addresses_that_are_written_out_are_taken_as_they_are() {
        for (host, wanted) in [("127.0.0.1", "127.0.0.1:80"), ("[::1]", "[::1]:80"), ("10.0.0.1", "10.0.0.1:80")] {
            assert_eq!(resolve(false, host).await.unwrap(), [wanted.parse().unwrap()]);
        }
        let here = resolve(false, "LOCALHOST").await.unwrap();
        assert!(here.iter().all(|address| address.ip().is_loopback()), "{here:?}");
    }

    /// `127.1` is a name here, and an address of this machine to the system's resolver.
    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_refused_unless_that_is_meant() {
        for host in ["127.1", "2130706433", "0x7f.1"] {
            assert!(matches!(resolve(false, host).await, Err(Error::Prohibited)), "{host}");
            assert_eq!(resolve(true, host).await.unwrap(), ["127.0.0.1:80".parse().unwrap()]);
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_is_told() {
        assert!(matches!(resolve(true, "nobody.invalid").await, Err(Error::Name)));
    }
}
