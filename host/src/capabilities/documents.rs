//! `documents`: what lasts, in MongoDB or in the host's own store.
//!
//! Every document, filter and update of a guest is walked once, here ([`query::validate`]): well-formed, at most 1 MiB,
//! 32 levels. Backends rely on it. What they answer counts against the call's `retained` limit.

pub mod backend;
pub mod embedded;
pub mod mongodb;
pub(crate) mod query;
mod stages;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod conformance;

pub use backend::Backend;

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTable};

use super::error::{Error, Result as Checked};
use super::{Ctx, HostError};
use crate::bindings::devconnect::platform::documents::{
    Expectation, FindAndUpdateOptions, FindOptions, Host, HostCursor, IndexOptions, Outcome, UpdateOptions,
    UpdateResult, Write,
};
use crate::bindings::devconnect::platform::events::Event;
use backend::until;
use query::validate::{Limits, validate};

type Answer<T> = Result<T, HostError>;
type Document = Vec<u8>;

/// Most cursors that one call may hold open.
const CURSORS: usize = 8;
/// Longest name of a collection, in bytes.
const NAME: usize = 120;

/// A query that a guest reads in pieces.
pub struct Cursor(Box<dyn backend::Cursor>);

/// The cursors that the current call opened: they end with it, whatever the guest does with its handles.
#[derive(Default)]
pub(super) struct Open(Vec<u32>);

impl Open {
    pub(super) fn close_all(&mut self, table: &mut ResourceTable) {
        for rep in self.0.drain(..) {
            // The guest may have dropped it already, and the table may have given its place to another kind since:
            // `delete` checks both.
            let _gone = table.delete::<Cursor>(Resource::new_own(rep));
        }
    }
}

impl Ctx {
    /// Grant and name of one collection; the store to ask.
    fn collection(&mut self, name: &str) -> Answer<Arc<dyn Backend>> {
        self.enter()?;
        self.granted(name)?;
        Ok(Arc::clone(&self.plugin.services.documents))
    }

    fn granted(&self, name: &str) -> Answer<()> {
        self.plugin.grants.collection(name)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > NAME || name.starts_with("system.") || !name.bytes().all(allowed) {
            let shown: String = name.escape_debug().take(NAME).collect();
            return Err(Error::invalid(format!(
                "collection \"{shown}\": a name has 1 to {NAME} of the characters a-z A-Z 0-9 . _ - and does not begin with system."
            ))
            .into());
        }
        Ok(())
    }

    /// Documents as the guest gets them, billed.
    fn documents(&mut self, documents: Vec<Document>) -> Answer<Vec<Document>> {
        self.retain(documents.iter().map(Vec::len).sum())?;
        Ok(documents)
    }
}

/// Walks a guest's document once.
fn check(what: &str, document: &[u8]) -> Checked<()> {
    if document.len() > Limits::DOCUMENT.bytes {
        let most = Limits::DOCUMENT.bytes;
        return Err(Error::too_large(format!("the {what} has {} bytes; the most is {most}", document.len())));
    }
    match validate(document, Limits::DOCUMENT) {
        Ok(_) => Ok(()),
        Err(invalid) => Err(Error::invalid(format!("the {what}: {invalid}"))),
    }
}

fn check_option(what: &str, document: Option<&Document>) -> Checked<()> {
    document.map_or(Ok(()), |document| check(what, document))
}

fn find_options(options: FindOptions) -> Checked<backend::FindOptions> {
    check_option("sort", options.sort.as_ref())?;
    check_option("projection", options.projection.as_ref())?;
    let FindOptions { sort, projection, skip, limit } = options;
    Ok(backend::FindOptions { sort, projection, skip, limit })
}

const fn update_options(options: UpdateOptions) -> backend::UpdateOptions {
    backend::UpdateOptions { many: options.many, upsert: options.upsert }
}

fn update_result(result: backend::UpdateResult) -> UpdateResult {
    let backend::UpdateResult { matched, modified, upserted } = result;
    UpdateResult { matched, modified, upserted }
}

const fn expectation(expectation: Expectation) -> backend::Expectation {
    match expectation {
        Expectation::Anything => backend::Expectation::Anything,
        Expectation::One => backend::Expectation::One,
        Expectation::None => backend::Expectation::None,
    }
}

