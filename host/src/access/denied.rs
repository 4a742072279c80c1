//! A refusal, and the line that would lift it.

use std::sync::Arc;

use super::Grants;

/// Longest piece of a guest's text that a message repeats.
const SHOWN: usize = 80;

/// The keys of `grants`.
const KEYS: [&str; 9] =
    ["cache", "documents", "publish", "consume", "realtime", "http", "tokens", "passwords", "metrics"];

/// A plugin asked for something that the operator did not grant. The message is for the operator and the plugin's
/// author; a client never sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {fix}")]
pub struct Denied {
    /// The plugin that asked.
    pub plugin: Arc<str>,
    /// The capability: a key of `grants`, or the interface where the host has none of that name.
    pub capability: String,
    /// The key, collection, topic, namespace or host; empty where the whole capability is refused.
    pub target: String,
    /// What is refused.
    pub reason: String,
    /// What to change, for the operator.
    pub fix: String,
}

impl Denied {
    /// One target of a capability. The target is the guest's text: it is cut and escaped.
    #[cold]
    pub(super) fn target(plugin: &Arc<str>, capability: &'static str, target: &str) -> Self {
        let noun = match capability {
            "cache" => "use the cache key",
            "documents" => "use the collection",
            "publish" => "publish to the topic",
            "consume" => "consume the topic",
            "realtime" => "use the socket namespace",
            _ => "call the host",
        };
        let shown = shorten(target);
        let entry = quote(&match (capability, shown.split_once(':')) {
            // A key's first part names its kind; granting one key alone would fail again on the next.
            ("cache", Some((kind, _))) => format!("{kind}:*"),
            _ => shown.clone(),
        });
        let fix = format!("add {entry} to plugins.{plugin}.grants.{capability} in devconnect.toml");
        let reason = format!("plugin `{plugin}` may not {noun} {}", quote(&shown));
        Self { plugin: Arc::clone(plugin), capability: capability.to_owned(), target: shown, reason, fix }
    }

    /// A whole capability.
    #[cold]
    pub(super) fn capability(plugin: &Arc<str>, interface: &str, key: &str) -> Self {
        let (line, what) = match key {
            "tokens" | "passwords" | "metrics" => (format!("{key} = true"), String::new()),
            "cache" => {
                ("cache = [\"…\"]".to_owned(), " with the keys that it uses, for example \"session:*\"".to_owned())
            }
            "documents" => ("documents = [\"…\"]".to_owned(), " with the collections that it uses".to_owned()),
            "publish" => ("publish = [\"…\"]".to_owned(), " with the topics that it publishes to".to_owned()),
            _ => (format!("{key} = [\"/\"]"), " with the socket namespaces that it uses".to_owned()),
        };
        let fix = format!("add `{line}` to [plugins.{plugin}.grants] in devconnect.toml{what}");
        let reason = format!("plugin `{plugin}` uses `{interface}`, which is not granted");
        Self { plugin: Arc::clone(plugin), capability: key.to_owned(), target: String::new(), reason, fix }
    }

    /// Whether no grant would help: the host does not have the interface.
    pub(crate) fn is_unknown(&self) -> bool {
        !KEYS.contains(&self.capability.as_str())
    }

    /// An interface that the host does not have.
    #[cold]
    pub(super) fn unknown(plugin: &Arc<str>, interface: &str) -> Self {
        let shown = shorten(interface);
        let names: Vec<&str> = Grants::interfaces().collect();
        let bare = shown.split_once('@').map_or(shown.as_str(), |(bare, _)| bare);
        let last = bare.rsplit_once('/').map_or(bare, |(_, last)| last);
        let fix = match super::nearest(last, names.iter().copied()) {
            Some(name) => format!("did its author mean `devconnect:platform/{name}`?"),
            None => format!("this host offers wasi:* and, of devconnect:platform, {}", names.join(", ")),
        };
        let reason = format!("plugin `{plugin}` imports `{}`, which this host does not have", shown.escape_debug());
        Self { plugin: Arc::clone(plugin), capability: shown, target: String::new(), reason, fix }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
