//! The range of values that one condition demands.

use std::{cmp::Ordering, ops::Bound};

use bson::raw::RawBsonRef;

use super::super::{
    compare,
    filter::{Comparison, is_nan},
    key::{self, Direction, Range},
    order::Class,
    pattern::Pattern,
};
use super::indexable;

/// Values of one class, between two ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Bounds<'a> {
    pub(super) class: Class,
    lower: Bound<RawBsonRef<'a>>,
    upper: Bound<RawBsonRef<'a>>,
    /// One more value, of a greater class: the regular expression itself beside the texts that it matches.
    also: Option<RawBsonRef<'a>>,
}

impl<'a> Bounds<'a> {
    pub(super) fn of(comparison: Comparison, operand: RawBsonRef<'a>) -> Option<Self> {
        let class = Class::of(operand);
        let point = class == Class::Null || is_nan(operand);
        let (lower, upper) = match comparison {
            Comparison::Equal => (Bound::Included(operand), Bound::Included(operand)),
            Comparison::GreaterOrEqual | Comparison::LessOrEqual if point => {
                (Bound::Included(operand), Bound::Included(operand))
            }
            // Nothing matches, or (the two ends) values of all classes.
            _ if point || matches!(class, Class::MinKey | Class::MaxKey) => return None,
            Comparison::Greater => (Bound::Excluded(operand), Bound::Unbounded),
            Comparison::GreaterOrEqual => (Bound::Included(operand), Bound::Unbounded),
            Comparison::Less => (Bound::Unbounded, Bound::Excluded(operand)),
            Comparison::LessOrEqual => (Bound::Unbounded, Bound::Included(operand)),
        };
        indexable(operand).map(|_| Self { class, lower, upper, also: None })
    }

    pub(super) fn of_pattern(pattern: &'a Pattern) -> Option<Self> {
        let (from, to) = pattern.range()?;
        Some(Self {
            class: Class::String,
            lower: Bound::Included(from),
            upper: to.map_or(Bound::Unbounded, Bound::Excluded),
            also: Some(pattern.source()),
        })
    }

    pub(super) fn intersect(self, other: Self) -> Self {
        let narrower = |left: Bound<RawBsonRef<'a>>, right: Bound<RawBsonRef<'a>>, wanted: Ordering| match (left, right)
        {
            (Bound::Unbounded, bound) | (bound, Bound::Unbounded) => bound,
            (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
                match compare(a, b) {
                    // At the same value the excluding bound is the narrower one.
                    Ordering::Equal if matches!(left, Bound::Excluded(_)) => left,
                    Ordering::Equal => right,
                    order if order == wanted => left,
                    _ => right,
                }
            }
        };
        Self {
            class: self.class,
            lower: narrower(self.lower, other.lower, Ordering::Greater),
            upper: narrower(self.upper, other.upper, Ordering::Less),
            also: self.also.filter(|also| other.also.is_some_and(|other| compare(*also, other).is_eq())),
        }
    }

    /// The keys that begin with `prefix` and go on with a value within, in order.
    pub(super) fn ranges(&self, prefix: &[u8], direction: Direction) -> Vec<Range> {
        let mut ranges = vec![self.range(prefix, direction)];
        if let Some(also) = self.also {
            let mut key = prefix.to_vec();
            key::append(&mut key, also, direction);
            let place = if direction == Direction::Ascending { 1 } else { 0 };
            ranges.insert(place, Range::prefix(key));
        }
        ranges
    }

    fn range(&self, prefix: &[u8], direction: Direction) -> Range {
        let component = |value: Option<RawBsonRef<'_>>| {
            let mut key = prefix.to_vec();
            match value {
                Some(value) => key::append(&mut key, value, direction),
                None => key::append_class(&mut key, self.class, direction),
            }
            key
        };
        let (first, last) = match direction {
            Direction::Ascending => (self.lower, self.upper),
            Direction::Descending => (self.upper, self.lower),
        };
        let start = match first {
            Bound::Included(value) => Some(component(Some(value))),
            Bound::Excluded(value) => key::prefix_end(&component(Some(value))),
            Bound::Unbounded => Some(component(None)),
        };
        let end = match last {
            Bound::Included(value) => key::prefix_end(&component(Some(value))),
            Bound::Excluded(value) => Some(component(Some(value))),
            Bound::Unbounded => key::prefix_end(&component(None)),
        };
        // A component begins with a class, never 0xff, so there is always a key after it.
        Range { start: start.unwrap_or_default(), end }
    }
}
