//! A guest's bytes as the driver wants them. The capability has walked them: they are well-formed and not too deep.
//!
//! Guest input. Two things that MongoDB would take are refused here: code that runs in the server, and stages of a pipeline
//! that reach beyond the collection that the guest's grant was checked for.

use bson::oid::ObjectId;
use bson::raw::RawBsonRef;
use bson::{Array, Bson, Document, RawArray, RawDocument, RawDocumentBuf};

use crate::capabilities::documents::query::for_insert;
use crate::capabilities::documents::stages;
use crate::capabilities::error::{Error, Result};

/// The stages of a pipeline. Others read or write other collections, or tell about the server.
const STAGES: [&str; 21] = [
    "$match",
    "$project",
    "$addFields",
    "$set",
    "$unset",
    "$group",
    "$sort",
    "$skip",
    "$limit",
    "$unwind",
    "$count",
    "$sortByCount",
    "$bucket",
    "$bucketAuto",
    "$facet",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$redact",
    "$setWindowFields",
    "$fill",
];
/// What would run a guest's JavaScript in the server.
const CODE: [&str; 3] = ["$where", "$function", "$accumulator"];

/// Bytes as a document of the driver.
pub(super) fn document(bytes: &[u8]) -> Result<Document> {
    owned(raw(bytes)?)
}

/// A filter.
pub(super) fn filter(bytes: &[u8]) -> Result<Document> {
    document(bytes)
}

/// Update operators.
pub(super) fn update(bytes: &[u8]) -> Result<Document> {
    let update = document(bytes)?;
    match update.keys().find(|name| !name.starts_with('$')) {
        Some(name) => Err(Error::invalid(format!(
            "an update takes operators ($set, $inc, …), not the plain field `{name}`; use replace for a whole document"
        ))),
        None if update.is_empty() => {
            Err(Error::invalid("an update takes operators ($set, $inc, …); use replace for a whole document"))
        }
        None => Ok(update),
    }
}

/// A document in the place of another.
pub(super) fn replacement(bytes: Vec<u8>) -> Result<RawDocumentBuf> {
    let replacement = RawDocumentBuf::from_bytes(bytes).map_err(|_| malformed())?;
    match replacement.iter().flatten().find(|(name, _)| name.as_str().starts_with('$')) {
        Some((name, _)) => {
            Err(Error::invalid(format!("a replacement is a plain document, not `{}`; use update", name.as_str())))
        }
        None => Ok(replacement),
    }
}

/// A document as it is stored, `_id` first and made where there is none, and `{_id: …}`.
pub(super) fn inserted(bytes: &[u8]) -> Result<(RawDocumentBuf, Vec<u8>)> {
    let stored = for_insert(raw(bytes)?, ObjectId::new)?;
    let id = stored.get("_id").ok().flatten().ok_or_else(|| Error::invalid("the document has no `_id`"))?;
    let mut answer = RawDocumentBuf::new();
    answer.append(bson::raw::cstr!("_id"), id);
    Ok((stored, answer.into_bytes()))
}

/// A stage of a pipeline.
pub(super) fn stage(bytes: &[u8]) -> Result<Document> {
    let stage = document(bytes)?;
    allowed(&stage)?;
    Ok(stage)
}

fn allowed(stage: &Document) -> Result<()> {
    for (name, operand) in stage {
        stages::stays_within(name)?;
        if !STAGES.contains(&name.as_str()) {
            return Err(Error::invalid(format!(
                "the stage `{name}` is not among those that a plugin may use: {}",
                STAGES.join(" ")
            )));
        }
        if name == "$facet" {
            let pipelines = operand.as_document().into_iter().flat_map(Document::values);
            for inner in pipelines.filter_map(Bson::as_array).flatten().filter_map(Bson::as_document) {
                allowed(inner)?;
            }
        }
    }
    Ok(())
}

fn raw(bytes: &[u8]) -> Result<&RawDocument> {
    RawDocument::from_bytes(bytes).map_err(|_| malformed())
}

fn malformed() -> Error {
    Error::invalid("malformed BSON")
}

/// The driver's documents hold a name once, while on the wire it may stand twice, and both count: what cannot be said is
/// refused rather than changed.
fn owned(document: &RawDocument) -> Result<Document> {
    let mut owned = Document::new();
    for (name, value) in document.iter().flatten() {
        let name = name.as_str();
        if CODE.contains(&name) {
            return Err(Error::invalid(format!("`{name}` would run code in the server, which no plugin may")));
        }
        if owned.insert(name, self::value(value)?).is_some() {
            return Err(Error::invalid(format!(
                "the field `{name}` stands twice in one document; use $and for two conditions"
            )));
        }
    }
    Ok(owned)
}

fn elements(array: &RawArray) -> Result<Array> {
    array.into_iter().flatten().map(value).collect()
}

fn value(value: RawBsonRef<'_>) -> Result<Bson> {
    match value {
        RawBsonRef::Document(document) => owned(document).map(Bson::Document),
        RawBsonRef::Array(array) => elements(array).map(Bson::Array),
        value => Bson::try_from(value).map_err(|_| malformed()),
    }
}
