//! Updates: what a document becomes.

mod array;
mod change;
mod parse;
mod replacement;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::{borrow::Cow, cell::Cell, cmp::Ordering, time::SystemTime};

use bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, Timestamp, oid::ObjectId, raw::RawBson};

use self::change::Change;
pub(crate) use self::replacement::Replacement;
use super::{
    Filter, Invalid, compare,
    path::{Part, Path},
    validate::{Limits, encode, for_insert},
};

/// Update operators (`$set`, `$inc`, …), in the order in which they are applied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    changes: Vec<(Path, Change)>,
}

/// What the update is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applying {
    /// A stored document.
    Update,
    /// The seed of an upsert; `$setOnInsert` counts.
    Insert,
}

impl Update {
    /// Reads validated update operators; a replacement and what the store does not know are refused.
    pub(crate) fn parse(document: &RawDocument) -> Result<Self, Invalid> {
        let mut changes = parse::changes(document)?;
        // MongoDB's order, which decides where new fields stand: by the path that is written, positions by their number.
        changes.sort_by(|left, right| by_path(written(left), written(right)));
        Ok(Self { changes })
    }

    /// The update as it is at a time: what is to be the current date is that.
    pub(crate) fn at(&self, now: SystemTime) -> Cow<'_, Self> {
        if !self.changes.iter().any(|(_, change)| matches!(change, Change::CurrentDate { .. })) {
            return Cow::Borrowed(self);
        }
        let now = DateTime::from_system_time(now);
        let mut at = self.clone();
        for (_, change) in &mut at.changes {
            if let Change::CurrentDate { timestamp } = change {
                let seconds = u32::try_from(now.timestamp_millis().div_euclid(1_000)).unwrap_or_default();
                *change = Change::Set(if *timestamp {
                    Bson::Timestamp(Timestamp { time: seconds, increment: 1 })
                } else {
                    Bson::DateTime(now)
                });
            }
        }
        Cow::Owned(at)
    }

    /// Changes a document; whether it is different now. After an error the document is in between: drop it.
    fn apply(&self, document: &mut Document, applying: Applying) -> Result<bool, Invalid> {
        let id = document.get("_id").cloned();
        let mut modified = false;
        let room = Cell::new(MOST_CREATED);
        for (path, change) in &self.changes {
            modified |= match change {
                Change::SetOnInsert(_) if applying == Applying::Update => false,
                Change::Rename(to) => rename(document, path, to, &room)?,
                change => in_document(document, path.parts(), &At { path, change, room: &room })?,
            };
        }
        if let Some(id) = id
            && !document.get("_id").is_some_and(|now| equal(now, &id).unwrap_or(false))
        {
            return Err(Invalid::new("an update cannot change `_id`"));
        }
        Ok(modified)
    }

    /// A stored document after the update; `None` where it is the same. The outcome is within the limits of documents.
    pub(crate) fn run(&self, document: &RawDocument) -> Result<Option<RawDocumentBuf>, Invalid> {
        let mut changed = read(document)?;
        if self.apply(&mut changed, Applying::Update)? { encode(&changed).map(Some) } else { Ok(None) }
    }

    /// The document that is inserted where nothing matches the filter.
    pub(crate) fn upsert(&self, filter: &Filter, new_id: impl FnOnce() -> ObjectId) -> Result<RawDocumentBuf, Invalid> {
        let mut seed = filter.seed()?;
        self.apply(&mut seed, Applying::Insert)?;
        for_insert(&encode(&seed)?, new_id)
    }
}

/// A validated document as an owned one.
fn read(document: &RawDocument) -> Result<Document, Invalid> {
    Document::try_from(document).map_err(|_| Invalid::new("malformed BSON: a stored document cannot be read"))
}

/// How many documents and nulls one update can make on the way to its places. In the end each takes some 8 bytes, so
/// that more would not fit a document; before, each takes a hundred and more.
const MOST_CREATED: usize = Limits::DOCUMENT.bytes / 8;

/// A change on its way to its place; the path is for messages.
struct At<'a> {
    path: &'a Path,
    change: &'a Change,
    /// What is left of [`MOST_CREATED`].
    room: &'a Cell<usize>,
}

