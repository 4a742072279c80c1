//! What a filter says about the keys of an index. It may say too little, never too much: the ranges hold the entries of
//! every document that matches, and the engine asks [`Filter::matches`] about each document it finds there.

mod implies;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::{cmp::Ordering, ops::Bound};

use bson::{Bson, Document, raw::RawBsonRef};

use super::{
    Filter, Index, Invalid, compare,
    filter::{Clause, Comparison, Predicate, is_nan},
    key::{self, Direction, Range},
    order::Class,
    path::{Part, Path},
    pattern::Pattern,
    validate::owned,
};

/// How an index answers a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In order of keys, disjoint.
    pub(crate) ranges: Vec<Range>,
    /// How many leading fields are fixed to one value each: unless the index is multikey, the keys in the ranges are in
    /// the order of the fields after them.
    pub(crate) equalities: usize,
    /// How many leading fields the ranges say something about.
    pub(crate) narrowed: usize,
    /// Whether each range is a single whole key: in a unique index at most one document.
    pub(crate) point: bool,
}

/// Values of one class, between two ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds<'a> {
    class: Class,
    lower: Bound<RawBsonRef<'a>>,
    upper: Bound<RawBsonRef<'a>>,
    /// One more value, of a greater class: the regular expression itself beside the texts that it matches.
    also: Option<RawBsonRef<'a>>,
}

impl Filter {
    /// The value that the filter demands at a path, also inside a top-level `$and`. Never an array, whose meaning is
    /// wider than equality of keys.
    pub(super) fn equality(&self, path: &str) -> Option<RawBsonRef<'_>> {
        self.at(path).into_iter().find_map(|predicate| match predicate {
            Predicate::Compare(Comparison::Equal, operand) => indexable(operand.as_raw_bson_ref()),
            // These accept a single value, too.
            Predicate::Compare(Comparison::GreaterOrEqual | Comparison::LessOrEqual, operand) => {
                let operand = operand.as_raw_bson_ref();
                (Class::of(operand) == Class::Null || is_nan(operand)).then_some(operand)
            }
            _ => None,
        })
    }

    /// The values of which the filter demands one at a path: its equality, or its `$in`.
    pub(super) fn one_of(&self, path: &str) -> Option<Vec<RawBsonRef<'_>>> {
        self.equality(path).map(|value| vec![value]).or_else(|| {
            self.at(path).into_iter().find_map(|predicate| match predicate {
                Predicate::In(operands) => {
                    operands.iter().map(|operand| indexable(operand.as_raw_bson_ref())).collect()
                }
                _ => None,
            })
        })
    }

    /// The range that the filter demands at a path. In a multikey index two conditions can hold for two elements of an
    /// array, so only one of them counts there.
    pub(super) fn bounds(&self, path: &str, multikey: bool) -> Option<Bounds<'_>> {
        let mut all = self.at(path).into_iter().filter_map(|predicate| match predicate {
            Predicate::Compare(comparison, operand) => Bounds::of(*comparison, operand.as_raw_bson_ref()),
            Predicate::Match(pattern) => Bounds::of_pattern(pattern),
            _ => None,
        });
        let first = all.next()?;
        if multikey {
            return Some(first);
        }
        // Of contradicting classes any one is right: nothing matches.
        Some(all.filter(|other| other.class == first.class).fold(first, Bounds::intersect))
    }

    /// The document that an upsert begins with: the filter's equalities.
    pub(super) fn seed(&self) -> Result<Document, Invalid> {
        let mut found = Vec::new();
        self.equalities(&mut found);
        let mut seed = Document::new();
        for (position, (path, value)) in found.iter().enumerate() {
            let clash = found.iter().take(position).any(|(other, _)| path.touches(other));
            if clash
                || path.parts().iter().any(|part| part.name.is_empty())
                || !plant(&mut seed, path.parts(), owned(*value)?)
            {
                return Err(Invalid::new(format!(
                    "the filter of the upsert fixes `{}` more than once, or in no usable way",
                    path.as_str()
                )));
            }
        }
        Ok(seed)
    }

    /// The `_id` that an upsert begins with.
    pub(super) fn seed_id(&self) -> Option<RawBsonRef<'_>> {
        let mut found = Vec::new();
        self.equalities(&mut found);
        found.into_iter().find_map(|(path, value)| (path.as_str() == "_id").then_some(value))
    }

    fn equalities<'a>(&'a self, found: &mut Vec<(&'a Path, RawBsonRef<'a>)>) {
        for clause in &self.clauses {
            match clause {
                Clause::Field(path, Predicate::Compare(Comparison::Equal, operand)) => {
                    found.push((path, operand.as_raw_bson_ref()));
                }
                Clause::Field(path, Predicate::In(operands)) => {
                    if let [operand] = operands.as_slice() {
                        found.push((path, operand.as_raw_bson_ref()));
                    }
                }
                Clause::All(filters) => filters.iter().for_each(|filter| filter.equalities(found)),
                Clause::Any(filters) => {
                    if let [filter] = filters.as_slice() {
                        filter.equalities(found);
                    }
                }
                Clause::Field(..) | Clause::None(_) => {}
            }
        }
    }

    /// What must hold at a path.
    fn at(&self, path: &str) -> Vec<&Predicate> {
        let mut found = Vec::new();
        self.collect(path, &mut found);
        found
    }

    fn collect<'a>(&'a self, path: &str, found: &mut Vec<&'a Predicate>) {
        for clause in &self.clauses {
            match clause {
                Clause::Field(at, predicate) if at.as_str() == path => found.push(predicate),
                Clause::All(filters) => filters.iter().for_each(|filter| filter.collect(path, found)),
                _ => {}
            }
        }
    }
}

