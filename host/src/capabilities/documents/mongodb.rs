//! The documents in MongoDB, a replica set or a sharded cluster.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`connect`] | from a URL to the driver's client |
//! | [`input`] | a guest's bytes as the driver wants them; what a guest may not ask of the server |
//! | [`index`] | making an index, and what to say where there is another |
//! | [`read`] | answers: bytes as the server sent them |
//! | [`transact`] | several writes in one commit |
//! | [`outbox`] | events that entered with a commit, on their way to their topics |
//! | [`fault`] | the driver's errors in the words of this host |
//!
//! Invariants:
//!
//! - **Nobody waits for the driver's own patience.** A call has what is left of its time, a server that is away is noticed
//!   within a second, and then a breaker refuses at once.
//! - **A call that is dropped costs no connection.** The driver closes the connection of a future that is dropped
//!   half-way (RUST-384), so every command runs in a task of its own, which ends by itself.
//! - **An answered write is on the disks of a majority**, unless the URL asks for less.
//! - **All or nothing**, as the embedded store has it: what writes several documents is a transaction. A server that
//!   stands alone has none and answers `invalid` with the fix.
//!
//! Two differences to the embedded store are MongoDB's own. A document may grow to 16 MiB by updates. And a transaction
//! reads the state in which it began: two that each check what the other inserts both commit, unless a unique index
//! forbids it.

mod connect;
mod fault;
mod index;
mod input;
mod outbox;
mod read;
mod transact;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bson::RawDocumentBuf;
use mongodb::options::{FindOneAndUpdateOptions, IndexOptions as DriverIndexOptions, ReturnDocument};
use mongodb::{Client, Collection, Database, IndexModel};

use super::backend::{
    Backend, Cursor, Document, FindAndUpdateOptions, FindOptions, IndexOptions, MOST_DOCUMENTS, Outcome, UpdateOptions,
    UpdateResult, Write, time_left,
};
use crate::capabilities::breaker::Breaker;
use crate::capabilities::error::{Error, Result};
use crate::capabilities::events::{self, backend::Event};
pub use connect::{Config, OpenError};
use fault::Fault;
use input::document;
pub use outbox::Drainer;
use transact::{Action, Step};

/// How long a command may go on after its caller's time: then its connection is given up for lost.
const GRACE: Duration = Duration::from_secs(10);

/// A healthy server answers somebody within this time, however busy one plugin keeps it.
const SILENCE: Duration = Duration::from_millis(250);

/// How long before its caller's time a call is given up.
const MARGIN: Duration = Duration::from_millis(5);

/// The documents in a MongoDB database.
pub struct MongoDb {
    client: Client,
    database: Database,
    breaker: Arc<Breaker>,
    fresh: Arc<outbox::Fresh>,
}

impl MongoDb {
    /// The documents of the database that the URL names, or of `devconnect`. Does not wait for the server: it may be away.
    ///
    /// # Errors
    /// The URL, or the name of its servers in DNS, is wrong.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let client = connect::client(config).await?;
        let database = client.default_database().unwrap_or_else(|| client.database(connect::DATABASE));
        let breaker = Arc::new(Breaker::new("MongoDB").patient(SILENCE));
        Ok(Self { client, database, breaker, fresh: Arc::default() })
    }

    /// Whether calls are refused, because the server left the last ones without an answer.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.breaker.is_open()
    }

    /// Has this host take part in bringing events from the outbox to the log.
    #[must_use]
    pub fn drain(&self, log: Arc<dyn events::Backend>) -> Drainer {
        Drainer::start(&self.database, Arc::clone(&self.fresh), Arc::clone(&self.breaker), log)
    }

    /// The database goes with everything in it.
    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "tests")]
    pub(super) async fn drop_database(&self) {
        // A monitor that was late on a busy machine takes its connections with it.
        if self.database.drop().await.is_err() {
            self.database.drop().await.unwrap();
        }
    }

    #[cfg(test)]
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    fn collection(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.database.collection(name)
    }

    /// Runs a command in a task of its own, behind the breaker, for as long as the call has time.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = Result<T, Fault>> + Send + 'static) -> Result<T> {
        let left = time_left();
        if left <= MARGIN {
            return Err(Error::timeout("the call has no time left for MongoDB; it was not asked"));
        }
        // A little early, so that it is the breaker that sees the silence and not the caller's own clock.
        let answer = self.breaker.call(left - MARGIN, async move {
            match tokio::spawn(tokio::time::timeout(left + GRACE, work)).await {
                Ok(Ok(Ok(value))) => Ok(Ok(value)),
                Ok(Ok(Err(Fault { error, away: true }))) => Err(error),
                Ok(Ok(Err(Fault { error, away: false }))) => Ok(Err(error)),
                Ok(Err(_elapsed)) => Err(Error::timeout("MongoDB did not answer; it may or may not have been done")),
                Err(_panicked) => Ok(Err(Error::unavailable("the host failed on this call; see its log"))),
            }
        });
        answer.await.and_then(std::convert::identity)
    }

    /// Runs writes as one transaction.
    async fn commit(&self, steps: Vec<Step>, events: Vec<Event>) -> Result<Outcome> {
        let (client, database, fresh) = (self.client.clone(), self.database.clone(), Arc::clone(&self.fresh));
        let deadline = Instant::now() + time_left();
        self.run(async move {
            let outcome = transact::run(&client, &database, &steps, &events, deadline).await?;
            if !events.is_empty() && matches!(outcome, Outcome::Committed(_)) {
                fresh.notify();
            }
            Ok(outcome)
        })
        .await
    }

    /// The same for the one write of a call, whose error names the call.
    async fn commit_one(&self, collection: &str, action: Action) -> Result<UpdateResult> {
        let outcome = self.commit(vec![Step::alone(collection, action)], Vec::new()).await?;
        match outcome {
            Outcome::Committed(mut results) => Ok(results.pop().unwrap_or_default()),
            Outcome::Unmet(_) => Err(Error::unavailable("the transaction was not committed")),
        }
    }

    /// Runs a single write that inserts where nothing matches. Of two that race for a unique key the loser finds, when it
    /// tries again, what the winner inserted; the embedded store's single writer never sees the race.
    async fn write_one(&self, collection: &str, action: Action, upsert: bool) -> Result<UpdateResult> {
        let (handle, action) = (self.collection(collection), Arc::new(action));
        let attempt = || {
            let (handle, action) = (handle.clone(), Arc::clone(&action));
            self.run(async move { action.apply(&handle, None).await.map_err(Fault::from) })
        };
        match attempt().await {
            Err(Error::Conflict(_)) if upsert => attempt().await,
            result => result,
        }
    }
}

