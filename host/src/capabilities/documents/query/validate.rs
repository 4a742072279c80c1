//! The one walk over bytes that a guest made.
//!
//! The walk is our own, because the `bson` crate's iterators check lazily and trust some inner lengths: after it they
//! have nothing left to fail on.

use bson::{Bson, RawDocument, RawDocumentBuf, oid::ObjectId, raw::RawBsonRef, spec::ElementType};

use super::Invalid;

/// How large and how deep a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most bytes of the whole document.
    pub(crate) bytes: usize,
    /// The most levels of documents and arrays, the outermost included.
    pub(crate) depth: usize,
}

impl Limits {
    /// What the WIT package promises: 1 MiB, 32 levels.
    pub(crate) const DOCUMENT: Self = Self { bytes: 1024 * 1024, depth: 32 };
}

/// The document in `bytes`, if it is one, whole and within `limits`.
///
/// Hostile input: any bytes may come, none make it panic or recurse deeper than the limit.
pub(crate) fn validate(bytes: &[u8], limits: Limits) -> Result<&RawDocument, Invalid> {
    within(bytes, limits)?;
    let mut rest = Reader { bytes };
    rest.document(limits.depth)?;
    if !rest.bytes.is_empty() {
        return Err(malformed("bytes follow its end"));
    }
    RawDocument::from_bytes(bytes).map_err(|_| malformed("its length is wrong"))
}

/// The document as it is stored: `_id` first, made by `new_id` where there is none.
pub(crate) fn for_insert(document: &RawDocument, new_id: impl FnOnce() -> ObjectId) -> Result<RawDocumentBuf, Invalid> {
    let mut ids = document.iter().flatten().filter(|(name, _)| name.as_str() == "_id").map(|(_, value)| value);
    let id = ids.next();
    if ids.next().is_some() {
        return Err(Invalid::new("the document has two `_id` fields"));
    }
    match id {
        Some(RawBsonRef::Array(_)) => return Err(Invalid::new("`_id` cannot be an array")),
        Some(RawBsonRef::RegularExpression(_)) => return Err(Invalid::new("`_id` cannot be a regular expression")),
        Some(RawBsonRef::Document(inner)) if inner.iter().flatten().any(|(name, _)| name.as_str().starts_with('$')) => {
            return Err(Invalid::new("the fields of `_id` cannot begin with `$`"));
        }
        _ => {}
    }
    if document.iter().flatten().next().is_some_and(|(name, _)| name.as_str() == "_id") {
        return Ok(document.to_owned());
    }
    let mut stored = RawDocumentBuf::new();
    match id {
        Some(id) => stored.append(bson::raw::cstr!("_id"), id),
        None => stored.append(bson::raw::cstr!("_id"), new_id()),
    }
    for (name, value) in document.iter().flatten().filter(|(name, _)| name.as_str() != "_id") {
        stored.append(name, value);
    }
    // The `_id` counts, too.
    within(stored.as_bytes(), Limits::DOCUMENT)?;
    Ok(stored)
}

/// An owned document as bytes, checked like a guest's: an update can have made it too large or too deep.
pub(super) fn encode(document: &bson::Document) -> Result<RawDocumentBuf, Invalid> {
    let encoded = RawDocumentBuf::try_from(document).map_err(|_| malformed("a field name holds a zero byte"))?;
    validate(encoded.as_bytes(), Limits::DOCUMENT)
        .map_err(|invalid| Invalid::new(format!("after the change: {}", invalid.message)))?;
    Ok(encoded)
}

/// A validated value as an owned one.
pub(super) fn owned(value: RawBsonRef<'_>) -> Result<Bson, Invalid> {
    Bson::try_from(value).map_err(|_| malformed("a value cannot be read"))
}

fn within(bytes: &[u8], limits: Limits) -> Result<(), Invalid> {
    if bytes.len() <= limits.bytes {
        return Ok(());
    }
    Err(Invalid::new(format!("the document has {} bytes; at most {} are allowed", bytes.len(), limits.bytes)))
}

fn malformed(what: &str) -> Invalid {
    Invalid::new(format!("malformed BSON: {what}"))
}

