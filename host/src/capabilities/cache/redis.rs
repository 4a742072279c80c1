//! The cache in Redis, or in what speaks its protocol (Valkey): shared by all hosts.
//!
//! **One connection**, multiplexed, which [`link`] makes and replaces in the background. Opening never waits and never
//! fails because the server is away; while it is away every call is refused at once.
//!
//! **Time.** A call has [`DEADLINE`], and the [`Breaker`](crate::capabilities::breaker::Breaker) stands in front of it:
//! the driver itself would hold callers for seconds.
//!
//! **One step.** What the interface calls one step is one command or one script ([`scripts`]) on one key, so it is one
//! step on a cluster too, and one round trip. Nothing is sent twice: a call whose answer was lost is a `timeout`, which
//! says that it may have been done.
//!
//! **Addresses**: `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS, `unix:///path`. A cluster is
//! `redis+cluster://host:port,host:port` or `rediss+cluster://…`; several addresses with a comma between them are one too.
//!
//! ```text
//! let cache = Redis::open(Config { url: secret.expose_secret().into(), client_name: "devconnect".into(), ca: None })?;
//! cache.set("greeting", Bytes::from("hello"), Some(Duration::from_secs(60))).await?;
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};

use self::address::Target;
use self::link::Link;
use self::scripts::Script;
use crate::capabilities::error::Result;

pub(super) mod address;
pub(super) mod batch;
mod cluster;
mod commands;
pub(super) mod link;
pub(super) mod reply;
mod scripts;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
pub(super) mod tests;

/// The longest that a call may take. A healthy server answers in a tenth of a millisecond; above this the caller is
/// better served without a cache.
pub const DEADLINE: Duration = Duration::from_millis(100);

/// Where Redis is.
#[derive(Clone)]
pub struct Config {
    /// The address, with its password: see the module.
    pub url: String,
    /// The name of this client in Redis' own lists, without blanks.
    pub client_name: String,
    /// The certificates, as PEM, that a server's must descend from; `None` for those of the operating system.
    pub ca: Option<Vec<u8>>,
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address holds a password.
        formatter.debug_struct("Config").field("client_name", &self.client_name).finish_non_exhaustive()
    }
}

/// Why Redis cannot be used as configured. The address itself is never named: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The address is not one.
    #[error(
        "the address of Redis {0}: write redis://[user:password@]host:port[/db], rediss:// for TLS, or redis+cluster://host:port,host:port"
    )]
    Address(&'static str),
    /// The name cannot be given to a connection.
    #[error("the client name of Redis {0}")]
    ClientName(&'static str),
    /// The certificates are not PEM.
    #[error(
        "the certificates for Redis cannot be read: they must be PEM, each between BEGIN CERTIFICATE and END CERTIFICATE"
    )]
    Certificates,
    /// The near cache was asked for on a cluster.
    #[error("the near cache works with a single Redis, not with a cluster: remove `near-cache`, or name one server")]
    NearCluster,
}

/// The cache in Redis. See the module.
pub struct Redis {
    target: Arc<Target>,
    link: Link,
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redis").field("away", &self.is_away()).finish_non_exhaustive()
    }
}

impl Redis {
    /// Begins to connect, in the background; call it within the Tokio runtime. Whether the server is there shows in
    /// [`Redis::is_away`] and in the answers.
    ///
    /// # Errors
    /// Only for a configuration that can never work.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        Self::with_deadline(config, DEADLINE)
    }

    fn with_deadline(config: Config, deadline: Duration) -> Result<Self, OpenError> {
        let target = Arc::new(Target::new(&config)?);
        Ok(Self { link: Link::new(Arc::clone(&target), deadline), target })
    }

    /// True while the server does not answer.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.link.is_away()
    }

    pub(super) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Sends a command that touches one key and takes its answer.
    async fn ask(&self, function: &'static str, key: &str, command: Cmd) -> Result<Value> {
        reply::checked(function, key, self.link.command(command).await)
    }

    /// Runs a script on one key. `arguments` adds its arguments, once more if the server does not have the script yet.
    async fn run(
        &self,
        function: &'static str,
        key: &str,
        script: &'static Script,
        arguments: impl Fn(&mut Cmd) + Send + Sync,
    ) -> Result<Value> {
        reply::checked(function, key, self.link.script(script, key, arguments).await)
    }
}
