//! Old records go: by age, and by the bytes of a partition.

use std::time::Duration;

use super::{log, record};
use crate::capabilities::embedded::{Read, Table, Tx, tables};
use crate::capabilities::error::Result;

/// The most records that one commit deletes; the rest follows in the next.
const MOST_DELETED: usize = 2_000;

/// What is kept. `None` keeps everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Records older than this go.
    pub age: Option<Duration>,
    /// The oldest records of a partition go until it has no more bytes than this.
    pub bytes: Option<u64>,
}

impl Default for Retention {
    /// A week, as Kafka, and a GiB a partition.
    fn default() -> Self {
        Self { age: Some(Duration::from_hours(24 * 7)), bytes: Some(1 << 30) }
    }
}

/// Deletes what need not be kept; whether there is more.
pub(super) fn apply(tx: &mut Tx<'_>, retention: Retention) -> Result<bool> {
    let now = log::millis(tx.now());
    let age = retention.age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let oldest = age.map_or(0, |age| now.saturating_sub(age));
    let mut left = MOST_DELETED;
    for (_, topic) in log::entries(tx)? {
        for partition in 0..topic.partitions {
            let expired = expired(tx, topic.number, partition, oldest, retention.bytes, left)?;
            left -= expired.len();
            if let Some(last) = expired.last() {
                log::set_first(tx, topic.number, partition, last + 1)?;
            }
            for offset in expired {
                tx.remove(Table::Events, &log::key(topic.number, partition, offset))?;
            }
            if left == 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The offsets of the oldest records that need not be kept. Stops at the first that must be: offsets stay dense.
fn expired(
    tx: &Tx<'_>,
    topic: u32,
    partition: u32,
    oldest: u64,
    most_bytes: Option<u64>,
    most: usize,
) -> Result<Vec<u64>> {
    let (start, end) = (log::key(topic, partition, 0), log::key(topic, partition, u64::MAX));
    let mut rows = tx.range(Table::Events, &start, &end)?;
    let mut offsets = Vec::new();
    let Some(last) = rows.next_back() else { return Ok(offsets) };
    let (last_key, last_value) = last.map_err(tables::unavailable)?;
    let last_head = record::head(last_value.value())?;
    for row in rows.chain([Ok((last_key, last_value))]).take(most) {
        let (key, value) = row.map_err(tables::unavailable)?;
        let head = record::head(value.value())?;
        let kept_after = last_head.end.saturating_sub(head.end);
        // What is left with this record would still be too much.
        let too_many = most_bytes.is_some_and(|most| kept_after + value.value().len() as u64 > most);
        if head.timestamp_ms >= oldest && !too_many {
            break;
        }
        offsets.push(log::offset_of(key.value())?);
    }
    Ok(offsets)
}
