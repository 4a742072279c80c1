//! Collections of documents: a reasonable part of MongoDB's language, the rest refused by name.

use std::cmp::Ordering;
use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, Document};

use super::host::invalid;
use super::matcher::{matches, values};
use super::order::{compare, equal, whole};
use super::update::{apply, set};
use crate::bindings::devconnect::platform::documents::{
    Expectation, FindAndUpdateOptions, FindOptions, Outcome, UpdateOptions, UpdateResult, Write,
};
use crate::bindings::devconnect::platform::errors::{Error, Failure};

#[derive(Clone, Debug, Default)]
pub(super) struct Documents(HashMap<String, Collection>);

#[derive(Clone, Debug, Default)]
struct Collection {
    rows: Vec<Document>,
    unique: Vec<Unique>,
}

#[derive(Clone, Debug)]
struct Unique {
    keys: Document,
    partial: Option<Document>,
}

/// What an update did, before it is encoded.
#[derive(Debug, Default)]
pub(super) struct Done {
    matched: u64,
    modified: u64,
    upserted: Option<Bson>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Document, Error> {
    bson::deserialize_from_slice(bytes).map_err(|error| invalid(format!("documents: this is no BSON: {error}")))
}

pub(super) fn encode(document: &Document) -> Result<Vec<u8>, Error> {
    bson::serialize_to_vec(document).map_err(|error| invalid(format!("documents: it cannot be written: {error}")))
}

pub(super) fn result(done: Done) -> Result<UpdateResult, Error> {
    let upserted = done.upserted.map(|id| encode(&bson::doc! { "_id": id })).transpose()?;
    Ok(UpdateResult { matched: done.matched, modified: done.modified, upserted })
}

impl Documents {
    pub(super) fn all(&self, collection: &str) -> Vec<Document> {
        self.0.get(collection).map(|collection| collection.rows.clone()).unwrap_or_default()
    }

    fn rows(&self, collection: &str) -> &[Document] {
        self.0.get(collection).map_or(&[], |collection| &collection.rows)
    }

    fn collection(&mut self, name: &str) -> &mut Collection {
        self.0.entry(name.to_owned()).or_default()
    }

    /// Runs something that may fail half-way, and takes it back then.
    fn atomically<R>(&mut self, change: impl FnOnce(&mut Self) -> Result<R, Error>) -> Result<R, Error> {
        let before = self.clone();
        let result = change(self);
        if result.is_err() {
            *self = before;
        }
        result
    }

    pub(super) fn find(&self, name: &str, filter: &Document, options: &FindOptions) -> Result<Vec<Document>, Error> {
        let mut found = Vec::new();
        for row in self.rows(name) {
            if matches(filter, row)? {
                found.push(row);
            }
        }
        if let Some(sort) = options.sort.as_deref() {
            let sort = read(sort)?;
            found.sort_by(|left, right| by(&sort, left, right));
        }
        let projection = options.projection.as_deref().map(read).transpose()?;
        let limit = if options.limit == 0 { usize::MAX } else { options.limit as usize };
        let wanted = found.into_iter().skip(options.skip as usize).take(limit);
        wanted
            .map(|row| projection.as_ref().map_or_else(|| Ok(row.clone()), |projection| project(row, projection)))
            .collect()
    }

    pub(super) fn count(&self, name: &str, filter: &Document) -> Result<u64, Error> {
        self.rows(name).iter().try_fold(0, |count, row| Ok(count + u64::from(matches(filter, row)?)))
    }

    pub(super) fn insert(&mut self, name: &str, documents: Vec<Document>) -> Result<Vec<Bson>, Error> {
        self.atomically(|all| documents.into_iter().map(|document| all.collection(name).insert(document)).collect())
    }

    pub(super) fn update(
        &mut self,
        name: &str,
        filter: &Document,
        update: &Document,
        options: UpdateOptions,
        now: i64,
    ) -> Result<Done, Error> {
        self.atomically(|all| {
            let collection = all.collection(name);
            let mut done = Done::default();
            for index in collection.matching(filter, options.many)? {
                done.matched += 1;
                done.modified += u64::from(collection.change(index, |row| apply(row, update, false, now))?);
            }
            if done.matched == 0 && options.upsert {
                done.upserted = Some(collection.upsert(filter, |row| apply(row, update, true, now))?);
            }
            Ok(done)
        })
    }

