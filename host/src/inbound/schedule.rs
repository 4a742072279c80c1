//! Schedules of plugins: cron entries of the plugin, or of the operator in their place.
//!
//! Every host wakes up at each moment, and the one that is the first to put the moment's key into the cache runs the schedule.
//! With a cache that is away nobody can know who was first: a host asks again for a while, and then leaves the moment out,
//! because two that run beside each other would be worse. A host that was down at the moment does not catch up.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::capabilities::{Call, cache};
use crate::runtime::{Scheduled, Version};
use crate::telemetry::{RequestId, one_line};

/// How long a moment stays somebody's. Longer than any two hosts' clocks differ.
const TAKEN: Duration = Duration::from_hours(1);
/// How long a host asks a cache that is away, and how often.
const ASKING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1));
/// The longest sleep: a clock that was set is noticed after it.
const LONGEST: Duration = Duration::from_secs(60);
/// By how much a clock may be set back without anything running twice.
const FAR: Duration = Duration::from_hours(1);
/// How many of the budgets of a single call a run has.
const CALLS: usize = 256;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    plugin: Arc<str>,
    schedule: String,
    outcome: &'static str,
}

/// What runs at set times.
pub(crate) struct Schedules {
    versions: watch::Sender<Vec<Arc<Version>>>,
    cache: Arc<dyn cache::Backend>,
    runs: Family<Labels, Counter>,
    /// What runs on this host now, by plugin and name.
    running: Mutex<HashSet<(Arc<str>, String)>>,
}

impl Schedules {
    pub(crate) fn new(cache: Arc<dyn cache::Backend>, registry: &mut Registry) -> Arc<Self> {
        let runs = Family::default();
        registry.register("schedule_runs", "Moments of schedules, by what this host did", Family::clone(&runs));
        Arc::new(Self { versions: watch::Sender::default(), cache, runs, running: Mutex::default() })
    }

    /// Has the schedules of these versions run, and no others. A run that has begun ends on its version.
    pub(crate) fn publish<'a>(&self, versions: impl Iterator<Item = &'a Arc<Version>>) {
        let versions: Vec<_> = versions.filter(|version| !version.schedules.is_empty()).map(Arc::clone).collect();
        self.versions.send_replace(versions);
    }

    /// Runs them until it is told to stop; returns when what runs then has ended.
    pub(crate) async fn keep(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut changes = self.versions.subscribe();
        let mut runs = JoinSet::new();
        let mut from = SystemTime::now();
        loop {
            let versions = changes.borrow_and_update().clone();
            // A clock that was wrong by far and is set right must not have everything wait for the wrong time.
            let now = SystemTime::now();
            if from > now + FAR {
                from = now;
            }
            let next =
                versions.iter().flat_map(|version| &version.schedules).filter_map(|one| one.cron.after(from)).min();
            let left = next.map_or(LONGEST, |next| next.duration_since(now).unwrap_or(Duration::ZERO));
            tokio::select! {
                () = tokio::time::sleep(left.min(LONGEST)) => {}
                () = &mut stop => break,
                _ = changes.changed() => continue,
                Some(_) = runs.join_next() => continue,
            }
            // Each schedule at most once, whatever time has passed: a host that slept does not catch up. Nothing is before
            // `from` again, so that a clock that is set back does not have everything run once more.
            let now = SystemTime::now();
            for version in &versions {
                for schedule in &version.schedules {
                    let Some(moment) = schedule.cron.after(from).filter(|moment| *moment <= now) else { continue };
                    let (all, version, schedule) = (Arc::clone(&self), Arc::clone(version), schedule.clone());
                    runs.spawn(async move { all.take(version, schedule, moment).await });
                }
            }
            from = from.max(now);
        }
        while runs.join_next().await.is_some() {}
    }

    /// Runs a schedule if this host is the first of this moment.
    async fn take(&self, version: Arc<Version>, schedule: Scheduled, moment: SystemTime) {
        let plugin = Arc::clone(version.name());
        let mine = (Arc::clone(&plugin), schedule.name.clone());
        if !self.running.lock().insert(mine.clone()) {
            tracing::warn!(
                target: "schedule", plugin = &*plugin, schedule = schedule.name,
                "it runs since the moment before, and is left out at this one"
            );
            self.count(&plugin, &schedule, "left-out");
            return;
        }
        let outcome = match self.first(&plugin, &schedule, moment).await {
            Some(true) => run(&version, &schedule).await,
            Some(false) => "elsewhere",
            None => {
                tracing::warn!(
                    target: "schedule", plugin = &*plugin, schedule = schedule.name,
                    "left out: the cache does not say whether another host runs it"
                );
                "left-out"
            }
        };
        self.running.lock().remove(&mine);
        self.count(&plugin, &schedule, outcome);
    }

    /// Whether this host is the first to take the moment; `None` if the cache does not say.
    async fn first(&self, plugin: &str, schedule: &Scheduled, moment: SystemTime) -> Option<bool> {
        let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let key = format!("schedule:{plugin}:{}:{seconds}", schedule.name);
        let mine = Bytes::from(uuid::Uuid::new_v4().to_string());
        let until = Instant::now() + ASKING.0;
        let mut unsure = false;
        loop {
            match self.claim(&key, &mine, unsure).await {
                Ok(first) => return Some(first),
                Err(error) => tracing::debug!(target: "schedule", plugin, schedule = schedule.name, "{error}"),
            }
            // The claim may have been made, and its answer lost.
            unsure = true;
            if Instant::now() >= until {
                return None;
            }
            tokio::time::sleep(ASKING.1).await;
        }
    }

    /// Claims a moment; whether it is this host's, also by a claim whose answer was lost.
    async fn claim(&self, key: &str, mine: &Bytes, unsure: bool) -> Result<bool, crate::capabilities::error::Error> {
        if self.cache.set_if_absent(key, mine.clone(), Some(TAKEN)).await? {
            return Ok(true);
        }
        Ok(unsure && self.cache.get(key).await?.as_ref() == Some(mine))
    }

    fn count(&self, plugin: &Arc<str>, schedule: &Scheduled, outcome: &'static str) {
        let labels = Labels { plugin: Arc::clone(plugin), schedule: schedule.name.clone(), outcome };
        self.runs.get_or_create(&labels).inc();
    }
}

async fn run(version: &Arc<Version>, schedule: &Scheduled) -> &'static str {
    let request_id = RequestId::next();
    let call = Call::for_batch(&version.plugin.limits, CALLS, request_id);
    let (plugin, name, request) = (&**version.name(), &schedule.name, request_id.as_str());
    let started = Instant::now();
    match version.run_schedule(call, name).await.answer {
        Ok(Ok(())) => {
            tracing::info!(target: "schedule", plugin, schedule = name, request, took = ?started.elapsed(), "done");
            "done"
        }
        Ok(Err(error)) => {
            tracing::error!(target: "schedule", plugin, schedule = name, request, "failed: {}", one_line(&error));
            "failed"
        }
        // Its own line says why.
        Err(_) => "failed",
    }
}
