//! A value that no log line, error or dump may show.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A secret text. It cannot be printed: `Debug` says `[secret]`, there is no `Display`, and the memory is wiped when the
/// last copy goes.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text over as a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

/// Tells a reload whether a secret changed. Both sides are the operator's, so the time that it takes gives nothing away.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}
