//! Why a component does not become a version that serves.

use std::sync::Arc;

use super::compile;
use super::fault::Fault;
use crate::access::Denied;

/// Why a component may not serve. The message is for the operator; it says what to change.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file is not the one that the configuration names.
    #[error("the file's sha256 is {found}, but plugins.{plugin}.sha256 says {wanted}: somebody changed one of them")]
    Digest {
        /// The plugin.
        plugin: Arc<str>,
        /// Of the file.
        found: String,
        /// Of the configuration.
        wanted: String,
    },
    /// The file is machine code, which is never taken from outside.
    #[error("the file is compiled machine code (.cwasm); give the component itself (.wasm)")]
    Precompiled,
    /// It does not compile.
    #[error("the component does not compile: {0}")]
    Compile(#[from] compile::Error),
    /// It wants what it may not have.
    #[error(transparent)]
    Import(#[from] Denied),
    /// It wants what this host does not have.
    #[error("the component cannot be linked: {0}")]
    Link(String),
    /// Neither a plugin nor a wasi:http component.
    #[error(
        "the component exports neither `devconnect:platform/lifecycle` nor `wasi:http/incoming-handler`: is it built with \
         the SDK's `plugin!` macro?"
    )]
    NoExports,
    /// A plain wasi:http component without a place.
    #[error(
        "the component has no `lifecycle`, so it cannot say which routes it serves: add `mount = \"/path\"` and \
         `access = \"public\"` to [plugins.{0}]"
    )]
    NoMount(Arc<str>),
    /// `describe` failed.
    #[error("`describe` failed: {0}")]
    Describe(String),
    /// It describes routes that it cannot answer.
    #[error("it describes routes, but exports no `http-handler`")]
    NoHandler,
    /// It describes topics, and handles no events.
    #[error("it describes topics, but exports no `event-handler`")]
    NoConsumer,
    /// It describes schedules that it cannot run.
    #[error("it describes schedules, but exports no `schedule-handler`")]
    NoScheduler,
    /// A schedule's own cron entry is none.
    #[error(
        "its schedule {name} says \"{cron}\", which is no cron entry: {reason}; write one into [plugins.{plugin}.schedules]"
    )]
    Cron {
        /// The plugin.
        plugin: Arc<str>,
        /// The schedule.
        name: String,
        /// What it says.
        cron: String,
        /// Why it is none.
        reason: String,
    },
    /// The operator speaks of a schedule that it does not have.
    #[error("plugins.{plugin}.schedules.{name} is about no schedule of the component; it has {}", known(.has))]
    NoSuchSchedule {
        /// The plugin.
        plugin: Arc<str>,
        /// What the operator wrote.
        name: String,
        /// What there is.
        has: Vec<String>,
    },
    /// A route wants to know who calls, and nobody finds out.
    #[error(
        "route {method} {pattern} is not public, but nobody checks who calls it: add `filters = [\"auth\"]` to \
         [plugins.{plugin}]"
    )]
    Unguarded {
        /// The plugin.
        plugin: Arc<str>,
        /// The route's method.
        method: String,
        /// The route's pattern.
        pattern: String,
    },
    /// `init` failed.
    #[error("`init` failed: {0}")]
    Init(String),
    /// `init` could not end now, and may later.
    #[error("`init` could not end: {0}; it will be tried again")]
    Unready(String),
    /// There is no room for another instance now.
    #[error("`describe` found no room: {}; it will be tried again", Fault::PoolExhausted)]
    Full,
    /// Something on this machine failed.
    #[error("{0}")]
    Host(String),
}

fn known(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Refusal {
    /// Whether it wants an interface that the host does not have.
    pub(super) fn is_unknown_import(&self) -> bool {
        matches!(self, Self::Import(denied) if denied.is_unknown())
    }
}
