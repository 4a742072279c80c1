//! Topics and records in the embedded store's tables.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::backend::{Event, Position, Record, Topic};
use super::{partition, record};
use crate::capabilities::embedded::tables::after_prefix;
use crate::capabilities::embedded::{Read, Table, Tx, tables};
use crate::capabilities::error::{Error, Result};

const TOPIC: &[u8] = b"topic/";
const START: &[u8] = b"start/";
const GROUP: &[u8] = b"group/";
const NEXT: &[u8] = b"next/topic";
/// About how many bytes one read returns.
const MOST_READ_BYTES: usize = 1 << 20;

/// What the catalogue says of a topic. The number stands for the name in keys and is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: u32,
    pub(crate) partitions: u32,
}

/// The topic, made if it is new.
pub(crate) fn ensure_topic(tx: &mut Tx<'_>, name: &str) -> Result<Entry> {
    if let Some(entry) = topic(tx, name)? {
        return Ok(entry);
    }
    let number = match tx.get(Table::Catalogue, NEXT)? {
        Some(value) => u32::from_be_bytes(fixed(value.value())?),
        None => 0,
    };
    let entry = Entry { number, partitions: partition::PARTITIONS };
    tx.put(Table::Catalogue, NEXT, &(number + 1).to_be_bytes())?;
    let value = [number.to_be_bytes(), entry.partitions.to_be_bytes()].concat();
    tx.put(Table::Catalogue, &[TOPIC, name.as_bytes()].concat(), &value)?;
    Ok(entry)
}

/// The topic, if it exists.
pub(crate) fn topic(from: &impl Read, name: &str) -> Result<Option<Entry>> {
    let value = from.get(Table::Catalogue, &[TOPIC, name.as_bytes()].concat())?;
    value.map(|value| entry(value.value())).transpose()
}

/// Every topic, by name.
pub(crate) fn entries(from: &impl Read) -> Result<Vec<(String, Entry)>> {
    let mut entries = Vec::new();
    for row in from.range(Table::Catalogue, TOPIC, &after_prefix(TOPIC))? {
        let (key, value) = row.map_err(tables::unavailable)?;
        let name = key.value().get(TOPIC.len()..).unwrap_or_default();
        entries.push((String::from_utf8_lossy(name).into_owned(), entry(value.value())?));
    }
    Ok(entries)
}

/// Every topic with what it holds.
pub(crate) fn topics(from: &impl Read) -> Result<Vec<Topic>> {
    entries(from)?
        .into_iter()
        .map(|(name, entry)| {
            let partitions = (0..entry.partitions).map(|partition| {
                let first = first(from, entry.number, partition)?;
                Ok(first..next(from, entry.number, partition)?.0)
            });
            Ok(Topic { name, partitions: partitions.collect::<Result<_>>()? })
        })
        .collect()
}

/// Appends an event that was checked.
pub(crate) fn append(tx: &mut Tx<'_>, topic: u32, partition: u32, event: &Event) -> Result<Position> {
    let (offset, before) = next(tx, topic, partition)?;
    let value = record::encode(event, millis(tx.now()), before);
    tx.put(Table::Events, &key(topic, partition, offset), &value)?;
    Ok(Position { partition, offset })
}

/// Records from an offset on.
pub(crate) fn read(from: &impl Read, name: &str, partition: u32, offset: u64, most: usize) -> Result<Vec<Record>> {
    let entry = topic(from, name)?.filter(|entry| partition < entry.partitions);
    let entry =
        entry.ok_or_else(|| Error::not_found(format!("there is no partition {partition} of a topic {name}")))?;
    let mut records = Vec::new();
    let mut bytes = 0;
    let (start, end) = (key(entry.number, partition, offset), key(entry.number, partition, u64::MAX));
    for row in from.range(Table::Events, &start, &end)? {
        if records.len() >= most || bytes >= MOST_READ_BYTES {
            break;
        }
        let (row_key, value) = row.map_err(tables::unavailable)?;
        bytes += value.value().len();
        let position = Position { partition, offset: offset_of(row_key.value())? };
        records.push(record::decode(name, position, value.value())?);
    }
    Ok(records)
}

