//! Ordered indexes: the keys of a document.

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

use bson::{
    RawDocument,
    raw::{RawArray, RawBsonRef},
};

use super::{
    Invalid,
    key::{self, Direction},
    order::Number,
    path::{Part, Path, field},
};

/// The fields of an ordered index, in order of weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    fields: Vec<Field>,
}

/// One field of an index or of a sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) path: Path,
    pub(crate) direction: Direction,
}

/// The keys of one document in one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entries {
    /// Sorted, distinct, at least one: a document without the field is indexed under null.
    pub(crate) keys: Vec<Vec<u8>>,
    /// Whether an array made them. From then on a range of the index must not be narrowed by two conditions that can
    /// hold for two elements; see [`Index::plan`].
    pub(crate) multikey: bool,
}

impl Index {
    /// As many as MongoDB has.
    const MOST_FIELDS: usize = 32;

    /// Reads `{field: 1 | -1, …}`.
    pub(crate) fn parse(keys: &RawDocument) -> Result<Self, Invalid> {
        let fields = parse_fields("an index", keys)?;
        if fields.is_empty() || fields.len() > Self::MOST_FIELDS {
            return Err(Invalid::new(format!("an index takes 1 to {} fields", Self::MOST_FIELDS)));
        }
        for (position, field) in fields.iter().enumerate() {
            let path = field.path.as_str();
            if field.path.parts().iter().any(|part| part.position.is_some() || part.name.is_empty()) {
                return Err(Invalid::new(format!(
                    "the index field `{path}` has an empty name or a position in an array, which the embedded store does not index"
                )));
            }
            if fields.iter().skip(position + 1).any(|other| other.path == field.path) {
                return Err(Invalid::new(format!("the index names the field `{path}` twice")));
            }
        }
        Ok(Self { fields })
    }

    /// The name that MongoDB gives it: `emailId_1`, `roomId_1_createdAt_-1`.
    pub(crate) fn name(&self) -> String {
        let parts: Vec<String> = self
            .fields
            .iter()
            .map(|field| {
                let direction = if field.direction == Direction::Ascending { "1" } else { "-1" };
                format!("{}_{direction}", field.path.as_str())
            })
            .collect();
        parts.join("_")
    }

    /// The fields, in order of weight.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The keys of a document. Each element of an array makes one; two arrays that are not one within the other are
    /// refused, as their product could be huge.
    pub(crate) fn entries(&self, document: &RawDocument) -> Result<Entries, Invalid> {
        let mut keys = Vec::new();
        let multikey = for_each_key(&self.fields, document, &mut |key| keys.push(key))?;
        keys.sort_unstable();
        keys.dedup();
        Ok(Entries { keys, multikey })
    }
}

/// Reads `{field: 1 | -1, …}` of an index or a sort.
pub(super) fn parse_fields(of: &str, document: &RawDocument) -> Result<Vec<Field>, Invalid> {
    document
        .iter()
        .flatten()
        .map(|(name, value)| {
            let name = name.as_str();
            if name.starts_with('$') {
                return Err(Invalid::new(format!("`{name}` is not the name of a field; {of} takes fields")));
            }
            let direction = match Number::of(value).and_then(Number::whole) {
                Some(1) => Direction::Ascending,
                Some(-1) => Direction::Descending,
                _ => {
                    return Err(Invalid::new(format!(
                        "`{name}` must be 1 or -1: {of} of the embedded store is ordered (no text, hashed, geo or $meta)"
                    )));
                }
            };
            Ok(Field { path: Path::parse(name)?, direction })
        })
        .collect()
}

/// Shows `each` every key of a document, in no order; whether an array made them.
pub(super) fn for_each_key(
    fields: &[Field],
    document: &RawDocument,
    each: &mut dyn FnMut(Vec<u8>),
) -> Result<bool, Invalid> {
    let slots = fields.iter().map(|_| Slot::Pending(0)).collect();
    let mut walk = Walk { fields, each, bytes: 0, multikey: false };
    walk.document(slots, Some(document))?;
    Ok(walk.multikey)
}

