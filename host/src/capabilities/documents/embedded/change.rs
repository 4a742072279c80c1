//! Changing documents, in the writer. Whatever fails here is undone as a whole by the writer, so the steps below need not
//! be in an order that could be stopped anywhere.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use bson::oid::ObjectId;
use bson::{RawDocument, RawDocumentBuf};

use super::super::backend::{Document, UpdateOptions, UpdateResult};
use super::super::query::index::Entries;
use super::super::query::{Filter, Invalid, Replacement, Update, for_insert, key};
use super::catalogue::{Catalogue, Collection, Secondary};
use super::scan::{Flow, Progress, document};
use super::select::{Query, Selection};
use super::watch::Watch;
use crate::capabilities::embedded::{Read, Table, Tx};
use crate::capabilities::error::{Error, Result};

/// What one request may hold in memory for its undoing.
const MOST_PENDING: usize = 128 << 20;

/// What a document becomes.
#[derive(Clone)]
pub(crate) enum Rewrite {
    Update(Update),
    Replace(Replacement),
}

impl Rewrite {
    /// The same at the time of the request.
    fn at(&self, now: SystemTime) -> Cow<'_, Self> {
        match self {
            Self::Update(update) => match update.at(now) {
                Cow::Borrowed(_) => Cow::Borrowed(self),
                Cow::Owned(update) => Cow::Owned(Self::Update(update)),
            },
            Self::Replace(_) => Cow::Borrowed(self),
        }
    }

    fn run(&self, document: &RawDocument) -> Result<Option<RawDocumentBuf>, Invalid> {
        match self {
            Self::Update(update) => update.run(document),
            Self::Replace(replacement) => replacement.run(document),
        }
    }

    fn upsert(&self, filter: &Filter) -> Result<RawDocumentBuf, Invalid> {
        match self {
            Self::Update(update) => update.upsert(filter, ObjectId::new),
            Self::Replace(replacement) => replacement.upsert(filter, ObjectId::new),
        }
    }
}

/// A document before and after; `None` where it did not exist.
pub(crate) struct Changed {
    pub(crate) before: Option<Document>,
    pub(crate) after: Document,
}

/// A request's work on one collection.
pub(crate) struct Edit<'e, 't> {
    tx: &'e mut Tx<'t>,
    catalogue: &'e Catalogue,
    name: &'e str,
    collection: Option<Arc<Collection>>,
    /// The writer is everybody's: what is found there ends at the call's deadline, too.
    watch: &'e Watch,
}

impl<'e, 't> Edit<'e, 't> {
    pub(crate) fn begin(tx: &'e mut Tx<'t>, catalogue: &'e Catalogue, name: &'e str, watch: &'e Watch) -> Result<Self> {
        watch.check()?;
        let collection = catalogue.find(tx, name)?;
        Ok(Self { tx, catalogue, name, collection, watch })
    }

    /// Inserts a document; `{_id: …}`.
    pub(crate) fn insert(&mut self, document: &RawDocument) -> Result<Document> {
        let document = for_insert(document, ObjectId::new)?;
        self.insert_whole(&document)
    }

    /// Updates or replaces what matches.
    pub(crate) fn rewrite(
        &mut self,
        filter: Filter,
        rewrite: &Rewrite,
        options: UpdateOptions,
    ) -> Result<UpdateResult> {
        let rewrite = &*rewrite.at(self.tx.now());
        let upsert = options.upsert.then(|| filter.clone());
        let query = if options.many { Query::all(filter) } else { Query::first(filter) };
        let mut result = UpdateResult::default();
        for key in self.find(query)? {
            let before = self.get(&key)?;
            result.matched += 1;
            if let Some(after) = rewrite.run(document(&before)?)? {
                self.put(&key, Some(document(&before)?), &after)?;
                result.modified += 1;
            }
        }
        if result.matched == 0
            && let Some(filter) = upsert
        {
            result.upserted = Some(self.insert_whole(&rewrite.upsert(&filter)?)?);
        }
        Ok(result)
    }

    /// Updates the first that a query finds.
    pub(crate) fn rewrite_first(&mut self, query: Query, rewrite: &Rewrite, upsert: bool) -> Result<Option<Changed>> {
        let rewrite = &*rewrite.at(self.tx.now());
        let filter = upsert.then(|| query.filter.clone());
        if let Some(key) = self.find(Query { limit: Some(1), ..query })?.pop() {
            let before = self.get(&key)?;
            let after = match rewrite.run(document(&before)?)? {
                Some(after) => {
                    self.put(&key, Some(document(&before)?), &after)?;
                    after.into_bytes()
                }
                None => before.clone(),
            };
            return Ok(Some(Changed { before: Some(before), after }));
        }
        let Some(filter) = filter else { return Ok(None) };
        let after = rewrite.upsert(&filter)?;
        self.insert_whole(&after)?;
        Ok(Some(Changed { before: None, after: after.into_bytes() }))
    }

    /// Deletes what matches; how many.
    pub(crate) fn delete(&mut self, filter: Filter, many: bool) -> Result<u64> {
        let query = if many { Query::all(filter) } else { Query::first(filter) };
        let keys = self.find(query)?;
        for key in &keys {
            let before = self.get(key)?;
            self.remove(key, document(&before)?)?;
        }
        Ok(keys.len() as u64)
    }

