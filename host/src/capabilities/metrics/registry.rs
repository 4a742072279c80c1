//! The metrics that plugins define, shown with the host's own.
//!
//! A metric `orders` of a plugin is the family `plugin_orders` with the label `plugin`, so one family may hold the series
//! of several plugins. It has one kind: whoever comes first decides it, and with it which names its samples take
//! (`_total`, `_sum`, …), which no other family may then have.
//!
//! **Bounded.** Names, labels and values come from guests. A plugin has [`MOST_SERIES`] series, a family counts only with
//! a series in it; what is over is dropped, and counted as `plugin_metrics_dropped_total`.
//!
//! ```text
//! let metrics = Arc::new(Registry::new(["plugin_faults"]));
//! host_registry.register_collector(Box::new(Arc::clone(&metrics)));
//! metrics.count("shop", "orders", 1, &[("country".into(), "at".into())])?;
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use self::family::{Families, Family};
use self::series::{Kind, Labels};
use crate::capabilities::error::{Error, Result};

mod family;
mod series;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

/// The most series, which is label sets over all metrics, of one plugin.
const MOST_SERIES: usize = 1_000;

/// What was dropped, shown beside the families.
const DROPPED: &str = "plugin_metrics_dropped";

/// The metrics of all plugins.
#[derive(Debug)]
pub struct Registry {
    families: RwLock<Families>,
    plugins: RwLock<HashMap<Box<str>, Arc<Quota>>>,
}

/// What one plugin has.
#[derive(Debug, Default)]
struct Quota {
    series: AtomicUsize,
    dropped: AtomicU64,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new([])
    }
}

impl Registry {
    /// An empty registry. `taken` are the host's own families that begin with `plugin_`: no plugin may have these names.
    pub fn new<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        let mut families = Families::default();
        families.reserve(DROPPED);
        taken.into_iter().for_each(|name| families.reserve(name));
        Self { families: RwLock::new(families), plugins: RwLock::default() }
    }

    /// Adds to a counter.
    ///
    /// # Errors
    /// `invalid` for malformed names and labels, and where the name belongs to another kind.
    pub fn count(&self, plugin: &str, name: &str, by: u64, labels: &[(String, String)]) -> Result<()> {
        // Its samples are called so anyway.
        let family = name.strip_suffix("_total").filter(|family| !family.is_empty()).unwrap_or(name);
        self.record(plugin, family, Kind::Counter, labels, |series| series.count(by))
    }

    /// Sets a gauge.
    ///
    /// # Errors
    /// As [`Registry::count`]; also where the value is not finite.
    pub fn set(&self, plugin: &str, name: &str, value: f64, labels: &[(String, String)]) -> Result<()> {
        is_finite(name, value)?;
        self.record(plugin, name, Kind::Gauge, labels, |series| series.set(value))
    }

    /// Adds an observation to a histogram. One whose name ends in `_bytes` has bounds for sizes, others for seconds.
    ///
    /// # Errors
    /// As [`Registry::set`].
    pub fn observe(&self, plugin: &str, name: &str, value: f64, labels: &[(String, String)]) -> Result<()> {
        is_finite(name, value)?;
        let kind = if name.ends_with("_bytes") { Kind::Sizes } else { Kind::Times };
        self.record(plugin, name, kind, labels, |series| series.observe(value))
    }

    /// Drops the series of a plugin that is gone for good, and families that nobody else has.
    pub fn forget(&self, plugin: &str) {
        // Families first: a series is never there without its place in the quota.
        let mut families = self.families.write();
        self.plugins.write().remove(plugin);
        families.forget(plugin);
    }

    fn record(
        &self,
        plugin: &str,
        name: &str,
        kind: Kind,
        labels: &[(String, String)],
        update: impl FnOnce(&series::Series),
    ) -> Result<()> {
        let labels = Labels::new(plugin, name, labels)?;
        loop {
            // Held while the series is made, so that `forget` takes all of a plugin or nothing.
            let families = self.families.read();
            if let Some(family) = families.get(name) {
                if family.kind != kind {
                    return Err(family.other_kind(name, kind));
                }
                match family.find(&labels) {
                    Some(series) => update(&series),
                    None => self.begin(plugin, family, labels, update),
                }
                return Ok(());
            }
            drop(families);
            series::check_name("a metric", name)?;
            let quota = self.quota(plugin);
            if quota.series.load(Ordering::Relaxed) >= MOST_SERIES {
                quota.dropped.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            // Looked up again afterwards: a family without series is dropped by the next `forget`.
            self.families.write().create(name, kind, plugin)?;
        }
    }

    /// Makes a series if the plugin may have one more.
    fn begin(&self, plugin: &str, family: &Family, labels: Labels, update: impl FnOnce(&series::Series)) {
        let quota = self.quota(plugin);
        let one_more = |series: usize| (series < MOST_SERIES).then_some(series + 1);
        if quota.series.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            quota.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let (series, is_new) = family.find_or_create(labels);
        if !is_new {
            // Another thread was first.
            quota.series.fetch_sub(1, Ordering::Relaxed);
        }
        update(&series);
    }

    fn quota(&self, plugin: &str) -> Arc<Quota> {
        if let Some(quota) = self.plugins.read().get(plugin) {
            return Arc::clone(quota);
        }
        Arc::clone(self.plugins.write().entry(plugin.into()).or_default())
    }
}

impl Collector for Registry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        // Handles are copied, so that no plugin waits for a slow reader of the metrics.
        let families = self.families.read().all();
        for (name, family) in families {
            let series = family.all();
            if series.is_empty() {
                continue;
            }
            let name = format!("plugin_{name}");
            let mut metric = encoder.encode_descriptor(&name, "Defined by a plugin", None, family.kind.into())?;
            for series in series {
                series.encode(&mut metric)?;
            }
        }
        let mut dropped: Vec<(Box<str>, u64)> = self
            .plugins
            .read()
            .iter()
            .map(|(plugin, quota)| (plugin.clone(), quota.dropped.load(Ordering::Relaxed)))
            .filter(|(_, dropped)| *dropped > 0)
            .collect();
        if dropped.is_empty() {
            return Ok(());
        }
        dropped.sort();
        let help = "Updates that named a label set beyond a plugin's limit";
        let mut metric = encoder.encode_descriptor(DROPPED, help, None, MetricType::Counter)?;
        for (plugin, dropped) in dropped {
            let labels = [("plugin", &*plugin)];
            ConstCounter::new(dropped).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn is_finite(name: &str, value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::invalid(format!("metrics: {value} is not a value for \"{name}\": it must be finite")))
}
