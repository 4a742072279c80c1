//! What every store of documents does, whichever it is: one suite, run on the embedded store and on MongoDB, and a random
//! one that compares the two answer by answer.
//!
//! Where they could differ, MongoDB is right. What the embedded store lacks it may refuse as `invalid`, by name.

mod aggregate;
mod indexes;
mod plans;
mod random;
mod reads;
mod transactions;
mod writes;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bson::{RawDocument, RawDocumentBuf};
use futures_util::FutureExt;
use parking_lot::Mutex;
use tempfile::TempDir;

use super::backend::{Backend, Document, FindOptions, IndexOptions, UpdateOptions, UpdateResult, until};
use super::embedded::Documents;
use super::mongodb::{Config, Drainer, MongoDb};
use crate::capabilities::embedded::{Options, Store};
use crate::capabilities::error::{Error, Result};
use crate::capabilities::events::Backend as _;
use crate::capabilities::events::embedded::{Log, Retention};

/// How long a condition is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// A store under test, with a log for its events.
struct Bench {
    store: Arc<dyn Backend>,
    log: Arc<Log>,
    own: Own,
    _folder: TempDir,
}

/// What the test does to the one and not to the other.
enum Own {
    Embedded { store: Arc<Documents>, file: Arc<Store>, clock: Arc<Mutex<SystemTime>> },
    Real { store: Arc<MongoDb>, drainer: Drainer },
}

impl Bench {
    fn embedded() -> Self {
        let (folder, file, log, clock) = embedded_log();
        let store = Arc::new(Documents::new(Arc::clone(&file), log.sink()));
        let own = Own::Embedded { store: Arc::clone(&store), file, clock };
        Self { store, log, own, _folder: folder }
    }

    /// A database of its own on the server that the tests share.
    async fn real() -> Self {
        let store = Arc::new(real(None).await);
        let (folder, _, log, _) = embedded_log();
        let drainer = store.drain(Arc::clone(&log) as Arc<dyn crate::capabilities::events::Backend>);
        Self { store: Arc::clone(&store) as Arc<dyn Backend>, log, own: Own::Real { store, drainer }, _folder: folder }
    }

    async fn run(self, test: impl AsyncFnOnce(&Self)) {
        let test = patiently(async {
            test(&self).await;
            Ok(())
        });
        let outcome = std::panic::AssertUnwindSafe(test).catch_unwind().await;
        if let Own::Real { store, drainer } = self.own {
            drainer.stop().await;
            store.drop_database().await;
        }
        match outcome {
            Ok(ended) => ended.unwrap(),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    async fn insert(&self, documents: impl IntoIterator<Item = RawDocumentBuf>) -> Result<Vec<Document>> {
        self.store.insert("things", documents.into_iter().map(RawDocumentBuf::into_bytes).collect()).await
    }

    async fn find(&self, filter: RawDocumentBuf) -> Vec<RawDocumentBuf> {
        self.find_with(filter, FindOptions::default()).await.unwrap()
    }

    async fn find_with(&self, filter: RawDocumentBuf, options: FindOptions) -> Result<Vec<RawDocumentBuf>> {
        let found = self.store.find("things", filter.into_bytes(), options).await?;
        Ok(found.into_iter().map(|found| RawDocumentBuf::from_bytes(found).unwrap()).collect())
    }

    /// The `_id`s of what is found, in their own order.
    async fn ids(&self, filter: RawDocumentBuf) -> Result<Vec<i32>> {
        self.ids_with(filter, sort(bson::rawdoc! { "_id": 1 })).await
    }

    async fn ids_with(&self, filter: RawDocumentBuf, options: FindOptions) -> Result<Vec<i32>> {
        Ok(self.find_with(filter, options).await?.iter().map(|found| found.get_i32("_id").unwrap()).collect())
    }

    async fn update(
        &self,
        filter: RawDocumentBuf,
        update: RawDocumentBuf,
        options: UpdateOptions,
    ) -> Result<UpdateResult> {
        self.store.update("things", filter.into_bytes(), update.into_bytes(), options).await
    }

    async fn index(&self, keys: RawDocumentBuf, options: IndexOptions) -> Result<()> {
        self.store.ensure_index("things", keys.into_bytes(), options).await
    }

    /// The values of the topic `things`, those of one key in order, once there are so many.
    async fn told(&self, count: usize) -> Vec<String> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut told = Vec::new();
            for partition in 0..3 {
                // The topic comes into being with its first event.
                let records = match self.log.read("things", partition, 0, 1_000).await {
                    Err(Error::NotFound(_)) => Vec::new(),
                    records => records.unwrap(),
                };
                told.extend(records.into_iter().map(|record| String::from_utf8(record.value).unwrap()));
            }
            if told.len() >= count {
                return told;
            }
            assert!(tokio::time::Instant::now() < deadline, "{told:?} instead of {count} events");
            let _ = tokio::time::timeout(Duration::from_millis(20), self.log.appended(u64::MAX)).await;
        }
    }

