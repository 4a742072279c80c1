//! Operators on arrays.

use std::collections::HashSet;

use bson::{
    Bson, RawDocumentBuf,
    raw::{RawBson, RawBsonRef, cstr},
};

use super::{change::End, equal, raw};
use crate::capabilities::documents::query::{
    Filter, Invalid,
    index::Field,
    key::{self, Direction},
    path::field,
};

/// `$push`: insert, then sort, then cut.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Push {
    pub(super) values: Vec<Bson>,
    /// Where; from the end if negative, at the end if none.
    pub(super) position: Option<i64>,
    pub(super) sort: Option<Order>,
    /// How many to keep: the first ones, the last ones if negative.
    pub(super) slice: Option<i64>,
}

/// How `$push` sorts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Whole(Direction),
    Fields(Vec<Field>),
}

/// `$pull`: which elements go.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pull {
    /// Those equal to the value.
    Equal(Bson),
    /// Documents that match.
    Document(Filter),
    /// Elements that, alone in the field without a name, match.
    Value(Filter),
}

impl Push {
    /// Whether it counts as a change, as MongoDB has it: with a value, with a sort of something, or if the cut takes something.
    /// What it leaves may be what was there.
    pub(super) fn apply(&self, array: &mut Vec<Bson>) -> Result<bool, Invalid> {
        let at = match self.position {
            None => array.len(),
            Some(position) => from_either_end(position, array.len()),
        };
        array.splice(at..at, self.values.iter().cloned());
        if let Some(order) = &self.sort {
            let mut keyed = Vec::with_capacity(array.len());
            for element in array.drain(..) {
                keyed.push((order.key(&element)?, element));
            }
            keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
            array.extend(keyed.into_iter().map(|(_, element)| element));
        }
        let whole = array.len();
        match self.slice {
            Some(keep) if keep < 0 => {
                array.drain(..from_either_end(keep, array.len()));
            }
            Some(keep) => array.truncate(usize::try_from(keep).unwrap_or(usize::MAX)),
            None => {}
        }
        Ok(!self.values.is_empty() || (self.sort.is_some() && whole > 0) || array.len() != whole)
    }
}

/// The position that a number means: at most the length, and from the end if negative.
fn from_either_end(position: i64, length: usize) -> usize {
    let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position < 0 { length.saturating_sub(distance) } else { distance.min(length) }
}

impl Order {
    fn key(&self, element: &Bson) -> Result<Vec<u8>, Invalid> {
        let element = raw(element)?;
        let element = element.as_raw_bson_ref();
        let mut bytes = Vec::new();
        match self {
            Self::Whole(direction) => key::append(&mut bytes, element, *direction),
            // Unlike in a query, arrays are not entered; a field that is missing counts as null.
            Self::Fields(fields) => {
                for Field { path, direction } in fields {
                    let value = path.parts().iter().try_fold(element, |value, part| {
                        value.as_document().and_then(|document| field(document, &part.name))
                    });
                    key::append(&mut bytes, value.unwrap_or(RawBsonRef::Null), *direction);
                }
            }
        }
        Ok(bytes)
    }
}

impl Pull {
    pub(super) fn apply(&self, array: &mut Vec<Bson>) -> Result<bool, Invalid> {
        let before = array.len();
        let mut kept = Vec::with_capacity(before);
        for element in array.drain(..) {
            if !self.takes(&element)? {
                kept.push(element);
            }
        }
        *array = kept;
        Ok(array.len() != before)
    }

    fn takes(&self, element: &Bson) -> Result<bool, Invalid> {
        match self {
            Self::Equal(value) => equal(element, value),
            Self::Document(filter) => Ok(match raw(element)? {
                RawBson::Document(document) => filter.matches(&document),
                _ => false,
            }),
            Self::Value(filter) => {
                let mut wrapped = RawDocumentBuf::new();
                wrapped.append(cstr!(""), raw(element)?);
                Ok(filter.matches(&wrapped))
            }
        }
    }
}

/// Adds the values that the array does not hold yet.
pub(super) fn add_to_set(array: &mut Vec<Bson>, values: &[Bson]) -> Result<bool, Invalid> {
    let mut held = keys(array)?;
    let before = array.len();
    for value in values {
        if held.insert(key(value)?) {
            array.push(value.clone());
        }
    }
    Ok(array.len() != before)
}

/// Removes the elements that equal one of the values.
pub(super) fn pull_all(array: &mut Vec<Bson>, values: &[Bson]) -> Result<bool, Invalid> {
    let pulled = keys(values)?;
    let before = array.len();
    let mut kept = Vec::with_capacity(before);
    for element in array.drain(..) {
        if !pulled.contains(&key(&element)?) {
            kept.push(element);
        }
    }
    *array = kept;
    Ok(array.len() != before)
}

/// Equal values have equal keys; with many on both sides comparing each with each would take seconds.
fn keys(values: &[Bson]) -> Result<HashSet<Vec<u8>>, Invalid> {
    values.iter().map(key).collect()
}

fn key(value: &Bson) -> Result<Vec<u8>, Invalid> {
    Ok(key::encode_one(raw(value)?.as_raw_bson_ref()))
}

/// Removes one element at an end.
pub(super) fn pop(array: &mut Vec<Bson>, end: End) -> bool {
    match end {
        End::Last => array.pop().is_some(),
        End::First if array.is_empty() => false,
        End::First => {
            array.remove(0);
            true
        }
    }
}
