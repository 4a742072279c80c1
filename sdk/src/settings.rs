//! What the operator configured for this plugin: its table `settings` and its named secrets. Always granted.

mod fields;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
#[cfg(target_arch = "wasm32")]
use std::sync::OnceLock;

use serde::de::DeserializeOwned;

use crate::platform::settings;
use crate::problem::Problem;

/// All of a plugin's settings as a struct, read when they are first asked for.
///
/// Settings do not change while a version serves, so that an instance reads them once. (In native tests each asking
/// reads anew, because every test has its own platform.)
///
/// ```
/// use devconnect_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "kebab-case")]
/// struct Limits {
///     #[serde(default = "hundred")]
///     requests_per_minute: u32,
///     #[serde(default)]
///     admins: Vec<String>,
/// }
/// fn hundred() -> u32 {
///     100
/// }
///
/// static LIMITS: Settings<Limits> = Settings::new();
///
/// # devconnect_sdk::test::Platform::new().run(|| {
/// assert_eq!(LIMITS.get().unwrap().requests_per_minute, 100);
/// # });
/// ```
#[derive(Debug)]
pub struct Settings<T> {
    #[cfg(target_arch = "wasm32")]
    read: OnceLock<Arc<T>>,
    marker: PhantomData<fn() -> T>,
}

impl<T> Settings<T> {
    /// Settings that are not read yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            #[cfg(target_arch = "wasm32")]
            read: OnceLock::new(),
            marker: PhantomData,
        }
    }
}

impl<T> Default for Settings<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: DeserializeOwned> Settings<T> {
    /// The settings.
    ///
    /// # Errors
    /// One is missing or has the wrong type. Ask in `init` too, so that the operator hears of it before any client does.
    pub fn get(&self) -> Result<Arc<T>, SettingError> {
        #[cfg(target_arch = "wasm32")]
        {
            if let Some(read) = self.read.get() {
                return Ok(read.clone());
            }
            let settings = Arc::new(read()?);
            Ok(self.read.get_or_init(|| settings).clone())
        }
        #[cfg(not(target_arch = "wasm32"))]
        read().map(Arc::new)
    }
}

/// Reads a struct whose fields are settings; each is asked for by its name, so that no others are seen.
///
/// # Errors
/// A setting is missing or has the wrong type.
pub fn read<T: DeserializeOwned>() -> Result<T, SettingError> {
    T::deserialize(fields::Fields)
}

/// One setting; `None` where it is not set.
///
/// # Errors
/// It has another type.
pub fn get<T: DeserializeOwned>(name: &str) -> Result<Option<T>, SettingError> {
    match settings::get(name) {
        Some(json) => {
            serde_json::from_slice(json.as_bytes()).map(Some).map_err(|error| SettingError::wrong(name, &error))
        }
        None => Ok(None),
    }
}

/// A secret that must be there.
///
/// # Errors
/// It is not set.
pub fn secret(name: &str) -> Result<Secret, SettingError> {
    find_secret(name).ok_or_else(|| SettingError(format!("the secret `{name}` is not set: add it to `secrets`")))
}

/// A secret; `None` where it is not set.
pub fn find_secret(name: &str) -> Option<Secret> {
    settings::secret(name).map(Secret)
}

/// A secret. It cannot be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself: keep it out of logs and answers.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// A setting or secret that is missing or wrong; the sentence is for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError(String);

impl SettingError {
    /// Says what is wrong with which setting.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    fn wrong(name: &str, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text);
        Self(format!("the setting `{name}` is wrong: {reason}"))
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}

/// The operator's fault is no client's business.
impl From<SettingError> for Problem {
    fn from(error: SettingError) -> Self {
        Self::internal(error)
    }
}