/// How far the value of one field is found.
#[derive(Clone, Copy)]
enum Slot<'a> {
    /// Everything before this part of its path is passed.
    Pending(usize),
    /// Stopped at an array, with this part of its path next.
    At(&'a RawArray, usize),
    Found(RawBsonRef<'a>),
}

struct Walk<'f, 'e> {
    fields: &'f [Field],
    each: &'e mut dyn FnMut(Vec<u8>),
    bytes: usize,
    multikey: bool,
}

impl Walk<'_, '_> {
    /// The most bytes of one document's keys: an array beside a long string in a compound index multiplies.
    const MOST_BYTES: usize = 16 * 1024 * 1024;

    /// Follows all pending paths in one document (none: everything is missing). Fields below the same array move
    /// together through its elements.
    fn document<'a>(&mut self, mut slots: Vec<Slot<'a>>, document: Option<&'a RawDocument>) -> Result<(), Invalid> {
        let mut array: Option<&'a RawArray> = None;
        for (slot, field) in slots.iter_mut().zip(self.fields) {
            let Slot::Pending(next) = *slot else { continue };
            *slot = follow(document, field.path.parts(), next);
            let Slot::At(found, _) = *slot else { continue };
            match array {
                Some(other) if !std::ptr::eq(other.as_bytes(), found.as_bytes()) => {
                    return Err(Invalid::new(format!(
                        "two fields of an index or a sort are arrays in the same document, `{}` is the second",
                        field.path.as_str()
                    )));
                }
                _ => array = Some(found),
            }
        }
        let Some(array) = array else { return self.emit(&slots) };
        self.multikey = true;
        if array.is_empty() {
            // Below null, so that `{tags: null}` does not find it.
            return self.element(&slots, RawBsonRef::Undefined);
        }
        array.into_iter().flatten().try_for_each(|element| self.element(&slots, element))
    }

    fn element<'a>(&mut self, slots: &[Slot<'a>], element: RawBsonRef<'a>) -> Result<(), Invalid> {
        let slots = slots
            .iter()
            .zip(self.fields)
            .map(|(slot, field)| match *slot {
                Slot::At(_, next) if next == field.path.parts().len() => Slot::Found(element),
                Slot::At(_, next) => Slot::Pending(next),
                other => other,
            })
            .collect();
        self.document(slots, element.as_document())
    }

    fn emit(&mut self, slots: &[Slot<'_>]) -> Result<(), Invalid> {
        let mut bytes = Vec::with_capacity(slots.len() * 16);
        for (slot, field) in slots.iter().zip(self.fields) {
            let value = match slot {
                Slot::Found(value) => *value,
                Slot::Pending(_) | Slot::At(..) => RawBsonRef::Null,
            };
            key::append(&mut bytes, value, field.direction);
        }
        self.bytes += bytes.len();
        if self.bytes > Self::MOST_BYTES {
            return Err(Invalid::new(
                "the keys of one document in an index or a sort pass 16 MiB; index shorter fields",
            ));
        }
        (self.each)(bytes);
        Ok(())
    }
}

/// Follows a path to its value, or to the first array on it.
fn follow<'a>(document: Option<&'a RawDocument>, parts: &[Part], mut next: usize) -> Slot<'a> {
    let missing = Slot::Found(RawBsonRef::Null);
    let Some(mut document) = document else { return missing };
    loop {
        let Some(mut value) = parts.get(next).and_then(|part| field(document, &part.name)) else { return missing };
        next += 1;
        // A position in an array goes to that element alone.
        while let RawBsonRef::Array(array) = value {
            let position = parts.get(next).and_then(|part| part.position);
            match position.and_then(|position| array.into_iter().flatten().nth(position)) {
                Some(element) => (value, next) = (element, next + 1),
                None => return Slot::At(array, next),
            }
        }
        match value {
            value if next == parts.len() => return Slot::Found(value),
            RawBsonRef::Document(inner) => document = inner,
            _ => return missing,
        }
    }
}
