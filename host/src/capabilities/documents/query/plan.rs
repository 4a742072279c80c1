//! What a filter says about the keys of an index. It may say too little, never too much: the ranges hold the entries of
//! every document that matches, and the engine asks [`Filter::matches`](super::Filter::matches) about each document it
//! finds there.

mod bounds;
mod given;
mod implies;
mod seed;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

use bson::raw::RawBsonRef;

use super::{
    Index,
    key::{self, Direction, Range},
    order::Class,
};
pub(crate) use given::Given;

/// How an index answers a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In order of keys, disjoint.
    pub(crate) ranges: Vec<Range>,
    /// For each range, how many bytes its keys begin with are those of fixed fields, of one value each.
    pub(crate) starts: Vec<usize>,
    /// How many leading fields are fixed to one value, the same in all ranges: unless the index is multikey, the keys in
    /// the ranges are in the order of the fields after them.
    pub(crate) equalities: usize,
    /// How many bytes of a key these take.
    pub(crate) equal_bytes: usize,
    /// How many leading fields are fixed in each range, to one of several values.
    pub(crate) fixed: usize,
    /// How many leading fields the ranges say something about.
    pub(crate) narrowed: usize,
    /// Whether each range is a single whole key: in a unique index at most one document.
    pub(crate) point: bool,
}

/// A value whose equality, as an operand, is that of single keys.
fn indexable(operand: RawBsonRef<'_>) -> Option<RawBsonRef<'_>> {
    (!matches!(Class::of(operand), Class::Array | Class::Undefined)).then_some(operand)
}

impl Index {
    /// `$in`s in several fields multiply, as does one after a long string; beyond this many ranges, or bytes of them,
    /// the rest is left to [`Filter::matches`].
    const MOST_PRODUCTS: usize = 1_000;
    const MOST_PRODUCT_BYTES: usize = 4 * 1024 * 1024;

    /// The ranges of this index that hold every document that is `given`; `None` if that says nothing about the leading
    /// field. `multikey`: whether any stored document ever had an array in it ([`super::index::Entries::multikey`]).
    /// The same document can turn up more than once.
    pub(crate) fn plan(&self, given: &Given<'_>, multikey: bool) -> Option<Plan> {
        let mut plan = Plan {
            ranges: Vec::new(),
            starts: Vec::new(),
            equalities: 0,
            equal_bytes: 0,
            fixed: 0,
            narrowed: 0,
            point: false,
        };
        let mut prefixes = vec![Vec::new()];
        for field in self.fields() {
            // Conditions on two fields can hold for two elements of the same array.
            if multikey && plan.fixed > 0 {
                break;
            }
            let path = field.path.as_str();
            if let Some(values) = given.one_of(path)
                && (plan.fixed == 0 || Self::affordable(&prefixes, values.len()))
            {
                prefixes = extend(&prefixes, &values, field.direction);
                if values.len() == 1 && plan.equalities == plan.fixed {
                    plan.equalities += 1;
                    plan.equal_bytes = prefixes.first().map_or(0, Vec::len);
                }
                plan.fixed += 1;
            } else if let Some(bounds) = given.bounds(path, multikey) {
                let ranges = prefixes.iter().flat_map(|prefix| {
                    bounds.ranges(prefix, field.direction).into_iter().map(|range| (range, prefix.len()))
                });
                (plan.ranges, plan.starts) = ranges.filter(|(range, _)| !range.is_empty()).unzip();
                plan.narrowed = plan.fixed + 1;
                return Some(plan);
            } else {
                break;
            }
        }
        if plan.fixed == 0 {
            return None;
        }
        plan.narrowed = plan.fixed;
        plan.point = plan.fixed == self.fields().len();
        plan.starts = prefixes.iter().map(Vec::len).collect();
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
