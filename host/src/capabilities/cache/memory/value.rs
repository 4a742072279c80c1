//! What a key can hold: text, a list, a set, a sorted set or a hash, each knowing what it costs.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;

use super::sorted::Sorted;
use crate::capabilities::error::{Error, Result};

/// What the allocator and the container add to an element. An estimate on the high side: the budget is a promise about
/// memory, not about payload.
pub(super) const ELEMENT: usize = 64;

/// What a key holds.
#[derive(Debug)]
pub(super) enum Value {
    Text(Bytes),
    List(List),
    Set(Set),
    Sorted(Sorted),
    Hash(Hash),
}

/// A value of many elements, which is gone when the last of them is.
pub(super) trait Collection: Default {
    /// The collection in a value, if it is of this type.
    fn of(value: &Value) -> Option<&Self>;
    /// The same, to change it.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    /// The value that holds it.
    fn into_value(self) -> Value;
}

/// A list, the newest element first.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) items: VecDeque<Bytes>,
    bytes: usize,
}

/// A set of members.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub(super) members: HashSet<Bytes>,
    bytes: usize,
}

/// A hash: named fields.
#[derive(Debug, Default)]
pub(super) struct Hash {
    pub(super) fields: HashMap<Box<str>, Bytes>,
    bytes: usize,
}

impl Value {
    /// The bytes that it occupies, beside the entry's own.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.bytes,
            Self::Set(set) => set.bytes,
            Self::Sorted(sorted) => sorted.cost(),
            Self::Hash(hash) => hash.bytes,
        }
    }

    /// True for a collection without elements: its key does not exist.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::List(list) => list.items.is_empty(),
            Self::Set(set) => set.members.is_empty(),
            Self::Sorted(sorted) => sorted.len() == 0,
            Self::Hash(hash) => hash.fields.is_empty(),
        }
    }

    /// Its type, for error texts.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a plain value",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Sorted(_) => "a sorted set",
            Self::Hash(_) => "a hash",
        }
    }
}

impl List {
    /// Prepends one by one: the last becomes the first.
    pub(super) fn push(&mut self, values: Vec<Bytes>) {
        for value in values {
            self.bytes += element(&value);
            self.items.push_front(value);
        }
    }

    /// Drops what stands behind the first `keep`.
    pub(super) fn keep(&mut self, keep: usize) {
        for dropped in self.items.drain(keep.min(self.items.len())..) {
            self.bytes -= element(&dropped);
        }
    }

    /// The elements `start..=stop`, negative ones counted from the end, as `LRANGE` does it.
    pub(super) fn range(&self, start: i32, stop: i32) -> impl Iterator<Item = &Bytes> {
        let length = i64::try_from(self.items.len()).unwrap_or(i64::MAX);
        let place = |index: i32| {
            let index = i64::from(index);
            if index < 0 { length + index } else { index }
        };
        let first = place(start).max(0);
        let count = (place(stop).min(length - 1) - first + 1).max(0);
        let size = |number: i64| usize::try_from(number).unwrap_or(0);
        self.items.iter().skip(size(first)).take(size(count))
    }
}

impl Set {
    /// Adds a member. True if it is new.
    pub(super) fn add(&mut self, member: Bytes) -> bool {
        let cost = element(&member);
        let new = self.members.insert(member);
        if new {
            self.bytes += cost;
        }
        new
    }

    /// Removes a member. True if it was there.
    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        let there = self.members.remove(member);
        if there {
            self.bytes -= element(member);
        }
        there
    }
}

impl Hash {
    /// Sets a field. True if it is new.
    pub(super) fn set(&mut self, field: &str, value: Bytes) -> bool {
        self.bytes += value.len();
        if let Some(held) = self.fields.get_mut(field) {
            self.bytes -= held.len();
            *held = value;
            return false;
        }
        self.bytes += element(field.as_bytes());
        self.fields.insert(field.into(), value);
        true
    }

    /// Removes a field. True if it was there.
    pub(super) fn remove(&mut self, field: &str) -> bool {
        let Some(value) = self.fields.remove(field) else { return false };
        self.bytes -= element(field.as_bytes()) + value.len();
        true
    }
}

/// What an element occupies.
pub(super) fn element(bytes: &[u8]) -> usize {
    bytes.len() + ELEMENT
}

/// The sum of a decimal number, as Redis writes it, and `by`. `None` counts as 0.
pub(super) fn sum(function: &str, key: &str, held: Option<&[u8]>, by: i64) -> Result<i64> {
    let number = match held {
        None => 0,
        Some(text) => decimal(text).ok_or_else(|| {
            Error::invalid(format!("cache.{function} of \"{key}\": what is stored is not a decimal number of 64 bits"))
        })?,
    };
    number.checked_add(by).ok_or_else(|| {
        Error::invalid(format!("cache.{function} of \"{key}\": the sum of {number} and {by} leaves 64 bits"))
    })
}

/// A decimal number in the one spelling that Redis takes: no plus, no blanks, no leading zeros, no minus zero.
fn decimal(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    canonical.then_some(number)
}

macro_rules! collection {
    ($($type:ident),+) => {$(
        impl Collection for $type {
            fn of(value: &Value) -> Option<&Self> {
                match value {
                    Value::$type(it) => Some(it),
                    _ => None,
                }
            }

            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$type(it) => Some(it),
                    _ => None,
                }
            }

            fn into_value(self) -> Value {
                Value::$type(self)
            }
        }
    )+};
}

collection!(List, Set, Sorted, Hash);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_redis_reads_them() {
        for (text, number) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+1", None),
            ("01", None),
            (" 1", None),
            ("1 ", None),
            ("1.0", None),
            ("0x1", None),
            ("١", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), number, "{text:?}");
        }
        assert_eq!(decimal(&[0xff]), None);
    }

    #[test]
    fn a_range_follows_lrange() {
        let mut list = List::default();
        list.push(["d", "c", "b", "a"].map(Bytes::from).to_vec());
        let range = |start, stop| -> Vec<&Bytes> { list.range(start, stop).collect() };
        assert_eq!(range(0, -1), ["a", "b", "c", "d"]);
        assert_eq!(range(1, 2), ["b", "c"]);
        assert_eq!(range(-2, -1), ["c", "d"]);
        assert_eq!(range(-100, 1), ["a", "b"]);
        assert_eq!(range(2, 100), ["c", "d"]);
        assert!(range(2, 1).is_empty());
        assert!(range(4, 9).is_empty());
        assert!(range(0, -5).is_empty());
        assert!(range(i32::MIN, i32::MIN).is_empty());
        assert_eq!(range(i32::MIN, i32::MAX).len(), 4);
    }

    #[test]
    fn costs_return_to_zero() {
        let mut list = List::default();
        list.push(vec![Bytes::from("one"), Bytes::from("two")]);
        list.keep(0);
        assert_eq!(Value::List(list).cost(), 0);

        let mut set = Set::default();
        assert!(set.add(Bytes::from("m")));
        assert!(!set.add(Bytes::from("m")));
        assert!(set.remove(b"m"));
        assert!(!set.remove(b"m"));
        assert_eq!(Value::Set(set).cost(), 0);

        let mut hash = Hash::default();
        assert!(hash.set("f", Bytes::from("long value")));
        assert!(!hash.set("f", Bytes::from("v")));
        assert!(hash.remove("f"));
        assert!(!hash.remove("f"));
        assert_eq!(Value::Hash(hash).cost(), 0);
    }
}