impl At<'_> {
    /// Nothing is at the place: the value that the change puts there, wrapped in the documents that are missing, too.
    fn missing(&self, rest: &[Part]) -> Result<Option<Bson>, Invalid> {
        let Some(value) = self.change.create(self.path.as_str())? else { return Ok(None) };
        self.take_room(rest.len())?;
        Ok(Some(rest.iter().rev().fold(value, |inner, part| {
            let mut outer = Document::new();
            outer.insert(part.name.as_str(), inner);
            Bson::Document(outer)
        })))
    }

    fn take_room(&self, count: usize) -> Result<(), Invalid> {
        let left = self.room.get().checked_sub(count).ok_or_else(|| {
            Invalid::new(format!("the path `{}` makes more values than a document can hold", self.path.as_str()))
        })?;
        self.room.set(left);
        Ok(())
    }

    fn existing(&self, value: &mut Bson) -> Result<bool, Invalid> {
        self.change.apply(self.path.as_str(), value)
    }

    /// The path leads through a value that has no fields, or by name into an array.
    fn blocked(&self, part: &Part, by: &Bson) -> Result<bool, Invalid> {
        // What creates nothing fails here, too, as in MongoDB; what removes has nothing to remove.
        if matches!(self.change, Change::Unset) {
            return Ok(false);
        }
        Err(Invalid::new(format!(
            "cannot create field `{}` of path `{}`: it would be inside a value of type {}",
            part.name,
            self.path.as_str(),
            type_name(by)
        )))
    }
}

fn in_document(document: &mut Document, parts: &[Part], at: &At<'_>) -> Result<bool, Invalid> {
    let Some((part, rest)) = parts.split_first() else { return Ok(false) };
    if rest.is_empty() && matches!(at.change, Change::Unset) {
        return Ok(document.remove(&part.name).is_some());
    }
    match document.get_mut(&part.name) {
        Some(value) => in_value(value, rest, at),
        None => match at.missing(rest)? {
            Some(value) => {
                document.insert(part.name.as_str(), value);
                Ok(true)
            }
            None => Ok(false),
        },
    }
}

fn in_value(value: &mut Bson, rest: &[Part], at: &At<'_>) -> Result<bool, Invalid> {
    match (value, rest) {
        (value, []) => at.existing(value),
        (Bson::Document(document), rest) => in_document(document, rest, at),
        (Bson::Array(array), [part, rest @ ..]) => match part.position {
            Some(position) => in_array(array, position, rest, at),
            None => at.blocked(part, &Bson::Array(Vec::new())),
        },
        (other, [part, ..]) => at.blocked(part, other),
    }
}

fn in_array(array: &mut Vec<Bson>, position: usize, rest: &[Part], at: &At<'_>) -> Result<bool, Invalid> {
    if let Some(element) = array.get_mut(position) {
        if rest.is_empty() && matches!(at.change, Change::Unset) {
            // The others keep their positions.
            return Ok(!matches!(std::mem::replace(element, Bson::Null), Bson::Null));
        }
        return in_value(element, rest, at);
    }
    let Some(value) = at.missing(rest)? else { return Ok(false) };
    at.take_room(position - array.len())?;
    // The gap is filled, as MongoDB does.
    array.resize(position, Bson::Null);
    array.push(value);
    Ok(true)
}

/// Moves a field. Arrays on either path are refused, and what has no fields on the path it comes from.
fn rename(document: &mut Document, from: &Path, to: &Path, room: &Cell<usize>) -> Result<bool, Invalid> {
    let Some(value) = take(document, from.parts()).map_err(|what| in_the_way(from, what))? else { return Ok(false) };
    if leads_through_array(document, to.parts()) {
        return Err(in_the_way(to, ARRAY));
    }
    let change = Change::Set(value);
    in_document(document, to.parts(), &At { path: to, change: &change, room })?;
    Ok(true)
}

const ARRAY: &str = "an array";
const SCALAR: &str = "a value without fields";

