//! The configuration as the host uses it: checked, with absolute paths, and with every secret read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::{Cron, Secret};
use crate::access::Grants;

/// Everything that `devconnect.toml` and the environment say.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The file that was read.
    pub file: PathBuf,
    /// `[server]`
    pub server: Server,
    /// `[runtime]`
    pub runtime: Runtime,
    /// `[stores]`
    pub stores: Stores,
    /// `[sockets]`
    pub sockets: Sockets,
    /// `[tokens]`
    pub tokens: Tokens,
    /// `[[static]]`, in file order.
    pub statics: Vec<Static>,
    /// `[plugins.<name>]`, in file order: the order in which filters and socket handlers are asked.
    pub plugins: Vec<Plugin>,
}

impl Resolved {
    /// The plugin that the operator calls `name`.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }
}

/// Where and how the host listens.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What kind of installation this is.
    pub environment: Environment,
    /// Origins that may call with credentials, as browsers write them (`https://app.example.com`, no default port).
    pub origins: Vec<String>,
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long requests in flight may go on after SIGTERM.
    pub shutdown_grace: Duration,
    /// How long a client may take for a request's head.
    pub header_timeout: Duration,
    /// How long a client may take for a whole request body.
    pub read_timeout: Duration,
    /// How long an idle keep-alive connection is kept.
    pub idle_timeout: Duration,
    /// Most headers of a request.
    pub max_headers: usize,
    /// Largest head of a request in bytes.
    pub max_header_bytes: usize,
    /// Most connections at a time.
    pub max_connections: usize,
    /// Which requests are logged.
    pub access_log: AccessLog,
    /// A second address that serves the Prometheus page.
    pub metrics_listen: Option<SocketAddr>,
    /// Threads that serve requests.
    pub workers: usize,
}

/// What kind of installation this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// On a developer's machine: cookies without `Secure`, a random token secret where none is given.
    Development,
    /// In service: secure cookies, and no start without a token secret.
    Production,
}

/// Which requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// None.
    Off,
    /// Those answered with 500 and above.
    Errors,
    /// Those, and one of a hundred others.
    Sampled,
    /// Every one: costs about 5 µs each.
    All,
}

/// The engine and its pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// Instances of all plugins together.
    pub max_instances: u32,
    /// Most memory in bytes that any plugin's `limits.memory` may ask for; sizes the pool's slots.
    pub max_memory: usize,
    /// How long one compilation may take.
    pub compile_timeout: Duration,
    /// How much memory in bytes one compilation may take.
    pub compile_memory: u64,
    /// Folder of compiled components.
    pub cache: PathBuf,
}

/// Where data is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Stores {
    /// Folder of the embedded stores and of this host's outbox.
    pub data: PathBuf,
    /// Memory in bytes for the embedded cache.
    pub cache_size: usize,
    /// How long the embedded log keeps events.
    pub event_retention: Duration,
    /// Bytes that the embedded log keeps of each partition.
    pub event_retention_size: u64,
    /// Redis in place of the embedded cache.
    pub redis: Option<Redis>,
    /// Kafka in place of the embedded log.
    pub kafka: Option<Kafka>,
    /// MongoDB in place of the embedded documents.
    pub mongodb: Option<MongoDb>,
    /// What of Redis this host keeps in memory.
    pub near_cache: NearCache,
}

/// `stores.near-cache`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearCache {
    /// Keys, or prefixes with `*`; none switch it off.
    pub patterns: Vec<String>,
    /// Its memory in bytes.
    pub size: usize,
}

/// `stores.redis`
#[derive(Clone, Debug, PartialEq)]
pub struct Redis {
    /// `redis://` or `rediss://`; may hold a password.
    pub url: Secret,
    /// A PEM file of authorities.
    pub ca: Option<PathBuf>,
}

/// `stores.kafka`
#[derive(Clone, Debug, PartialEq)]
pub struct Kafka {
    /// `host:port` of each broker to ask first.
    pub brokers: Vec<String>,
    /// The name that the brokers see.
    pub client_id: String,
    /// A plugin's consumer group is `<group-id>.<plugin>`.
    pub group_id: String,
    /// How the members of a group agree.
    pub group_protocol: GroupProtocol,
    /// Encryption.
    pub tls: Option<KafkaTls>,
    /// Who the host is.
    pub sasl: Option<KafkaSasl>,
}

/// How the members of a consumer group agree on who reads what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// Among themselves, cooperatively.
    Classic,
    /// As the broker says (KIP-848).
    Consumer,
}

