//! Once through the outbox.

use std::collections::{HashMap, HashSet, VecDeque};

use bson::oid::ObjectId;
use bson::{RawDocumentBuf, doc};
use futures_util::StreamExt;
use mongodb::Collection;
use mongodb::error::Error as DriverError;
use mongodb::options::{Hint, ReadConcern};
use tokio::sync::watch;

use super::event;
use super::lease::Lease;
use crate::capabilities::error::Error;
use crate::capabilities::events::backend::{Backend, Event};

/// Rows that are read at once. The server ends a batch at 16 MiB, which is what a pass holds in memory.
const BATCH: u32 = 500;
/// Keys that are remembered as held back; with more, the pass ends and begins anew after a pause.
const MOST_HELD_BACK: usize = 10_000;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// There was nothing, or nothing for this host.
    Empty,
    /// Events were published; more may have come meanwhile.
    Progress,
    /// Something failed, so a pause is due.
    HeldBack,
}

/// A topic and a key of it, within which the order counts.
type Lane = (String, String);

fn lane(event: &Event) -> Option<Lane> {
    event.key.as_ref().map(|key| (event.topic.clone(), key.clone()))
}

/// What became of a wave.
struct Wave {
    acknowledged: Vec<ObjectId>,
    failed: bool,
    /// The log answers none: the rest would not fare better.
    away: bool,
}

/// Publishes what is in the outbox, in order, and deletes what was acknowledged.
pub(super) async fn run(
    rows: &Collection<RawDocumentBuf>,
    lease: &mut Lease,
    log: &dyn Backend,
    stopped: &watch::Receiver<bool>,
) -> Result<Ended, DriverError> {
    // In the order in which they entered, and only what a majority has: what a failover takes back was never published.
    let mut cursor = rows
        .find(doc! {})
        .hint(Hint::Keys(doc! { "$natural": 1 }))
        .read_concern(ReadConcern::majority())
        .batch_size(BATCH)
        .batch()
        .await?;
    let mut held_back: HashSet<Lane> = HashSet::new();
    let (mut failed, mut published) = (false, false);
    while let Some(batch) = cursor.next().await {
        let mut waiting = Vec::new();
        for row in batch?.doc_slices()? {
            let Some(row) = row.ok().and_then(|row| row.as_document()) else { continue };
            match event(row) {
                Some(row) => waiting.push(row),
                None => tracing::error!("a row of the outbox is no event of this host; delete or mend it by hand"),
            }
        }
        for wave in waves(waiting) {
            if *stopped.borrow() || !lease.take().await? {
                return Ok(Ended::Empty);
            }
            let wave = publish(wave, &mut held_back, lease, log).await;
            published |= !wave.acknowledged.is_empty();
            failed |= wave.failed;
            if !wave.acknowledged.is_empty() {
                rows.delete_many(doc! { "_id": { "$in": wave.acknowledged } }).await?;
            }
            if wave.away || held_back.len() > MOST_HELD_BACK {
                return Ok(Ended::HeldBack);
            }
        }
    }
    Ok(match (failed, published) {
        (true, _) => Ended::HeldBack,
        (false, true) => Ended::Progress,
        (false, false) => Ended::Empty,
    })
}

/// The rows in waves, each with one event of a key: an event is sent when the one before it is acknowledged.
fn waves(rows: Vec<(ObjectId, Event)>) -> VecDeque<Vec<(ObjectId, Event)>> {
    let mut waves: VecDeque<Vec<(ObjectId, Event)>> = VecDeque::new();
    let mut next: HashMap<Lane, usize> = HashMap::new();
    for row in rows {
        let at = match lane(&row.1) {
            Some(lane) => {
                let next = next.entry(lane).or_default();
                *next += 1;
                *next - 1
            }
            None => 0,
        };
        match waves.get_mut(at) {
            Some(wave) => wave.push(row),
            None => waves.push_back(vec![row]),
        }
    }
    waves
}

async fn publish(
    rows: Vec<(ObjectId, Event)>,
    held_back: &mut HashSet<Lane>,
    lease: &mut Lease,
    log: &dyn Backend,
) -> Wave {
    let mut wave = Wave { acknowledged: Vec::new(), failed: false, away: false };
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    for (id, event) in rows {
        let lane = lane(&event);
        if lane.as_ref().is_some_and(|lane| held_back.contains(lane)) {
            continue;
        }
        sent.push((id, lane, event.topic.clone()));
        events.push(event);
    }
    if events.is_empty() {
        return wave;
    }
    let answers = match lease.during(log.publish_batch(events)).await {
        Ok(answers) => answers,
        Err(error) => {
            tracing::debug!(%error, "the log takes no events for now");
            return Wave { failed: true, away: true, ..wave };
        }
    };
    let mut silent = 0;
    for ((id, lane, topic), answer) in sent.into_iter().zip(answers) {
        let Err(error) = answer else {
            wave.acknowledged.push(id);
            continue;
        };
        wave.failed = true;
        held_back.extend(lane);
        if matches!(error, Error::Unavailable(_) | Error::Timeout(_)) {
            silent += 1;
        } else {
            tracing::error!(topic, %error, "an event of the outbox is refused; it holds back those of its key");
        }
    }
    wave.away = wave.acknowledged.is_empty() && silent > 0;
    wave
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
