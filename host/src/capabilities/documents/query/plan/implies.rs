//! Whether one filter says all that another does: then a partial index over the other answers it.

use std::cmp::Ordering;

use bson::spec::ElementType;

use super::super::{
    Filter, compare,
    filter::{Clause, Comparison, Predicate, TypeTest, is_nan},
    order::Class,
};
use super::{Given, indexable};

impl Given<'_> {
    /// Whether every document of which this holds matches `partial`, too, as far as can be seen: an index over `partial`
    /// knows them all.
    pub(crate) fn implies(&self, partial: &Filter) -> bool {
        partial.clauses.iter().all(|wanted| match wanted {
            Clause::All(filters) => filters.iter().all(|filter| self.implies(filter)),
            Clause::Field(path, wanted) => self.at(path.as_str()).any(|given| given.implies(wanted)),
            wanted => self.0.contains(&wanted),
        })
    }
}

impl Predicate {
    /// Whether a value for which this holds is one for which `wanted` holds.
    fn implies(&self, wanted: &Self) -> bool {
        if self == wanted {
            return true;
        }
        let (comparison, operand) = match self {
            Self::Compare(comparison, operand) => (*comparison, operand.as_raw_bson_ref()),
            // Whichever of the values it is.
            Self::In(operands) => {
                return operands
                    .iter()
                    .all(|operand| Self::Compare(Comparison::Equal, operand.clone()).implies(wanted));
            }
            // It is a text or an expression.
            Self::Match(_) => return matches!(wanted, Self::Exists),
            _ => return false,
        };
        let class = Class::of(operand);
        // Null is equal to a missing value, and the two ends are compared with one.
        let there = !matches!(class, Class::Null | Class::MinKey | Class::MaxKey);
        match wanted {
            Self::Exists => there,
            Self::Compare(..) | Self::In(_) if comparison == Comparison::Equal => wanted.holds(Some(operand)),
            Self::Compare(wanted, limit) if there => {
                let limit = limit.as_raw_bson_ref();
                let known = indexable(operand).is_some() && Class::of(limit) == class;
                known && !is_nan(operand) && !is_nan(limit) && comparison.within(*wanted, compare(operand, limit))
            }
            // An array as operand is equal to arrays and to elements that are arrays.
            Self::Type(tests) if there && indexable(operand).is_some() => tests.iter().any(|test| test.covers(class)),
            _ => false,
        }
    }
}

impl Comparison {
    /// Whether what this says of an operand says `wanted` of a limit, too; `order` is the operand's to the limit.
    fn within(self, wanted: Self, order: Ordering) -> bool {
        match (self, wanted) {
            (Self::Greater, Self::Greater | Self::GreaterOrEqual) | (Self::GreaterOrEqual, Self::GreaterOrEqual) => {
                order.is_ge()
            }
            (Self::GreaterOrEqual, Self::Greater) => order.is_gt(),
            (Self::Less, Self::Less | Self::LessOrEqual) | (Self::LessOrEqual, Self::LessOrEqual) => order.is_le(),
            (Self::LessOrEqual, Self::Less) => order.is_lt(),
            _ => false,
        }
    }
}

impl TypeTest {
    /// Whether every value of the class is of the type.
    fn covers(self, class: Class) -> bool {
        match self {
            Self::Number => class == Class::Number,
            Self::Exactly(kind) => matches!(
                (kind, class),
                (ElementType::String, Class::String)
                    | (ElementType::Boolean, Class::Boolean)
                    | (ElementType::DateTime, Class::Date)
                    | (ElementType::ObjectId, Class::ObjectId)
                    | (ElementType::Timestamp, Class::Timestamp)
                    | (ElementType::EmbeddedDocument, Class::Document)
            ),
        }
    }
}