/// Encryption between host and brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaTls {
    /// A PEM file of authorities.
    pub ca: Option<PathBuf>,
    /// PEM files of the host's own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Who the host is to the brokers.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaSasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// The user.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// `stores.mongodb`
#[derive(Clone, Debug, PartialEq)]
pub struct MongoDb {
    /// `mongodb://` or `mongodb+srv://`, with the database; may hold a password.
    pub url: Secret,
}

/// Sockets of clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Sockets {
    /// Path of Socket.IO.
    pub socket_io: String,
    /// Path of the plain WebSocket.
    pub websocket: String,
    /// Time between two pings.
    pub ping_interval: Duration,
    /// How long a pong may take.
    pub ping_timeout: Duration,
    /// Largest message in bytes.
    pub max_payload: usize,
    /// Bytes that wait for one slow client before it is closed.
    pub queue: usize,
    /// May a socket without identity connect?
    pub anonymous: bool,
}

/// Keys of signed tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    /// Signs; `None` asks the caller for a random one, kept in memory and told in the log (development only).
    pub current: Option<TokenKey>,
    /// Verify only.
    pub previous: Vec<TokenKey>,
}

/// One key of signed tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenKey {
    /// The name that a token's header carries.
    pub kid: String,
    /// The key.
    pub secret: Secret,
}

/// `[[static]]`: a folder that is served as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Static {
    /// Path under which it appears.
    pub mount: String,
    /// The folder.
    pub dir: PathBuf,
}

/// `[plugins.<name>]`
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// The operator's name for it: in logs, metrics, grants and `filters`.
    pub name: String,
    /// Where the component comes from.
    pub source: Source,
    /// The digest that the component must have; always there for `Source::Https`.
    pub sha256: Option<[u8; 32]>,
    /// Plugins that are asked before this one's routes, in this order.
    pub filters: Vec<String>,
    /// What it may use.
    pub grants: Grants,
    /// How much of it.
    pub limits: Limits,
    /// Plain settings, as the guest reads them.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Named secrets.
    pub secrets: BTreeMap<String, Secret>,
    /// Cron entries in place of the plugin's own, by the schedule's name; `None` switches it off.
    pub schedules: BTreeMap<String, Option<Cron>>,
    /// How a component without `lifecycle` (plain wasi:http) is reached; `None` for the others.
    pub mount: Option<Mount>,
    /// A path that must answer below 400 before a new version serves.
    pub smoke: Option<String>,
}

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A download, held to the plugin's `sha256`.
    Https(String),
}

/// How a plain wasi:http component is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Path prefix, `/` or without a slash at the end.
    pub path: String,
    /// Routes below it; empty stands for all methods and paths.
    pub routes: Vec<Route>,
    /// Who may call them.
    pub access: RouteAccess,
}

/// A route of a plain wasi:http component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method in upper case; `None` stands for all.
    pub method: Option<String>,
    /// The whole pattern, with the mount's path in front.
    pub pattern: String,
}

/// Who may call a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteAccess {
    /// Everyone; no filter is called.
    Public,
    /// Everyone; filters are called and may find an identity.
    Optional,
    /// Callers with an identity.
    Session,
    /// Callers whose identity has this role.
    Role(String),
}

/// `[plugins.<name>.limits]`: a breach ends the call that made it, and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance in bytes.
    pub memory: usize,
    /// Elements of all tables of one instance.
    pub table_elements: usize,
    /// Handles of resources (cursors, streams) that one call may hold.
    pub handles: usize,
    /// Wall time of one call, waits in host calls included, time in the queue not.
    pub deadline: Duration,
    /// Events in one call.
    pub batch: usize,
    /// Wall time of one call with events, or of a schedule.
    pub batch_deadline: Duration,
    /// Time of one call on the CPU.
    pub cpu: Duration,
    /// Calls at a time.
    pub instances: usize,
    /// Calls that may wait for an instance; further ones are answered 503.
    pub queue: usize,
    /// How long a call may wait for an instance.
    pub queue_wait: Duration,
    /// Calls that one instance serves before it is replaced; 1 gives every call a fresh one.
    pub reuse: u32,
    /// Largest response body in bytes.
    pub response: usize,
    /// Log text in bytes of one call.
    pub log_bytes: usize,
    /// Log lines of one call.
    pub log_lines: u32,
    /// Log lines of the plugin in one second.
    pub log_rate: u32,
    /// Calls of the host by one call of the plugin.
    pub host_calls: u64,
    /// How long a streamed response may pause.
    pub stream_idle: Duration,
    /// Memory of the host in bytes that one call may hold (answers of stores, open cursors, buffers).
    pub retained: usize,
    /// Events that the plugin may publish in one second.
    pub publish_rate: u32,
}
