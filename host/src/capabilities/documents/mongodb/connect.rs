//! From a URL to the driver's client.

use std::time::Duration;

use mongodb::Client;
use mongodb::error::ErrorKind;
use mongodb::options::{ClientOptions, ReadPreference, WriteConcern};

/// The database of a URL that names none.
pub(super) const DATABASE: &str = "devconnect";

/// How long a call looks for a server that takes it, and a connection is tried.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often each server is looked at. With [`PATIENCE`] it is how long a server that froze keeps its connections.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Connections to each server: at most, and kept open; and how many are opened at the same time.
const CONNECTIONS: (u32, u32) = (48, 2);
const CONNECTING: u32 = 4;
/// How long a write waits for the majority: longer than any call, so that the server forgets none too early.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(10);

/// Where the documents are.
#[derive(Clone)]
pub struct Config {
    /// `mongodb://…` or `mongodb+srv://…`, as MongoDB's own tools take it. What it says of timeouts, the pool and the write
    /// concern counts; what it leaves out is this host's choice.
    pub url: String,
    /// What the server's operator sees in its list of connections.
    pub app_name: String,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL has the password in it.
        f.debug_struct("Config").field("app_name", &self.app_name).finish_non_exhaustive()
    }
}

/// Why the documents in MongoDB could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is wrong.
    #[error("the URL of stores.mongodb (MONGODB_URI) is wrong: {0}; it looks like mongodb://host:27017/devconnect")]
    Url(String),
    /// The servers' names could not be asked for.
    #[error("cannot look up the servers of stores.mongodb (MONGODB_URI): {0}")]
    Lookup(String),
}

/// A client that opens connections when they are needed.
pub(super) async fn client(config: Config) -> Result<Client, OpenError> {
    let mut options = ClientOptions::parse(&config.url).await.map_err(|error| refused(&error, &config.url))?;
    // A secondary lags: a log-out that was answered would not hold there, and transactions need the primary.
    if options.selection_criteria.replace(ReadPreference::Primary.into()).is_some() {
        tracing::warn!("the read preference in the URL of stores.mongodb is not used: the host reads from the primary");
    }
    options.app_name.get_or_insert(config.app_name);
    options.server_selection_timeout.get_or_insert(PATIENCE);
    options.connect_timeout.get_or_insert(PATIENCE);
    options.heartbeat_freq.get_or_insert(HEARTBEAT);
    options.max_pool_size.get_or_insert(CONNECTIONS.0);
    // A URL with a smaller pool than the host keeps open is no error.
    let kept = options
        .max_pool_size
        .map_or(CONNECTIONS.1, |most| if most == 0 { CONNECTIONS.1 } else { most.min(CONNECTIONS.1) });
    options.min_pool_size.get_or_insert(kept);
    options.max_connecting.get_or_insert(CONNECTING);
    options.retry_writes.get_or_insert(true);
    options.write_concern.get_or_insert_with(|| {
        let mut concern = WriteConcern::majority();
        concern.journal = Some(true);
        concern.w_timeout = Some(ACKNOWLEDGEMENT);
        concern
    });
    Client::with_options(options).map_err(|error| refused(&error, &config.url))
}

fn refused(error: &mongodb::error::Error, url: &str) -> OpenError {
    match error.kind.as_ref() {
        // With a `?` or `/` in the password the driver takes a part of it for an address, and says which.
        ErrorKind::InvalidArgument { .. } if url.contains('@') => {
            OpenError::Url("user, password and address must each be percent-encoded".to_owned())
        }
        ErrorKind::InvalidArgument { message, .. } => OpenError::Url(message.clone()),
        ErrorKind::DnsResolve { message, .. } => OpenError::Lookup(message.clone()),
        kind => OpenError::Url(kind.to_string()),
    }
}
