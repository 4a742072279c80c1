//! Which plugin versions run, and how another one takes over.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::source::{self, Stamp};
use crate::bindings::devconnect::platform::http_types::Method;
use crate::bindings::exports::devconnect::platform::http_handler::Request;
use crate::capabilities::Call;
use crate::config::{self, Resolved};
use crate::inbound::routes::{Prepared, Routes, Served};
use crate::runtime::{Loader, Refusal, Version};
use crate::telemetry::{HostMetrics, RequestId, one_line};

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
    routes: Arc<Routes>,
    metrics: HostMetrics,
    runtime: config::Runtime,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// In the order of the file: the order in which filters are asked.
    running: Vec<Running>,
    /// Plugins of the configuration that do not run as it says, with the reason.
    refused: Vec<(String, String)>,
    /// What was refused last, by plugin: the same file is not tried again until something changes.
    tried: Vec<(config::Plugin, Option<Stamp>)>,
}

/// Why a plugin does not take over.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Source(#[from] source::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Routes(#[from] crate::inbound::routes::Error),
    #[error("its filter `{0}` does not run")]
    Filter(String),
    #[error("limits.memory is above runtime.max-memory of the running host: restart needed")]
    Restart,
    #[error("the smoke request GET {path} answered {answer}")]
    Smoke { path: String, answer: String },
}

impl Deployment {
    pub(crate) fn new(loader: Loader, routes: Arc<Routes>, metrics: HostMetrics, runtime: config::Runtime) -> Self {
        Self { loader, routes, metrics, runtime, state: Mutex::default() }
    }

    /// Plugins that should run and do not, or not as configured.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.state.lock().refused.iter().map(|(name, _)| name.clone()).collect()
    }

    /// How many plugins run.
    pub(crate) fn running(&self) -> usize {
        self.state.lock().running.len()
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
        self.remove(desired);
        let (mut refused, mut tried) = (Vec::new(), std::mem::take(&mut self.state.lock().tried));
        tried.retain(|(plugin, _)| desired.plugins.contains(plugin));
        for plugin in filters_first(&desired.plugins) {
            let stamp = source::stamp(&plugin.source).await;
            let before = self.state.lock().running.iter().find(|running| running.config.name == plugin.name).cloned();
            if before.as_ref().is_some_and(|running| running.config == *plugin && running.stamp == stamp) {
                continue;
            }
            // The same file under the same configuration was refused before; but what it depends on may have changed.
            let known = tried.iter().position(|(config, known)| config == plugin && *known == stamp);
            let started = Instant::now();
            match self.swap(plugin, stamp, before.as_ref(), desired).await {
                Ok(version) => {
                    if let Some(known) = known {
                        tried.remove(known);
                    }
                    self.metrics.swapped(&plugin.name, true);
                    tracing::info!(
                        plugin = plugin.name,
                        version = &*version.plugin.digest,
                        routes = version.description.routes.len(),
                        took = ?started.elapsed(),
                        "{}", if before.is_some() { "swapped" } else { "serving" }
                    );
                }
                Err(failure) => {
                    let consequence = match &before {
                        Some(running) => format!("version {} goes on", running.version.plugin.digest),
                        None => "it is not served".to_owned(),
                    };
                    if known.is_none() {
                        self.metrics.swapped(&plugin.name, false);
                        let reason = failure.to_string();
                        tracing::error!(plugin = plugin.name, "refused: {}; {consequence}", one_line(&reason));
                        tried.push((plugin.clone(), stamp));
                    }
                    refused.push((plugin.name.clone(), failure.to_string()));
                }
            }
        }
        let mut state = self.state.lock();
        state.refused = refused;
        state.tried = tried;
    }

    /// Brings one plugin up beside what runs, and publishes it.
    async fn swap(
        &self,
        plugin: &config::Plugin,
        stamp: Option<Stamp>,
        before: Option<&Running>,
        desired: &Resolved,
    ) -> Result<Arc<Version>, Failure> {
        if plugin.limits.memory > self.runtime.max_memory {
            return Err(Failure::Restart);
        }
        let bytes = source::read(&plugin.source).await?;
        let version = self.loader.load(plugin, &bytes).await?;
        drop(bytes);
        let mut next = self.state.lock().running.clone();
        next.retain(|running| running.config.name != plugin.name);
        next.push(Running { config: plugin.clone(), stamp, version: Arc::clone(&version) });
        in_file_order(&mut next, desired);
        // Routes before `init`: a version that clashes must not have touched the stores.
        let prepared = self.routes.prepare(&serve(&next)?)?;
        self.loader.init(&version).await?;
        if let Some(path) = &plugin.smoke {
            smoke(&prepared, path).await?;
        }
        self.routes.publish(prepared);
        self.state.lock().running = next;
        if let Some(before) = before {
            before.version.retire();
        }
        Ok(version)
    }

    /// Stops serving plugins that the configuration no longer has.
    fn remove(&self, desired: &Resolved) {
        let mut state = self.state.lock();
        let mut next = state.running.clone();
        next.retain(|running| desired.plugin(&running.config.name).is_some());
        if next.len() == state.running.len() {
            return;
        }
        in_file_order(&mut next, desired);
        match serve(&next).and_then(|served| Ok(self.routes.prepare(&served)?)) {
            Ok(prepared) => {
                self.routes.publish(prepared);
                let gone = std::mem::replace(&mut state.running, next);
                for running in gone {
                    if desired.plugin(&running.config.name).is_none() {
                        tracing::info!(plugin = running.config.name, "removed");
                        running.version.retire();
                    }
                }
            }
            Err(failure) => tracing::error!("plugins cannot be removed yet: {failure}"),
        }
    }
}

