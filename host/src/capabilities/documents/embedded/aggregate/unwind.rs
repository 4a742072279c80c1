//! `$unwind`: a document for each element of an array.

use bson::raw::{CString, RawBsonRef};
use bson::{RawBson, RawDocument, RawDocumentBuf};

use super::super::scan::Flow;
use super::expression::checked_name;
use crate::capabilities::error::{Error, Result};

#[derive(Debug, Clone)]
pub(super) struct Unwind {
    path: Vec<CString>,
    /// The field that gets the element's position.
    index: Option<CString>,
    /// A document without elements is answered, too.
    preserve: bool,
}

impl Unwind {
    pub(super) fn parse(value: RawBsonRef<'_>) -> Result<Self> {
        let (mut path, mut index, mut preserve) = (None, None, false);
        match value {
            RawBsonRef::String(text) => path = Some(text),
            RawBsonRef::Document(document) => {
                for (name, value) in document.iter().flatten() {
                    match (name.as_str(), value) {
                        ("path", RawBsonRef::String(text)) => path = Some(text),
                        ("includeArrayIndex", RawBsonRef::String(name)) if name.contains('.') => {
                            return Err(Error::invalid(format!(
                                "the embedded store does not support the path `{name}` in includeArrayIndex of $unwind, only a name"
                            )));
                        }
                        ("includeArrayIndex", RawBsonRef::String(name)) => index = Some(checked_name(name)?),
                        ("preserveNullAndEmptyArrays", RawBsonRef::Boolean(value)) => preserve = value,
                        (name, _) => {
                            return Err(Error::invalid(format!(
                                "$unwind takes path, includeArrayIndex (a name) and preserveNullAndEmptyArrays (true or false), not such a `{name}`"
                            )));
                        }
                    }
                }
            }
            _ => {}
        }
        let path = path
            .and_then(|path| path.strip_prefix('$'))
            .ok_or_else(|| Error::invalid("$unwind takes the path of a field, with a $ in front"))?;
        let path = path.split('.').map(checked_name).collect::<Result<Vec<_>>>()?;
        Ok(Self { path, index, preserve })
    }

    /// Shows `each` the documents that one becomes.
    pub(super) fn run(
        &self,
        document: &RawDocument,
        each: &mut dyn FnMut(RawDocumentBuf) -> Result<Flow>,
    ) -> Result<Flow> {
        match find(document, &self.path) {
            Some(RawBsonRef::Array(array)) => {
                let mut any = false;
                for (position, element) in (0_i64..).zip(array.into_iter().flatten()) {
                    any = true;
                    let one = with(document, &self.path, Some(element));
                    if each(self.numbered(one, RawBson::Int64(position)))? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
                if any || !self.preserve {
                    return Ok(Flow::Continue);
                }
                each(self.numbered(with(document, &self.path, None), RawBson::Null))
            }
            None | Some(RawBsonRef::Null | RawBsonRef::Undefined) if !self.preserve => Ok(Flow::Continue),
            _ => each(self.numbered(document.to_owned(), RawBson::Null)),
        }
    }

    fn numbered(&self, document: RawDocumentBuf, position: RawBson) -> RawDocumentBuf {
        let Some(name) = &self.index else { return document };
        if document.get(name.as_str()).ok().flatten().is_none() {
            let mut document = document;
            document.append(name, position);
            return document;
        }
        with(&document, std::slice::from_ref(name), Some(position.as_raw_bson_ref()))
    }
}

fn find<'a>(document: &'a RawDocument, path: &[CString]) -> Option<RawBsonRef<'a>> {
    let (name, rest) = path.split_first()?;
    match document.get(name.as_str()).ok().flatten()? {
        value if rest.is_empty() => Some(value),
        RawBsonRef::Document(inner) => find(inner, rest),
        _ => None,
    }
}

/// The document with another value at a path that leads to one, or without it.
fn with(document: &RawDocument, path: &[CString], value: Option<RawBsonRef<'_>>) -> RawDocumentBuf {
    let mut changed = RawDocumentBuf::new();
    let Some((wanted, rest)) = path.split_first() else { return changed };
    for (name, known) in document.iter().flatten() {
        match known {
            known if name.as_str() != wanted.as_str() => changed.append(name, known),
            RawBsonRef::Document(inner) if !rest.is_empty() => changed.append(name, with(inner, rest, value)),
            known if !rest.is_empty() => changed.append(name, known),
            _ => {
                if let Some(value) = value {
                    changed.append(name, value);
                }
            }
        }
    }
    changed
}
