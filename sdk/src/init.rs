//! The one-time preparation of a plugin.

use std::fmt;

use crate::error::Error;
use crate::settings::SettingError;

/// Why a plugin cannot serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitError {
    /// A setting or secret is missing or wrong. The host keeps the version before and tells the operator.
    Settings(String),
    /// A store that it needs is away; the host tries again with growing pauses.
    Unavailable(String),
    /// Anything else.
    Failed(String),
}

impl fmt::Display for InitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Settings(message) | Self::Unavailable(message) | Self::Failed(message)) = self;
        formatter.write_str(message)
    }
}

impl std::error::Error for InitError {}

impl From<Error> for InitError {
    fn from(error: Error) -> Self {
        if error.is_away() { Self::Unavailable(error.to_string()) } else { Self::Failed(error.to_string()) }
    }
}

impl From<SettingError> for InitError {
    fn from(error: SettingError) -> Self {
        Self::Settings(error.to_string())
    }
}
