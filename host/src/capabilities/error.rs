//! The error that every capability and every backend answers with: `errors.error` of the WIT package, in Rust.
//!
//! The cases are sorted by what the caller can do about them. A backend says which case it is, the capability's glue
//! carries it to the guest unchanged, and a handler that passes it on unhandled answers with the status of
//! [`Error::status`]. Messages name the operation and its target in one sentence and are read by the plugin's author
//! and the operator, never by a client: no secret, no Debug text, no driver's own type in them.

use std::time::Duration;

/// What a capability answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and when another try may help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One sentence that names the operation and its target.
    pub message: String,
    /// How long to wait before another try may help; `None` when the host cannot tell.
    pub retry_after: Option<Duration>,
}

/// Why a capability did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The operator's grants do not cover what was named. Nothing was done.
    #[error("denied: {}", .0.message)]
    Denied(Failure),
    /// The call itself is wrong, and the same call will fail again. Nothing was done.
    #[error("invalid: {}", .0.message)]
    Invalid(Failure),
    /// The state of the store forbids it.
    #[error("conflict: {}", .0.message)]
    Conflict(Failure),
    /// The thing that was named does not exist.
    #[error("not found: {}", .0.message)]
    NotFound(Failure),
    /// The store is away or refuses work for now. Nothing was done.
    #[error("unavailable: {}", .0.message)]
    Unavailable(Failure),
    /// The time ran out before the store answered. It may or may not have been done.
    #[error("timeout: {}", .0.message)]
    Timeout(Failure),
    /// The call, or its answer, is larger than a limit. Nothing was done.
    #[error("too large: {}", .0.message)]
    TooLarge(Failure),
}

impl Error {
    /// The grants do not cover it.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::Denied(Failure::new(message))
    }

    /// The call is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(Failure::new(message))
    }

    /// The store's state forbids it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict(Failure::new(message))
    }

    /// It does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(Failure::new(message))
    }

    /// The store refuses work for now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable(Failure::new(message))
    }

    /// The time ran out.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::Timeout(Failure::new(message))
    }

    /// A limit was passed.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::TooLarge(Failure::new(message))
    }

    /// The same error with the time after which another try may help.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.failure_mut().retry_after = Some(after);
        self
    }

    /// The same error with the operation and its target in front of the message.
    #[must_use]
    pub fn within(mut self, operation: impl std::fmt::Display) -> Self {
        let failure = self.failure_mut();
        failure.message = format!("{operation}: {}", failure.message);
        self
    }

    /// What went wrong, whichever case it is.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Denied(failure)
            | Self::Invalid(failure)
            | Self::Conflict(failure)
            | Self::NotFound(failure)
            | Self::Unavailable(failure)
            | Self::Timeout(failure)
            | Self::TooLarge(failure) => failure,
        }
    }

    /// The sentence that says what went wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.failure().message
    }

    /// The name of the case, as WIT spells it: a stable label for metrics and logs.
    #[must_use]
    pub const fn case(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::NotFound(_) => "not-found",
            Self::Unavailable(_) => "unavailable",
            Self::Timeout(_) => "timeout",
            Self::TooLarge(_) => "too-large",
        }
    }

    /// The HTTP status that a handler answers when it passes the error on unhandled.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Unavailable(_) | Self::Timeout(_) => 503,
            Self::TooLarge(_) => 413,
            Self::NotFound(_) => 404,
            Self::Conflict(_) => 409,
            Self::Denied(_) | Self::Invalid(_) => 500,
        }
    }

    fn failure_mut(&mut self) -> &mut Failure {
        match self {
            Self::Denied(failure)
            | Self::Invalid(failure)
            | Self::Conflict(failure)
            | Self::NotFound(failure)
            | Self::Unavailable(failure)
            | Self::Timeout(failure)
            | Self::TooLarge(failure) => failure,
        }
    }
}

impl Failure {
    /// A failure of which nobody knows when it will pass.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_its_label_and_status() {
        let cases = [
            (Error::denied("d"), "denied", 500),
            (Error::invalid("i"), "invalid", 500),
            (Error::conflict("c"), "conflict", 409),
            (Error::not_found("n"), "not-found", 404),
            (Error::unavailable("u"), "unavailable", 503),
            (Error::timeout("t"), "timeout", 503),
            (Error::too_large("l"), "too-large", 413),
        ];
        for (error, case, status) in cases {
            assert_eq!(error.case(), case);
            assert_eq!(error.status(), status);
        }
    }

    #[test]
    fn a_retry_time_keeps_case_and_message() {
        let error = Error::unavailable("the queue is full").retry_after(Duration::from_millis(50));
        assert_eq!(error.failure().retry_after, Some(Duration::from_millis(50)));
        assert_eq!(error.to_string(), "unavailable: the queue is full");
        let error = error.within(format_args!("insert into {}", "users"));
        assert_eq!(error.to_string(), "unavailable: insert into users: the queue is full");
    }
}
