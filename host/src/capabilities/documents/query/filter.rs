//! Filters: which documents match.

mod parse;
mod shape;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::cmp::Ordering;

use bson::{
    RawDocument,
    raw::{RawArray, RawBson, RawBsonRef},
    spec::ElementType,
};

pub(super) use self::parse::has_operators;
pub(crate) use self::parse::is_true;
use super::{
    Invalid, compare,
    order::Class,
    path::{Leaf, Path},
    pattern::Pattern,
};

/// A filter: every clause must hold. `{}` has none and matches everything.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    pub(super) clauses: Vec<Clause>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Clause {
    Field(Path, Predicate),
    All(Vec<Filter>),
    Any(Vec<Filter>),
    None(Vec<Filter>),
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Predicate {
    Compare(Comparison, RawBson),
    /// Sorted, without doubles.
    In(Vec<RawBson>),
    Match(Box<Pattern>),
    /// One of these holds: `$in` with regular expressions.
    Any(Vec<Predicate>),
    Exists,
    Type(Vec<TypeTest>),
    Size(usize),
    /// `$elemMatch` over documents: an element that matches the filter.
    Element(Filter),
    /// `$elemMatch` over values: an element for which all of these hold.
    ElementValue(Vec<Predicate>),
    /// Not all of these hold.
    Not(Vec<Predicate>),
    /// `$all: []`.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeTest {
    Number,
    Exactly(ElementType),
}

impl Filter {
    /// Each condition can walk a whole document, which a megabyte of them would do for minutes.
    const MOST_CONDITIONS: usize = 1_000;
    /// Each takes up to some hundred KiB.
    const MOST_PATTERNS: usize = 50;

    /// Reads a validated filter; what the store does not know is refused by name.
    pub(crate) fn parse(document: &RawDocument) -> Result<Self, Invalid> {
        let patterns = parse::patterns(document);
        if patterns > Self::MOST_PATTERNS {
            return Err(Invalid::new(format!(
                "a filter takes at most {} regular expressions, not {patterns}: the embedded store does not run more",
                Self::MOST_PATTERNS
            )));
        }
        let filter = parse::filter(document)?;
        if filter.conditions() > Self::MOST_CONDITIONS {
            return Err(Invalid::new(format!(
                "a filter takes at most {} conditions; use $in for many values",
                Self::MOST_CONDITIONS
            )));
        }
        Ok(filter)
    }

    /// This one and the other.
    pub(crate) fn and(&mut self, other: Self) {
        self.clauses.extend(other.clauses);
    }

    /// Whether a document matches.
    pub(crate) fn matches(&self, document: &RawDocument) -> bool {
        self.clauses.iter().all(|clause| match clause {
            Clause::Field(path, predicate) => predicate.holds_at(document, path),
            Clause::All(filters) => filters.iter().all(|filter| filter.matches(document)),
            Clause::Any(filters) => filters.iter().any(|filter| filter.matches(document)),
            Clause::None(filters) => !filters.iter().any(|filter| filter.matches(document)),
        })
    }
}

impl Filter {
    fn conditions(&self) -> usize {
        let clauses = self.clauses.iter().map(|clause| match clause {
            Clause::Field(_, predicate) => predicate.conditions(),
            Clause::All(filters) | Clause::Any(filters) | Clause::None(filters) => {
                filters.iter().map(|filter| filter.conditions() + 1).sum()
            }
        });
        clauses.sum()
    }
}

impl Predicate {
    fn conditions(&self) -> usize {
        match self {
            Self::Element(filter) => filter.conditions() + 1,
            Self::ElementValue(predicates) | Self::Not(predicates) | Self::Any(predicates) => {
                predicates.iter().map(Self::conditions).sum::<usize>() + 1
            }
            _ => 1,
        }
    }

    /// Whether some value that the path leads to has it; what is negated must hold for none of them.
    fn holds_at(&self, document: &RawDocument, path: &Path) -> bool {
        let leaf = match self {
            Self::Not(predicates) => return !predicates.iter().all(|predicate| predicate.holds_at(document, path)),
            Self::Size(_) | Self::Element(_) | Self::ElementValue(_) => Leaf::Whole,
            _ => Leaf::Elements,
        };
        path.any(document, leaf, &mut |value| self.holds(value))
    }

    /// Whether one value has it; `None` is a missing one.
    pub(super) fn holds(&self, value: Option<RawBsonRef<'_>>) -> bool {
        match self {
            Self::Compare(comparison, operand) => comparison.holds(value, operand.as_raw_bson_ref()),
            Self::In(operands) => {
                // A missing value is found as null is.
                let value = value.unwrap_or(RawBsonRef::Null);
                operands.binary_search_by(|operand| compare(operand.as_raw_bson_ref(), value)).is_ok()
            }
            Self::Match(pattern) => value.is_some_and(|value| pattern.matches(value)),
            Self::Any(predicates) => predicates.iter().any(|predicate| predicate.holds(value)),
            Self::Exists => value.is_some(),
            Self::Type(tests) => value.is_some_and(|value| tests.iter().any(|test| test.holds(value))),
            Self::Size(size) => array(value).is_some_and(|array| array.into_iter().count() == *size),
            Self::Element(filter) => array(value).is_some_and(|array| {
                array.into_iter().flatten().any(|element| match element {
                    RawBsonRef::Document(element) => filter.matches(element),
                    // An array is looked at as the document `{"0": …, "1": …}`.
                    RawBsonRef::Array(element) => {
                        RawDocument::from_bytes(element.as_bytes()).is_ok_and(|element| filter.matches(element))
                    }
                    _ => false,
                })
            }),
            Self::ElementValue(predicates) => array(value).is_some_and(|array| {
                array
                    .into_iter()
                    .flatten()
                    .any(|element| predicates.iter().all(|predicate| predicate.holds(Some(element))))
            }),
            Self::Not(predicates) => !predicates.iter().all(|predicate| predicate.holds(value)),
            Self::Never => false,
        }
    }
}

impl Comparison {
    /// Values of different classes are unequal and neither is less: `{$lt: 5}` finds numbers only. Null, and a missing
    /// value, equal null; the two ends are compared with everything.
    fn holds(self, value: Option<RawBsonRef<'_>>, operand: RawBsonRef<'_>) -> bool {
        let value = value.unwrap_or(RawBsonRef::Null);
        // Also with NaN.
        if matches!(operand, RawBsonRef::MinKey | RawBsonRef::MaxKey) {
            return self.accepts(compare(value, operand));
        }
        if is_nan(value) || is_nan(operand) {
            return self.accepts(Ordering::Equal) && is_nan(value) && is_nan(operand);
        }
        Class::of(value) == Class::of(operand) && self.accepts(compare(value, operand))
    }

    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

impl TypeTest {
    fn holds(self, value: RawBsonRef<'_>) -> bool {
        match self {
            Self::Number => Class::of(value) == Class::Number,
            Self::Exactly(kind) => value.element_type() == kind,
        }
    }
}

pub(super) fn is_nan(value: RawBsonRef<'_>) -> bool {
    matches!(value, RawBsonRef::Double(value) if value.is_nan())
}

fn array(value: Option<RawBsonRef<'_>>) -> Option<&RawArray> {
    value.and_then(RawBsonRef::as_array)
}
