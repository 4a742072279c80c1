//! `wasi:http/outgoing-handler`: requests to other hosts, of those that the operator granted.
//!
//! ```toml
//! [plugins.shop]
//! grants = { http = ["api.example.com", "localhost:9000"] }
//! ```
//!
//! Host and port of the request must be granted. The name is resolved here, and the connection goes to an address that was
//! looked at: a public one, unless the operator says otherwise ([`connect`]). What the answer says is the guest's business:
//! nothing is followed, decoded or remembered, so a redirect is a new request that is checked as any other, and no cookie or
//! proxy variable ever plays a part.
//!
//! Bounded, for each plugin: requests under way ([`AT_ONCE`]); bytes of a body, in either direction (`limits.retained`); the
//! time until the answer's head, by what is left of the call; a pause in the answer's body (`limits.stream-idle`). What a
//! guest leaves behind when its call ends, ends by these limits or with the instance. Connections are kept for the plugin
//! version that made them, and for no other.

mod address;
mod body;
mod connect;

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{Method, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks};

use super::wasi::CHUNK;
use super::{Call, Plugin};
use crate::telemetry::{RequestId, one_line};
use body::Bounded;
use connect::Connector;

/// Requests of one plugin that may be under way, bodies included.
const AT_ONCE: usize = 64;
/// Idle connections that are kept for each host, and how long.
const KEPT: usize = 8;
const KEPT_FOR: Duration = Duration::from_secs(30);
/// Most headers of an answer.
const HEADERS: usize = 100;
/// Largest head of an answer in bytes.
const HEAD: usize = 64 * 1024;
/// How long before the end of the call a request ends: time in which the guest can say so to its client.
const SPARE: Duration = Duration::from_millis(100);

/// How wasi:http says that a request body was sent.
type Sent = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

/// The client of one plugin version. It costs nothing until the first request.
pub struct Client {
    private: bool,
    at_once: Arc<Semaphore>,
    inner: OnceLock<legacy::Client<HttpsConnector<Connector>, WasiBody>>,
}

impl Client {
    /// A client; `private` lets names lead to private addresses.
    #[must_use]
    pub fn new(private: bool) -> Self {
        Self { private, at_once: Arc::new(Semaphore::new(AT_ONCE)), inner: OnceLock::new() }
    }

    fn get(&self) -> Result<legacy::Client<HttpsConnector<Connector>, WasiBody>, HttpError> {
        if let Some(client) = self.inner.get() {
            return Ok(client.clone());
        }
        let connector = connect::https(Connector::new(self.private))?;
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT_FOR)
            .pool_max_idle_per_host(KEPT)
            .http1_max_headers(HEADERS)
            .http1_max_buf_size(HEAD)
            // wasi:http has set it.
            .set_host(false)
            .build(connector);
        Ok(self.inner.get_or_init(|| client).clone())
    }
}

/// Sends the requests of one instance.
pub(super) struct Outgoing {
    plugin: Arc<Plugin>,
    deadline: Instant,
    request_id: RequestId,
    /// Whether the call may call the host at all.
    open: bool,
}

impl Outgoing {
    pub(super) fn new(plugin: Arc<Plugin>) -> Self {
        Self { plugin, deadline: Instant::now(), request_id: RequestId::none(), open: false }
    }

    /// The call for which requests are sent from now on.
    pub(super) fn serve(&mut self, call: &Call) {
        self.deadline = call.deadline;
        self.request_id = call.request_id;
        self.open = call.host_calls_left > 0;
    }

    /// What must hold before anything is resolved or sent.
    fn admit(&self, request: &Request<WasiBody>) -> Result<OwnedSemaphorePermit, HttpError> {
        if !self.open || request.method() == Method::CONNECT {
            return Err(HttpError::HttpRequestDenied);
        }
        let (host, port) = target(request.uri())?;
        if let Err(denied) = self.plugin.grants.http(host, port) {
            // wasi:http has no place for the reason, so the author finds it in the log.
            if self.plugin.faults.allow() {
                tracing::warn!(
                    target: "plugin",
                    plugin = &*self.plugin.name,
                    request = self.request_id.as_str(),
                    "a request was refused: {}",
                    one_line(&denied.to_string())
                );
            }
            return Err(HttpError::HttpRequestDenied);
        }
        Arc::clone(&self.plugin.http.at_once).try_acquire_owned().map_err(|_| HttpError::ConnectionLimitReached)
    }

