//! `$project`, `$addFields` and `$unset`: which fields a document keeps and which are computed.

use bson::raw::{CString, RawBsonRef};
use bson::{RawArrayBuf, RawBson, RawDocument, RawDocumentBuf};

use super::super::super::query::filter::is_true;
use super::expression::{Expression, Scope, Value, checked_name, expression};
use crate::capabilities::error::{Error, Result};

/// A document's new shape.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Whether a field that is not named stays.
    others: bool,
    root: Node,
}

/// The fields of one document that are spoken of, in order.
#[derive(Debug, Clone, Default)]
struct Node {
    fields: Vec<(CString, Item)>,
    /// Whether something is computed in it.
    computes: bool,
}

#[derive(Debug, Clone)]
enum Item {
    Keep,
    Drop,
    Compute(Expression),
    Inner(Node),
}

/// What the fields with 1 and 0 say.
#[derive(Default)]
struct Said {
    keep: Option<bool>,
    id: Option<bool>,
    computes: bool,
}

impl Shape {
    /// `$project`.
    pub(super) fn project(spec: &RawDocument) -> Result<Self> {
        if spec.is_empty() {
            return Err(Error::invalid("$project needs at least one field"));
        }
        let mut said = Said::default();
        let mut root = Node::default();
        read(spec, "", true, &mut root, &mut said)?;
        let keep = said.keep.or(if said.computes { Some(true) } else { said.id }).unwrap_or(true);
        if said.computes && !keep {
            return Err(Error::invalid("a $project leaves fields out or computes them, not both; use $unset"));
        }
        match said.id {
            Some(true) if !keep => {
                root.fields.retain(|(name, _)| name.as_str() != "_id");
            }
            None if keep && !root.fields.iter().any(|(name, _)| name.as_str() == "_id") => {
                root.fields.push((checked_name("_id")?, Item::Keep));
            }
            _ => {}
        }
        Ok(Self { others: !keep, root })
    }

    /// `$addFields`, also called `$set`.
    pub(super) fn add(spec: &RawDocument) -> Result<Self> {
        let mut root = Node::default();
        read(spec, "", false, &mut root, &mut Said::default())?;
        Ok(Self { others: true, root })
    }

    /// `$unset`.
    pub(super) fn unset<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut root = Node::default();
        for path in paths {
            root.insert(path, Item::Drop)?;
        }
        Ok(Self { others: true, root })
    }

    pub(super) fn apply(&self, scope: &Scope<'_>, document: &RawDocument) -> Result<RawDocumentBuf> {
        let kept = self.keep(&self.root, document);
        if self.root.computes { compute(&self.root, kept, scope) } else { Ok(kept) }
    }

    fn keep(&self, node: &Node, document: &RawDocument) -> RawDocumentBuf {
        let mut kept = RawDocumentBuf::new();
        for (name, value) in document.iter().flatten() {
            match node.item(name.as_str()) {
                Some(Item::Keep) => kept.append(name, value),
                Some(Item::Drop) => {}
                Some(Item::Inner(inner)) => {
                    if let Some(value) = self.keep_in(inner, value).or_else(|| inner.place()) {
                        kept.append(name, value);
                    }
                }
                // Its place is kept where fields are added, not where they are chosen.
                Some(Item::Compute(_)) | None if self.others => kept.append(name, value),
                _ => {}
            }
        }
        kept
    }

    fn keep_in(&self, node: &Node, value: RawBsonRef<'_>) -> Value {
        match value {
            RawBsonRef::Document(document) => Some(RawBson::Document(self.keep(node, document))),
            RawBsonRef::Array(array) => {
                let mut kept = RawArrayBuf::new();
                for element in array.into_iter().flatten() {
                    if let Some(element) = self.keep_in(node, element).or_else(|| node.place()) {
                        kept.push(element);
                    }
                }
                Some(RawBson::Array(kept))
            }
            value => self.others.then(|| value.into()),
        }
    }
}

impl Node {
    fn item(&self, name: &str) -> Option<&Item> {
        self.fields.iter().find(|(known, _)| known.as_str() == name).map(|(_, item)| item)
    }

    /// What holds the place of a value that is left out and computed anew. No stored value is undefined.
    fn place(&self) -> Value {
        self.computes.then_some(RawBson::Undefined)
    }

