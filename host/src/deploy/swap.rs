//! Which plugin versions run, and how another one takes over.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::failure::{Failure, Retry};
use super::filters;
use super::order::filters_first;
use super::refused::Refusals;
use super::smoke::Smoke;
use super::source::{self, Stamp};
use crate::config::{self, Resolved};
use crate::inbound::events::Consumers;
use crate::inbound::routes::{Prepared, Routes, Served};
use crate::inbound::schedule::Schedules;
use crate::runtime::cache::Digest;
use crate::runtime::{Loader, Version};
use crate::telemetry::{HostMetrics, one_line};

/// A plugin that runs.
#[derive(Clone)]
struct Running {
    config: config::Plugin,
    stamp: Option<Stamp>,
    version: Arc<Version>,
}

/// The plugins that run, and those that should and do not.
pub(crate) struct Deployment {
    loader: Loader,
    inbound: Inbound,
    metrics: HostMetrics,
    runtime: config::Runtime,
    state: Mutex<State>,
}

/// Everything that calls plugins.
pub(crate) struct Inbound {
    pub(crate) routes: Arc<Routes>,
    pub(crate) consumers: Arc<Consumers>,
    pub(crate) schedules: Arc<Schedules>,
}

#[derive(Default)]
struct State {
    /// In the order of the file: the order in which filters are asked.
    running: Vec<Running>,
    /// Plugins of the configuration that do not run as it says.
    refused: Refusals,
    /// Why plugins that are no longer wanted still run, as it was told last.
    stuck: Option<String>,
}

/// A plugin that waits for others to change.
struct Waiting<'a> {
    plugin: &'a config::Plugin,
    stamp: Option<Stamp>,
    failure: Failure,
}

impl Deployment {
    pub(crate) fn new(loader: Loader, inbound: Inbound, metrics: HostMetrics, runtime: config::Runtime) -> Self {
        Self { loader, inbound, metrics, runtime, state: Mutex::default() }
    }

