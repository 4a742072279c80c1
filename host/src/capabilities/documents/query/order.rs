//! MongoDB's order of all values: by class of type first, then within the class.

use std::cmp::Ordering;

use bson::{
    RawDocument,
    raw::{RawBinaryRef, RawBsonRef},
    spec::BinarySubtype,
};

/// Types that are compared with each other, least first. The numbers are the first byte of index keys and so on disk:
/// they never change. None is 0x00 or 0xff, not even inverted, which [`super::key`] needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Class {
    MinKey = 0x08,
    /// No stored value is undefined; an index holds it for an empty array.
    Undefined = 0x10,
    Null = 0x18,
    Number = 0x20,
    String = 0x30,
    Document = 0x40,
    Array = 0x50,
    Binary = 0x60,
    ObjectId = 0x70,
    Boolean = 0x80,
    Date = 0x90,
    Timestamp = 0xa0,
    Regex = 0xb0,
    DbPointer = 0xc0,
    Code = 0xd0,
    CodeWithScope = 0xe0,
    MaxKey = 0xf0,
}

impl Class {
    pub(crate) fn of(value: RawBsonRef<'_>) -> Self {
        match value {
            RawBsonRef::MinKey => Self::MinKey,
            RawBsonRef::Undefined => Self::Undefined,
            RawBsonRef::Null => Self::Null,
            RawBsonRef::Int32(_) | RawBsonRef::Int64(_) | RawBsonRef::Double(_) | RawBsonRef::Decimal128(_) => {
                Self::Number
            }
            RawBsonRef::String(_) | RawBsonRef::Symbol(_) => Self::String,
            RawBsonRef::Document(_) => Self::Document,
            RawBsonRef::Array(_) => Self::Array,
            RawBsonRef::Binary(_) => Self::Binary,
            RawBsonRef::ObjectId(_) => Self::ObjectId,
            RawBsonRef::Boolean(_) => Self::Boolean,
            RawBsonRef::DateTime(_) => Self::Date,
            RawBsonRef::Timestamp(_) => Self::Timestamp,
            RawBsonRef::RegularExpression(_) => Self::Regex,
            RawBsonRef::DbPointer(_) => Self::DbPointer,
            RawBsonRef::JavaScriptCode(_) => Self::Code,
            RawBsonRef::JavaScriptCodeWithScope(_) => Self::CodeWithScope,
            RawBsonRef::MaxKey => Self::MaxKey,
        }
    }
}

/// Which of two values is less. A total order: NaN equals NaN and is below all other numbers, -0.0 equals 0.0, and
/// numbers of different types are compared exactly (2^53 + 1 as an int64 is above 2^53 as a double).
pub(crate) fn compare(left: RawBsonRef<'_>, right: RawBsonRef<'_>) -> Ordering {
    Class::of(left).cmp(&Class::of(right)).then_with(|| within_class(left, right))
}

fn within_class(left: RawBsonRef<'_>, right: RawBsonRef<'_>) -> Ordering {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return left.compare(right);
    }
    if let (Some(left), Some(right)) = (text(left), text(right)) {
        return left.as_bytes().cmp(right.as_bytes());
    }
    match (left, right) {
        (RawBsonRef::Document(left), RawBsonRef::Document(right)) => documents(left, right),
        // The names of an array's elements mean nothing.
        (RawBsonRef::Array(left), RawBsonRef::Array(right)) => {
            left.into_iter().flatten().order_by(right.into_iter().flatten(), compare)
        }
        (RawBsonRef::Binary(left), RawBsonRef::Binary(right)) => binary_length(&left)
            .cmp(&binary_length(&right))
            .then_with(|| u8::from(left.subtype).cmp(&u8::from(right.subtype)))
            .then_with(|| left.bytes.cmp(right.bytes)),
        (RawBsonRef::ObjectId(left), RawBsonRef::ObjectId(right)) => left.bytes().cmp(&right.bytes()),
        (RawBsonRef::Boolean(left), RawBsonRef::Boolean(right)) => left.cmp(&right),
        (RawBsonRef::DateTime(left), RawBsonRef::DateTime(right)) => left.cmp(&right),
        (RawBsonRef::Timestamp(left), RawBsonRef::Timestamp(right)) => {
            (left.time, left.increment).cmp(&(right.time, right.increment))
        }
        (RawBsonRef::RegularExpression(left), RawBsonRef::RegularExpression(right)) => {
            (left.pattern.as_str(), left.options.as_str()).cmp(&(right.pattern.as_str(), right.options.as_str()))
        }
        (RawBsonRef::JavaScriptCodeWithScope(left), RawBsonRef::JavaScriptCodeWithScope(right)) => {
            left.code.cmp(right.code).then_with(|| documents(left.scope, right.scope))
        }
        // Null and the two ends have one value each; undefined and pointers are refused on input.
        _ => Ordering::Equal,
    }
}