/// Whether a path leads from a value to another; an error where it cannot.
fn leads(value: &Bson, parts: &[Part]) -> Result<bool, &'static str> {
    let Some((part, rest)) = parts.split_first() else { return Ok(true) };
    let next = match value {
        Bson::Document(document) => document.get(&part.name),
        Bson::Array(array) => array.get(part.position.ok_or(ARRAY)?),
        _ => return Err(SCALAR),
    };
    next.map_or(Ok(false), |next| leads(next, rest))
}

fn in_the_way(path: &Path, what: &str) -> Invalid {
    Invalid::new(format!("`$rename` cannot lead through {what}, as `{}` does", path.as_str()))
}

fn take(document: &mut Document, parts: &[Part]) -> Result<Option<Bson>, &'static str> {
    match parts {
        [] => Ok(None),
        [last] => Ok(document.remove(&last.name)),
        [first, rest @ ..] => match document.get_mut(&first.name) {
            Some(Bson::Document(inner)) => take(inner, rest),
            // What is not there moves nowhere.
            Some(array @ Bson::Array(_)) => {
                if leads(array, rest)? {
                    Err(ARRAY)
                } else {
                    Ok(None)
                }
            }
            Some(_) => Err(SCALAR),
            None => Ok(None),
        },
    }
}

fn leads_through_array(document: &Document, parts: &[Part]) -> bool {
    match parts {
        [] | [_] => false,
        [first, rest @ ..] => match document.get(&first.name) {
            Some(Bson::Document(inner)) => leads_through_array(inner, rest),
            Some(Bson::Array(_)) => true,
            _ => false,
        },
    }
}

/// The path that a change writes to.
fn written((path, change): &(Path, Change)) -> &[Part] {
    match change {
        Change::Rename(to) => to.parts(),
        _ => path.parts(),
    }
}

/// Positions come before names, by their number.
fn by_path(left: &[Part], right: &[Part]) -> Ordering {
    let place = |part: &Part| (part.position.is_none(), part.position);
    let differing = left
        .iter()
        .zip(right)
        .map(|(left, right)| place(left).cmp(&place(right)).then_with(|| left.name.cmp(&right.name)));
    differing.fold(Ordering::Equal, Ordering::then).then_with(|| left.len().cmp(&right.len()))
}

/// Whether two values are the same to the byte, so that setting one where the other is changes nothing.
fn identical(left: &Bson, right: &Bson) -> bool {
    match (left, right) {
        (Bson::Double(left), Bson::Double(right)) => left.to_bits() == right.to_bits(),
        (Bson::Array(left), Bson::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| identical(left, right))
        }
        // Unlike `==`, the order of fields counts.
        (Bson::Document(left), Bson::Document(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|((a, left), (b, right))| a == b && identical(left, right))
        }
        (left, right) => left == right,
    }
}

/// Whether two values are equal in the query language's sense (`1` and `1.0` are).
fn equal(left: &Bson, right: &Bson) -> Result<bool, Invalid> {
    order(left, right).map(Ordering::is_eq)
}

fn order(left: &Bson, right: &Bson) -> Result<Ordering, Invalid> {
    Ok(compare(raw(left)?.as_raw_bson_ref(), raw(right)?.as_raw_bson_ref()))
}

fn raw(value: &Bson) -> Result<RawBson, Invalid> {
    RawBson::try_from(value.clone()).map_err(|_| Invalid::new("malformed BSON: a field name holds a zero byte"))
}

fn type_name(value: &Bson) -> &'static str {
    match value {
        Bson::Double(_) => "double",
        Bson::String(_) => "string",
        Bson::Array(_) => "array",
        Bson::Document(_) => "object",
        Bson::Boolean(_) => "bool",
        Bson::Null => "null",
        Bson::Int32(_) => "int",
        Bson::Int64(_) => "long",
        Bson::Timestamp(_) => "timestamp",
        Bson::Binary(_) => "binData",
        Bson::ObjectId(_) => "objectId",
        Bson::DateTime(_) => "date",
        Bson::RegularExpression(_) => "regex",
        _ => "another kind",
    }
}
