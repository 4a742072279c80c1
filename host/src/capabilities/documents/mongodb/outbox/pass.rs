//! Once through the outbox.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{RawDocumentBuf, doc};
use futures_util::StreamExt;
use mongodb::Collection;
use mongodb::error::Error as DriverError;
use mongodb::options::{Hint, ReadConcern};
use tokio::sync::watch;
use tokio::time::Instant;

use super::lease::Lease;
use super::{DEAD, event};
use crate::capabilities::error::Error;
use crate::capabilities::events::backend::{Backend, Event, Refusal};

/// Rows that are read at once. The server ends a batch at 16 MiB, which is what a pass holds in memory.
const BATCH: u32 = 500;
/// Keys that are remembered as held back; with more, the pass ends and begins anew after a pause.
const MOST_HELD_BACK: usize = 10_000;
/// How long a key is left alone whose event the log refuses until an operator mends something.
const REST: Duration = Duration::from_secs(5);

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

/// A topic and a key of it, within which the order counts. Events without a key have no order.
type Lane = (String, Option<String>);

fn lane(event: &Event) -> Lane {
    (event.topic.clone(), event.key.clone())
}

/// Keys that the log, which is there, refuses for now, and until when they are left alone: a topic that is missing and that this
/// host may not make, say. They hold up no other key, so they outlast a pass.
#[derive(Debug, Default)]
pub(super) struct Refused(HashMap<Lane, Instant>);

/// What became of a wave.
#[derive(Default)]
struct Wave {
    acknowledged: Vec<ObjectId>,
    /// Those that the log will never take, with the reason.
    hopeless: Vec<(ObjectId, String)>,
    failed: bool,
    /// The log answers none: the rest would not fare better.
    away: bool,
}

/// Publishes what is in the outbox, in order, and deletes what was acknowledged.
pub(super) async fn run(
    rows: &Collection<RawDocumentBuf>,
    lease: &mut Lease,
    log: &dyn Backend,
    refused: &mut Refused,
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
    let now = Instant::now();
    refused.0.retain(|_, until| *until > now);
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
            let wave = publish(wave, &mut held_back, refused, lease, log).await;
            published |= !wave.acknowledged.is_empty() || !wave.hopeless.is_empty();
            failed |= wave.failed;
            if !wave.acknowledged.is_empty() {
                rows.delete_many(doc! { "_id": { "$in": wave.acknowledged } }).await?;
            }
            for (id, reason) in wave.hopeless {
                bury(rows, id, &reason).await?;
            }
            if wave.away || held_back.len() + refused.0.len() > MOST_HELD_BACK {
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

/// Moves a row to the dead, within the server: its event need not travel again.
async fn bury(rows: &Collection<RawDocumentBuf>, id: ObjectId, reason: &str) -> Result<(), DriverError> {
    let set = doc! { "reason": { "$literal": reason }, "refused-at": "$$NOW" };
    // Once, also where the host ended before it deleted the row.
    let merge = doc! { "into": DEAD, "on": "_id", "whenMatched": "keepExisting", "whenNotMatched": "insert" };
    rows.aggregate([doc! { "$match": { "_id": id } }, doc! { "$set": set }, doc! { "$merge": merge }]).await?;
    rows.delete_one(doc! { "_id": id }).await?;
    Ok(())
}

/// The rows in waves, each with one event of a key: an event is sent when the one before it is acknowledged.
fn waves(rows: Vec<(ObjectId, Event)>) -> VecDeque<Vec<(ObjectId, Event)>> {
    let mut waves: VecDeque<Vec<(ObjectId, Event)>> = VecDeque::new();
    let mut next: HashMap<Lane, usize> = HashMap::new();
    for row in rows {
        let lane = lane(&row.1);
        let at = if lane.1.is_some() {
            let next = next.entry(lane).or_default();
            *next += 1;
            *next - 1
        } else {
            0
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
    refused: &mut Refused,
    lease: &mut Lease,
    log: &dyn Backend,
) -> Wave {
    let mut wave = Wave::default();
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    for (id, event) in rows {
        let lane = lane(&event);
        if held_back.contains(&lane) || refused.0.contains_key(&lane) {
            continue;
        }
        sent.push((id, lane));
        events.push(event);
    }
    if events.is_empty() {
        return wave;
    }
    let answers = match lease.during(log.deliver(events)).await {
        Ok(answers) => answers,
        Err(error) => {
            tracing::debug!(%error, "the log takes no events for now");
            return Wave { failed: true, away: true, ..wave };
        }
    };
    let mut silent = false;
    for ((id, lane), answer) in sent.into_iter().zip(answers) {
        match answer {
            Ok(_) => wave.acknowledged.push(id),
            Err(Refusal::Never(reason)) => {
                tracing::warn!(
                    topic = lane.0, row = %id, reason,
                    "an event was set aside in the collection {DEAD}: the log will never take it"
                );
                wave.hopeless.push((id, reason));
            }
            Err(Refusal::Later(Error::Unavailable(_) | Error::Timeout(_))) => {
                silent = true;
                if lane.1.is_some() {
                    held_back.insert(lane);
                }
            }
            Err(Refusal::Later(error)) => {
                tracing::error!(topic = lane.0, row = %id, %error, "an event of the outbox is refused; it holds back those of its key");
                refused.0.insert(lane, Instant::now() + REST);
            }
        }
    }
    wave.failed = silent;
    wave.away = silent && wave.acknowledged.is_empty() && wave.hopeless.is_empty();
    wave
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
