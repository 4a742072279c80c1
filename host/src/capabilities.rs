//! What plugins may use: one module a capability, each with its wasmtime glue on top and its backends below.
//!
//! Adding one touches five places: the WIT interface and the world's import, the module here, its line in
//! [`add_to_linker`], the SDK's file, and the guest and test. Everything that arrives in a `Host` function was chosen by
//! a guest: keys, documents, texts and lengths are checked before anything else sees them.

mod breaker;
pub mod cache;
pub mod call;
pub(crate) mod closed;
pub mod documents;
pub mod embedded;
pub mod error;
pub mod events;
mod host_error;
mod incoming;
pub mod logging;
pub mod metrics;
pub mod outgoing;
pub mod output;
pub mod passwords;
mod settings;
pub mod tokens;
mod wasi;

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::access::Grants;
use crate::bindings::devconnect::platform as wit;
use crate::config::Secret;

pub use call::{Breach, Call, Head, Identity};
pub use host_error::HostError;

/// The stores and services behind the capabilities: one set a host, shared by all plugins.
pub struct Services {
    /// `cache`
    pub cache: Arc<dyn cache::Backend>,
    /// `documents`
    pub documents: Arc<dyn documents::Backend>,
    /// `events`
    pub events: Arc<dyn events::Backend>,
    /// `tokens`
    pub tokens: Arc<tokens::Keyring>,
    /// `passwords`
    pub passwords: Arc<passwords::Hasher>,
    /// `metrics`
    pub metrics: Arc<metrics::Registry>,
}

/// What the calls of one plugin version share: who it is, what it may do, and with what.
pub struct Plugin {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// The first eight digits of the component's digest: tells versions apart in logs.
    pub digest: Arc<str>,
    /// What it may use.
    pub grants: Grants,
    /// Settings, each as JSON text.
    pub settings: std::collections::BTreeMap<String, String>,
    /// Named secrets.
    pub secrets: std::collections::BTreeMap<String, Secret>,
    /// How much of it, for each call.
    pub limits: crate::config::Limits,
    /// Its log lines, for each second.
    pub log: logging::Limiter,
    /// The host's log lines about its faults, for each second.
    pub faults: logging::Limiter,
    /// Events published, for each second.
    pub publishing: events::Quota,
    /// What it asks of other hosts.
    pub http: outgoing::Client,
    /// The stores.
    pub services: Arc<Services>,
}

/// One instance's view of its capabilities, and the call that it serves now.
pub struct Ctx {
    pub(crate) plugin: Arc<Plugin>,
    /// The call that it serves; between calls one that allows nothing.
    pub(crate) call: Box<Call>,
    idle: Option<Box<Call>>,
    pub(crate) output: output::Output,
    table: ResourceTable,
    cursors: documents::Open,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: outgoing::Outgoing,
}

impl Ctx {
    /// The context of a new instance, between calls.
    #[must_use]
    pub fn new(plugin: Arc<Plugin>) -> Self {
        let output = output::Output::new();
        let mut table = ResourceTable::new();
        table.set_max_capacity(plugin.limits.handles);
        Self {
            call: Box::new(Call::idle()),
            idle: None,
            table,
            cursors: documents::Open::default(),
            wasi: wasi::context(&output),
            http: wasi::http_context(),
            outgoing: outgoing::Outgoing::new(Arc::clone(&plugin)),
            output,
            plugin,
        }
    }

    /// Starts a call on this instance.
    pub(crate) fn begin(&mut self, call: Box<Call>) {
        self.idle = Some(std::mem::replace(&mut self.call, call));
    }

    /// Ends the call: what it opened is closed, so that nothing reaches the next one.
    pub(crate) fn end(&mut self) -> Box<Call> {
        self.cursors.close_all(&mut self.table);
        let idle = self.idle.take().unwrap_or_else(|| Box::new(Call::idle()));
        std::mem::replace(&mut self.call, idle)
    }

    /// Counts a host call against the call's limit. First in every `Host` function.
    #[inline]
    fn enter(&mut self) -> Result<(), Breach> {
        match self.call.host_calls_left.checked_sub(1) {
            Some(left) => {
                self.call.host_calls_left = left;
                Ok(())
            }
            None => Err(Breach::HostCalls(self.plugin.limits.host_calls)),
        }
    }

    /// Bills bytes of a store's answer to the call.
    fn retain(&mut self, bytes: usize) -> Result<(), Breach> {
        match self.call.retained_left.checked_sub(bytes) {
            Some(left) => {
                self.call.retained_left = left;
                Ok(())
            }
            None => Err(Breach::Retained(self.plugin.limits.retained)),
        }
    }
}

/// A store's data that holds a [`Ctx`].
pub trait View: Send {
    /// The context.
    fn ctx(&mut self) -> &mut Ctx;
}

/// Links every capability that this host serves. Whether a plugin may import one is decided before, at load.
///
/// # Errors
/// Only if two capabilities claim the same name.
pub fn add_to_linker<T: View + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wit::http_types::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::errors::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::incoming::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::cache::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::documents::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::events::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::tokens::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::passwords::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::settings::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::logging::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wit::metrics::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    Ok(())
}

pub use wasi::add_to_linker as add_wasi_to_linker;
