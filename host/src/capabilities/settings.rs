//! `settings`: what the operator configured for this plugin. Always granted; a plugin sees its own table alone.

use super::Ctx;
use crate::bindings::devconnect::platform::settings::Host;

impl Host for Ctx {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.enter()?;
        Ok(self.plugin.settings.get(&name).cloned())
    }

    fn secret(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.enter()?;
        Ok(self.plugin.secrets.get(&name).map(|secret| secret.expose().to_owned()))
    }
}
