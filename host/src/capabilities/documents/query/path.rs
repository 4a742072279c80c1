//! Dotted paths, and how MongoDB follows one through documents and arrays.

use bson::{
    RawDocument,
    raw::{RawArray, RawBsonRef},
};

use super::Invalid;

/// A path such as `address.city` or `items.0.name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    text: String,
    parts: Vec<Part>,
}

/// One name of a path; it can be a position in an array, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    /// The position it means in an array: digits, without a leading zero.
    pub(super) position: Option<usize>,
}

/// What a path that ends at an array stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    /// Each element, then the array itself: `{tags: "a"}` finds `{tags: ["a", "b"]}`.
    Elements,
    /// The array alone, for operators about arrays.
    Whole,
}

impl Path {
    /// More names than documents have levels reach nothing; the limit bounds what an update can nest.
    const MOST_PARTS: usize = 32;

    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let parts: Vec<Part> = text.split('.').map(Part::new).collect();
        if parts.len() > Self::MOST_PARTS {
            return Err(Invalid::new(format!(
                "a path has {} parts; at most {} are allowed",
                parts.len(),
                Self::MOST_PARTS
            )));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether both begin in the same field of the document.
    pub(crate) fn shares_root(&self, other: &Self) -> bool {
        self.parts.first().map(|part| &part.name) == other.parts.first().map(|part| &part.name)
    }

    /// Whether one of the two paths is the other or leads through it.
    pub(super) fn touches(&self, other: &Self) -> bool {
        self.parts.iter().zip(&other.parts).all(|(left, right)| left.name == right.name)
    }

    /// Shows `visit` each value the path leads to until it answers true; whether it did. `None` is a missing value.
    ///
    /// Arrays on the way are entered: every document in them is followed, and so is the element at a position that the
    /// path names. An array without documents shows nothing, not even that something is missing.
    pub(super) fn any<'a>(
        &self,
        document: &'a RawDocument,
        leaf: Leaf,
        visit: &mut dyn FnMut(Option<RawBsonRef<'a>>) -> bool,
    ) -> bool {
        in_document(document, &self.parts, leaf, visit)
    }
}

impl Part {
    fn new(name: &str) -> Self {
        let canonical = name == "0" || !name.starts_with('0');
        let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        Self { name: name.to_owned(), position: if canonical && digits { name.parse().ok() } else { None } }
    }
}

/// A field of a validated document.
pub(super) fn field<'a>(document: &'a RawDocument, name: &str) -> Option<RawBsonRef<'a>> {
    document.get(name).ok().flatten()
}

fn in_document<'a>(
    document: &'a RawDocument,
    parts: &[Part],
    leaf: Leaf,
    visit: &mut dyn FnMut(Option<RawBsonRef<'a>>) -> bool,
) -> bool {
    let (mut current, mut rest) = (document, parts);
    while let Some((part, after)) = rest.split_first() {
        match field(current, &part.name) {
            Some(RawBsonRef::Array(array)) if after.is_empty() => {
                let elements =
                    leaf == Leaf::Elements && array.into_iter().flatten().any(|element| visit(Some(element)));
                return elements || visit(Some(RawBsonRef::Array(array)));
            }
            Some(RawBsonRef::Array(array)) => return in_array(array, after, leaf, visit),
            Some(value) if after.is_empty() => return visit(Some(value)),
            Some(RawBsonRef::Document(inner)) => (current, rest) = (inner, after),
            _ => return visit(None),
        }
    }
    false
}

/// Follows names that are left over at an array.
fn in_array<'a>(
    array: &'a RawArray,
    parts: &[Part],
    leaf: Leaf,
    visit: &mut dyn FnMut(Option<RawBsonRef<'a>>) -> bool,
) -> bool {
    let Some((part, after)) = parts.split_first() else { return false };
    array.into_iter().flatten().enumerate().any(|(position, element)| {
        // A document is entered by name first: `0` can be the name of a field.
        if let RawBsonRef::Document(inner) = element
            && in_document(inner, parts, leaf, visit)
        {
            return true;
        }
        if part.position != Some(position) {
            return false;
        }
        match element {
            // Named by its position, an array stands for itself: `{"a.0": 1}` does not find `{a: [[1]]}`.
            element if after.is_empty() => visit(Some(element)),
            RawBsonRef::Document(inner) => in_document(inner, after, leaf, visit),
            RawBsonRef::Array(inner) => in_array(inner, after, leaf, visit),
            _ => false,
        }
    })
}
