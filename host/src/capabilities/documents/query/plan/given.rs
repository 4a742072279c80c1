//! What must hold of a document for a filter to match it, one condition beside the other.

use bson::raw::RawBsonRef;

use super::super::{
    Filter,
    filter::{Clause, Comparison, Predicate, is_nan},
    order::Class,
};
use super::{bounds::Bounds, indexable};

/// The clauses of a filter, those inside a top-level `$and` too.
#[derive(Debug, Clone)]
pub(crate) struct Given<'a>(pub(super) Vec<&'a Clause>);

impl Filter {
    /// What must hold for it to match.
    pub(crate) fn given(&self) -> Given<'_> {
        let mut clauses = Vec::with_capacity(self.clauses.len());
        self.flatten(&mut clauses);
        Given(clauses)
    }

    fn flatten<'a>(&'a self, clauses: &mut Vec<&'a Clause>) {
        for clause in &self.clauses {
            match clause {
                Clause::All(filters) => filters.iter().for_each(|filter| filter.flatten(clauses)),
                clause => clauses.push(clause),
            }
        }
    }
}

impl<'a> Given<'a> {
    /// For each `$or`: what is given in each of its branches, together with the rest.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = impl Iterator<Item = Self>> {
        let all = self.0.as_slice();
        all.iter().enumerate().filter_map(move |(place, clause)| {
            let Clause::Any(branches) = clause else { return None };
            Some(branches.iter().map(move |branch| {
                let mut given = branch.given();
                given.0.extend(all.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| *other));
                given
            }))
        })
    }

    /// The value that is demanded at a path. Never an array, whose meaning is wider than equality of keys.
    pub(super) fn equality(&self, path: &str) -> Option<RawBsonRef<'a>> {
        self.at(path).find_map(|predicate| match predicate {
            Predicate::Compare(Comparison::Equal, operand) => indexable(operand.as_raw_bson_ref()),
            // These accept a single value, too.
            Predicate::Compare(Comparison::GreaterOrEqual | Comparison::LessOrEqual, operand) => {
                let operand = operand.as_raw_bson_ref();
                (Class::of(operand) == Class::Null || is_nan(operand)).then_some(operand)
            }
            _ => None,
        })
    }

    /// The values of which one is demanded at a path: an equality, or an `$in`.
    pub(super) fn one_of(&self, path: &str) -> Option<Vec<RawBsonRef<'a>>> {
        self.equality(path).map(|value| vec![value]).or_else(|| {
            self.at(path).find_map(|predicate| match predicate {
                Predicate::In(operands) => {
                    operands.iter().map(|operand| indexable(operand.as_raw_bson_ref())).collect()
                }
                _ => None,
            })
        })
    }

    /// The range that is demanded at a path. In a multikey index two conditions can hold for two elements of an
    /// array, so only one of them counts there.
    pub(super) fn bounds(&self, path: &str, multikey: bool) -> Option<Bounds<'a>> {
        let mut all = self.at(path).filter_map(|predicate| match predicate {
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

    /// What must hold at a path.
    pub(super) fn at(&self, path: &str) -> impl Iterator<Item = &'a Predicate> {
        self.0.iter().filter_map(move |clause| match clause {
            Clause::Field(at, predicate) if at.as_str() == path => Some(predicate),
            _ => None,
        })
    }
}