    /// Lets time pass until TTL indexes have done their work.
    async fn expire(&self, gone: RawDocumentBuf) {
        match &self.own {
            Own::Embedded { file, clock, .. } => {
                *clock.lock() += Duration::from_hours(1);
                file.run_chores().await.unwrap();
            }
            Own::Real { .. } => {
                let deadline = tokio::time::Instant::now() + PATIENCE;
                while !self.find(gone.clone()).await.is_empty() {
                    assert!(tokio::time::Instant::now() < deadline, "the server expired nothing");
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// As a call that has more time than calls have: the machine may be busy.
async fn patiently<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    until(std::time::Instant::now() + PATIENCE, work).await
}

fn embedded_log() -> (TempDir, Arc<Store>, Arc<Log>, Arc<Mutex<SystemTime>>) {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(Mutex::new(SystemTime::now()));
    let shown = Arc::clone(&clock);
    let options = Options { clock: Arc::new(move || *shown.lock()), ..Options::new(folder.path()) };
    let file = Store::open(options).unwrap();
    let log = Arc::new(Log::new(Arc::clone(&file), Retention::default()));
    (folder, file, log, clock)
}

/// The shared server's address, with a database of the test's own.
pub(super) fn url() -> String {
    let Ok(url) = std::env::var("MONGODB_URI") else {
        panic!("set MONGODB_URI or run `cargo xtask test`");
    };
    let (address, options) = url.split_once('?').map_or((url.as_str(), None), |(a, b)| (a, Some(b)));
    let (scheme, rest) = address.split_once("://").expect("MONGODB_URI is a URL");
    let servers = rest.split('/').next().unwrap();
    let database = format!("test_{}", uuid::Uuid::new_v4().simple());
    let options = options.map_or_else(String::new, |options| format!("?{options}"));
    format!("{scheme}://{servers}/{database}{options}")
}

/// A store on the shared server; at `at`, or in a database of its own.
async fn real(at: Option<String>) -> MongoDb {
    let config = Config { url: at.unwrap_or_else(url), app_name: "devconnect-tests".to_owned() };
    MongoDb::open(config).await.unwrap()
}

fn raw(bytes: &[u8]) -> &RawDocument {
    RawDocument::from_bytes(bytes).unwrap()
}

fn sort(sort: RawDocumentBuf) -> FindOptions {
    FindOptions { sort: Some(sort.into_bytes()), ..FindOptions::default() }
}

const MANY: UpdateOptions = UpdateOptions { many: true, upsert: false };
const ONE: UpdateOptions = UpdateOptions { many: false, upsert: false };
const UPSERT: UpdateOptions = UpdateOptions { many: false, upsert: true };
const UNIQUE: IndexOptions = IndexOptions { name: None, unique: true, expire_after_seconds: None, partial: None };

/// Every test on each store.
macro_rules! suite {
    ($($subject:ident::$test:ident)+) => {
        mod embedded {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Bench::embedded().run($subject::$test).await;
            })+
        }

        mod real {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Bench::real().await.run($subject::$test).await;
            })+
        }
    };
}

suite! {
    reads::filters_find_what_they_say
    reads::regular_expressions_find_texts
    reads::symbols_are_texts
    reads::wrong_filters_are_invalid
    reads::sorts_order_all_types
    reads::projections_shape
    reads::an_answer_beyond_its_limit_is_too_large
    reads::a_cursor_reads_pieces
    reads::one_is_found_or_none
    reads::counting_stops_at_its_limit
    writes::inserted_documents_get_ids
    writes::an_insert_is_all_or_none
    writes::operators_change
    writes::the_current_date_is_set
    writes::wrong_updates_are_invalid_and_change_nothing
    writes::updates_count
    writes::upserts_insert_what_is_said
    writes::replacements_keep_the_id
    writes::one_is_updated_and_answered
    writes::deletes_count
    indexes::a_unique_index_refuses
    indexes::a_partial_index_refuses_its_own
    indexes::an_index_with_other_options_stays
    indexes::a_unique_index_over_doubles_is_a_conflict
    indexes::expired_documents_go
    plans::ranges_and_orders_go_through_compound_indexes
    plans::several_values_are_merged_in_order
    plans::branches_go_through_their_own_indexes
    plans::a_partial_index_serves_what_says_enough
    plans::a_page_of_all_but_some_reads_no_more
    aggregate::pipelines_answer
    aggregate::other_collections_are_out_of_reach
    aggregate::a_pipeline_answers_within_its_limit
    transactions::writes_and_events_commit_together
    transactions::each_write_sees_those_before
    transactions::an_unmet_expectation_undoes_all
    transactions::a_conflict_undoes_all_and_names_the_write
    transactions::a_wrong_write_undoes_all_and_is_named
    transactions::events_alone_are_a_transaction
    transactions::events_of_a_key_stay_in_order
    transactions::of_many_that_want_the_same_one_wins
    transactions::upserts_of_the_same_key_all_succeed
}
