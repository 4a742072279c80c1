//! Rows of the outbox in the event log's table.
//!
//! Keys are those of a topic whose number the log's catalogue never gives out, so that no file needs a new table: number ‖
//! shelf ‖ sequence, big-endian. A waiting row is `u16` length, topic, then a record as the log writes it
//! ([`record`]); a dead one is `u16` length, reason, then the waiting row.

use std::time::SystemTime;

use super::super::backend::{Event, Position};
use super::super::embedded::{log, record};
use super::Dead;
use crate::capabilities::embedded::{Read, Table, tables};
use crate::capabilities::error::{Error, Result};

/// The topic number that stands for the outbox.
const OUTBOX: u32 = u32::MAX;
/// About how many bytes one look at the waiting rows returns.
const MOST_LOADED_BYTES: usize = 1 << 20;
/// Bytes of a key.
const KEY: usize = 16;
/// The most bytes of a reason.
const REASON: usize = 1_000;

/// The two ranges of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// Events on their way.
    Waiting,
    /// Events that the log will never take.
    Dead,
}

/// What a shelf holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// The sequence behind the last row.
    pub(crate) next: u64,
}

/// A waiting row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) sequence: u64,
    /// `None`: the row is damaged.
    pub(crate) event: Option<Event>,
}

pub(crate) fn key(shelf: Shelf, sequence: u64) -> [u8; KEY] {
    let shelf = match shelf {
        Shelf::Waiting => 0,
        Shelf::Dead => 1,
    };
    log::key(OUTBOX, shelf, sequence)
}

/// What a row takes of the limit.
pub(crate) fn size(value: &[u8]) -> u64 {
    (KEY + value.len()) as u64
}

/// The bytes of a waiting row, for an event that a log may take.
pub(crate) fn encode(event: &Event, now: SystemTime) -> Result<Vec<u8>> {
    record::check(event)?;
    Ok(prefixed(&event.topic, &record::encode(event, log::millis(now), 0)))
}

/// A dead row of a waiting one.
pub(crate) fn bury(value: &[u8], reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    prefixed(reason.get(..end).unwrap_or_default(), value)
}

/// The waiting row in a dead one.
pub(crate) fn exhume(value: &[u8]) -> Result<&[u8]> {
    split(value).map(|(_, row)| row).ok_or_else(damaged)
}

/// Counts a shelf.
pub(crate) fn tally(from: &impl Read, shelf: Shelf) -> Result<Tally> {
    let mut tally = Tally::default();
    for row in from.range(Table::Events, &key(shelf, 0), &key(shelf, u64::MAX))? {
        let (row_key, value) = row.map_err(tables::unavailable)?;
        tally.rows += 1;
        tally.bytes += size(value.value());
        tally.next = log::offset_of(row_key.value())? + 1;
    }
    Ok(tally)
}

/// When the first waiting event was accepted.
pub(crate) fn oldest(from: &impl Read) -> Result<Option<u64>> {
    let mut range = from.range(Table::Events, &key(Shelf::Waiting, 0), &key(Shelf::Waiting, u64::MAX))?;
    let Some(row) = range.next() else { return Ok(None) };
    let (_, value) = row.map_err(tables::unavailable)?;
    let (_, bytes) = split(value.value()).ok_or_else(damaged)?;
    Ok(Some(record::head(bytes)?.timestamp_ms))
}

/// Waiting rows from a sequence on, at most `most` and about 1 MiB.
pub(crate) fn waiting(from: &impl Read, sequence: u64, most: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    for row in from.range(Table::Events, &key(Shelf::Waiting, sequence), &key(Shelf::Waiting, u64::MAX))? {
        if rows.len() >= most || bytes >= MOST_LOADED_BYTES {
            break;
        }
        let (row_key, value) = row.map_err(tables::unavailable)?;
        bytes += value.value().len();
        rows.push(Row {
            sequence: log::offset_of(row_key.value())?,
            event: decode(value.value()).map(|(event, _)| event),
        });
    }
    Ok(rows)
}

/// The events of waiting rows, `None` for one that is gone or damaged: as many from the first on as make about 1 MiB.
pub(crate) fn events(from: &impl Read, sequences: &[u64]) -> Result<Vec<Option<Event>>> {
    let mut events = Vec::with_capacity(sequences.len());
    let mut bytes = 0;
    for sequence in sequences {
        if bytes >= MOST_LOADED_BYTES {
            break;
        }
        let value = from.get(Table::Events, &key(Shelf::Waiting, *sequence))?;
        bytes += value.as_ref().map_or(0, |value| value.value().len());
        events.push(value.and_then(|value| decode(value.value())).map(|(event, _)| event));
    }
    Ok(events)
}

/// Dead events behind a sequence, oldest first, at most `most` and about 1 MiB.
pub(crate) fn dead(from: &impl Read, after: Option<u64>, most: usize) -> Result<Vec<Dead>> {
    let start = after.map_or(0, |after| after.saturating_add(1));
    let (mut dead, mut bytes) = (Vec::new(), 0);
    for row in from.range(Table::Events, &key(Shelf::Dead, start), &key(Shelf::Dead, u64::MAX))? {
        if dead.len() >= most || bytes >= MOST_LOADED_BYTES {
            break;
        }
        let (row_key, value) = row.map_err(tables::unavailable)?;
        bytes += value.value().len();
        let (reason, row) = split(value.value()).unwrap_or(("the row is damaged", &[]));
        let (event, accepted_ms) = decode(row).map_or((None, 0), |(event, accepted)| (Some(event), accepted));
        dead.push(Dead { sequence: log::offset_of(row_key.value())?, reason: reason.to_owned(), accepted_ms, event });
    }
    Ok(dead)
}

/// The sequences of all rows of a shelf.
pub(crate) fn sequences(from: &impl Read, shelf: Shelf) -> Result<Vec<u64>> {
    from.range(Table::Events, &key(shelf, 0), &key(shelf, u64::MAX))?
        .map(|row| log::offset_of(row.map_err(tables::unavailable)?.0.value()))
        .collect()
}

/// The event of a waiting row, and when it was accepted; `None` if the row is damaged.
fn decode(value: &[u8]) -> Option<(Event, u64)> {
    let (topic, bytes) = split(value)?;
    let record = record::decode(topic, Position { partition: 0, offset: 0 }, bytes).ok()?;
    let key = record.key.map(String::from_utf8).transpose().ok()?;
    let headers = record.headers.into_iter().map(|(name, value)| Some((name, String::from_utf8(value).ok()?)));
    let headers = headers.collect::<Option<_>>()?;
    Some((Event { topic: record.topic, key, value: record.value, headers }, record.timestamp_ms))
}

#[expect(clippy::cast_possible_truncation, reason = "a topic has at most 249 bytes, a reason 1,000")]
fn prefixed(text: &str, rest: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes(), rest].concat()
}

fn split(value: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = value.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

fn damaged() -> Error {
    Error::unavailable("a row of the outbox is damaged, or of a newer version")
}