/// A guest's write, each of its documents walked.
fn write(write: Write) -> Checked<backend::Write> {
    let (collection, operation) = match write {
        Write::Insert((collection, document)) => {
            check("document", &document)?;
            (collection, backend::Operation::Insert(document))
        }
        Write::Update((collection, filter, update, options, expect)) => {
            check("filter", &filter)?;
            check("update", &update)?;
            let (options, expect) = (update_options(options), expectation(expect));
            (collection, backend::Operation::Update { filter, update, options, expect })
        }
        Write::Replace((collection, filter, replacement, upsert, expect)) => {
            check("filter", &filter)?;
            check("replacement", &replacement)?;
            let expect = expectation(expect);
            (collection, backend::Operation::Replace { filter, replacement, upsert, expect })
        }
        Write::Delete((collection, filter, many, expect)) => {
            check("filter", &filter)?;
            (collection, backend::Operation::Delete { filter, many, expect: expectation(expect) })
        }
        Write::Check((collection, filter, expect)) => {
            check("filter", &filter)?;
            (collection, backend::Operation::Check { filter, expect: expectation(expect) })
        }
    };
    Ok(backend::Write { collection, operation })
}

fn within(what: &str, count: usize, most: usize) -> Checked<()> {
    if count > most {
        return Err(Error::too_large(format!("{count} {what} in one call; the most is {most}")));
    }
    Ok(())
}

impl Host for Ctx {
    async fn find(&mut self, collection: String, filter: Document, options: FindOptions) -> Answer<Vec<Document>> {
        let store = self.collection(&collection)?;
        check("filter", &filter)?;
        let options = find_options(options)?;
        if options.limit > backend::MOST_DOCUMENTS {
            return Err(Error::invalid(format!(
                "limit {}: find returns at most {}; read more with a cursor",
                options.limit,
                backend::MOST_DOCUMENTS
            ))
            .into());
        }
        let found = until(self.call.store_deadline(), store.find(&collection, filter, options)).await?;
        self.documents(found)
    }

    async fn open(&mut self, collection: String, filter: Document, options: FindOptions) -> Answer<Resource<Cursor>> {
        let store = self.collection(&collection)?;
        check("filter", &filter)?;
        let options = find_options(options)?;
        // Each holds a snapshot of the store, and what it has sorted.
        if self.cursors.0.len() >= CURSORS {
            return Err(Error::too_large(format!("{CURSORS} open cursors in one call: drop one first")).into());
        }
        let cursor = until(self.call.store_deadline(), store.open(&collection, filter, options)).await?;
        let handle = self.table.push(Cursor(cursor))?;
        self.cursors.0.push(handle.rep());
        Ok(handle)
    }

    async fn find_one(
        &mut self,
        collection: String,
        filter: Document,
        projection: Option<Document>,
    ) -> Answer<Option<Document>> {
        let store = self.collection(&collection)?;
        check("filter", &filter)?;
        check_option("projection", projection.as_ref())?;
        let found = until(self.call.store_deadline(), store.find_one(&collection, filter, projection)).await?;
        self.retain(found.as_ref().map_or(0, Vec::len))?;
        Ok(found)
    }

    async fn insert(&mut self, collection: String, documents: Vec<Document>) -> Answer<Vec<Document>> {
        let store = self.collection(&collection)?;
        within("documents", documents.len(), backend::MOST_DOCUMENTS as usize)?;
        for document in &documents {
            check("document", document)?;
        }
        Ok(self.written(store.insert(&collection, documents)).await?)
    }

    async fn update(
        &mut self,
        collection: String,
        filter: Document,
        update: Document,
        options: UpdateOptions,
    ) -> Answer<UpdateResult> {
        let store = self.collection(&collection)?;
        check("filter", &filter)?;
        check("update", &update)?;
        let result = self.written(store.update(&collection, filter, update, update_options(options))).await?;
        Ok(update_result(result))
    }

    async fn replace(
        &mut self,
        collection: String,
        filter: Document,
        replacement: Document,
        upsert: bool,
    ) -> Answer<UpdateResult> {
        let store = self.collection(&collection)?;
        check("filter", &filter)?;
        check("replacement", &replacement)?;
        let result = self.written(store.replace(&collection, filter, replacement, upsert)).await?;
        Ok(update_result(result))
    }