/// The offset that the next record of a partition gets; 0 where there is no such topic yet.
pub(crate) fn end(from: &impl Read, name: &str, partition: u32) -> Result<u64> {
    let Some(entry) = topic(from, name)? else { return Ok(0) };
    Ok(next(from, entry.number, partition)?.0)
}

/// The offset that the next record gets, and the `end` of the last one.
fn next(from: &impl Read, topic: u32, partition: u32) -> Result<(u64, u64)> {
    let (start, end) = (key(topic, partition, 0), key(topic, partition, u64::MAX));
    match from.range(Table::Events, &start, &end)?.next_back() {
        Some(row) => {
            let (row_key, value) = row.map_err(tables::unavailable)?;
            Ok((offset_of(row_key.value())? + 1, record::head(value.value())?.end))
        }
        // Empty: new, or emptied by retention, which noted where it goes on.
        None => Ok((first(from, topic, partition)?, 0)),
    }
}

/// The first offset that is kept.
pub(crate) fn first(from: &impl Read, topic: u32, partition: u32) -> Result<u64> {
    let value = from.get(Table::Catalogue, &start_key(topic, partition))?;
    value.map_or(Ok(0), |value| Ok(u64::from_be_bytes(fixed(value.value())?)))
}

/// Notes that records before `offset` are gone.
pub(crate) fn set_first(tx: &mut Tx<'_>, topic: u32, partition: u32, offset: u64) -> Result<()> {
    tx.put(Table::Catalogue, &start_key(topic, partition), &offset.to_be_bytes())
}

/// Where a consumer group goes on.
pub(crate) fn committed(from: &impl Read, group: &str, name: &str, partition: u32) -> Result<Option<u64>> {
    let Some(entry) = topic(from, name)? else { return Ok(None) };
    let value = from.get(Table::Catalogue, &group_key(group, entry.number, partition))?;
    value.map(|value| fixed(value.value()).map(u64::from_be_bytes)).transpose()
}

/// Notes where a consumer group goes on.
pub(crate) fn commit(tx: &mut Tx<'_>, group: &str, name: &str, offsets: &[Position]) -> Result<()> {
    let entry = topic(tx, name)?.ok_or_else(|| Error::not_found(format!("there is no topic {name}")))?;
    for position in offsets {
        if position.partition >= entry.partitions {
            return Err(Error::not_found(format!("topic {name} has no partition {}", position.partition)));
        }
        let key = group_key(group, entry.number, position.partition);
        tx.put(Table::Catalogue, &key, &position.offset.to_be_bytes())?;
    }
    Ok(())
}

/// A row's key.
pub(crate) fn key(topic: u32, partition: u32, offset: u64) -> [u8; 16] {
    let mut key = [0; 16];
    let parts = topic.to_be_bytes().into_iter().chain(partition.to_be_bytes()).chain(offset.to_be_bytes());
    key.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    key
}

/// The offset in a row's key.
pub(crate) fn offset_of(key: &[u8]) -> Result<u64> {
    Ok(u64::from_be_bytes(fixed(key.get(8..).unwrap_or_default())?))
}

/// Milliseconds since the Unix epoch; a clock before it counts as the epoch.
pub(crate) fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn start_key(topic: u32, partition: u32) -> Vec<u8> {
    [START, &topic.to_be_bytes(), &partition.to_be_bytes()].concat()
}

/// The group's name ends with a zero byte: names are of any length, and none may be the beginning of another's key.
fn group_key(group: &str, topic: u32, partition: u32) -> Vec<u8> {
    [GROUP, group.as_bytes(), &[0], &topic.to_be_bytes(), &partition.to_be_bytes()].concat()
}

fn entry(value: &[u8]) -> Result<Entry> {
    let [number, partitions] = [value.get(..4), value.get(4..8)].map(Option::unwrap_or_default);
    Ok(Entry { number: u32::from_be_bytes(fixed(number)?), partitions: u32::from_be_bytes(fixed(partitions)?) })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| Error::unavailable("the event log's catalogue is damaged"))
}
