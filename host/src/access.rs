//! The only "may it?" check: what an operator granted to a plugin, by name.
//!
//! Two moments ask. At load, [`Grants::for_interface`] refuses a component that imports a capability of which nothing is
//! granted. In a call, each capability asks for the key, collection, topic or host at hand, before it does anything.
//! Every refusal carries the line that would allow it.

mod denied;
mod nearest;
mod pattern;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::sync::Arc;

pub use denied::Denied;
pub(crate) use nearest::nearest;
pub use pattern::{Endpoint, Pattern};

/// The package whose interfaces are granted one by one.
const PACKAGE: &str = "devconnect:platform/";

/// Capabilities that need a grant: interface, and the key of `grants` that opens it.
const GRANTED: &[(&str, &str)] = &[
    ("cache", "cache"),
    ("documents", "documents"),
    ("events", "publish"),
    ("realtime", "realtime"),
    ("tokens", "tokens"),
    ("passwords", "passwords"),
    ("metrics", "metrics"),
];

/// Interfaces that every plugin may import: about the call itself, or nothing but types.
const ALWAYS: &[&str] = &["incoming", "settings", "logging", "errors", "http-types"];

/// What one plugin may use; nothing by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    plugin: Arc<str>,
    /// Keys of the cache.
    pub cache: Vec<Pattern>,
    /// Collections of documents.
    pub documents: Vec<Pattern>,
    /// Topics to publish to.
    pub publish: Vec<Pattern>,
    /// Topics to consume.
    pub consume: Vec<Pattern>,
    /// Socket namespaces.
    pub realtime: Vec<String>,
    /// Hosts on the network.
    pub http: Vec<Endpoint>,
    /// The names of those hosts may lead to private addresses.
    pub http_private: bool,
    /// Sign and verify tokens.
    pub tokens: bool,
    /// Hash and verify passwords.
    pub passwords: bool,
    /// Counters and distributions.
    pub metrics: bool,
}

impl Grants {
    /// Grants nothing to `plugin`.
    #[must_use]
    pub fn none(plugin: &str) -> Self {
        Self {
            plugin: Arc::from(plugin),
            cache: Vec::new(),
            documents: Vec::new(),
            publish: Vec::new(),
            consume: Vec::new(),
            realtime: Vec::new(),
            http: Vec::new(),
            http_private: false,
            tokens: false,
            passwords: false,
            metrics: false,
        }
    }

    /// The plugin whose grants these are.
    #[must_use]
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// May the plugin use this key of the cache? Asked for each command: allocates only to refuse.
    ///
    /// # Errors
    /// No pattern of `grants.cache` covers the key.
    pub fn cache_key(&self, key: &str) -> Result<(), Denied> {
        self.any(&self.cache, "cache", key)
    }

    /// May the plugin use this collection?
    ///
    /// # Errors
    /// No entry of `grants.documents` covers it.
    pub fn collection(&self, name: &str) -> Result<(), Denied> {
        self.any(&self.documents, "documents", name)
    }

    /// May the plugin publish to this topic?
    ///
    /// # Errors
    /// No entry of `grants.publish` covers it.
    pub fn publish(&self, topic: &str) -> Result<(), Denied> {
        self.any(&self.publish, "publish", topic)
    }

    /// May the plugin consume this topic?
    ///
    /// # Errors
    /// No entry of `grants.consume` covers it.
    pub fn consume(&self, topic: &str) -> Result<(), Denied> {
        self.any(&self.consume, "consume", topic)
    }

    /// May the plugin send to this socket namespace?
    ///
    /// # Errors
    /// `grants.realtime` does not name it.
    pub fn realtime(&self, namespace: &str) -> Result<(), Denied> {
        if self.realtime.iter().any(|granted| granted == namespace) {
            return Ok(());
        }
        Err(Denied::target(&self.plugin, "realtime", namespace))
    }

    /// May the plugin call this host? The caller must check the address that the name resolves to as well.
    ///
    /// # Errors
    /// No entry of `grants.http` covers host and port.
    pub fn http(&self, host: &str, port: u16) -> Result<(), Denied> {
        if self.http.iter().any(|granted| granted.covers(host, port)) {
            return Ok(());
        }
        Err(Denied::target(&self.plugin, "http", &Endpoint::text(host, port)))
    }

    /// May the plugin sign and verify tokens?
    ///
    /// # Errors
    /// `grants.tokens` is not true.
    pub fn tokens(&self) -> Result<(), Denied> {
        self.flag(self.tokens, "tokens")
    }

    /// May the plugin hash and verify passwords?
    ///
    /// # Errors
    /// `grants.passwords` is not true.
    pub fn passwords(&self) -> Result<(), Denied> {
        self.flag(self.passwords, "passwords")
    }

    /// May the plugin count?
    ///
    /// # Errors
    /// `grants.metrics` is not true.
    pub fn metrics(&self) -> Result<(), Denied> {
        self.flag(self.metrics, "metrics")
    }

    /// May the plugin's component import this interface (`devconnect:platform/cache@0.1.0`; the version is the linker's
    /// business)?
    ///
    /// Ask only for imports that bring at least one function. A component also imports interfaces for a type alone
    /// (`documents` uses a type of `events`), and a type is not a capability. `wasi:*` always passes: it is linked and
    /// denies inside.
    ///
    /// # Errors
    /// Nothing of the interface is granted, or the host has no such interface.
    pub fn for_interface(&self, interface: &str) -> Result<(), Denied> {
        if interface.starts_with("wasi:") {
            return Ok(());
        }
        let bare = interface.split_once('@').map_or(interface, |(bare, _)| bare);
        let Some(name) = bare.strip_prefix(PACKAGE) else {
            return Err(Denied::unknown(&self.plugin, interface));
        };
        if ALWAYS.contains(&name) {
            return Ok(());
        }
        let Some((_, key)) = GRANTED.iter().find(|(granted, _)| *granted == name) else {
            return Err(Denied::unknown(&self.plugin, interface));
        };
        if self.has(key) { Ok(()) } else { Err(Denied::capability(&self.plugin, interface, key)) }
    }

    /// The interfaces that a plugin may be granted or always has, for messages.
    pub(crate) fn interfaces() -> impl Iterator<Item = &'static str> {
        GRANTED.iter().map(|(name, _)| *name).chain(ALWAYS.iter().copied())
    }

    fn has(&self, key: &str) -> bool {
        match key {
            "cache" => !self.cache.is_empty(),
            "documents" => !self.documents.is_empty(),
            "publish" => !self.publish.is_empty(),
            "realtime" => !self.realtime.is_empty(),
            "tokens" => self.tokens,
            "passwords" => self.passwords,
            "metrics" => self.metrics,
            _ => false,
        }
    }

    fn any(&self, patterns: &[Pattern], capability: &'static str, target: &str) -> Result<(), Denied> {
        if patterns.iter().any(|pattern| pattern.covers(target)) {
            return Ok(());
        }
        Err(Denied::target(&self.plugin, capability, target))
    }

    fn flag(&self, granted: bool, capability: &'static str) -> Result<(), Denied> {
        if granted { Ok(()) } else { Err(Denied::capability(&self.plugin, capability, capability)) }
    }
}
