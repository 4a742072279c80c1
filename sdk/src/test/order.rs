//! The order of BSON values, as MongoDB has it: first by type, numbers being one.

use std::cmp::Ordering;

use bson::{Bson, Document};

pub(super) fn compare(left: &Bson, right: &Bson) -> Ordering {
    match (left, right) {
        _ if rank(left) != rank(right) => rank(left).cmp(&rank(right)),
        (Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_), _) => numbers(left, right),
        (Bson::String(left), Bson::String(right)) => left.cmp(right),
        (Bson::Boolean(left), Bson::Boolean(right)) => left.cmp(right),
        (Bson::DateTime(left), Bson::DateTime(right)) => left.cmp(right),
        (Bson::ObjectId(left), Bson::ObjectId(right)) => left.cmp(right),
        (Bson::Document(left), Bson::Document(right)) => documents(left, right),
        (Bson::Array(left), Bson::Array(right)) => lists(left.iter(), right.iter()),
        (Bson::Null | Bson::Undefined, _) => Ordering::Equal,
        // Types that plugins do not sort by (code, regular expressions) only have to be told apart.
        _ => left.to_string().cmp(&right.to_string()),
    }
}

pub(super) fn equal(left: &Bson, right: &Bson) -> bool {
    compare(left, right) == Ordering::Equal
}

/// Comparisons like `$gt` look at values of one type only.
pub(super) fn same_type(left: &Bson, right: &Bson) -> bool {
    rank(left) == rank(right)
}

fn rank(value: &Bson) -> u8 {
    match value {
        Bson::MinKey => 0,
        Bson::Null | Bson::Undefined => 1,
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => 2,
        Bson::String(_) | Bson::Symbol(_) => 3,
        Bson::Document(_) => 4,
        Bson::Array(_) => 5,
        Bson::Binary(_) => 6,
        Bson::ObjectId(_) => 7,
        Bson::Boolean(_) => 8,
        Bson::DateTime(_) => 9,
        Bson::Timestamp(_) => 10,
        Bson::RegularExpression(_) => 11,
        Bson::MaxKey => 13,
        _ => 12,
    }
}

fn numbers(left: &Bson, right: &Bson) -> Ordering {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => real(left).total_cmp(&real(right)),
    }
}

pub(super) fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "as precise as the comparison of MongoDB needs to be in a test")]
pub(super) fn real(value: &Bson) -> f64 {
    match value {
        // Negative zero equals zero.
        Bson::Double(number) => *number + 0.0,
        _ => whole(value).unwrap_or(0) as f64,
    }
}

fn documents(left: &Document, right: &Document) -> Ordering {
    let mut rest = right.iter();
    for (name, value) in left {
        let Some((other_name, other)) = rest.next() else { return Ordering::Greater };
        let order =
            rank(value).cmp(&rank(other)).then_with(|| name.cmp(other_name)).then_with(|| compare(value, other));
        if order != Ordering::Equal {
            return order;
        }
    }
    if rest.next().is_some() { Ordering::Less } else { Ordering::Equal }
}

fn lists<'a>(left: impl Iterator<Item = &'a Bson>, mut right: impl Iterator<Item = &'a Bson>) -> Ordering {
    for value in left {
        let Some(other) = right.next() else { return Ordering::Greater };
        let order = compare(value, other);
        if order != Ordering::Equal {
            return order;
        }
    }
    if right.next().is_some() { Ordering::Less } else { Ordering::Equal }
}
