//! How a `Host` function fails: with an answer for the guest, or with the end of the call.

use crate::bindings::devconnect::platform::errors as wit;

use super::Ctx;
use super::call::Breach;
use super::error::{Error, Failure};
use crate::access::Denied;

/// Why a host function did not do what it was asked.
#[derive(Debug)]
pub enum HostError {
    /// The guest gets this error and goes on.
    Answer(Error),
    /// The call ends here.
    Trap(wasmtime::Error),
}

impl From<Error> for HostError {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}

impl From<Denied> for HostError {
    fn from(denied: Denied) -> Self {
        Self::Answer(denied.into())
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::denied(denied.to_string())
    }
}

impl From<Breach> for HostError {
    fn from(breach: Breach) -> Self {
        Self::Trap(breach.into())
    }
}

impl From<wasmtime::component::ResourceTableError> for HostError {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

/// The error as the guest sees it.
pub(super) fn lower(error: Error) -> wit::Error {
    let failure = |Failure { message, retry_after }: Failure| wit::Failure {
        message,
        retry_after_ms: retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
    };
    match error {
        Error::Denied(inner) => wit::Error::Denied(failure(inner)),
        Error::Invalid(inner) => wit::Error::Invalid(failure(inner)),
        Error::Conflict(inner) => wit::Error::Conflict(failure(inner)),
        Error::NotFound(inner) => wit::Error::NotFound(failure(inner)),
        Error::Unavailable(inner) => wit::Error::Unavailable(failure(inner)),
        Error::Timeout(inner) => wit::Error::Timeout(failure(inner)),
        Error::TooLarge(inner) => wit::Error::TooLarge(failure(inner)),
    }
}

impl wit::Host for Ctx {
    fn convert_error(&mut self, error: HostError) -> wasmtime::Result<wit::Error> {
        match error {
            HostError::Answer(error) => Ok(lower(error)),
            HostError::Trap(error) => Err(error),
        }
    }
}

impl crate::bindings::devconnect::platform::http_types::Host for Ctx {}