    /// How many match, at most `limit`.
    pub(crate) fn count(&self, filter: Filter, limit: usize) -> Result<u64> {
        Ok(self.find(Query { limit: Some(limit), ..Query::all(filter) })?.len() as u64)
    }

    /// The table's keys of what a query finds, collected before anything changes: a document that an update moves in the
    /// index being walked would be met again.
    fn find(&self, query: Query) -> Result<Vec<Vec<u8>>> {
        let mut keys = Vec::new();
        let mut selection = Selection::new(self.collection.clone(), query);
        loop {
            let progress = selection.run(&*self.tx, self.watch.slice()?, &mut |key, _| {
                keys.push(key.to_vec());
                Ok(Flow::Continue)
            })?;
            if progress != Progress::Paused {
                return Ok(keys);
            }
        }
    }

    fn get(&self, key: &[u8]) -> Result<Document> {
        let value = self.tx.get(Table::Documents, key)?;
        let value = value.ok_or_else(|| Error::unavailable("a document that was just found is gone"))?;
        Ok(value.value().to_vec())
    }

    /// Inserts a document that has its `_id`.
    fn insert_whole(&mut self, document: &RawDocument) -> Result<Document> {
        let collection = match &self.collection {
            Some(collection) => Arc::clone(collection),
            None => self.catalogue.ensure(self.tx, self.name)?,
        };
        let id = document.get("_id").ok().flatten().ok_or_else(|| Error::invalid("the document has no `_id`"))?;
        let key = [collection.space.to_be_bytes().as_slice(), &key::encode_one(id)].concat();
        self.collection = Some(collection);
        if self.tx.get(Table::Documents, &key)?.is_some() {
            return Err(self.duplicate("_id"));
        }
        self.put(&key, None, document)?;
        let mut answer = RawDocumentBuf::new();
        answer.append(bson::raw::cstr!("_id"), id);
        Ok(answer.into_bytes())
    }

    /// Writes a document and what it changes in the indexes.
    fn put(&mut self, key: &[u8], before: Option<&RawDocument>, after: &RawDocument) -> Result<()> {
        let Some(collection) = self.collection.clone() else { return Ok(()) };
        for index in &collection.indexes {
            let old = before.map_or(Ok(None), |before| entries(index, before))?;
            let new = entries(index, after)?;
            if !index.multikey && new.as_ref().is_some_and(|new| new.multikey) {
                let current = self.collection.as_deref().unwrap_or(&collection);
                self.collection = Some(self.catalogue.set_multikey(self.tx, current, index.space)?);
            }
            let old: BTreeSet<Vec<u8>> = old.map(|old| old.keys).unwrap_or_default().into_iter().collect();
            let new: BTreeSet<Vec<u8>> = new.map(|new| new.keys).unwrap_or_default().into_iter().collect();
            for gone in old.difference(&new) {
                self.tx.remove(Table::Documents, &entry(index, gone, key))?;
            }
            for added in new.difference(&old) {
                self.add_entry(index, added, key)?;
            }
        }
        self.tx.put(Table::Documents, key, after.as_bytes())?;
        if self.tx.pending() > MOST_PENDING {
            return Err(Error::too_large(
                "it changes too many documents at once; narrow the filter and do it in steps",
            ));
        }
        Ok(())
    }

    /// Removes a document and its index entries.
    pub(crate) fn remove(&mut self, key: &[u8], before: &RawDocument) -> Result<()> {
        let Some(collection) = self.collection.clone() else { return Ok(()) };
        for index in &collection.indexes {
            for gone in entries(index, before)?.map(|old| old.keys).unwrap_or_default() {
                self.tx.remove(Table::Documents, &entry(index, &gone, key))?;
            }
        }
        self.tx.remove(Table::Documents, key)?;
        if self.tx.pending() > MOST_PENDING {
            return Err(Error::too_large(
                "it deletes too many documents at once; narrow the filter and do it in steps",
            ));
        }
        Ok(())
    }

    /// Puts an entry into an index, unless another document holds it already.
    pub(crate) fn add_entry(&mut self, index: &Secondary, keys: &[u8], key: &[u8]) -> Result<()> {
        let entry = entry(index, keys, key);
        let id = id(key);
        if index.options.unique
            && let Some(holder) = self.tx.get(Table::Documents, &entry)?
            && holder.value() != id
        {
            return Err(self.duplicate(&index.options.name));
        }
        self.tx.put(Table::Documents, &entry, id)
    }

    fn duplicate(&self, index: &str) -> Error {
        // Without the value: documents hold secrets.
        Error::conflict(format!("the unique index {index} of {} holds that value already", self.name))
    }
}

/// The keys of a document in an index; `None` if it is not indexed there.
pub(crate) fn entries(index: &Secondary, document: &RawDocument) -> Result<Option<Entries>> {
    if index.partial.as_ref().is_some_and(|partial| !partial.matches(document)) {
        return Ok(None);
    }
    let entries = index.index.entries(document)?;
    Ok(Some(entries))
}

/// The table's key of an index entry. In a unique index one key has one document; elsewhere the document tells them apart.
fn entry(index: &Secondary, keys: &[u8], key: &[u8]) -> Vec<u8> {
    let id = if index.options.unique { &[] } else { id(key) };
    [index.space.to_be_bytes().as_slice(), keys, id].concat()
}

/// The key of `_id` in a document's key in the table.
fn id(key: &[u8]) -> &[u8] {
    key.get(4..).unwrap_or_default()
}
