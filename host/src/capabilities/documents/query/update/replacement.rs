//! Replacements: a whole document in the place of another.

use bson::{
    RawDocument, RawDocumentBuf,
    oid::ObjectId,
    raw::{RawBsonRef, cstr},
};

use crate::capabilities::documents::query::{Filter, Invalid, compare, path::field, validate::for_insert};

/// A document that replaces another, all but its `_id`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replacement {
    document: RawDocumentBuf,
}

impl Replacement {
    /// Takes a validated document; update operators are refused.
    pub(crate) fn parse(document: &RawDocument) -> Result<Self, Invalid> {
        if let Some((name, _)) = document.iter().flatten().find(|(name, _)| name.as_str().starts_with('$')) {
            return Err(Invalid::new(format!(
                "a replacement is a plain document, not `{}`; use update",
                name.as_str()
            )));
        }
        Ok(Self { document: document.to_owned() })
    }

    /// What is stored in the place of `document`; `None` where the replacement is that to the byte.
    pub(crate) fn run(&self, document: &RawDocument) -> Result<Option<RawDocumentBuf>, Invalid> {
        let replaced = match field(document, "_id") {
            Some(id) => self.with_id(id)?,
            None => self.document.clone(),
        };
        // Without its `_id` a replacement counts as a change, as in MongoDB, also by the same fields.
        Ok((self.document.as_bytes() != document.as_bytes()).then_some(replaced))
    }

    /// The document that is inserted where nothing matches the filter.
    pub(crate) fn upsert(&self, filter: &Filter, new_id: impl FnOnce() -> ObjectId) -> Result<RawDocumentBuf, Invalid> {
        match filter.seed_id() {
            Some(id) => for_insert(&self.with_id(id)?, new_id),
            None => for_insert(&self.document, new_id),
        }
    }

    fn with_id(&self, id: RawBsonRef<'_>) -> Result<RawDocumentBuf, Invalid> {
        if field(&self.document, "_id").is_some_and(|own| compare(own, id).is_ne()) {
            return Err(Invalid::new("a replacement cannot change `_id`; leave it out"));
        }
        let mut replaced = RawDocumentBuf::new();
        replaced.append(cstr!("_id"), id);
        for (name, value) in self.document.iter().flatten().filter(|(name, _)| name.as_str() != "_id") {
            replaced.append(name, value);
        }
        Ok(replaced)
    }
}