    pub(super) fn replace(
        &mut self,
        name: &str,
        filter: &Document,
        replacement: Document,
        upsert: bool,
    ) -> Result<Done, Error> {
        self.atomically(|all| {
            let collection = all.collection(name);
            let mut done = Done::default();
            let replace = |row: &mut Document| {
                let id = row.get("_id").cloned();
                *row = replacement.clone();
                if let Some(id) = id {
                    row.insert("_id", id);
                }
                Ok(())
            };
            for index in collection.matching(filter, false)? {
                done.matched += 1;
                done.modified += u64::from(collection.change(index, replace)?);
            }
            if done.matched == 0 && upsert {
                done.upserted = Some(collection.upsert(filter, replace)?);
            }
            Ok(done)
        })
    }

    pub(super) fn find_one_and_update(
        &mut self,
        name: &str,
        filter: &Document,
        update: &Document,
        options: &FindAndUpdateOptions,
        now: i64,
    ) -> Result<Option<Document>, Error> {
        let first = FindOptions { sort: options.sort.clone(), projection: None, skip: 0, limit: 1 };
        let before = self.find(name, filter, &first)?.pop();
        let id = before.as_ref().and_then(|row| row.get("_id").cloned());
        let one = id.map_or_else(|| filter.clone(), |id| bson::doc! { "_id": id });
        let done = self.update(name, &one, update, UpdateOptions { many: false, upsert: options.upsert }, now)?;
        let found = if options.return_new {
            let id = done.upserted.or_else(|| before.and_then(|row| row.get("_id").cloned()));
            id.and_then(|id| self.rows(name).iter().find(|row| row.get("_id") == Some(&id)).cloned())
        } else {
            before
        };
        let projection = options.projection.as_deref().map(read).transpose()?;
        found.map(|row| projection.map_or_else(|| Ok(row.clone()), |projection| project(&row, &projection))).transpose()
    }

    pub(super) fn delete(&mut self, name: &str, filter: &Document, many: bool) -> Result<u64, Error> {
        let collection = self.collection(name);
        let found = collection.matching(filter, many)?;
        for index in found.iter().rev() {
            collection.rows.remove(*index);
        }
        Ok(found.len() as u64)
    }

    pub(super) fn ensure_index(
        &mut self,
        name: &str,
        keys: Document,
        unique: bool,
        partial: Option<Document>,
    ) -> Result<(), Error> {
        let collection = self.collection(name);
        if !unique || collection.unique.iter().any(|known| known.keys == keys) {
            return Ok(());
        }
        collection.unique.push(Unique { keys, partial });
        let checked = (0..collection.rows.len()).try_for_each(|index| collection.check(index));
        if checked.is_err() {
            collection.unique.pop();
        }
        checked
    }

    pub(super) fn transact(&mut self, writes: &[Write], now: i64) -> Result<Outcome, Error> {
        let before = self.clone();
        let mut results = Vec::new();
        for (index, write) in writes.iter().enumerate() {
            match self.write(write, now) {
                Ok((done, true)) => results.push(result(done)?),
                Ok((_, false)) => {
                    *self = before;
                    return Ok(Outcome::Unmet(u32::try_from(index).unwrap_or(u32::MAX)));
                }
                Err(error) => {
                    *self = before;
                    return Err(error);
                }
            }
        }
        Ok(Outcome::Committed(results))
    }

    /// One write, and whether what was expected of it holds.
    fn write(&mut self, write: &Write, now: i64) -> Result<(Done, bool), Error> {
        let (done, expectation) = match write {
            Write::Insert((name, document)) => {
                let upserted = self.insert(name, vec![read(document)?])?.pop();
                return Ok((Done { upserted, ..Done::default() }, true));
            }
            Write::Update((name, filter, update, options, expectation)) => {
                (self.update(name, &read(filter)?, &read(update)?, *options, now)?, expectation)
            }
            Write::Replace((name, filter, replacement, upsert, expectation)) => {
                (self.replace(name, &read(filter)?, read(replacement)?, *upsert)?, expectation)
            }
            Write::Delete((name, filter, many, expectation)) => {
                let matched = self.delete(name, &read(filter)?, *many)?;
                (Done { matched, modified: matched, upserted: None }, expectation)
            }
            Write::Check((name, filter, expectation)) => {
                (Done { matched: self.count(name, &read(filter)?)?, ..Done::default() }, expectation)
            }
        };
        let holds = match expectation {
            Expectation::Anything => true,
            Expectation::One => done.matched == 1,
            Expectation::None => done.matched == 0,
        };
        Ok((done, holds))
    }
}

impl Collection {
    fn matching(&self, filter: &Document, many: bool) -> Result<Vec<usize>, Error> {
        let mut found = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            if matches(filter, row)? {
                found.push(index);
                if !many {
                    break;
                }
            }
        }
        Ok(found)
    }

