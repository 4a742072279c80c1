//! One batch: the call of the plugin, and what its answer or its fault means for each event.

use std::sync::Arc;

use super::StoresAway;
use super::window::{Batch, Tried};
use crate::bindings::exports::devconnect::platform::event_handler::{Delivery, Disposition};
use crate::capabilities::Call;
use crate::capabilities::events::backend::Record;
use crate::runtime::{Fault, Version};
use crate::telemetry::RequestId;

/// Has a version handle a batch; a result for each event, in order.
pub(super) async fn deliver(version: Arc<Version>, batch: Batch, away: StoresAway) -> Vec<Tried> {
    let ids: Vec<String> = batch.iter().map(|(record, _)| record.event_id()).collect();
    let headers: Vec<Vec<(&str, &[u8])>> = batch.iter().map(|(record, _)| headers(record)).collect();
    let deliveries: Vec<Delivery<'_>> = batch
        .iter()
        .zip(&ids)
        .zip(&headers)
        .map(|(((record, attempt), event_id), headers)| Delivery {
            topic: &record.topic,
            partition: record.position.partition,
            offset: record.position.offset,
            key: record.key.as_deref(),
            value: &record.value,
            headers,
            timestamp_ms: record.timestamp_ms,
            event_id,
            attempt: *attempt,
        })
        .collect();
    let call = Call::for_batch(&version.plugin.limits, batch.len(), RequestId::next());
    let was_away = away();
    let outcome = version.handle_batch(call, &deliveries).await;
    let refused = outcome.call.as_ref().is_some_and(|call| call.refused);
    match outcome.answer {
        Ok(dispositions) => {
            // A store that did not answer meanwhile, or would not take a write (a host that was killed leaves its transaction
            // open for a minute): the event has nothing to do with it, and may be tried for ever.
            let excused = refused || was_away || away();
            dispositions.into_iter().map(|disposition| tried(disposition, excused)).collect()
        }
        Err(fault) => {
            let result = match &fault {
                Fault::Overloaded { .. } | Fault::PoolExhausted => Tried::Later,
                _ if batch.len() > 1 => Tried::Alone,
                _ if was_away || away() => Tried::Later,
                fault => Tried::Again(fault.to_string()),
            };
            vec![result; batch.len()]
        }
    }
}

fn headers(record: &Record) -> Vec<(&str, &[u8])> {
    record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
}

fn tried(disposition: Disposition, excused: bool) -> Tried {
    match disposition {
        Disposition::Done => Tried::Done,
        Disposition::Retry(_) if excused => Tried::Later,
        Disposition::Retry(reason) => Tried::Again(reason),
        Disposition::Reject(reason) => Tried::Never(reason),
    }
}
