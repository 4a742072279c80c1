//! What a capability answers when it cannot do what was asked.

use std::fmt;
use std::time::Duration;

use crate::bindings::devconnect::platform::errors;

/// A capability refused, or failed.
///
/// `?` in a handler turns it into the [`Problem`](crate::Problem) that fits its [`kind`](Error::kind); a handler that
/// wants to go on without the store asks [`is_away`](Error::is_away).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
}

/// What can be done about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The operator's grants do not cover what was named. Nothing was done.
    Denied,
    /// The call itself is wrong and will fail again. Nothing was done.
    Invalid,
    /// The state of the store forbids it: a unique index holds the value already, or another writer was first.
    Conflict,
    /// The thing that was named does not exist.
    NotFound,
    /// The store is away or refuses work for now. Nothing was done.
    Unavailable,
    /// The time ran out. It may or may not have been done.
    Timeout,
    /// The call, or its answer, is larger than a limit. Nothing was done.
    TooLarge,
}

impl Error {
    /// An error of the kind named, for a reader who is the plugin's author or the operator.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    /// The same, with the pause after which another try may help.
    #[must_use]
    pub fn with_retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// One sentence that names the operation and its target; for logs, never for a client.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How long to wait before another try may help, where the host can tell.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// True if the store did not answer (`Unavailable`, `Timeout`): the moment for a fallback.
    pub fn is_away(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Timeout)
    }

    /// True if a unique value is taken, or another writer was first.
    pub fn is_conflict(&self) -> bool {
        self.kind == ErrorKind::Conflict
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<errors::Error> for Error {
    fn from(error: errors::Error) -> Self {
        let (kind, failure) = match error {
            errors::Error::Denied(failure) => (ErrorKind::Denied, failure),
            errors::Error::Invalid(failure) => (ErrorKind::Invalid, failure),
            errors::Error::Conflict(failure) => (ErrorKind::Conflict, failure),
            errors::Error::NotFound(failure) => (ErrorKind::NotFound, failure),
            errors::Error::Unavailable(failure) => (ErrorKind::Unavailable, failure),
            errors::Error::Timeout(failure) => (ErrorKind::Timeout, failure),
            errors::Error::TooLarge(failure) => (ErrorKind::TooLarge, failure),
        };
        Self { kind, message: failure.message, retry_after: failure.retry_after_ms.map(Duration::from_millis) }
    }
}
