//! What a store of documents can do: the WIT interface `documents`, behind which the embedded store and MongoDB stand.
//!
//! Documents, filters, updates, sorts and projections are BSON bytes that the capability has walked once
//! (`query::validate`: well-formed, at most 1 MiB, 32 levels) and counted ([`MOST_DOCUMENTS`], [`MOST_WRITES`]). A backend
//! relies on that and bounds its answers itself. A write that was answered `Ok` is on disk. A future that is dropped
//! leaves its write done or not done, never half done.
//!
//! How long a call may take is not a parameter of each function: whoever calls for a guest does so within [`until`], and a
//! backend that can tell its server how long to work asks [`time_left`].

use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::capabilities::error::{Error, Result};
use crate::capabilities::events::backend::Event;

/// The BSON of one document.
pub type Document = Vec<u8>;

/// The most documents that `find` returns and `insert` takes.
pub const MOST_DOCUMENTS: u32 = 1_000;
/// The most bytes of one document, also after an update.
pub const MOST_DOCUMENT_BYTES: usize = 1 << 20;
/// The most bytes that `find` and `aggregate` return.
pub const MOST_ANSWER_BYTES: usize = 8 << 20;
/// The most bytes of one piece that a cursor returns, but for a single larger document.
pub const MOST_PIECE_BYTES: usize = 1 << 20;
/// The most writes, and the most events, of one transaction.
pub const MOST_WRITES: usize = 100;

/// What a call has that does not run within [`until`].
const UNHURRIED: Duration = Duration::from_secs(5);

tokio::task_local! {
    static DEADLINE: Instant;
}

/// What is left of the call's time. A task that a backend spawns does not inherit it: ask before.
#[must_use]
pub fn time_left() -> Duration {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).unwrap_or(UNHURRIED)
}

/// Does the work of a call that has to end at the deadline.
///
/// # Errors
/// The work's own, or `timeout` at the deadline: then a write may or may not be done.
pub async fn until<T>(deadline: Instant, work: impl Future<Output = Result<T>>) -> Result<T> {
    let work = DEADLINE.scope(deadline, work);
    tokio::time::timeout_at(deadline.into(), work).await.unwrap_or_else(|_| {
        Err(Error::timeout(
            "the call's time ran out before the document store answered; it may or may not have been done",
        ))
    })
}

/// How a query is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindOptions {
    /// `{field: 1 | -1, …}` in order of weight.
    pub sort: Option<Document>,
    /// `{field: 1, …}` or `{field: 0, …}`.
    pub projection: Option<Document>,
    /// How many are left out first.
    pub skip: u32,
    /// The most that are returned; 0 is [`MOST_DOCUMENTS`] for `find` and no limit for `open`.
    pub limit: u32,
}

/// How an update is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpdateOptions {
    /// All documents that match, not just the first.
    pub many: bool,
    /// Insert one if none matches.
    pub upsert: bool,
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateResult {
    /// Documents that matched.
    pub matched: u64,
    /// Those that are different now.
    pub modified: u64,
    /// `{_id: …}` of the document that was inserted.
    pub upserted: Option<Document>,
}

/// How one document is found, updated and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindAndUpdateOptions {
    /// Decides which one, where several match.
    pub sort: Option<Document>,
    /// What of it is answered.
    pub projection: Option<Document>,
    /// Answer it as it is after the update.
    pub return_new: bool,
    /// Insert one if none matches.
    pub upsert: bool,
}

/// What an index is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexOptions {
    /// A name; `None` makes one from the keys (`emailId_1`).
    pub name: Option<String>,
    /// No two documents with the same keys.
    pub unique: bool,
    /// Documents are deleted when the date in the (single) key is this many seconds past.
    pub expire_after_seconds: Option<u32>,
    /// Only documents that match this filter are indexed.
    pub partial: Option<Document>,
}

/// What must be true of a write for its transaction to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing.
    Anything,
    /// Exactly one document matched.
    One,
    /// No document matched.
    None,
}