/// What is left to read.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Invalid> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(|| malformed("it ends within a value"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Invalid> {
        self.take(1)?.first().copied().ok_or_else(|| malformed("it ends within a value"))
    }

    /// A length that the format stores as a signed number.
    fn length(&mut self) -> Result<usize, Invalid> {
        let raw = self.take(4)?.try_into().map_err(|_| malformed("it ends within a length"))?;
        usize::try_from(i32::from_le_bytes(raw)).map_err(|_| malformed("a length is negative"))
    }

    fn cstring(&mut self) -> Result<&'a str, Invalid> {
        let end = self.bytes.iter().position(|byte| *byte == 0).ok_or_else(|| malformed("a name has no end"))?;
        let text = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(text).map_err(|_| malformed("a name is not UTF-8"))
    }

    fn string(&mut self) -> Result<(), Invalid> {
        let length = self.length()?;
        match self.take(length)?.split_last() {
            Some((0, text)) => std::str::from_utf8(text).map(drop).map_err(|_| malformed("a string is not UTF-8")),
            _ => Err(malformed("a string has no end")),
        }
    }

    /// A document or an array: they differ in nothing but the meaning of the names.
    fn document(&mut self, depth: usize) -> Result<(), Invalid> {
        let depth = depth.checked_sub(1).ok_or_else(|| {
            Invalid::new(format!("the document is nested deeper than {} levels", Limits::DOCUMENT.depth))
        })?;
        // The length counts itself; a copy of the reader measures the body without consuming it twice.
        let length = Reader { bytes: self.bytes }.length()?;
        let whole = self.take(length)?;
        let mut body = match whole.split_last() {
            Some((0, body)) if body.len() >= 4 => Reader { bytes: body },
            _ => return Err(malformed("a document has no end")),
        };
        body.take(4)?;
        while !body.bytes.is_empty() {
            let tag = body.byte()?;
            let name = body.cstring()?;
            body.value(tag, name, depth)?;
        }
        Ok(())
    }

    fn value(&mut self, tag: u8, name: &str, depth: usize) -> Result<(), Invalid> {
        let kind = ElementType::from(tag)
            .ok_or_else(|| Invalid::new(format!("malformed BSON: field `{name}` has the unknown type {tag:#04x}")))?;
        match kind {
            ElementType::Null | ElementType::MinKey | ElementType::MaxKey => {}
            ElementType::Boolean => {
                if self.byte()? > 1 {
                    return Err(malformed("a boolean is neither 0 nor 1"));
                }
            }
            ElementType::Int32 => drop(self.take(4)?),
            ElementType::Double | ElementType::Int64 | ElementType::DateTime | ElementType::Timestamp => {
                self.take(8)?;
            }
            ElementType::ObjectId => drop(self.take(12)?),
            ElementType::String | ElementType::JavaScriptCode | ElementType::Symbol => self.string()?,
            ElementType::EmbeddedDocument | ElementType::Array => self.document(depth)?,
            ElementType::RegularExpression => {
                self.cstring()?;
                self.cstring()?;
            }
            ElementType::Binary => self.binary()?,
            ElementType::JavaScriptCodeWithScope => {
                let before = self.bytes.len();
                let length = self.length()?;
                self.string()?;
                self.document(depth)?;
                if before - self.bytes.len() != length {
                    return Err(malformed("code with scope has a wrong length"));
                }
            }
            ElementType::Decimal128 => {
                return Err(Invalid::new(format!(
                    "field `{name}` is a decimal128, which the embedded store does not support; use an int64 (of the smallest unit), a double or a string"
                )));
            }
            ElementType::Undefined | ElementType::DbPointer => {
                return Err(Invalid::new(format!(
                    "field `{name}` is of a deprecated type (undefined, dbPointer), which the embedded store does not support"
                )));
            }
        }
        Ok(())
    }

    fn binary(&mut self) -> Result<(), Invalid> {
        let length = self.length()?;
        let subtype = self.byte()?;
        let mut data = Reader { bytes: self.take(length)? };
        // The old subtype repeats the length inside.
        if subtype == 2 && data.length()? != data.bytes.len() {
            return Err(malformed("an old binary has a wrong inner length"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
