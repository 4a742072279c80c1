//! `documents` of the test platform.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::{Error, Store, invalid, with_store};
use crate::bindings::devconnect::platform::documents::{
    FindAndUpdateOptions, FindOptions, IndexOptions, Outcome, UpdateOptions, UpdateResult, Write,
};
use crate::bindings::devconnect::platform::events::Event;
use crate::test::documents::{encode, read, result};

pub(crate) struct Cursor(RefCell<VecDeque<Vec<u8>>>);

impl Cursor {
    pub(crate) fn next(&self, most: u32) -> Result<Vec<Vec<u8>>, Error> {
        let mut rest = self.0.borrow_mut();
        let most = rest.len().min(most as usize);
        Ok(rest.drain(..most).collect())
    }
}

pub(crate) fn find(collection: &str, filter: &[u8], options: &FindOptions) -> Result<Vec<Vec<u8>>, Error> {
    if options.limit > 1_000 {
        return Err(invalid(format!("documents.find: the limit {} is above 1000", options.limit)));
    }
    with_store(Store::Documents, |state| {
        let found = state.documents.borrow().find(collection, &read(filter)?, options)?;
        found.iter().take(if options.limit == 0 { 1_000 } else { usize::MAX }).map(encode).collect()
    })
}

pub(crate) fn open(collection: &str, filter: &[u8], options: &FindOptions) -> Result<Cursor, Error> {
    with_store(Store::Documents, |state| {
        let found = state.documents.borrow().find(collection, &read(filter)?, options)?;
        found.iter().map(encode).collect::<Result<_, _>>().map(RefCell::new).map(Cursor)
    })
}

pub(crate) fn find_one(collection: &str, filter: &[u8], projection: Option<&[u8]>) -> Result<Option<Vec<u8>>, Error> {
    let options = FindOptions { sort: None, projection: projection.map(<[u8]>::to_vec), skip: 0, limit: 1 };
    Ok(find(collection, filter, &options)?.pop())
}

pub(crate) fn insert(collection: &str, documents: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
    with_store(Store::Documents, |state| {
        let documents = documents.iter().map(|bytes| read(bytes)).collect::<Result<_, _>>()?;
        let ids = state.documents.borrow_mut().insert(collection, documents)?;
        ids.into_iter().map(|id| encode(&bson::doc! { "_id": id })).collect()
    })
}

pub(crate) fn update(
    collection: &str,
    filter: &[u8],
    update: &[u8],
    options: UpdateOptions,
) -> Result<UpdateResult, Error> {
    with_store(Store::Documents, |state| {
        let now = state.now_ms();
        result(state.documents.borrow_mut().update(collection, &read(filter)?, &read(update)?, options, now)?)
    })
}

pub(crate) fn replace(
    collection: &str,
    filter: &[u8],
    replacement: &[u8],
    upsert: bool,
) -> Result<UpdateResult, Error> {
    with_store(Store::Documents, |state| {
        result(state.documents.borrow_mut().replace(collection, &read(filter)?, read(replacement)?, upsert)?)
    })
}

pub(crate) fn find_one_and_update(
    collection: &str,
    filter: &[u8],
    update: &[u8],
    options: &FindAndUpdateOptions,
) -> Result<Option<Vec<u8>>, Error> {
    with_store(Store::Documents, |state| {
        let now = state.now_ms();
        let mut documents = state.documents.borrow_mut();
        let found = documents.find_one_and_update(collection, &read(filter)?, &read(update)?, options, now)?;
        found.as_ref().map(encode).transpose()
    })
}

pub(crate) fn delete(collection: &str, filter: &[u8], many: bool) -> Result<u64, Error> {
    with_store(Store::Documents, |state| state.documents.borrow_mut().delete(collection, &read(filter)?, many))
}

pub(crate) fn count(collection: &str, filter: &[u8], limit: u64) -> Result<u64, Error> {
    with_store(Store::Documents, |state| {
        let count = state.documents.borrow().count(collection, &read(filter)?)?;
        Ok(if limit == 0 { count } else { count.min(limit) })
    })
}

pub(crate) fn aggregate(_: &str, _: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
    Err(invalid("documents.aggregate: the test platform has no pipelines; test this against a host"))
}

pub(crate) fn ensure_index(collection: &str, keys: &[u8], options: &IndexOptions) -> Result<(), Error> {
    with_store(Store::Documents, |state| {
        let partial = options.partial.as_deref().map(read).transpose()?;
        state.documents.borrow_mut().ensure_index(collection, read(keys)?, options.unique, partial)
    })
}

pub(crate) fn transact(writes: &[Write], events: &[Event]) -> Result<Outcome, Error> {
    with_store(Store::Documents, |state| {
        let now = state.now_ms();
        let outcome = state.documents.borrow_mut().transact(writes, now)?;
        if matches!(outcome, Outcome::Committed(_)) {
            events.iter().for_each(|event| state.record(event));
        }
        Ok(outcome)
    })
}
