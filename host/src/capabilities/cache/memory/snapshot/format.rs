//! The bytes of a snapshot.

use std::io::{self, Write};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Damage, MAGIC, VERSION};
use crate::capabilities::cache::memory::shard::Slot;
use crate::capabilities::cache::memory::sorted::{Score, Sorted};
use crate::capabilities::cache::memory::value::{Collection, Hash, List, Set, Value};

const END: u8 = 0;
const TEXT: u8 = 1;
const LIST: u8 = 2;
const SET: u8 = 3;
const SORTED: u8 = 4;
const HASH: u8 = 5;

/// What was read.
pub(super) struct Snapshot {
    /// When it was taken.
    pub(super) taken: u64,
    pub(super) entries: Vec<Entry>,
}

/// An entry with wall-clock times.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Value,
    /// [`super::NEVER`] if it has no end.
    pub(super) expires: u64,
    /// For how long it had not been used.
    pub(super) idle: u64,
}

pub(super) fn write_head(out: &mut impl Write, taken: u64) -> io::Result<()> {
    out.write_all(MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    out.write_all(&taken.to_le_bytes())
}

pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[END])
}

pub(super) fn write_entry(out: &mut Vec<u8>, slot: &Slot, expires: u64, idle: u64) {
    out.push(match &slot.value {
        Value::Text(_) => TEXT,
        Value::List(_) => LIST,
        Value::Set(_) => SET,
        Value::Sorted(_) => SORTED,
        Value::Hash(_) => HASH,
    });
    out.extend_from_slice(&expires.to_le_bytes());
    out.extend_from_slice(&idle.to_le_bytes());
    write_bytes(out, slot.key.as_bytes());
    match &slot.value {
        Value::Text(text) => write_bytes(out, text),
        Value::List(list) => {
            write_number(out, list.items.len());
            list.items.iter().for_each(|item| write_bytes(out, item));
        }
        Value::Set(set) => {
            write_number(out, set.members.len());
            set.members.iter().for_each(|member| write_bytes(out, member));
        }
        Value::Sorted(sorted) => {
            write_number(out, sorted.len());
            for (score, member) in sorted.iter() {
                out.extend_from_slice(&score.to_le_bytes());
                write_bytes(out, member);
            }
        }
        Value::Hash(hash) => {
            write_number(out, hash.fields.len());
            for (field, value) in &hash.fields {
                write_bytes(out, field.as_bytes());
                write_bytes(out, value);
            }
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: usize) {
    // Lossless: a usize has at most 64 bits on every target of the host.
    out.extend_from_slice(&u64::try_from(number).unwrap_or(u64::MAX).to_le_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_number(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Reads a whole snapshot. Nothing of it is looked at before its checksum holds.
pub(super) fn read(file: &[u8]) -> Result<Snapshot, Damage> {
    let rest = file.strip_prefix(MAGIC).ok_or(Damage::Magic)?;
    let version = Reader(rest).array().map(u32::from_le_bytes).map_err(|_| Damage::Checksum)?;
    if version != VERSION {
        return Err(Damage::Version(version));
    }
    let (body, checksum) = file.split_last_chunk::<32>().ok_or(Damage::Checksum)?;
    if Sha256::digest(body)[..] != checksum[..] {
        return Err(Damage::Checksum);
    }
    let mut reader = Reader(body.get(MAGIC.len() + size_of_val(&VERSION)..).ok_or(Damage::Malformed)?);
    let taken = reader.moment()?;
    let mut entries = Vec::new();
    while let Some(entry) = reader.entry()? {
        entries.push(entry);
    }
    if reader.0.is_empty() { Ok(Snapshot { taken, entries }) } else { Err(Damage::Malformed) }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn entry(&mut self) -> Result<Option<Entry>, Damage> {
        let [kind] = self.array()?;
        if kind == END {
            return Ok(None);
        }
        let (expires, idle) = (self.moment()?, self.moment()?);
        let key = self.text()?.to_owned();
        let value = match kind {
            TEXT => Value::Text(self.shared()?),
            LIST => {
                let mut items = self.many(Self::shared)?;
                // Pushing turns the order round.
                items.reverse();
                let mut list = List::default();
                list.push(items);
                list.into_value()
            }
            SET => {
                let mut set = Set::default();
                self.many(|reader| Ok(set.add(reader.shared()?)))?;
                set.into_value()
            }
            SORTED => {
                let mut sorted = Sorted::default();
                self.many(|reader| {
                    let score = Score::new(reader.array().map(f64::from_le_bytes)?).ok_or(Damage::Malformed)?;
                    Ok(sorted.add(score, reader.shared()?))
                })?;
                sorted.into_value()
            }
            HASH => {
                let mut hash = Hash::default();
                self.many(|reader| Ok(hash.set(reader.text()?, reader.shared()?)))?;
                hash.into_value()
            }
            _ => return Err(Damage::Malformed),
        };
        if value.is_gone() {
            return Err(Damage::Malformed);
        }
        Ok(Some(Entry { key, value, expires, idle }))
    }

    /// As many items as the number before them says. Nothing is reserved for them: the number may lie.
    fn many<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Damage>) -> Result<Vec<T>, Damage> {
        let number = self.moment()?;
        let mut items = Vec::new();
        for _ in 0..number {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn moment(&mut self) -> Result<u64, Damage> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<&'a str, Damage> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damage::Malformed)
    }

    /// Copied, so that one small value does not keep the whole file in memory.
    fn shared(&mut self) -> Result<Bytes, Damage> {
        self.bytes().map(Bytes::copy_from_slice)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let length = usize::try_from(self.moment()?).map_err(|_| Damage::Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Damage::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Damage::Malformed)?;
        self.0 = rest;
        Ok(*array)
    }
}
