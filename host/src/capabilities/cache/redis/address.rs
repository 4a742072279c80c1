//! Where Redis is, checked once, and how a connection to it is made.

use std::time::Duration;

use redis::cluster::ClusterClient;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, PushInfo, TlsCertificates,
};

use super::link::Connection;
use super::{Config, OpenError};

/// How long making a connection may take, handshakes included.
const CONNECT: Duration = Duration::from_secs(1);
/// Commands that may wait for the connection's task before their callers do.
const QUEUE: usize = 1_024;
/// The longest that sent bytes may stay unacknowledged: a cut cable looks like silence, and the system's own patience is
/// a quarter of an hour.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// A single server, or a cluster.
pub(in crate::capabilities::cache) enum Target {
    Single(Box<Client>, String),
    Cluster(Box<ClusterClient>),
}

impl Target {
    pub(super) fn new(config: &Config) -> Result<Self, OpenError> {
        if config.client_name.is_empty() || config.client_name.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(OpenError::ClientName("must be visible ASCII characters without blanks"));
        }
        let addresses = addresses(&config.url)?;
        // Without a certificate in it the driver would trust nobody, and say so at every connection only.
        const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
        if config.ca.as_ref().is_some_and(|ca| !ca.windows(BEGIN.len()).any(|window| window == BEGIN)) {
            return Err(OpenError::Certificates);
        }
        let certificates = config.ca.clone().map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
        match (addresses.nodes.as_slice(), addresses.cluster) {
            ([node], false) => {
                let client = match certificates {
                    Some(certificates) if addresses.tls => {
                        Client::build_with_tls(node.clone(), certificates).map_err(|_| OpenError::Certificates)?
                    }
                    _ => Client::open(node.clone()).map_err(|_| OpenError::Address("cannot be used"))?,
                };
                Ok(Self::Single(Box::new(client), config.client_name.clone()))
            }
            (nodes, _) => {
                let mut builder = ClusterClient::builder(nodes.iter().cloned())
                    .use_protocol(ProtocolVersion::RESP3)
                    .tcp_settings(tcp())
                    .connection_timeout(CONNECT)
                    // Our own deadline is shorter; these end what it has left behind.
                    .response_timeout(CONNECT)
                    // The driver's retries repeat also what may have been done. `cluster` retries what was refused.
                    .retries(0);
                if let Some(certificates) = certificates.filter(|_| addresses.tls) {
                    builder = builder.certs(certificates);
                }
                let client = builder.build().map_err(|_| {
                    OpenError::Address("names a cluster whose addresses differ in more than host and port")
                })?;
                Ok(Self::Cluster(Box::new(client)))
            }
        }
    }

    /// Connects and shakes hands. `pushed` gets what the server says unasked, and the end of the connection; a cluster
    /// looks after its own.
    pub(in crate::capabilities::cache) async fn connect(
        &self,
        pushed: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> redis::RedisResult<Connection> {
        match self {
            Self::Single(client, name) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT))
                    .set_response_timeout(None)
                    .set_pipeline_buffer_size(QUEUE)
                    .set_push_sender(move |push| {
                        pushed(push);
                        Ok::<(), redis::aio::SendError>(())
                    });
                let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
                let mut named = redis::cmd("CLIENT");
                named.arg("SETNAME").arg(name);
                // The name is for the operator's eyes: a server that refuses it still works.
                match tokio::time::timeout(CONNECT, connection.send_packed_command(&named)).await {
                    Ok(answered) => answered.map(drop)?,
                    Err(_elapsed) => return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
                }
                Ok(Connection::Single(connection))
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

struct Addresses {
    nodes: Vec<ConnectionInfo>,
    cluster: bool,
    tls: bool,
}

/// Reads the address as typed. A node of a list inherits scheme and user of the first one.
fn addresses(typed: &str) -> Result<Addresses, OpenError> {
    let (scheme, rest) = typed.trim().split_once("://").ok_or(OpenError::Address("has no scheme"))?;
    let (scheme, named_cluster) = match scheme.strip_suffix("+cluster") {
        Some(scheme) => (scheme, true),
        None => (scheme, false),
    };
    let tls = matches!(scheme, "rediss" | "valkeys");
    if !tls && !matches!(scheme, "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix") {
        return Err(OpenError::Address("has a scheme that is not known"));
    }
    let unix = scheme.ends_with("unix");
    let listed = !unix && rest.contains(',');
    if unix && named_cluster {
        return Err(OpenError::Address("names a cluster by a file"));
    }
    if !listed {
        return Ok(Addresses { nodes: vec![node(&format!("{scheme}://{rest}"))?], cluster: named_cluster, tls });
    }
    // A comma within a password is escaped in an address, so every comma here stands between two nodes.
    let mut user = "";
    let mut nodes = Vec::new();
    for listed in rest.split(',') {
        let listed = listed.trim();
        let listed = listed.split_once("://").map_or(listed, |(_scheme, listed)| listed);
        let host = match listed.rsplit_once('@') {
            Some((own, host)) => {
                user = own;
                host
            }
            None => listed,
        };
        let at = if user.is_empty() { "" } else { "@" };
        nodes.push(node(&format!("{scheme}://{user}{at}{host}"))?);
    }
    Ok(Addresses { nodes, cluster: true, tls })
}

fn node(address: &str) -> Result<ConnectionInfo, OpenError> {
    let info = address.into_connection_info().map_err(|_| OpenError::Address("cannot be read"))?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp()))
}

fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(UNACKNOWLEDGED);
    settings
}
