//! Projections: which fields of a document are answered.

use std::collections::HashMap;

use bson::{
    RawArrayBuf, RawDocument, RawDocumentBuf,
    raw::{RawArray, RawBsonRef},
};

use super::{
    Invalid,
    filter::is_true,
    order::Class,
    path::{Part, Path},
};

/// Fields to keep, or fields to leave out; the order of fields stays the document's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Projection {
    keep: bool,
    fields: HashMap<String, Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Whole,
    Part(HashMap<String, Self>),
}

impl Projection {
    /// Reads `{field: 1, …}` or `{field: 0, …}`; `_id` may be the exception in either.
    pub(crate) fn parse(document: &RawDocument) -> Result<Self, Invalid> {
        let mut parsed = Parsed { keep: None, id: None, fields: HashMap::new() };
        parsed.read("", document)?;
        let keep = parsed.keep.or(parsed.id).unwrap_or(false);
        let mut fields = parsed.fields;
        // `_id` comes along unless it is left out.
        if parsed.id.unwrap_or(true) == keep {
            fields.entry("_id".to_owned()).or_insert(Node::Whole);
        }
        Ok(Self { keep, fields })
    }

    /// The document with just those fields.
    pub(crate) fn apply(&self, document: &RawDocument) -> RawDocumentBuf {
        project(document, &self.fields, self.keep)
    }
}

struct Parsed {
    keep: Option<bool>,
    /// What is said of `_id` itself.
    id: Option<bool>,
    fields: HashMap<String, Node>,
}

impl Parsed {
    fn read(&mut self, prefix: &str, document: &RawDocument) -> Result<(), Invalid> {
        for (name, value) in document.iter().flatten() {
            let text = format!("{prefix}{}", name.as_str());
            if text.split('.').any(|part| part.starts_with('$') || part.is_empty()) {
                return Err(Invalid::new(format!(
                    "the embedded store does not support `{text}` in a projection; it supports fields with 1 or 0"
                )));
            }
            let path = Path::parse(&text)?;
            match value {
                // `{a: {b: 1}}` is `{"a.b": 1}`.
                RawBsonRef::Document(inner) if !inner.is_empty() => self.read(&format!("{text}."), inner)?,
                value if matches!(Class::of(value), Class::Number | Class::Boolean) => {
                    self.field(&path, is_true(value))?
                }
                _ => {
                    return Err(Invalid::new(format!(
                        "`{text}` must be 1 or 0: the embedded store does not compute fields in a projection"
                    )));
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, path: &Path, keep: bool) -> Result<(), Invalid> {
        let text = path.as_str();
        if text == "_id" {
            self.id = Some(keep);
            return Ok(());
        }
        if self.keep.is_some_and(|other| other != keep) {
            return Err(Invalid::new(format!(
                "the projection both keeps fields and leaves some out, `{text}` among them; only `_id` may differ"
            )));
        }
        self.keep = Some(keep);
        if insert(&mut self.fields, path.parts()) {
            Ok(())
        } else {
            Err(Invalid::new(format!("the projection names `{text}` and a field within it, or twice")))
        }
    }
}

fn insert(fields: &mut HashMap<String, Node>, parts: &[Part]) -> bool {
    match parts {
        [] => false,
        [last] => fields.insert(last.name.clone(), Node::Whole).is_none(),
        [first, rest @ ..] => match fields.entry(first.name.clone()).or_insert_with(|| Node::Part(HashMap::new())) {
            Node::Part(inner) => insert(inner, rest),
            Node::Whole => false,
        },
    }
}

fn project(document: &RawDocument, fields: &HashMap<String, Node>, keep: bool) -> RawDocumentBuf {
    let mut projected = RawDocumentBuf::new();
    for (name, value) in document.iter().flatten() {
        match (fields.get(name.as_str()), value) {
            (Some(Node::Part(inner)), RawBsonRef::Document(value)) => {
                projected.append(name, project(value, inner, keep))
            }
            (Some(Node::Part(inner)), RawBsonRef::Array(value)) => projected.append(name, elements(value, inner, keep)),
            (Some(Node::Whole), value) if keep => projected.append(name, value),
            // A value that has no fields is none of those to keep, and none of those to leave out.
            (Some(Node::Part(_)) | None, value) if !keep => projected.append(name, value),
            _ => {}
        }
    }
    projected
}

/// The documents of an array, also of arrays in it, are projected one by one.
fn elements(array: &RawArray, fields: &HashMap<String, Node>, keep: bool) -> RawArrayBuf {
    let mut projected = RawArrayBuf::new();
    for element in array.into_iter().flatten() {
        match element {
            RawBsonRef::Document(element) => projected.push(project(element, fields, keep)),
            RawBsonRef::Array(element) => projected.push(elements(element, fields, keep)),
            element if !keep => projected.push(element),
            _ => {}
        }
    }
    projected
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