/// Field by field: class of the value, then name, then value; of two that begin alike the shorter is less.
fn documents(left: &RawDocument, right: &RawDocument) -> Ordering {
    left.iter().flatten().order_by(right.iter().flatten(), |(left_name, left), (right_name, right)| {
        Class::of(left)
            .cmp(&Class::of(right))
            .then_with(|| left_name.as_str().cmp(right_name.as_str()))
            .then_with(|| within_class(left, right))
    })
}

/// `Iterator::cmp_by`, which is not stable yet.
trait CompareBy: Iterator + Sized {
    fn order_by(mut self, mut other: Self, compare: impl Fn(Self::Item, Self::Item) -> Ordering) -> Ordering {
        loop {
            match (self.next(), other.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some(left), Some(right)) => match compare(left, right) {
                    Ordering::Equal => {}
                    unequal => return unequal,
                },
            }
        }
    }
}

impl<I: Iterator> CompareBy for I {}

fn text(value: RawBsonRef<'_>) -> Option<&str> {
    match value {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) | RawBsonRef::JavaScriptCode(text) => Some(text),
        _ => None,
    }
}

/// The length as stored: the old subtype repeats it inside, which counts.
pub(super) fn binary_length(binary: &RawBinaryRef<'_>) -> usize {
    binary.bytes.len() + if binary.subtype == BinarySubtype::BinaryOld { 4 } else { 0 }
}

/// A number of any type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Integer(i64),
    Double(f64),
    /// Refused on input, and so only placed (after all others) to keep the order total.
    Decimal([u8; 16]),
}

impl Number {
    pub(super) fn of(value: RawBsonRef<'_>) -> Option<Self> {
        match value {
            RawBsonRef::Int32(value) => Some(Self::Integer(value.into())),
            RawBsonRef::Int64(value) => Some(Self::Integer(value)),
            RawBsonRef::Double(value) => Some(Self::Double(value)),
            RawBsonRef::Decimal128(value) => Some(Self::Decimal(value.bytes())),
            _ => None,
        }
    }

    /// The number if it is a whole one, whatever its type: limits and positions may come as doubles.
    pub(super) fn whole(self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(value),
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the range that doubles hold exactly")]
            Self::Double(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => Some(value as i64),
            Self::Double(_) | Self::Decimal(_) => None,
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(&right),
            (Self::Integer(left), Self::Double(right)) => integer_with_double(left, right),
            (Self::Double(left), Self::Integer(right)) => integer_with_double(right, left).reverse(),
            (Self::Double(left), Self::Double(right)) => {
                left.partial_cmp(&right).unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
            }
            (Self::Decimal(left), Self::Decimal(right)) => left.cmp(&right),
            (Self::Decimal(_), _) => Ordering::Greater,
            (_, Self::Decimal(_)) => Ordering::Less,
        }
    }
}

/// Exact where a conversion either way would round.
fn integer_with_double(integer: i64, double: f64) -> Ordering {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() || double < -TWO_TO_63 {
        return Ordering::Greater;
    }
    if double >= TWO_TO_63 {
        return Ordering::Less;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the range of i64, as just checked")]
    let whole = double.trunc() as i64;
    integer.cmp(&whole).then_with(|| 0.0.partial_cmp(&double.fract()).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