impl Expectation {
    /// Whether it holds, where so many documents matched.
    #[must_use]
    pub const fn holds(self, matched: u64) -> bool {
        match self {
            Self::Anything => true,
            Self::One => matched == 1,
            Self::None => matched == 0,
        }
    }
}

/// A write of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The collection.
    pub collection: String,
    /// What is done to it.
    pub operation: Operation,
}

/// What a write of a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Inserts a document.
    Insert(Document),
    /// Changes documents in place.
    Update {
        /// Which ones.
        filter: Document,
        /// The update's operators.
        update: Document,
        /// One or all; insert if there is none.
        options: UpdateOptions,
        /// What must be true.
        expect: Expectation,
    },
    /// Replaces the first document that matches.
    Replace {
        /// Which one.
        filter: Document,
        /// What it becomes, but for its `_id`.
        replacement: Document,
        /// Insert it if none matches.
        upsert: bool,
        /// What must be true.
        expect: Expectation,
    },
    /// Deletes documents.
    Delete {
        /// Which ones.
        filter: Document,
        /// All of them, or the first.
        many: bool,
        /// What must be true.
        expect: Expectation,
    },
    /// Writes nothing.
    Check {
        /// Which documents are counted.
        filter: Document,
        /// What must be true.
        expect: Expectation,
    },
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed; an answer for each write, in order.
    Committed(Vec<UpdateResult>),
    /// Nothing was done: the expectation of the write with this index did not hold.
    Unmet(u32),
}

/// A store of documents.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The documents that match; `too-large` beyond [`MOST_ANSWER_BYTES`].
    async fn find(&self, collection: &str, filter: Document, options: FindOptions) -> Result<Vec<Document>>;

    /// The same, to be read in pieces.
    async fn open(&self, collection: &str, filter: Document, options: FindOptions) -> Result<Box<dyn Cursor>>;

    /// The first document that matches.
    async fn find_one(
        &self,
        collection: &str,
        filter: Document,
        projection: Option<Document>,
    ) -> Result<Option<Document>>;

    /// Inserts all of the documents or none; the ids, each as `{_id: …}`.
    async fn insert(&self, collection: &str, documents: Vec<Document>) -> Result<Vec<Document>>;

    /// Changes documents by update operators.
    async fn update(
        &self,
        collection: &str,
        filter: Document,
        update: Document,
        options: UpdateOptions,
    ) -> Result<UpdateResult>;

    /// Replaces the first document that matches, all but its `_id`.
    async fn replace(
        &self,
        collection: &str,
        filter: Document,
        replacement: Document,
        upsert: bool,
    ) -> Result<UpdateResult>;

    /// Updates one document and returns it.
    async fn find_one_and_update(
        &self,
        collection: &str,
        filter: Document,
        update: Document,
        options: FindAndUpdateOptions,
    ) -> Result<Option<Document>>;

    /// Deletes the first document that matches, or all of them; how many.
    async fn delete(&self, collection: &str, filter: Document, many: bool) -> Result<u64>;

    /// How many match; counting stops at `limit` where it is not 0.
    async fn count(&self, collection: &str, filter: Document, limit: u64) -> Result<u64>;

    /// Runs an aggregation pipeline; `too-large` beyond [`MOST_ANSWER_BYTES`].
    async fn aggregate(&self, collection: &str, pipeline: Vec<Document>) -> Result<Vec<Document>>;

    /// Makes an index unless it exists; one that exists with other options is left as it is.
    async fn ensure_index(&self, collection: &str, keys: Document, options: IndexOptions) -> Result<()>;

    /// All of the writes and all of the events, or nothing.
    async fn transact(&self, writes: Vec<Write>, events: Vec<Event>) -> Result<Outcome>;
}

/// A query that is read in pieces. It lives for one call of a plugin and holds what it reads from until it is dropped.
#[async_trait]
pub trait Cursor: Send {
    /// The next documents, at most `most` and [`MOST_PIECE_BYTES`], but at least one; empty at the end.
    async fn next(&mut self, most: u32) -> Result<Vec<Document>>;
}
