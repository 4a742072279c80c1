//! The embedded documents: BSON in the embedded store's file, with MongoDB's queries, updates and indexes.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`catalogue`] | which collections and indexes there are |
//! | [`choose`] | the way through a collection: by `_id`, by indexes, or all of it |
//! | [`scan`] | going that way |
//! | [`select`] | filter, order, skip and limit on that way |
//! | [`cost`] | what a query did, for the log |
//! | [`find`] | reads: on the async thread while short, else in the blocking pool |
//! | [`aggregate`] | pipelines, in the blocking pool |
//! | [`change`] | writes, in the store's writer |
//! | [`indexes`] | making indexes; TTL |
//!
//! Filters and updates are parsed on the caller's thread, so that a wrong one costs the writer nothing.

mod aggregate;
pub(crate) mod catalogue;
pub(crate) mod change;
mod choose;
mod cost;
pub(crate) mod find;
pub(crate) mod indexes;
pub(crate) mod scan;
pub(crate) mod select;
mod transact;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::backend::{
    Backend, Cursor, Document, FindAndUpdateOptions, FindOptions, IndexOptions, Outcome, UpdateOptions, UpdateResult,
    Write,
};
use super::query::{Filter, Invalid, Projection, Replacement, Sort, Update};
use crate::capabilities::embedded::{Sink, Store, Tx};
use crate::capabilities::error::{Error, Result};
use crate::capabilities::events::backend::Event;
use aggregate::Pipeline;
use catalogue::Catalogue;
use change::{Changed, Edit, Rewrite};
#[cfg(test)]
pub(super) use cost::Explained;
use find::{FIND_LIMIT, Finding, Pieces};
use scan::document;
use select::Query;
use watch::Watch;

/// How often expired documents are deleted; MongoDB's own period.
const EXPIRY_PERIOD: Duration = Duration::from_mins(1);

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.message)
    }
}

/// The documents in an open store.
pub struct Documents {
    store: Arc<Store>,
    catalogue: Arc<Catalogue>,
    /// Takes the events of transactions.
    events: Arc<dyn Sink>,
}

impl Documents {
    /// The documents in an open store; `events` takes what their transactions publish.
    pub(crate) fn new(store: Arc<Store>, events: Arc<dyn Sink>) -> Self {
        let catalogue = Arc::new(Catalogue::default());
        let expiring = Arc::clone(&catalogue);
        store.every(EXPIRY_PERIOD, Box::new(move |tx| indexes::expire(tx, &expiring)));
        Self { store, catalogue, events }
    }

    fn begin(&self, collection: &str, query: Query, projection: Option<Projection>) -> Result<Finding> {
        Finding::begin(&self.store, &self.catalogue, collection, query, projection)
    }

    /// Runs `work` on a collection in the writer.
    async fn edit<T, F>(&self, collection: &str, weight: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Edit<'_, '_>) -> Result<T> + Send + 'static,
    {
        let (catalogue, collection) = (Arc::clone(&self.catalogue), collection.to_owned());
        let watch = Watch::until_deadline();
        let work = move |tx: &mut Tx<'_>| work(&mut Edit::begin(tx, &catalogue, &collection, &watch)?);
        self.store.write(weight + 256, work).await
    }

    async fn rewrite(
        &self,
        collection: &str,
        filter: Document,
        rewrite: Result<Rewrite>,
        weight: usize,
        options: UpdateOptions,
    ) -> Result<UpdateResult> {
        let (filter, rewrite) = (parse_filter(&filter)?, rewrite?);
        self.edit(collection, weight, move |edit| edit.rewrite(filter, &rewrite, options)).await
    }
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents").field("store", &self.store).finish_non_exhaustive()
    }
}

pub(super) fn parse_filter(filter: &[u8]) -> Result<Filter> {
    Ok(Filter::parse(document(filter)?)?)
}

pub(super) fn parse_update(update: &[u8]) -> Result<Rewrite> {
    Ok(Rewrite::Update(Update::parse(document(update)?)?))
}

pub(super) fn parse_replacement(replacement: &[u8]) -> Result<Rewrite> {
    Ok(Rewrite::Replace(Replacement::parse(document(replacement)?)?))
}

/// Names the operation and the collection in an error.
macro_rules! of {
    ($operation:literal, $collection:expr, $result:expr) => {
        $result.map_err(|error: Error| error.within(format_args!(concat!($operation, " {}"), $collection)))
    };
}

#[async_trait]
impl Backend for Documents {
    async fn find(&self, collection: &str, filter: Document, options: FindOptions) -> Result<Vec<Document>> {
        let found = async {
            let (query, projection) = find::query(&filter, &options, FIND_LIMIT)?;
            self.begin(collection, query, projection)?.all().await
        };
        of!("find in", collection, found.await)
    }

    async fn open(&self, collection: &str, filter: Document, options: FindOptions) -> Result<Box<dyn Cursor>> {
        let opened =
            find::query(&filter, &options, None).and_then(|(query, shape)| self.begin(collection, query, shape));
        let finding = of!("open a cursor over", collection, opened)?;
        Ok(Box::new(Pieces::new(collection, finding)))
    }

