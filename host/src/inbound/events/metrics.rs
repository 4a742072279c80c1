//! What operators see of consumers.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::capabilities::events::backend::Partition;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartitionLabels {
    plugin: Arc<str>,
    topic: Arc<str>,
    partition: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    plugin: Arc<str>,
    topic: Arc<str>,
    outcome: &'static str,
}

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Metrics {
    lag: Family<PartitionLabels, Gauge<i64, AtomicI64>>,
    position: Family<PartitionLabels, Gauge<i64, AtomicI64>>,
    events: Family<OutcomeLabels, Counter>,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { lag: Family::default(), position: Family::default(), events: Family::default() };
        registry.register("consumer_lag", "Records behind the committed offset, by partition", metrics.lag.clone());
        registry.register("consumer_position", "Committed offset, by partition", metrics.position.clone());
        registry.register("consumer_events", "Events by what became of a try", metrics.events.clone());
        metrics
    }

    /// A partition's committed offset, and the one that its next record gets.
    pub(super) fn stands(&self, plugin: &Arc<str>, partition: &Partition, committed: u64, end: u64) {
        let labels = labels(plugin, partition);
        self.lag.get_or_create(&labels).set(signed(end.saturating_sub(committed)));
        self.position.get_or_create(&labels).set(signed(committed));
    }

    /// A partition is this host's no more.
    pub(super) fn left(&self, plugin: &Arc<str>, partition: &Partition) {
        let labels = labels(plugin, partition);
        self.lag.remove(&labels);
        self.position.remove(&labels);
    }

    /// So many tries ended so.
    pub(super) fn tried(&self, plugin: &Arc<str>, topic: &Arc<str>, outcome: &'static str, count: u64) {
        if count > 0 {
            let labels = OutcomeLabels { plugin: Arc::clone(plugin), topic: Arc::clone(topic), outcome };
            self.events.get_or_create(&labels).inc_by(count);
        }
    }
}

fn labels(plugin: &Arc<str>, partition: &Partition) -> PartitionLabels {
    PartitionLabels { plugin: Arc::clone(plugin), topic: Arc::clone(&partition.topic), partition: partition.number }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