    fn insert(&mut self, path: &str, item: Item) -> Result<()> {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let key = checked_name(name)?;
        self.computes |= matches!(item, Item::Compute(_));
        let clash = || Error::invalid(format!("`{path}` is named twice, or as a part of another field that is named"));
        let known = self.fields.iter_mut().find(|(known, _)| *known == key).map(|(_, item)| item);
        match (known, rest) {
            (None, None) => self.fields.push((key, item)),
            (None, Some(rest)) => {
                let mut inner = Self::default();
                inner.insert(rest, item)?;
                self.fields.push((key, Item::Inner(inner)));
            }
            (Some(Item::Inner(inner)), Some(rest)) => inner.insert(rest, item)?,
            _ => return Err(clash()),
        }
        Ok(())
    }
}

fn read(spec: &RawDocument, prefix: &str, choosing: bool, root: &mut Node, said: &mut Said) -> Result<()> {
    for (name, value) in spec.iter().flatten() {
        let path = format!("{prefix}{}", name.as_str());
        if path.split('.').count() > 32 {
            return Err(Error::invalid("a path has at most 32 parts"));
        }
        match value {
            RawBsonRef::Document(inner) if inner.is_empty() => {
                return Err(Error::invalid(format!("`{path}` is an empty document; name its fields, or use $literal")));
            }
            RawBsonRef::Document(inner) if !is_operator(inner) => {
                read(inner, &format!("{path}."), choosing, root, said)?;
            }
            RawBsonRef::Int32(_) | RawBsonRef::Int64(_) | RawBsonRef::Double(_) | RawBsonRef::Boolean(_)
                if choosing =>
            {
                let keep = is_true(value);
                if path == "_id" {
                    said.id = Some(keep);
                } else if *said.keep.get_or_insert(keep) != keep {
                    return Err(Error::invalid(format!(
                        "the $project both keeps fields and leaves some out, `{path}` among them; only `_id` may differ"
                    )));
                }
                root.insert(&path, if keep { Item::Keep } else { Item::Drop })?;
            }
            value => {
                said.computes = true;
                root.insert(&path, Item::Compute(expression(value, &[])?))?;
            }
        }
    }
    Ok(())
}

fn is_operator(document: &RawDocument) -> bool {
    document.iter().flatten().next().is_some_and(|(name, _)| name.as_str().starts_with('$'))
}

/// Sets the computed fields: in their place where they are, behind the others where they are not.
fn compute(node: &Node, document: RawDocumentBuf, scope: &Scope<'_>) -> Result<RawDocumentBuf> {
    let mut values: Vec<(&CString, Option<Value>)> = Vec::with_capacity(node.fields.len());
    for (name, item) in &node.fields {
        let value = match item {
            Item::Compute(expression) => Some(expression.evaluate(scope)?),
            Item::Inner(inner) if inner.computes => {
                let now = document.get(name.as_str()).ok().flatten().map(RawBson::from);
                Some(Some(compute_in(inner, now, scope)?))
            }
            _ => None,
        };
        values.push((name, value));
    }
    let mut computed = RawDocumentBuf::new();
    for (name, value) in document.iter().flatten() {
        match values.iter_mut().find(|(known, _)| known.as_str() == name.as_str()) {
            Some((_, slot @ Some(_))) => {
                if let Some(value) = slot.take().flatten() {
                    computed.append(name, value);
                }
            }
            _ => computed.append(name, value),
        }
    }
    for (name, value) in values {
        if let Some(value) = value.flatten() {
            computed.append(name, value);
        }
    }
    Ok(computed)
}

/// The same within a value. One that has no fields becomes a document of the computed ones.
fn compute_in(node: &Node, value: Value, scope: &Scope<'_>) -> Result<RawBson> {
    Ok(match value {
        Some(RawBson::Array(array)) => {
            let mut computed = RawArrayBuf::new();
            for element in array.into_iter().flatten() {
                computed.push(compute_in(node, Some(RawBson::from(element)), scope)?);
            }
            RawBson::Array(computed)
        }
        Some(RawBson::Document(document)) => RawBson::Document(compute(node, document, scope)?),
        _ => RawBson::Document(compute(node, RawDocumentBuf::new(), scope)?),
    })
}
