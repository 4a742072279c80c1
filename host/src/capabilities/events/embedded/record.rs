//! The bytes of a record in the log.
//!
//! ```text
//! version   u8    1
//! timestamp u64   milliseconds since the Unix epoch
//! end       u64   bytes of the partition up to here, this record included
//! key       u32   length + 1, or 0 for none; then the key
//! headers   u16   how many; for each: u32 length, name, u32 length, value
//! value           the rest
//! ```
//! Numbers are big-endian. `end` makes the size of any stretch of a partition a subtraction, so that retention by bytes
//! reads no more than what it deletes.

use super::super::backend::{Event, MOST_VALUE_BYTES, Position, Record};
use crate::capabilities::error::{Error, Result};

const VERSION: u8 = 1;
/// Kafka's limit for a topic's name.
const MOST_NAME: usize = 249;
/// Keys and headers together; Kafka would count them against the message.
const MOST_HEADER_BYTES: usize = 64 << 10;

/// What stands before key, headers and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) timestamp_ms: u64,
    pub(crate) end: u64,
}

/// Refuses what Kafka would refuse too, before anything of it is written.
pub(crate) fn check(event: &Event) -> Result<()> {
    check_topic(&event.topic)?;
    if event.value.len() > MOST_VALUE_BYTES {
        return Err(Error::too_large(format!(
            "an event for {} has a value of {} bytes, more than {MOST_VALUE_BYTES}",
            event.topic,
            event.value.len()
        )));
    }
    let headers: usize = event.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers + event.key.as_ref().map_or(0, String::len) > MOST_HEADER_BYTES || event.headers.len() > 256 {
        return Err(Error::too_large(format!(
            "an event for {} has more than 256 headers or {MOST_HEADER_BYTES} bytes of key and headers",
            event.topic
        )));
    }
    Ok(())
}

/// Refuses a topic's name that Kafka would refuse.
pub(crate) fn check_topic(name: &str) -> Result<()> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > MOST_NAME || name == "." || name == ".." || !name.bytes().all(legal) {
        return Err(Error::invalid(format!(
            "{name:?} is no name of a topic: 1 to {MOST_NAME} letters, digits, '.', '_' or '-'"
        )));
    }
    Ok(())
}

/// The bytes of an event that [`check`] let pass. `before` is the `end` of the record before it.
#[expect(clippy::cast_possible_truncation, reason = "check() keeps every length far below u16 and u32")]
pub(crate) fn encode(event: &Event, timestamp_ms: u64, before: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(event.weight());
    bytes.push(VERSION);
    bytes.extend_from_slice(&timestamp_ms.to_be_bytes());
    bytes.extend_from_slice(&[0; 8]);
    match &event.key {
        None => bytes.extend_from_slice(&0_u32.to_be_bytes()),
        Some(key) => {
            bytes.extend_from_slice(&(key.len() as u32 + 1).to_be_bytes());
            bytes.extend_from_slice(key.as_bytes());
        }
    }
    bytes.extend_from_slice(&(event.headers.len() as u16).to_be_bytes());
    for (name, value) in &event.headers {
        bytes.extend_from_slice(&(name.len() as u32).to_be_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&(value.len() as u32).to_be_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes.extend_from_slice(&event.value);
    let end = before + bytes.len() as u64;
    if let Some(field) = bytes.get_mut(9..17) {
        field.copy_from_slice(&end.to_be_bytes());
    }
    bytes
}

/// The head alone, for appending and retention.
pub(crate) fn head(bytes: &[u8]) -> Result<Head> {
    Reader(bytes).head().ok_or_else(damaged)
}

/// The whole record.
pub(crate) fn decode(topic: &str, position: Position, bytes: &[u8]) -> Result<Record> {
    let mut reader = Reader(bytes);
    let parse = |reader: &mut Reader<'_>| {
        let head = reader.head()?;
        let key = match reader.u32()? {
            0 => None,
            length => Some(reader.take(length as usize - 1)?.to_vec()),
        };
        let mut headers = Vec::new();
        for _ in 0..reader.u16()? {
            let length = reader.u32()? as usize;
            let name = std::str::from_utf8(reader.take(length)?).ok()?.to_owned();
            let length = reader.u32()? as usize;
            headers.push((name, reader.take(length)?.to_vec()));
        }
        Some((head, key, headers))
    };
    let (head, key, headers) = parse(&mut reader).ok_or_else(damaged)?;
    Ok(Record {
        topic: topic.to_owned(),
        position,
        timestamp_ms: head.timestamp_ms,
        key,
        value: reader.0.to_vec(),
        headers,
    })
}

fn damaged() -> Error {
    Error::unavailable("a record of the event log is damaged, or of a newer version")
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn head(&mut self) -> Option<Head> {
        let [version] = self.array()?;
        (version == VERSION).then_some(())?;
        let timestamp_ms = u64::from_be_bytes(self.array()?);
        let end = u64::from_be_bytes(self.array()?);
        Some(Head { timestamp_ms, end })
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}
