//! What the stores say of themselves when the metrics are read: nothing is counted twice, and nothing between reads.

use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::Away;
use crate::capabilities::cache::near::Near;
use crate::capabilities::documents::mongodb::Drainer;
use crate::capabilities::events::outbox::Outbox;

/// The stores that have something to say.
#[derive(Default)]
pub(super) struct Gauges {
    away: Away,
    outbox: Option<Arc<Outbox>>,
    documents: Option<Weak<Drainer>>,
    near: Option<Arc<Near>>,
}

impl Gauges {
    pub(super) fn away(&mut self, away: Away) {
        self.away = away;
    }

    pub(super) fn outbox(&mut self, outbox: Arc<Outbox>) {
        self.outbox = Some(outbox);
    }

    pub(super) fn documents(&mut self, drainer: Weak<Drainer>) {
        self.documents = Some(drainer);
    }

    pub(super) fn near(&mut self, near: Arc<Near>) {
        self.near = Some(near);
    }
}

impl std::fmt::Debug for Gauges {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gauges").finish_non_exhaustive()
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let encoder = &mut encoder;
        for (store, is_away) in &self.away.0 {
            let name = format!("store_{store}_away");
            gauge(encoder, &name, "1 while the store does not answer", u8::from(is_away()).into())?;
        }
        if let Some(outbox) = &self.outbox {
            let age = outbox.age().ok().flatten().unwrap_or_default();
            gauge(encoder, "outbox_events", "Events on this host's disk that wait for Kafka", number(outbox.depth()))?;
            gauge(encoder, "outbox_age_seconds", "How long the oldest of them waits", seconds(age))?;
            gauge(encoder, "outbox_bytes", "What they and the dead ones take", number(outbox.bytes()))?;
            gauge(encoder, "outbox_dead_events", "Events that Kafka will never take", number(outbox.dead_count()))?;
        }
        if let Some(documents) = self.documents.as_ref().and_then(Weak::upgrade) {
            let help = "Events in the outbox of MongoDB, as the host that drains it sees it";
            gauge(encoder, "documents_outbox_events", help, number(documents.depth()))?;
            let help = "How long the oldest of them waits";
            gauge(encoder, "documents_outbox_age_seconds", help, seconds(documents.oldest()))?;
            let help = "Events in MongoDB's collection outbox_dead, which Kafka will never take";
            gauge(encoder, "documents_outbox_dead_events", help, number(documents.dead()))?;
        }
        if let Some(near) = &self.near {
            counter(encoder, "near_cache_hits", "Reads that this host answered itself", near.hits())?;
            counter(encoder, "near_cache_misses", "Reads of the near cache's keys that went to Redis", near.misses())?;
        }
        Ok(())
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> Result<(), std::fmt::Error> {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), std::fmt::Error> {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

#[allow(clippy::cast_precision_loss, reason = "a gauge is a float; above 2^53 nobody counts")]
fn number(value: u64) -> f64 {
    value as f64
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