    /// How long the answer's head may take: what is left of the call; or a pause of a stream, where the guest has answered
    /// its client and goes on.
    fn time_left(&self, options: RequestOptions) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = if left.is_zero() { self.plugin.limits.stream_idle } else { left };
        let left = left.saturating_sub(SPARE.min(left / 10));
        // Connecting is a part of it here, so the guest's patience with both is added up.
        let wanted = options.first_byte_timeout;
        let wanted = wanted.map(|wanted| wanted.saturating_add(options.connect_timeout.unwrap_or_default()));
        wanted.map_or(left, |wanted| left.min(wanted))
    }
}

/// Host and port of an absolute address. Names of users do not belong there: a reader may take one for the host.
fn target(uri: &Uri) -> Result<(&str, u16), HttpError> {
    let invalid = HttpError::HttpRequestUriInvalid;
    let Some(authority) = uri.authority() else { return Err(invalid) };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(invalid);
    }
    let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    Ok((authority.host(), authority.port_u16().unwrap_or(usual)))
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Sent,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Sent), HttpError>> + Send> {
        let options = options.unwrap_or_default();
        let ready = self.admit(&request).and_then(|permit| Ok((permit, self.plugin.http.get()?)));
        let (permit, client) = match ready {
            Ok(ready) => ready,
            Err(error) => return Box::new(std::future::ready(Err(error))),
        };
        let limits = &self.plugin.limits;
        let most = limits.retained;
        let pause = options.between_bytes_timeout.map_or(limits.stream_idle, |wanted| wanted.min(limits.stream_idle));
        let left = self.time_left(options);
        let request = request.map(|body| body::outgoing(body, most).boxed_unsync());
        Box::new(async move {
            let answer = tokio::time::timeout(left, client.request(request));
            let answer = answer.await.map_err(|_| HttpError::HttpResponseTimeout)?;
            let answer = answer.map_err(|error| explain(&error))?;
            let answer = answer.map(|body| Bounded::answer(body, most, pause, permit).boxed_unsync());
            // The connection is driven by the client's own task.
            Ok((answer, Box::new(std::future::ready(Ok(()))) as Sent))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }
}

/// The guest's view of what went wrong: a case of wasi:http, and no text of a library's.
fn explain(error: &legacy::Error) -> HttpError {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<connect::Error>() {
            return error.to_http();
        }
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return body::copy(error);
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            // What comes through `io::Error` is inside it, and not its source.
            match error.get_ref() {
                Some(inner) => match inner.downcast_ref::<rustls::Error>() {
                    Some(rustls::Error::InvalidCertificate(_)) => return HttpError::TlsCertificateError,
                    Some(_) => return HttpError::TlsProtocolError,
                    None => {}
                },
                None => return HttpError::ConnectionTerminated,
            }
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_incomplete_message() {
                return HttpError::HttpResponseIncomplete;
            }
            if error.is_parse_too_large() {
                return HttpError::HttpResponseHeaderSectionSize(None);
            }
        }
        cause = error.source();
    }
    HttpError::HttpProtocolError
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_what_is_connected_to() {
        for (address, wanted) in [
            ("https://api.example.com/x", ("api.example.com", 443)),
            ("http://api.example.com/x", ("api.example.com", 80)),
            ("https://api.example.com:8443/", ("api.example.com", 8443)),
            ("http://[2001:db8::1]:81/", ("[2001:db8::1]", 81)),
        ] {
            assert_eq!(target(&address.parse().unwrap()).unwrap(), wanted);
        }
        for address in ["https://granted.example.com@evil.example.com/", "/only/a/path"] {
            assert!(matches!(target(&address.parse().unwrap()), Err(HttpError::HttpRequestUriInvalid)), "{address}");
        }
    }
}
