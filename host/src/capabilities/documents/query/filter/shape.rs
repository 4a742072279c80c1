//! A filter's fields and operators without their values, as the log may show it.

use std::fmt::{self, Write};

use super::{Clause, Comparison, Filter, Predicate};

/// `{skillKeys: {$in}, $or: [{fromUserId: {$eq}}, {toUserId: {$eq}}]}`.
pub(crate) struct Shape<'f>(&'f Filter);

impl Filter {
    /// What it asks, without the values.
    pub(crate) fn shape(&self) -> Shape<'_> {
        Shape(self)
    }
}

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut short = Short { to: f, left: MOST };
        match filter(self.0, &mut short) {
            Err(_) if short.left == 0 => f.write_str("…"),
            result => result,
        }
    }
}

/// The most bytes that are shown: names come from guests.
const MOST: usize = 500;

/// Ends what is written after so many bytes.
struct Short<'a, 'f> {
    to: &'a mut fmt::Formatter<'f>,
    left: usize,
}

impl Write for Short<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let shown = text.get(..text.floor_char_boundary(self.left)).unwrap_or_default();
        self.to.write_str(shown)?;
        if shown.len() < text.len() {
            self.left = 0;
            return Err(fmt::Error);
        }
        self.left -= shown.len();
        Ok(())
    }
}

fn filter(filter: &Filter, to: &mut Short<'_, '_>) -> fmt::Result {
    to.write_char('{')?;
    for (number, clause) in filter.clauses.iter().enumerate() {
        separate(number, to)?;
        match clause {
            Clause::Field(path, predicate) => {
                write!(to, "{}: {{", path.as_str().escape_debug())?;
                self::predicate(predicate, to)?;
                to.write_char('}')?;
            }
            Clause::All(filters) => list("$and", filters, to)?,
            Clause::Any(filters) => list("$or", filters, to)?,
            Clause::None(filters) => list("$nor", filters, to)?,
        }
    }
    to.write_char('}')
}

fn list(operator: &str, filters: &[Filter], to: &mut Short<'_, '_>) -> fmt::Result {
    write!(to, "{operator}: [")?;
    for (number, filter) in filters.iter().enumerate() {
        separate(number, to)?;
        self::filter(filter, to)?;
    }
    to.write_char(']')
}

fn predicates(operator: &str, predicates: &[Predicate], to: &mut Short<'_, '_>) -> fmt::Result {
    write!(to, "{operator}: {{")?;
    for (number, predicate) in predicates.iter().enumerate() {
        separate(number, to)?;
        self::predicate(predicate, to)?;
    }
    to.write_char('}')
}

fn predicate(predicate: &Predicate, to: &mut Short<'_, '_>) -> fmt::Result {
    to.write_str(match predicate {
        Predicate::Compare(comparison, _) => match comparison {
            Comparison::Equal => "$eq",
            Comparison::Greater => "$gt",
            Comparison::GreaterOrEqual => "$gte",
            Comparison::Less => "$lt",
            Comparison::LessOrEqual => "$lte",
        },
        Predicate::In(_) | Predicate::Any(_) => "$in",
        Predicate::Match(_) => "$regex",
        Predicate::Exists => "$exists",
        Predicate::Type(_) => "$type",
        Predicate::Size(_) => "$size",
        Predicate::Never => "$all",
        Predicate::Element(inner) => {
            to.write_str("$elemMatch: ")?;
            return filter(inner, to);
        }
        Predicate::ElementValue(inner) => return predicates("$elemMatch", inner, to),
        Predicate::Not(inner) => match inner.as_slice() {
            [Predicate::Compare(Comparison::Equal, _)] => "$ne",
            [Predicate::In(_) | Predicate::Any(_)] => "$nin",
            inner => return predicates("$not", inner, to),
        },
    })
}

fn separate(number: usize, to: &mut Short<'_, '_>) -> fmt::Result {
    to.write_str(if number > 0 { ", " } else { "" })
}