    /// Plugins that should run and do not, or not as configured.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.state.lock().refused.names()
    }

    /// How many plugins run.
    pub(crate) fn running(&self) -> usize {
        self.state.lock().running.len()
    }

    /// When a plugin that was refused is to be tried again by itself.
    pub(crate) fn retry_at(&self) -> Option<Instant> {
        self.state.lock().refused.due()
    }

    /// Lets every refused plugin be tried, and told of, again: somebody asked for it.
    pub(crate) fn forget_refusals(&self) {
        self.state.lock().refused.clear_all();
    }

    /// The files that are not those which were looked at last, as they are now.
    pub(super) async fn unread(&self, desired: &Resolved) -> Vec<(String, Option<Stamp>)> {
        let mut unread = Vec::new();
        for plugin in &desired.plugins {
            let now = source::stamp(&plugin.source).await;
            let state = self.state.lock();
            let running = || Some(state.running.iter().find(|running| running.config.name == plugin.name)?.stamp);
            if state.refused.stamp(&plugin.name).or_else(running) != Some(now) {
                unread.push((plugin.name.clone(), now));
            }
        }
        unread
    }

    /// Throws away instances that have been idle for long.
    pub(crate) fn trim(&self) {
        let running = self.state.lock().running.clone();
        for plugin in running {
            plugin.version.trim();
        }
    }

    /// Makes what runs into what `desired` wants, a plugin at a time; only one caller at a time. What cannot take over
    /// is logged with its reason, and the version before it goes on.
    pub(crate) async fn apply(&self, desired: &Resolved) {
        self.state.lock().refused.keep(desired);
        let mut removed = Ok(());
        let mut waiting = Vec::new();
        // Who waits for another plugin (to give up a route, or a filter) may go on once that one has changed. Each round
        // but the last brings one plugin or more to where it should be, so there are few.
        for _round in 0..=desired.plugins.len() {
            removed = self.remove(desired);
            waiting.clear();
            let mut changed = false;
            for plugin in filters_first(&desired.plugins) {
                let stamp = source::stamp(&plugin.source).await;
                if self.state.lock().refused.holds(plugin, stamp, Instant::now()) {
                    continue;
                }
                match self.bring(plugin, stamp, desired).await {
                    Ok(swapped) => {
                        self.state.lock().refused.clear(&plugin.name);
                        changed |= swapped;
                    }
                    Err(failure) if failure.retry() == Retry::WithOthers => {
                        waiting.push(Waiting { plugin, stamp, failure });
                    }
                    Err(failure) => self.refuse(plugin, stamp, &failure),
                }
            }
            if !changed || (waiting.is_empty() && removed.is_ok()) {
                break;
            }
        }
        for Waiting { plugin, stamp, failure } in waiting {
            self.refuse(plugin, stamp, &failure);
        }
        let stuck = removed.err().map(|failure| failure.to_string());
        let mut state = self.state.lock();
        if let Some(reason) = stuck.as_ref().filter(|_| stuck != state.stuck) {
            tracing::error!("plugins cannot be removed yet: {}", one_line(reason));
        }
        state.stuck = stuck;
    }

    /// Brings one plugin to where it should be; whether that changed what is served.
    async fn bring(&self, plugin: &config::Plugin, stamp: Option<Stamp>, desired: &Resolved) -> Result<bool, Failure> {
        let started = Instant::now();
        let before = self.find(&plugin.name);
        let same = before.as_ref().filter(|running| running.config == *plugin);
        if same.is_some_and(|running| running.stamp == stamp) {
            return Ok(false);
        }
        within_host(plugin, &self.runtime)?;
        let bytes = source::read(&plugin.source).await?;
        if let Some(running) = same
            && running.version.digest == Digest::of(&bytes)
        {
            // The same bytes, touched or put in place again. Warm instances stay.
            let mut state = self.state.lock();
            state.running.iter_mut().filter(|one| one.config.name == plugin.name).for_each(|one| one.stamp = stamp);
            tracing::info!(plugin = plugin.name, version = &*running.version.plugin.digest, "unchanged");
            return Ok(false);
        }
        let version = self.loader.load(plugin, &bytes).await?;
        drop(bytes);
        let next = Running { config: plugin.clone(), stamp, version: Arc::clone(&version) };
        self.swap(next, desired).await?;
        if let Some(before) = &before {
            before.version.retire();
        }
        self.metrics.swapped(&plugin.name, true);
        tracing::info!(
            plugin = plugin.name,
            version = &*version.plugin.digest,
            routes = version.description.routes.len(),
            took = ?started.elapsed(),
            "{}", if before.is_some() { "swapped" } else { "serving" }
        );
        Ok(true)
    }

    /// Publishes a loaded version in the place of the one that runs, if all that is asked of it holds.
    async fn swap(&self, new: Running, desired: &Resolved) -> Result<(), Failure> {
        let version = Arc::clone(&new.version);
        let smoke = new.config.smoke.clone();
        let mut next = self.state.lock().running.clone();
        next.retain(|running| running.config.name != new.config.name);
        next.push(new);
        in_file_order(&mut next, desired);
        // Routes before `init`: a version that clashes must not have touched the stores.
        let prepared = self.inbound.routes.prepare(&serve(&next)?)?;
        let smoke = smoke.map(|path| Smoke::find(&prepared, &version, &path)).transpose()?;
        self.loader.init(&version).await?;
        if let Some(smoke) = smoke {
            smoke.ask().await?;
        }
        self.inbound.publish(prepared, &next);
        self.state.lock().running = next;
        Ok(())
    }

    /// Notes that a plugin does not take over, and tells the operator if that is news.
    fn refuse(&self, plugin: &config::Plugin, stamp: Option<Stamp>, failure: &Failure) {
        if !self.state.lock().refused.note(plugin, stamp, failure, Instant::now()) {
            return;
        }
        let consequence = match self.find(&plugin.name) {
            Some(running) => format!("version {} goes on", running.version.plugin.digest),
            None => "it is not served".to_owned(),
        };
        self.metrics.swapped(&plugin.name, false);
        tracing::error!(plugin = plugin.name, "refused: {}; {consequence}", one_line(&failure.to_string()));
    }

    /// Stops serving plugins that the configuration no longer has.
    fn remove(&self, desired: &Resolved) -> Result<(), Failure> {
        let mut state = self.state.lock();
        let mut next = state.running.clone();
        next.retain(|running| desired.plugin(&running.config.name).is_some());
        if next.len() == state.running.len() {
            return Ok(());
        }
        in_file_order(&mut next, desired);
        let prepared = self.inbound.routes.prepare(&serve(&next)?)?;
        self.inbound.publish(prepared, &next);
        let gone = std::mem::replace(&mut state.running, next);
        for running in gone.iter().filter(|running| desired.plugin(&running.config.name).is_none()) {
            tracing::info!(plugin = running.config.name, "removed");
            running.version.retire();
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<Running> {
        self.state.lock().running.iter().find(|running| running.config.name == name).cloned()
    }
}

impl Inbound {
    /// Has these plugins called, and no others.
    fn publish(&self, prepared: Prepared, running: &[Running]) {
        self.routes.publish(prepared);
        let versions = || running.iter().map(|running| &running.version);
        self.consumers.publish(versions());
        self.schedules.publish(versions());
    }
}

/// What the running host was started with bounds what a plugin may ask for, whatever the file says by now.
const fn within_host(plugin: &config::Plugin, runtime: &config::Runtime) -> Result<(), Failure> {
    let limits = &plugin.limits;
    if limits.memory > runtime.max_memory {
        return Err(Failure::Restart { limit: "limits.memory", most: "runtime.max-memory" });
    }
    if limits.instances > runtime.max_instances as usize {
        return Err(Failure::Restart { limit: "limits.instances", most: "runtime.max-instances" });
    }
    Ok(())
}

/// Plugins with the versions of their filters.
fn serve(running: &[Running]) -> Result<Vec<Served>, Failure> {
    let version = |name: &str| Some(&running.iter().find(|running| running.config.name == name)?.version);
    running
        .iter()
        .map(|plugin| {
            let filters = filters::of(&plugin.config, &plugin.version, version).collect::<Result<_, _>>()?;
            Ok(Served { version: Arc::clone(&plugin.version), filters })
        })
        .collect()
}

fn in_file_order(running: &mut [Running], desired: &Resolved) {
    running.sort_by_key(|running| desired.plugins.iter().position(|plugin| plugin.name == running.config.name));
}