impl std::fmt::Debug for MongoDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client would show its credentials.
        f.debug_struct("MongoDb").field("database", &self.database.name()).finish_non_exhaustive()
    }
}

/// Names the operation and the collection in an error.
macro_rules! of {
    ($operation:literal, $collection:expr, $work:expr) => {{
        let result: Result<_> = async { $work }.await;
        result.map_err(|error| error.within(format_args!(concat!($operation, " {}"), $collection)))
    }};
}

/// `maxTimeMS`: a tenth less than the caller has, so that the server's answer is there before the caller gives up, and is
/// not taken for silence.
fn server_time() -> Duration {
    let left = time_left();
    left.saturating_sub((left / 10).max(MARGIN * 4)).max(Duration::from_millis(1))
}

#[async_trait]
impl Backend for MongoDb {
    async fn find(&self, collection: &str, filter: Document, options: FindOptions) -> Result<Vec<Document>> {
        of!("find in", collection, {
            let limit = if options.limit == 0 { MOST_DOCUMENTS } else { options.limit };
            let query = read::Query::new(self.collection(collection), &filter, &options, limit)?;
            // One more than wanted, so that the server closes the cursor with its first answer.
            let query = query.batches_of(limit.saturating_add(1));
            self.run(async move { read::all(query.open().await?).await }).await
        })
    }

    async fn open(&self, collection: &str, filter: Document, options: FindOptions) -> Result<Box<dyn Cursor>> {
        of!("open a cursor over", collection, {
            let query = read::Query::new(self.collection(collection), &filter, &options, options.limit)?;
            let cursor = self.run(async move { query.open().await }).await?;
            Ok(Box::new(read::Pieces::new(collection, cursor)) as Box<dyn Cursor>)
        })
    }

    async fn find_one(
        &self,
        collection: &str,
        filter: Document,
        projection: Option<Document>,
    ) -> Result<Option<Document>> {
        of!("find one in", collection, {
            let options = FindOptions { projection, ..FindOptions::default() };
            let query = read::Query::new(self.collection(collection), &filter, &options, 1)?.only_one();
            let found = self.run(async move { read::all(query.open().await?).await }).await?;
            Ok(found.into_iter().next())
        })
    }

    async fn insert(&self, collection: &str, documents: Vec<Document>) -> Result<Vec<Document>> {
        of!("insert into", collection, {
            let (whole, ids) = whole(&documents)?;
            drop(documents);
            match <[RawDocumentBuf; 1]>::try_from(whole) {
                Ok([one]) => {
                    self.write_one(collection, Action::Insert(vec![one]), false).await?;
                }
                Err(many) if many.is_empty() => {}
                Err(many) => {
                    self.commit_one(collection, Action::Insert(many)).await?;
                }
            }
            Ok(ids)
        })
    }

