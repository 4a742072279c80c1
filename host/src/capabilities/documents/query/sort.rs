//! Sorts: the order in which documents are answered.

use std::fmt;

use bson::RawDocument;

use super::{
    Invalid,
    index::{Field, for_each_key, parse_fields},
    key::Direction,
};

/// The fields that decide the order; none leaves it to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sort {
    fields: Vec<Field>,
}

impl Sort {
    /// As many as MongoDB has.
    const MOST_FIELDS: usize = 32;

    /// Reads `{field: 1 | -1, …}`.
    pub(crate) fn parse(document: &RawDocument) -> Result<Self, Invalid> {
        let fields = parse_fields("a sort", document)?;
        if fields.len() > Self::MOST_FIELDS {
            return Err(Invalid::new(format!("a sort takes at most {} fields", Self::MOST_FIELDS)));
        }
        Ok(Self { fields })
    }

    /// Whether it asks for no order.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields, in order of weight.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The document's place: sort by these bytes. An array stands for its least element where the field ascends and for
    /// its greatest where it descends; both are the least key.
    pub(crate) fn key(&self, document: &RawDocument) -> Result<Vec<u8>, Invalid> {
        let mut least: Option<Vec<u8>> = None;
        for_each_key(&self.fields, document, &mut |key| {
            if least.as_ref().is_none_or(|other| key < *other) {
                least = Some(key);
            }
        })?;
        Ok(least.unwrap_or_default())
    }
}

/// As it was given: `{createdAt: -1}`.
impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (number, field) in self.fields.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            let direction = if field.direction == Direction::Ascending { 1 } else { -1 };
            write!(f, "{comma}{}: {direction}", field.path.as_str().escape_debug())?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