    fn insert(&mut self, document: Document) -> Result<Bson, Error> {
        let id = document.get("_id").cloned().unwrap_or_else(|| Bson::ObjectId(ObjectId::new()));
        let mut row = bson::doc! { "_id": id.clone() };
        row.extend(document);
        self.rows.push(row);
        self.check(self.rows.len() - 1)?;
        Ok(id)
    }

    /// True if the document is another one after the change.
    fn change(&mut self, index: usize, change: impl FnOnce(&mut Document) -> Result<(), Error>) -> Result<bool, Error> {
        let Some(row) = self.rows.get_mut(index) else { return Ok(false) };
        let before = row.clone();
        change(row)?;
        let changed = *row != before;
        self.check(index)?;
        Ok(changed)
    }

    /// Inserts a document made of what the filter says of equality, and the change.
    fn upsert(
        &mut self,
        filter: &Document,
        change: impl FnOnce(&mut Document) -> Result<(), Error>,
    ) -> Result<Bson, Error> {
        let mut row = Document::new();
        equalities(filter, &mut row)?;
        change(&mut row)?;
        self.insert(row)
    }

    /// Refuses what a unique index forbids.
    fn check(&self, index: usize) -> Result<(), Error> {
        let Some(row) = self.rows.get(index) else { return Ok(()) };
        let by_id = Unique { keys: bson::doc! { "_id": 1 }, partial: None };
        for unique in std::iter::once(&by_id).chain(&self.unique) {
            if !unique.covers(row)? {
                continue;
            }
            for (other_index, other) in self.rows.iter().enumerate() {
                if other_index != index && unique.covers(other)? && unique.same(row, other) {
                    return Err(Error::Conflict(Failure {
                        message: format!("documents: the unique index {} holds this already", unique.keys),
                        retry_after_ms: None,
                    }));
                }
            }
        }
        Ok(())
    }
}

impl Unique {
    fn covers(&self, row: &Document) -> Result<bool, Error> {
        self.partial.as_ref().map_or(Ok(true), |partial| matches(partial, row))
    }

    fn same(&self, left: &Document, right: &Document) -> bool {
        self.keys.keys().all(|key| equal(first(left, key), first(right, key)))
    }
}

fn first<'a>(row: &'a Document, path: &str) -> &'a Bson {
    values(row, path).into_iter().next().unwrap_or(&Bson::Null)
}

fn by(sort: &Document, left: &Document, right: &Document) -> Ordering {
    sort.iter().fold(Ordering::Equal, |order, (path, direction)| {
        order.then_with(|| {
            let order = compare(first(left, path), first(right, path));
            if whole(direction).is_some_and(|direction| direction < 0) { order.reverse() } else { order }
        })
    })
}

fn equalities(filter: &Document, row: &mut Document) -> Result<(), Error> {
    for (name, wanted) in filter {
        match wanted {
            Bson::Array(clauses) if name == "$and" => {
                clauses.iter().filter_map(Bson::as_document).try_for_each(|clause| equalities(clause, row))?;
            }
            _ if name.starts_with('$') => {}
            Bson::Document(operators) if operators.keys().any(|name| name.starts_with('$')) => {
                if let Some(value) = operators.get("$eq") {
                    set(row, name, value.clone())?;
                }
            }
            value => set(row, name, value.clone())?,
        }
    }
    Ok(())
}

/// Whole fields by name; `_id` comes along unless it is excluded.
fn project(row: &Document, projection: &Document) -> Result<Document, Error> {
    let wanted = |value: &Bson| !matches!(value, Bson::Boolean(false)) && whole(value) != Some(0);
    let included: Vec<_> = projection.iter().filter(|(name, value)| *name != "_id" && wanted(value)).collect();
    let excluded: Vec<_> = projection.iter().filter(|(_, value)| !wanted(value)).map(|(name, _)| name).collect();
    let with_id = projection.get("_id").is_none_or(wanted);
    let mut result = Document::new();
    if included.is_empty() {
        let kept = row.iter().filter(|(name, _)| !excluded.contains(name));
        result.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
        if let Some(path) = excluded.iter().find(|name| name.contains('.')) {
            return Err(invalid(format!("documents: the test platform cannot leave out {path}, only whole fields")));
        }
        return Ok(result);
    }
    if let (true, Some(id)) = (with_id, row.get("_id")) {
        result.insert("_id", id.clone());
    }
    for (path, _) in included {
        if let Some(value) = values(row, path).into_iter().next() {
            set(&mut result, path, value.clone())?;
        }
    }
    Ok(result)
}