    async fn find_one_and_update(
        &mut self,
        collection: String,
        filter: Document,
        update: Document,
        options: FindAndUpdateOptions,
    ) -> Answer<Option<Document>> {
        let store = self.collection(&collection)?;
        check("filter", &filter)?;
        check("update", &update)?;
        check_option("sort", options.sort.as_ref())?;
        check_option("projection", options.projection.as_ref())?;
        let FindAndUpdateOptions { sort, projection, return_new, upsert } = options;
        let options = backend::FindAndUpdateOptions { sort, projection, return_new, upsert };
        let found = self.written(store.find_one_and_update(&collection, filter, update, options)).await?;
        self.retain(found.as_ref().map_or(0, Vec::len))?;
        Ok(found)
    }

    async fn delete(&mut self, collection: String, filter: Document, many: bool) -> Answer<u64> {
        let store = self.collection(&collection)?;
        check("filter", &filter)?;
        Ok(self.written(store.delete(&collection, filter, many)).await?)
    }

    async fn count(&mut self, collection: String, filter: Document, limit: u64) -> Answer<u64> {
        let store = self.collection(&collection)?;
        check("filter", &filter)?;
        Ok(until(self.call.store_deadline(), store.count(&collection, filter, limit)).await?)
    }

    async fn aggregate(&mut self, collection: String, pipeline: Vec<Document>) -> Answer<Vec<Document>> {
        let store = self.collection(&collection)?;
        within("stages", pipeline.len(), backend::MOST_WRITES)?;
        for stage in &pipeline {
            check("stage", stage)?;
        }
        let found = until(self.call.store_deadline(), store.aggregate(&collection, pipeline)).await?;
        self.documents(found)
    }

    async fn ensure_index(&mut self, collection: String, keys: Document, options: IndexOptions) -> Answer<()> {
        let store = self.collection(&collection)?;
        check("keys", &keys)?;
        check_option("partial filter", options.partial.as_ref())?;
        let IndexOptions { name, unique, expire_after_seconds, partial } = options;
        let options = backend::IndexOptions { name, unique, expire_after_seconds, partial };
        Ok(until(self.call.store_deadline(), store.ensure_index(&collection, keys, options)).await?)
    }

    async fn transact(&mut self, writes: Vec<Write>, events: Vec<Event>) -> Answer<Outcome> {
        self.enter()?;
        within("writes", writes.len(), backend::MOST_WRITES)?;
        within("events", events.len(), backend::MOST_WRITES)?;
        let writes = writes.into_iter().map(write).collect::<Checked<Vec<_>>>()?;
        for write in &writes {
            self.granted(&write.collection)?;
        }
        let events = self.events(events)?;
        let store = Arc::clone(&self.plugin.services.documents);
        Ok(match self.written(store.transact(writes, events)).await? {
            backend::Outcome::Committed(results) => {
                Outcome::Committed(results.into_iter().map(update_result).collect())
            }
            backend::Outcome::Unmet(index) => Outcome::Unmet(index),
        })
    }
}

impl Ctx {
    /// Waits for the answer to a write. Whether the store would not take it is noted: to an event that is no try.
    async fn written<T>(&mut self, answer: impl Future<Output = Checked<T>>) -> Checked<T> {
        let answer = until(self.call.store_deadline(), answer).await;
        self.call.refused |= matches!(answer, Err(Error::Unavailable(_)));
        answer
    }
}

impl HostCursor for Ctx {
    async fn next(&mut self, cursor: Resource<Cursor>, most: u32) -> Answer<Vec<Document>> {
        self.enter()?;
        let deadline = self.call.store_deadline();
        let Cursor(cursor) = self.table.get_mut(&cursor)?;
        let found = until(deadline, cursor.next(most.max(1))).await;
        self.documents(found?)
    }

    async fn drop(&mut self, cursor: Resource<Cursor>) -> wasmtime::Result<()> {
        let rep = cursor.rep();
        // A handle that outlived its call was closed then; its place may hold another call's cursor now.
        if let Some(at) = self.cursors.0.iter().position(|open| *open == rep) {
            self.cursors.0.swap_remove(at);
            self.table.delete(cursor)?;
        }
        Ok(())
    }
}