    async fn update(
        &self,
        collection: &str,
        filter: Document,
        update: Document,
        options: UpdateOptions,
    ) -> Result<UpdateResult> {
        of!("update", collection, {
            let action = Action::update(&filter, &update, options)?;
            if options.many {
                self.commit_one(collection, action).await
            } else {
                self.write_one(collection, action, options.upsert).await
            }
        })
    }

    async fn replace(
        &self,
        collection: &str,
        filter: Document,
        replacement: Document,
        upsert: bool,
    ) -> Result<UpdateResult> {
        of!("replace in", collection, {
            self.write_one(collection, Action::replace(&filter, replacement, upsert)?, upsert).await
        })
    }

    async fn find_one_and_update(
        &self,
        collection: &str,
        filter: Document,
        update: Document,
        options: FindAndUpdateOptions,
    ) -> Result<Option<Document>> {
        of!("find and update one in", collection, {
            let (filter, update) = (input::filter(&filter)?, input::update(&update)?);
            let mut driver = FindOneAndUpdateOptions::default();
            driver.sort = options.sort.as_deref().map(document).transpose()?;
            driver.projection = options.projection.as_deref().map(document).transpose()?;
            driver.upsert = Some(options.upsert);
            let when = if options.return_new { ReturnDocument::After } else { ReturnDocument::Before };
            driver.return_document = Some(when);
            let handle = self.collection(collection);
            let attempt = || {
                driver.max_time = Some(server_time());
                let (handle, filter, update, driver) = (handle.clone(), filter.clone(), update.clone(), driver.clone());
                self.run(async move {
                    let found = handle.find_one_and_update(filter, update).with_options(driver).await?;
                    Ok(found.map(RawDocumentBuf::into_bytes))
                })
            };
            let mut attempt = attempt;
            match attempt().await {
                Err(Error::Conflict(_)) if options.upsert => attempt().await,
                result => result,
            }
        })
    }

    async fn delete(&self, collection: &str, filter: Document, many: bool) -> Result<u64> {
        of!("delete from", collection, {
            let action = Action::delete(&filter, many)?;
            let deleted = if many {
                self.commit_one(collection, action).await?
            } else {
                self.write_one(collection, action, false).await?
            };
            Ok(deleted.matched)
        })
    }

    async fn count(&self, collection: &str, filter: Document, limit: u64) -> Result<u64> {
        of!("count in", collection, {
            let (handle, filter) = (self.collection(collection), input::filter(&filter)?);
            let time = server_time();
            self.run(async move {
                let count = handle.count_documents(filter).max_time(time);
                Ok(if limit == 0 { count.await? } else { count.limit(limit).await? })
            })
            .await
        })
    }

    async fn aggregate(&self, collection: &str, pipeline: Vec<Document>) -> Result<Vec<Document>> {
        of!("aggregate in", collection, {
            let stages = (0_usize..).zip(&pipeline).map(|(number, stage)| {
                input::stage(stage).map_err(|error| error.within(format_args!("stage {number}")))
            });
            let stages = stages.collect::<Result<Vec<_>>>()?;
            let (handle, time) = (self.collection(collection), server_time());
            self.run(async move { read::all(handle.aggregate(stages).max_time(time).batch().await?).await }).await
        })
    }

    async fn ensure_index(&self, collection: &str, keys: Document, options: IndexOptions) -> Result<()> {
        of!("ensure an index of", collection, {
            let keys = document(&keys)?;
            if options.expire_after_seconds.is_some() && keys.len() != 1 {
                return Err(Error::invalid("expire-after-seconds needs an index over a single field"));
            }
            if keys.len() == 1 && keys.contains_key("_id") {
                // It is there, and unique, in every collection.
                return Ok(());
            }
            let mut driver = DriverIndexOptions::default();
            driver.name = options.name;
            driver.unique = options.unique.then_some(true);
            driver.expire_after = options.expire_after_seconds.map(|seconds| Duration::from_secs(seconds.into()));
            driver.partial_filter_expression = options.partial.as_deref().map(input::filter).transpose()?;
            let index = IndexModel::builder().keys(keys).options(driver).build();
            let (handle, time) = (self.collection(collection), server_time());
            self.run(async move { index::ensure(&handle, index, time).await }).await
        })
    }

    async fn transact(&self, writes: Vec<Write>, events: Vec<Event>) -> Result<Outcome> {
        let steps = transact::parse(writes)?;
        self.commit(steps, events.into_iter().map(Event::with_id).collect()).await
    }
}

/// The documents as they are stored, and the ids of them, each as `{_id: …}`.
fn whole(documents: &[Document]) -> Result<(Vec<RawDocumentBuf>, Vec<Document>)> {
    let mut whole = Vec::with_capacity(documents.len());
    let mut ids = Vec::with_capacity(documents.len());
    for bytes in documents {
        let (stored, id) = input::inserted(bytes)?;
        whole.push(stored);
        ids.push(id);
    }
    Ok((whole, ids))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
