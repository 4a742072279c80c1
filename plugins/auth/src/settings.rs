//! What the operator may set.

use std::sync::Arc;

use devconnect_sdk::prelude::*;
use devconnect_sdk::settings::SettingError;

static SETTINGS: Settings<AuthSettings> = Settings::new();

/// The table `settings` of this plugin.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct AuthSettings {
    /// For each session (else address) and route.
    pub(crate) requests_per_minute: u64,
    /// For each address.
    pub(crate) sign_ups_per_minute: u64,
    /// For each address.
    pub(crate) log_ins_per_minute: u64,
    /// E-mail addresses whose users are admins. Nobody proves that an address is theirs, so an operator signs up first
    /// and names the address then.
    pub(crate) admins: Vec<String>,
    /// Cookies go to pages of other sites too, and over TLS only.
    pub(crate) production: bool,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            requests_per_minute: 100,
            sign_ups_per_minute: 20,
            log_ins_per_minute: 20,
            admins: Vec::new(),
            production: false,
        }
    }
}

impl AuthSettings {
    /// The role that counts: the stored one, unless the operator made the address an admin's.
    pub(crate) fn role<'a>(&self, email: &str, stored: &'a str) -> &'a str {
        let is_admin = self.admins.iter().any(|admin| admin.trim().eq_ignore_ascii_case(email));
        if is_admin { "admin" } else { stored }
    }
}

pub(crate) fn get() -> Result<Arc<AuthSettings>, SettingError> {
    SETTINGS.get()
}
