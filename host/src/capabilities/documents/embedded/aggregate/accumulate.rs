//! What a group keeps of its documents.

use std::cmp::Ordering;
use std::collections::HashSet;

use bson::raw::RawBsonRef;
use bson::{RawArrayBuf, RawBson};

use super::super::super::query::key;
use super::expression::{Expression, Scope, Total, Value, expression, is_nullish, order, weight};
use crate::capabilities::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sum,
    Average,
    Min,
    Max,
    First,
    Last,
    Push,
    AddToSet,
    Count,
}

const KINDS: [(&str, Kind); 9] = [
    ("$sum", Kind::Sum),
    ("$avg", Kind::Average),
    ("$min", Kind::Min),
    ("$max", Kind::Max),
    ("$first", Kind::First),
    ("$last", Kind::Last),
    ("$push", Kind::Push),
    ("$addToSet", Kind::AddToSet),
    ("$count", Kind::Count),
];

/// An accumulator of a `$group`.
#[derive(Debug, Clone)]
pub(super) struct Accumulator {
    kind: Kind,
    of: Expression,
}

/// What one has kept so far.
#[derive(Debug)]
pub(super) enum Kept {
    Total(Total),
    One(Value, bool),
    Many(RawArrayBuf, HashSet<Vec<u8>>),
}

impl Accumulator {
    /// Reads `{$sum: …}`.
    pub(super) fn parse(field: &str, value: RawBsonRef<'_>) -> Result<Self> {
        let only = value.as_document().and_then(|document| {
            let mut fields = document.iter().flatten();
            fields.next().filter(|_| fields.next().is_none())
        });
        let Some((name, operand)) = only else {
            return Err(Error::invalid(format!("`{field}` of a $group takes one accumulator, such as {{$sum: 1}}")));
        };
        let name = name.as_str();
        let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) else {
            return Err(Error::invalid(format!(
                "the embedded store does not support the accumulator {name}; it supports {}",
                KINDS.map(|(name, _)| name).join(" ")
            )));
        };
        match operand {
            RawBsonRef::Array(_) => {
                Err(Error::invalid(format!("the accumulator {name} takes one expression, not an array of them")))
            }
            RawBsonRef::Document(empty) if *kind == Kind::Count && empty.is_empty() => {
                Ok(Self { kind: *kind, of: Expression::Constant(RawBson::Int32(1)) })
            }
            _ if *kind == Kind::Count => Err(Error::invalid("the accumulator $count takes an empty document")),
            operand => Ok(Self { kind: *kind, of: expression(operand, &[])? }),
        }
    }

    /// A `$sum` of ones.
    pub(super) fn count() -> Self {
        Self { kind: Kind::Count, of: Expression::Constant(RawBson::Int32(1)) }
    }

    pub(super) fn begin(&self) -> Kept {
        match self.kind {
            Kind::Sum | Kind::Average | Kind::Count => Kept::Total(Total::new()),
            Kind::Min | Kind::Max | Kind::First | Kind::Last => Kept::One(None, false),
            Kind::Push | Kind::AddToSet => Kept::Many(RawArrayBuf::new(), HashSet::new()),
        }
    }

    /// Takes a document; how many bytes more are kept.
    pub(super) fn add(&self, kept: &mut Kept, scope: &Scope<'_>) -> Result<usize> {
        // The first one is the first document's, whatever it is.
        if self.kind == Kind::First && matches!(kept, Kept::One(_, true)) {
            return Ok(0);
        }
        let value = self.of.evaluate(scope)?;
        match kept {
            Kept::Total(total) => {
                if let Some(value) = &value {
                    total.add(value.as_raw_bson_ref());
                }
                Ok(0)
            }
            Kept::One(known, any) => {
                let wanted = match self.kind {
                    Kind::First | Kind::Last => true,
                    _ if is_nullish(value.as_ref()) => false,
                    _ if !*any => true,
                    Kind::Min => order(value.as_ref(), known.as_ref()) == Ordering::Less,
                    _ => order(value.as_ref(), known.as_ref()) == Ordering::Greater,
                };
                if !wanted {
                    return Ok(0);
                }
                // What goes is not given back: the sum of what came bounds it as well, for the least cost.
                let more = value.as_ref().map_or(0, weight).saturating_sub(known.as_ref().map_or(0, weight));
                (*known, *any) = (value, true);
                Ok(more)
            }
            Kept::Many(array, seen) => {
                let Some(value) = value else { return Ok(0) };
                let mut bytes = weight(&value);
                if self.kind == Kind::AddToSet {
                    let key = key::encode_one(value.as_raw_bson_ref());
                    bytes += key.len() + 48;
                    if !seen.insert(key) {
                        return Ok(0);
                    }
                }
                array.push(value);
                Ok(bytes)
            }
        }
    }

    pub(super) fn end(&self, kept: Kept) -> RawBson {
        match kept {
            Kept::Total(total) if self.kind == Kind::Average => total.average(),
            Kept::Total(total) => total.sum(),
            Kept::One(value, _) => value.unwrap_or(RawBson::Null),
            Kept::Many(array, _) => RawBson::Array(array),
        }
    }
}
