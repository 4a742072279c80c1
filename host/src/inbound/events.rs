//! Events for plugins: consumer groups of Kafka, or of the embedded log, and the calls of `event-handler`.
//!
//! Each plugin that consumes is one group. While it runs, a task ([`member`]) is this host's member of it: it keeps a
//! [`window`] for each partition that is its own, hands out batches, and commits the lowest unfinished offset. A new version
//! of the plugin takes over between two batches; the membership stays, unless the topics are others.
//!
//! What must hold: an offset is committed only when everything before it is finished, that is handled, or in the topic of
//! the dead ([`dead`]); so a host that dies in the middle loses nothing, and what it had not committed comes again.

mod dead;
mod deliver;
mod member;
mod metrics;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::capabilities::events::Backend;
use crate::runtime::Version;
use member::Member;
use metrics::Metrics;

/// Whether a store of the host does not answer now: then what a plugin cannot do is not the event's fault.
pub(crate) type StoresAway = Arc<dyn Fn() -> bool + Send + Sync>;

/// The plugins that consume.
pub(crate) struct Consumers {
    log: Arc<dyn Backend>,
    /// What the names of all groups begin with.
    group: String,
    away: StoresAway,
    metrics: Metrics,
    /// By plugin; `None` once the host ends.
    running: Mutex<Option<BTreeMap<Arc<str>, Running>>>,
}

struct Running {
    topics: Vec<Arc<str>>,
    /// `None` asks the member to leave.
    version: watch::Sender<Option<Arc<Version>>>,
    task: JoinHandle<()>,
}

impl Consumers {
    /// No plugin consumes yet. The name of a plugin's group is `group`, a dot and the plugin's name.
    pub(crate) fn new(log: Arc<dyn Backend>, group: String, away: StoresAway, registry: &mut Registry) -> Self {
        Self { log, group, away, metrics: Metrics::register(registry), running: Mutex::new(Some(BTreeMap::new())) }
    }

    /// Has these versions consume, and nobody else. Those that are gone leave their groups once their batches have ended.
    pub(crate) fn publish<'a>(&self, versions: impl Iterator<Item = &'a Arc<Version>>) {
        let mut running = self.running.lock();
        let Some(running) = running.as_mut() else { return };
        let mut before = std::mem::take(running);
        for version in versions.filter(|version| version.consumes()) {
            let topics: Vec<Arc<str>> = version.description.topics.iter().map(|topic| topic.as_str().into()).collect();
            let name = Arc::clone(version.name());
            let next = match before.remove(&name) {
                Some(member) if member.topics == topics => {
                    member.version.send_replace(Some(Arc::clone(version)));
                    member
                }
                member => self.start(version, topics, member),
            };
            running.insert(name, next);
        }
        for member in before.into_values() {
            member.version.send_replace(None);
        }
    }

    /// Starts a member, once the one before it has left.
    fn start(&self, version: &Arc<Version>, topics: Vec<Arc<str>>, before: Option<Running>) -> Running {
        let (sender, receiver) = watch::channel(Some(Arc::clone(version)));
        let member = Member {
            log: Arc::clone(&self.log),
            group: format!("{}.{}", self.group, version.name()),
            plugin: Arc::clone(version.name()),
            topics: topics.clone(),
            away: Arc::clone(&self.away),
            metrics: self.metrics.clone(),
            version: receiver,
        };
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                before.version.send_replace(None);
                let _ended = before.task.await;
            }
            member.run().await;
        });
        Running { topics, version: sender, task }
    }

    /// Has all of them leave their groups, for good: what they are at ends first, within the time given.
    pub(crate) async fn stop(&self, within: Duration) {
        let running = self.running.lock().take().unwrap_or_default();
        for member in running.values() {
            member.version.send_replace(None);
        }
        let leaving = futures_util::future::join_all(running.into_values().map(|member| member.task));
        if tokio::time::timeout(within, leaving).await.is_err() {
            tracing::warn!(target: "events", "events that were being handled at the end of the grace will come again");
        }
    }
}