/// A value whose equality, as an operand, is that of single keys.
fn indexable(operand: RawBsonRef<'_>) -> Option<RawBsonRef<'_>> {
    (!matches!(Class::of(operand), Class::Array | Class::Undefined)).then_some(operand)
}

impl<'a> Bounds<'a> {
    fn of(comparison: Comparison, operand: RawBsonRef<'a>) -> Option<Self> {
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

    fn of_pattern(pattern: &'a Pattern) -> Option<Self> {
        let (from, to) = pattern.range()?;
        Some(Self {
            class: Class::String,
            lower: Bound::Included(from),
            upper: to.map_or(Bound::Unbounded, Bound::Excluded),
            also: Some(pattern.source()),
        })
    }

    fn intersect(self, other: Self) -> Self {
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
    fn ranges(&self, prefix: &[u8], direction: Direction) -> Vec<Range> {
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

impl Index {
    /// `$in`s in several fields multiply, as does one after a long string; beyond this many ranges, or bytes of them,
    /// the rest is left to [`Filter::matches`].
    const MOST_PRODUCTS: usize = 1_000;
    const MOST_PRODUCT_BYTES: usize = 4 * 1024 * 1024;

    /// The ranges of this index that hold every document `filter` matches; `None` if it says nothing about the leading
    /// field. `multikey`: whether any stored document ever had an array in it ([`super::index::Entries::multikey`]).
    /// The same document can turn up more than once.
    pub(crate) fn plan(&self, filter: &Filter, multikey: bool) -> Option<Plan> {
        let mut plan = Plan { ranges: Vec::new(), equalities: 0, narrowed: 0, point: false };
        let mut prefixes = vec![Vec::new()];
        let mut fixed = 0;
        for field in self.fields() {
            // Conditions on two fields can hold for two elements of the same array.
            if multikey && fixed > 0 {
                break;
            }
            let path = field.path.as_str();
            if let Some(values) = filter.one_of(path)
                && (fixed == 0 || Self::affordable(&prefixes, values.len()))
            {
                prefixes = extend(&prefixes, &values, field.direction);
                if values.len() == 1 && plan.equalities == fixed {
                    plan.equalities += 1;
                }
                fixed += 1;
            } else if let Some(bounds) = filter.bounds(path, multikey) {
                plan.ranges = prefixes.iter().flat_map(|prefix| bounds.ranges(prefix, field.direction)).collect();
                plan.narrowed = fixed + 1;
                plan.ranges.retain(|range| !range.is_empty());
                return Some(plan);
            } else {
                break;
            }
        }
        if fixed == 0 {
            return None;
        }
        plan.narrowed = fixed;
        plan.point = fixed == self.fields().len();
        plan.ranges = prefixes.into_iter().map(Range::prefix).collect();
        Some(plan)
    }

    fn affordable(prefixes: &[Vec<u8>], values: usize) -> bool {
        prefixes.len() * values <= Self::MOST_PRODUCTS
            && prefixes.iter().map(Vec::len).sum::<usize>() * values <= Self::MOST_PRODUCT_BYTES
    }
}

/// Every prefix with every value after it, in order.
fn extend(prefixes: &[Vec<u8>], values: &[RawBsonRef<'_>], direction: Direction) -> Vec<Vec<u8>> {
    let mut extended: Vec<Vec<u8>> = prefixes
        .iter()
        .flat_map(|prefix| {
            values.iter().map(move |value| {
                let mut key = prefix.clone();
                key::append(&mut key, *value, direction);
                key
            })
        })
        .collect();
    extended.sort_unstable();
    extended.dedup();
    extended
}

/// Sets a value deep in a document that has no arrays; false if something is in the way.
fn plant(document: &mut Document, parts: &[Part], value: Bson) -> bool {
    match parts {
        [] => false,
        [last] => document.insert(last.name.as_str(), value).is_none(),
        [first, rest @ ..] => {
            match document.entry(first.name.as_str()).or_insert_with(|| Bson::Document(Document::new())) {
                Bson::Document(inner) => plant(inner, rest, value),
                _ => false,
            }
        }
    }
}