/// Plugins with the versions of their filters. A plugin that filters and names no filters is its own.
fn serve(running: &[Running]) -> Result<Vec<Served>, Failure> {
    let filter = |name: &String| {
        let found = running.iter().find(|running| running.config.name == *name && running.version.is_filter());
        found.map(|running| Arc::clone(&running.version)).ok_or_else(|| Failure::Filter(name.clone()))
    };
    running
        .iter()
        .map(|plugin| {
            let filters = match plugin.config.filters.as_slice() {
                [] if plugin.version.is_filter() => vec![Arc::clone(&plugin.version)],
                names => names.iter().map(filter).collect::<Result<_, _>>()?,
            };
            Ok(Served { version: Arc::clone(&plugin.version), filters })
        })
        .collect()
}

/// Filters before those that name them, otherwise in file order. The configuration has no cycles.
fn filters_first(plugins: &[config::Plugin]) -> Vec<&config::Plugin> {
    let mut ordered: Vec<&config::Plugin> = Vec::with_capacity(plugins.len());
    let mut placed = HashSet::new();
    while ordered.len() < plugins.len() {
        let before = ordered.len();
        for plugin in plugins {
            let ready = plugin.filters.iter().all(|filter| *filter == plugin.name || placed.contains(filter.as_str()));
            if ready && placed.insert(plugin.name.as_str()) {
                ordered.push(plugin);
            }
        }
        if ordered.len() == before {
            // Only a cycle gets here, and `config::load` refuses those; whoever is left comes as written.
            ordered.extend(plugins.iter().filter(|plugin| !placed.contains(plugin.name.as_str())));
            break;
        }
    }
    ordered
}

fn in_file_order(running: &mut [Running], desired: &Resolved) {
    running.sort_by_key(|running| desired.plugins.iter().position(|plugin| plugin.name == running.config.name));
}

/// Asks the prepared table once, before anybody else may.
async fn smoke(prepared: &Prepared, path: &str) -> Result<(), Failure> {
    let failed = |answer: String| Failure::Smoke { path: path.to_owned(), answer };
    let Some((route, [a, b, c, d, e, f])) = prepared.find(path) else {
        return Err(failed("404: no route has this path".to_owned()));
    };
    let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
    let request = Request {
        route: route.index,
        method: Method::Get,
        target: path,
        path_length: length,
        params: (a, b, c, d, e, f),
        body: &[],
    };
    let call = Call::new(&route.version.plugin.limits, Instant::now(), RequestId::next());
    match route.version.handle(call, request).await.answer {
        Ok(answer) if answer.status < 400 => Ok(()),
        Ok(answer) => Err(failed(answer.status.to_string())),
        Err(fault) => Err(failed(fault.to_string())),
    }
}
