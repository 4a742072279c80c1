//! What an upsert begins with: the filter's equalities.

use bson::{Bson, Document, raw::RawBsonRef};

use super::super::{
    Filter, Invalid,
    filter::{Clause, Comparison, Predicate},
    path::{Part, Path},
    validate::owned,
};

impl Filter {
    /// The document that an upsert begins with: the filter's equalities.
    pub(in super::super) fn seed(&self) -> Result<Document, Invalid> {
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
    pub(in super::super) fn seed_id(&self) -> Option<RawBsonRef<'_>> {
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
