//! The host's own metrics. Handles are resolved when a plugin version loads: a request only adds.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the latency histograms, in seconds.
const BUCKETS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    plugin: Arc<str>,
    method: &'static str,
    route: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabels {
    plugin: Arc<str>,
    method: &'static str,
    route: Arc<str>,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PluginLabels {
    plugin: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FaultLabels {
    plugin: Arc<str>,
    fault: &'static str,
}

#[derive(Clone, Copy)]
struct Latency;

impl MetricConstructor<Histogram> for Latency {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

/// The host's metrics; cheap to clone.
#[derive(Clone)]
pub struct Host {
    latency: Family<RouteLabels, Histogram, Latency>,
    answers: Family<StatusLabels, Counter>,
    faults: Family<FaultLabels, Counter>,
    instances: Family<PluginLabels, Counter>,
    queued: Family<PluginLabels, Gauge>,
    log_dropped: Family<PluginLabels, Counter>,
    swaps: Family<PluginLabels, Counter>,
    swaps_refused: Family<PluginLabels, Counter>,
}

impl Host {
    /// Names that a plugin's own metrics may not take.
    pub const PLUGIN_FAMILIES: [&'static str; 6] = [
        "plugin_faults",
        "plugin_instances_created",
        "plugin_queued",
        "plugin_log_lines_dropped",
        "plugin_swaps",
        "plugin_swaps_refused",
    ];

    /// Registers them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let host = Self {
            latency: Family::new_with_constructor(Latency),
            answers: Family::default(),
            faults: Family::default(),
            instances: Family::default(),
            queued: Family::default(),
            log_dropped: Family::default(),
            swaps: Family::default(),
            swaps_refused: Family::default(),
        };
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer, by route",
            Unit::Seconds,
            host.latency.clone(),
        );
        registry.register("http_answers", "Answers by route and status class", host.answers.clone());
        registry.register("plugin_faults", "Calls that a trap or a limit ended", host.faults.clone());
        registry.register("plugin_instances_created", "Instances made", host.instances.clone());
        registry.register("plugin_queued", "Calls waiting for an instance", host.queued.clone());
        registry.register("plugin_log_lines_dropped", "Log lines over a plugin's caps", host.log_dropped.clone());
        registry.register("plugin_swaps", "Versions that took over", host.swaps.clone());
        registry.register("plugin_swaps_refused", "Versions that were refused", host.swaps_refused.clone());
        host
    }

    /// The handles of a route.
    #[must_use]
    pub fn route(&self, plugin: &Arc<str>, method: &'static str, route: &Arc<str>) -> Route {
        let labels = RouteLabels { plugin: Arc::clone(plugin), method, route: Arc::clone(route) };
        let answers = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|status| {
            let labels = StatusLabels { plugin: Arc::clone(plugin), method, route: Arc::clone(route), status };
            self.answers.get_or_create_owned(&labels)
        });
        Route { latency: self.latency.get_or_create_owned(&labels), answers }
    }

    /// The handles of a plugin.
    #[must_use]
    pub fn version(&self, plugin: &Arc<str>) -> Version {
        let labels = PluginLabels { plugin: Arc::clone(plugin) };
        Version {
            plugin: Arc::clone(plugin),
            faults: self.faults.clone(),
            instances: self.instances.get_or_create_owned(&labels),
            queued: self.queued.get_or_create_owned(&labels),
            log_dropped: self.log_dropped.get_or_create_owned(&labels),
        }
    }

    /// A version took over, or was refused.
    pub fn swapped(&self, plugin: &str, accepted: bool) {
        let labels = PluginLabels { plugin: Arc::from(plugin) };
        let family = if accepted { &self.swaps } else { &self.swaps_refused };
        family.get_or_create(&labels).inc();
    }
}

/// A route's handles.
#[derive(Debug)]
pub struct Route {
    latency: Histogram,
    answers: [Counter<u64, AtomicU64>; 5],
}

impl Route {
    /// One request was answered.
    #[inline]
    pub fn answered(&self, status: u16, took: Duration) {
        self.latency.observe(took.as_secs_f64());
        if let Some(counter) = self.answers.get(usize::from(status / 100).saturating_sub(1)) {
            counter.inc();
        }
    }
}

/// A plugin's handles.
pub struct Version {
    plugin: Arc<str>,
    faults: Family<FaultLabels, Counter>,
    /// Instances made.
    pub instances: Counter,
    /// Calls waiting for an instance.
    pub queued: Gauge,
    /// Log lines over the caps.
    pub log_dropped: Counter,
}

impl Version {
    /// A call ended by a trap or a limit.
    pub fn fault(&self, fault: &'static str) {
        self.faults.get_or_create(&FaultLabels { plugin: Arc::clone(&self.plugin), fault }).inc();
    }
}
