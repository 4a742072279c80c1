//! Values as bytes whose order, byte by byte, is [`super::compare`]'s.
//!
//! A key is one component per value. A component begins with its [`Class`] and is prefix-free: none is the beginning of
//! another, so components can follow each other and a record id can follow them. Equal values have equal components,
//! whatever their types, which is what makes an index unique over `1` and `1.0`. A descending component is the
//! ascending one with every bit turned. The format is on disk: changing it means rebuilding every index.
//!
//! | class | after the class byte |
//! | --- | --- |
//! | number | the greatest double that is not above it, as 8 sortable bytes; from 2^53 on, 2 bytes for the rest |
//! | string, code | its bytes, `00` written as `00 ff`, then `00 00` |
//! | document | per field: class, name (as a string), value; then `00` |
//! | array | per element: component; then `00` |
//! | others | their bytes, big endian, with a length in front where it decides the order |

use bson::{RawDocument, raw::RawBsonRef};

use super::order::{Class, Number, binary_length};

/// Which way a field of an index or of a sort runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// The key of several values; a direction that is not given is ascending.
#[cfg(test)]
pub(crate) fn encode(values: &[RawBsonRef<'_>], directions: &[Direction]) -> Vec<u8> {
    let mut key = Vec::with_capacity(values.len() * 16);
    for (position, value) in values.iter().enumerate() {
        append(&mut key, *value, directions.get(position).copied().unwrap_or(Direction::Ascending));
    }
    key
}

/// The key of one value, as of `_id`.
pub(crate) fn encode_one(value: RawBsonRef<'_>) -> Vec<u8> {
    let mut key = Vec::with_capacity(16);
    component(&mut key, value);
    key
}

/// Adds a component to a key.
pub(crate) fn append(key: &mut Vec<u8>, value: RawBsonRef<'_>, direction: Direction) {
    let start = key.len();
    component(key, value);
    turn(key, start, direction);
}

/// Adds the beginning that all components of a class share.
pub(super) fn append_class(key: &mut Vec<u8>, class: Class, direction: Direction) {
    let start = key.len();
    key.push(class as u8);
    turn(key, start, direction);
}

fn turn(key: &mut [u8], start: usize, direction: Direction) {
    if direction == Direction::Descending {
        key.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
}

/// The least byte string above all that begin with `prefix`; `None` if there is none.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// Keys from `start` on and before `end`; it holds whatever follows the last component, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    /// The least key.
    pub(crate) start: Vec<u8>,
    /// The least key that is beyond; `None` if all that follow are within.
    pub(crate) end: Option<Vec<u8>>,
}

impl Range {
    /// All keys that begin with `prefix`.
    pub(crate) fn prefix(prefix: Vec<u8>) -> Self {
        let end = prefix_end(&prefix);
        Self { start: prefix, end }
    }

    /// Whether no key is within.
    pub(crate) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether a key is within.
    #[cfg(test)]
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }
}

fn component(key: &mut Vec<u8>, value: RawBsonRef<'_>) {
    key.push(Class::of(value) as u8);
    body(key, value);
}

fn body(key: &mut Vec<u8>, value: RawBsonRef<'_>) {
    if let Some(value) = Number::of(value) {
        return number(key, value);
    }
    match value {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) | RawBsonRef::JavaScriptCode(text) => escaped(key, text),
        RawBsonRef::Document(inner) => document(key, inner),
        RawBsonRef::Array(array) => {
            for element in array.into_iter().flatten() {
                component(key, element);
            }
            key.push(0);
        }
        RawBsonRef::Binary(binary) => {
            length(key, binary_length(&binary));
            key.push(binary.subtype.into());
            key.extend_from_slice(binary.bytes);
        }
        RawBsonRef::ObjectId(id) => key.extend_from_slice(&id.bytes()),
        RawBsonRef::Boolean(value) => key.push(value.into()),
        RawBsonRef::DateTime(date) => {
            // Turning the sign bit puts negative numbers first.
            key.extend_from_slice(&(date.timestamp_millis() ^ i64::MIN).to_be_bytes());
        }
        RawBsonRef::Timestamp(timestamp) => {
            key.extend_from_slice(&timestamp.time.to_be_bytes());
            key.extend_from_slice(&timestamp.increment.to_be_bytes());
        }
        RawBsonRef::RegularExpression(regex) => {
            // Neither part can hold a zero byte.
            key.extend_from_slice(regex.pattern.as_str().as_bytes());
            key.push(0);
            key.extend_from_slice(regex.options.as_str().as_bytes());
            key.push(0);
        }
        RawBsonRef::JavaScriptCodeWithScope(code) => {
            escaped(key, code.code);
            document(key, code.scope);
        }
        // One value each.
        _ => {}
    }
}

fn document(key: &mut Vec<u8>, document: &RawDocument) {
    for (name, value) in document.iter().flatten() {
        key.push(Class::of(value) as u8);
        escaped(key, name.as_str());
        body(key, value);
    }
    key.push(0);
}

fn escaped(key: &mut Vec<u8>, text: &str) {
    for (position, piece) in text.as_bytes().split(|byte| *byte == 0).enumerate() {
        if position > 0 {
            key.extend_from_slice(&[0x00, 0xff]);
        }
        key.extend_from_slice(piece);
    }
    key.extend_from_slice(&[0x00, 0x00]);
}

fn length(key: &mut Vec<u8>, length: usize) {
    // Documents are far below 4 GiB.
    key.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn number(key: &mut Vec<u8>, number: Number) {
    /// Below it every integer is a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let (floor, rest) = match number {
        Number::Double(value) => (value, 0),
        Number::Integer(value) => floor(value),
        Number::Decimal(bytes) => {
            key.extend_from_slice(&[0xff; 8]);
            key.extend_from_slice(&bytes);
            return;
        }
    };
    key.extend_from_slice(&sortable(floor).to_be_bytes());
    if floor.abs() >= EXACT {
        key.extend_from_slice(&rest.to_be_bytes());
    }
}

/// The greatest double that is not above the integer, and what the integer is above it: less than 1,024, the distance of
/// doubles below 2^63.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the loss is what is measured")]
fn floor(integer: i64) -> (f64, u16) {
    let nearest = integer as f64;
    let floor = if nearest as i128 > i128::from(integer) { nearest.next_down() } else { nearest };
    let rest = i128::from(integer) - floor as i128;
    (floor, u16::try_from(rest).unwrap_or_default())
}

/// Bits that are ordered as the doubles are, NaN least.
fn sortable(double: f64) -> u64 {
    if double.is_nan() {
        return 0;
    }
    // -0.0 equals 0.0.
    let bits = if double == 0.0 { 0 } else { double.to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