    async fn find_one(
        &self,
        collection: &str,
        filter: Document,
        projection: Option<Document>,
    ) -> Result<Option<Document>> {
        let found = async {
            let options = FindOptions { projection, limit: 1, ..FindOptions::default() };
            let (query, projection) = find::query(&filter, &options, None)?;
            self.begin(collection, query, projection)?.first().await
        };
        of!("find one in", collection, found.await)
    }

    async fn insert(&self, collection: &str, documents: Vec<Document>) -> Result<Vec<Document>> {
        let weight = documents.iter().map(Vec::len).sum();
        let inserted = self.edit(collection, weight, move |edit| {
            documents.iter().map(|inserted| edit.insert(document(inserted)?)).collect()
        });
        of!("insert into", collection, inserted.await)
    }

    async fn update(
        &self,
        collection: &str,
        filter: Document,
        update: Document,
        options: UpdateOptions,
    ) -> Result<UpdateResult> {
        let weight = filter.len() + update.len();
        of!("update", collection, self.rewrite(collection, filter, parse_update(&update), weight, options).await)
    }

    async fn replace(
        &self,
        collection: &str,
        filter: Document,
        replacement: Document,
        upsert: bool,
    ) -> Result<UpdateResult> {
        let weight = filter.len() + replacement.len();
        let options = UpdateOptions { many: false, upsert };
        let replacement = parse_replacement(&replacement);
        of!("replace in", collection, self.rewrite(collection, filter, replacement, weight, options).await)
    }

    async fn find_one_and_update(
        &self,
        collection: &str,
        filter: Document,
        update: Document,
        options: FindAndUpdateOptions,
    ) -> Result<Option<Document>> {
        let changed = async {
            let weight = filter.len() + update.len();
            let sort = options.sort.as_deref().map(|sort| Ok::<_, Error>(Sort::parse(document(sort)?)?)).transpose()?;
            let projection = options.projection.as_deref();
            let projection =
                projection.map(|shape| Ok::<_, Error>(Projection::parse(document(shape)?)?)).transpose()?;
            let query = Query { sort, ..Query::first(parse_filter(&filter)?) };
            let rewrite = parse_update(&update)?;
            let changed =
                self.edit(collection, weight, move |edit| edit.rewrite_first(query, &rewrite, options.upsert));
            let Some(Changed { before, after }) = changed.await? else { return Ok(None) };
            let answer = if options.return_new { Some(after) } else { before };
            answer.map(|answer| Ok(find::project(projection.as_ref(), document(&answer)?))).transpose()
        };
        of!("find and update one in", collection, changed.await)
    }

    async fn delete(&self, collection: &str, filter: Document, many: bool) -> Result<u64> {
        let deleted = async {
            let weight = filter.len();
            let filter = parse_filter(&filter)?;
            self.edit(collection, weight, move |edit| edit.delete(filter, many)).await
        };
        of!("delete from", collection, deleted.await)
    }

    async fn count(&self, collection: &str, filter: Document, limit: u64) -> Result<u64> {
        let counted = async {
            let limit = (limit > 0).then(|| usize::try_from(limit).unwrap_or(usize::MAX));
            let query = Query { limit, ..Query::all(parse_filter(&filter)?) };
            self.begin(collection, query, None)?.count().await
        };
        of!("count in", collection, counted.await)
    }

    async fn aggregate(&self, collection: &str, pipeline: Vec<Document>) -> Result<Vec<Document>> {
        let aggregated = async {
            let pipeline = Pipeline::parse(&pipeline)?;
            let (store, catalogue, name) =
                (Arc::clone(&self.store), Arc::clone(&self.catalogue), collection.to_owned());
            let (watch, _here) = Watch::begin();
            find::blocking(move || pipeline.run(&store, &catalogue, &name, &watch)).await
        };
        of!("aggregate in", collection, aggregated.await)
    }

    async fn ensure_index(&self, collection: &str, keys: Document, options: IndexOptions) -> Result<()> {
        let ensured = async {
            let options = indexes::checked(&keys, options)?;
            let (catalogue, name) = (Arc::clone(&self.catalogue), collection.to_owned());
            self.store.write(keys.len() + 256, move |tx| indexes::ensure(tx, &catalogue, &name, options)).await
        };
        of!("ensure an index of", collection, ensured.await)
    }

    async fn transact(&self, writes: Vec<Write>, events: Vec<Event>) -> Result<Outcome> {
        let events: Vec<Event> = events.into_iter().map(Event::with_id).collect();
        let weight = writes.iter().map(transact::weight).chain(events.iter().map(Event::weight)).sum();
        let steps = transact::parse(writes)?;
        let (catalogue, sink) = (Arc::clone(&self.catalogue), Arc::clone(&self.events));
        let watch = Watch::until_deadline();
        self.store.write(weight, move |tx| transact::run(tx, &catalogue, steps, sink.as_ref(), &events, &watch)).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
