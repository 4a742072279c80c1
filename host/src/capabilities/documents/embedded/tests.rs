//! The embedded documents through their trait, as the capability calls them.

mod aggregate;
mod feed;
mod indexes;
mod plans;
mod transact;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bson::{RawDocument, RawDocumentBuf, rawdoc};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::super::backend::{
    Backend, Document, FindAndUpdateOptions, FindOptions, IndexOptions, MOST_PIECE_BYTES, UpdateOptions, UpdateResult,
};
use super::Documents;
use crate::capabilities::embedded::{Options, Store};
use crate::capabilities::error::{Error, Result};
use crate::capabilities::events::embedded::{Log, Retention};

/// Stores in a folder of their own, with a clock that the test moves.
struct Bench {
    documents: Documents,
    log: Log,
    store: Arc<Store>,
    clock: Arc<Mutex<SystemTime>>,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::at(TempDir::new().unwrap(), SystemTime::UNIX_EPOCH + Duration::from_hours(1_000_000))
    }

    fn at(folder: TempDir, now: SystemTime) -> Self {
        let clock = Arc::new(Mutex::new(now));
        let shown = Arc::clone(&clock);
        let options = Options { clock: Arc::new(move || *shown.lock()), ..Options::new(folder.path()) };
        let store = Store::open(options).unwrap();
        let log = Log::new(Arc::clone(&store), Retention::default());
        let documents = Documents::new(Arc::clone(&store), log.sink());
        Self { documents, log, store, clock, folder }
    }

    /// The same folder, closed and opened again.
    fn reopen(self) -> Self {
        let Self { documents, log, store, clock, folder } = self;
        drop((documents, log));
        assert_eq!(Arc::strong_count(&store), 1);
        drop(store);
        let now = *clock.lock();
        Self::at(folder, now)
    }

    fn pass(&self, time: Duration) {
        *self.clock.lock() += time;
    }

    async fn insert(&self, documents: impl IntoIterator<Item = RawDocumentBuf>) -> Result<Vec<Document>> {
        self.documents.insert("things", documents.into_iter().map(RawDocumentBuf::into_bytes).collect()).await
    }

    async fn find(&self, filter: RawDocumentBuf) -> Vec<RawDocumentBuf> {
        self.find_with(filter, FindOptions::default()).await
    }

    async fn find_with(&self, filter: RawDocumentBuf, options: FindOptions) -> Vec<RawDocumentBuf> {
        let found = self.documents.find("things", filter.into_bytes(), options).await.unwrap();
        found.into_iter().map(|found| RawDocumentBuf::from_bytes(found).unwrap()).collect()
    }

    /// The `_id`s of what is found, in order.
    async fn ids(&self, filter: RawDocumentBuf, options: FindOptions) -> Vec<i32> {
        self.find_with(filter, options).await.iter().map(|found| found.get_i32("_id").unwrap()).collect()
    }

    async fn update(
        &self,
        filter: RawDocumentBuf,
        update: RawDocumentBuf,
        options: UpdateOptions,
    ) -> Result<UpdateResult> {
        self.documents.update("things", filter.into_bytes(), update.into_bytes(), options).await
    }

    async fn index(&self, keys: RawDocumentBuf, options: IndexOptions) -> Result<()> {
        self.documents.ensure_index("things", keys.into_bytes(), options).await
    }
}

fn raw(bytes: &[u8]) -> &RawDocument {
    RawDocument::from_bytes(bytes).unwrap()
}

fn sort(sort: RawDocumentBuf) -> FindOptions {
    FindOptions { sort: Some(sort.into_bytes()), ..FindOptions::default() }
}

const UNIQUE: IndexOptions = IndexOptions { name: None, unique: true, expire_after_seconds: None, partial: None };

#[tokio::test]
async fn inserted_documents_are_found_and_last() {
    let bench = Bench::new();
    let ids = bench.insert([rawdoc! { "_id": 1, "a": "x" }, rawdoc! { "a": "y" }]).await.unwrap();
    assert_eq!(raw(&ids[0]), &*rawdoc! { "_id": 1 });
    let made = raw(&ids[1]).get_object_id("_id").unwrap();
    let bench = bench.reopen();
    assert_eq!(bench.find(rawdoc! { "_id": 1 }).await, [rawdoc! { "_id": 1, "a": "x" }]);
    assert_eq!(bench.find(rawdoc! { "a": "y" }).await, [rawdoc! { "_id": made, "a": "y" }]);
    assert_eq!(bench.find(rawdoc! { "a": "z" }).await, [] as [RawDocumentBuf; 0]);
    assert_eq!(
        bench.documents.find("nothing", rawdoc! {}.into_bytes(), FindOptions::default()).await.unwrap().len(),
        0
    );
}

#[tokio::test]
async fn an_id_is_unique_whatever_its_numeric_type() {
    let bench = Bench::new();
    bench.insert([rawdoc! { "_id": 1 }]).await.unwrap();
    let error = bench.insert([rawdoc! { "_id": 2 }, rawdoc! { "_id": 1.0 }]).await.unwrap_err();
    assert_eq!(error, Error::conflict("insert into things: the unique index _id of things holds that value already"));
    // Not even the first, which was fine by itself.
    assert_eq!(bench.ids(rawdoc! {}, FindOptions::default()).await, [1]);
    assert_eq!(bench.find(rawdoc! { "_id": 1_i64 }).await.len(), 1);
}

#[tokio::test]
async fn find_one_projects() {
    let bench = Bench::new();
    bench.insert([rawdoc! { "_id": 1, "a": 1, "b": 2 }]).await.unwrap();
    let shape = Some(rawdoc! { "b": 1 }.into_bytes());
    let found =
        bench.documents.find_one("things", rawdoc! { "a": 1 }.into_bytes(), shape.clone()).await.unwrap().unwrap();
    assert_eq!(raw(&found), &*rawdoc! { "_id": 1, "b": 2 });
    assert_eq!(bench.documents.find_one("things", rawdoc! { "a": 2 }.into_bytes(), shape).await.unwrap(), None);
}

#[tokio::test]
async fn sort_skip_and_limit_with_and_without_an_index() {
    let bench = Bench::new();
    // More than a read looks at on the async thread.
    bench
        .insert((0..200).map(|number| rawdoc! { "_id": number, "a": (number * 7) % 200, "b": number % 2 }))
        .await
        .unwrap();
    let by_a = |direction: i32, skip, limit| FindOptions { skip, limit, ..sort(rawdoc! { "a": direction }) };
    let expected = |filter: &dyn Fn(i32) -> bool, descending: bool, skip: usize, limit: usize| {
        let mut all: Vec<i32> = (0..200).filter(|number| filter(*number)).collect();
        all.sort_by_key(|number| if descending { -((number * 7) % 200) } else { (number * 7) % 200 });
        all.into_iter().skip(skip).take(limit).collect::<Vec<i32>>()
    };
    for indexed in [false, true] {
        if indexed {
            bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
            bench.index(rawdoc! { "b": 1, "a": -1 }, IndexOptions::default()).await.unwrap();
        }
        let all = |_: i32| true;
        assert_eq!(bench.ids(rawdoc! {}, by_a(1, 0, 0)).await, expected(&all, false, 0, 200), "indexed: {indexed}");
        assert_eq!(bench.ids(rawdoc! {}, by_a(-1, 5, 10)).await, expected(&all, true, 5, 10), "indexed: {indexed}");
        let odd = |number: i32| number % 2 == 1;
        assert_eq!(
            bench.ids(rawdoc! { "b": 1 }, by_a(1, 3, 7)).await,
            expected(&odd, false, 3, 7),
            "indexed: {indexed}"
        );
        assert_eq!(
            bench.ids(rawdoc! { "b": 1 }, by_a(-1, 99, 7)).await,
            expected(&odd, true, 99, 7),
            "indexed: {indexed}"
        );
        let few = |number: i32| (50..60).contains(&((number * 7) % 200));
        let range = rawdoc! { "a": { "$gte": 50, "$lt": 60 } };
        assert_eq!(bench.ids(range, by_a(-1, 0, 0)).await, expected(&few, true, 0, 200), "indexed: {indexed}");
    }
    assert_eq!(bench.ids(rawdoc! { "_id": { "$in": [7, 3, 5] } }, sort(rawdoc! { "_id": -1 })).await, [7, 5, 3]);
    assert_eq!(bench.ids(rawdoc! { "_id": { "$gt": 195 } }, FindOptions::default()).await, [196, 197, 198, 199]);
}

#[tokio::test]
async fn find_refuses_answers_and_sorts_beyond_their_limits() {
    let bench = Bench::new();
    let large = "x".repeat(900_000);
    for number in 0..40 {
        bench.insert([rawdoc! { "_id": number, "large": large.as_str() }]).await.unwrap();
    }
    let all = bench.documents.find("things", rawdoc! {}.into_bytes(), FindOptions::default()).await;
    assert!(matches!(all, Err(Error::TooLarge(_))), "{all:?}");
    let sorted = bench.documents.find("things", rawdoc! {}.into_bytes(), sort(rawdoc! { "large": 1, "_id": -1 })).await;
    assert!(matches!(sorted, Err(Error::TooLarge(_))));
    // With a limit only that many are held.
    let few = FindOptions { limit: 2, ..sort(rawdoc! { "large": 1, "_id": -1 }) };
    assert_eq!(bench.ids(rawdoc! {}, few).await, [39, 38]);
}

#[tokio::test]
async fn a_cursor_reads_pieces_of_one_state() {
    let bench = Bench::new();
    bench.insert((0..150).map(|number| rawdoc! { "_id": number })).await.unwrap();
    let last = rawdoc! { "_id": 1_000 };
    for order in [None, Some(rawdoc! { "_id": -1 }.into_bytes()), Some(rawdoc! { "x": 1 }.into_bytes())] {
        let descending = order == Some(rawdoc! { "_id": -1 }.into_bytes());
        let options = FindOptions { sort: order, skip: 1, limit: 120, projection: None };
        bench.documents.delete("things", last.clone().into_bytes(), true).await.unwrap();
        let mut cursor = bench.documents.open("things", rawdoc! {}.into_bytes(), options).await.unwrap();
        let mut seen = Vec::new();
        loop {
            let piece = cursor.next(50).await.unwrap();
            if piece.is_empty() {
                break;
            }
            assert!(piece.len() <= 50);
            seen.extend(piece.iter().map(|found| raw(found).get_i32("_id").unwrap()));
            // Changes after the opening do not show.
            let upsert = UpdateOptions { many: false, upsert: true };
            bench.update(last.clone(), rawdoc! { "$inc": { "n": 1 } }, upsert).await.unwrap();
        }
        let expected: Vec<i32> = if descending { (29..149).rev().collect() } else { (1..121).collect() };
        assert_eq!(seen, expected);
        assert!(cursor.next(50).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_piece_is_a_mebibyte_but_at_least_one_document() {
    let bench = Bench::new();
    for number in 0..5 {
        bench.insert([rawdoc! { "_id": number, "large": "x".repeat(400_000) }]).await.unwrap();
    }
    let mut cursor = bench.documents.open("things", rawdoc! {}.into_bytes(), FindOptions::default()).await.unwrap();
    let mut pieces = Vec::new();
    loop {
        let piece = cursor.next(1_000).await.unwrap();
        if piece.is_empty() {
            break;
        }
        assert!(piece.iter().map(Vec::len).sum::<usize>() <= MOST_PIECE_BYTES);
        pieces.push(piece.len());
    }
    assert_eq!(pieces, [2, 2, 1]);
}

#[tokio::test]
async fn update_changes_one_or_all_and_counts() {
    let bench = Bench::new();
    bench.insert((0..5).map(|number| rawdoc! { "_id": number, "a": 1 })).await.unwrap();
    let one = bench.update(rawdoc! { "a": 1 }, rawdoc! { "$set": { "a": 2 } }, UpdateOptions::default()).await.unwrap();
    assert_eq!(one, UpdateResult { matched: 1, modified: 1, upserted: None });
    let many = UpdateOptions { many: true, upsert: false };
    let all = bench.update(rawdoc! {}, rawdoc! { "$set": { "a": 2 } }, many).await.unwrap();
    assert_eq!(all, UpdateResult { matched: 5, modified: 4, upserted: None });
    let none = bench.update(rawdoc! { "a": 9 }, rawdoc! { "$inc": { "a": 1 } }, many).await.unwrap();
    assert_eq!(none, UpdateResult::default());
    let before = bench.store.commits();
    bench.update(rawdoc! { "_id": 0 }, rawdoc! { "$set": { "a": 2 } }, UpdateOptions::default()).await.unwrap();
    assert_eq!(bench.store.commits(), before, "what changes nothing needs no commit");
}

#[tokio::test]
async fn an_update_that_walks_an_index_meets_each_document_once() {
    let bench = Bench::new();
    bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
    bench.insert((0..10).map(|number| rawdoc! { "_id": number, "a": number })).await.unwrap();
    let many = UpdateOptions { many: true, upsert: false };
    let moved = bench.update(rawdoc! { "a": { "$gte": 0 } }, rawdoc! { "$inc": { "a": 5 } }, many).await.unwrap();
    assert_eq!(moved.modified, 10);
    assert_eq!(bench.ids(rawdoc! { "a": 5 }, FindOptions::default()).await, [0]);
    assert_eq!(bench.ids(rawdoc! { "a": { "$lt": 5 } }, FindOptions::default()).await, [] as [i32; 0]);
}

#[tokio::test]
async fn a_wrong_update_amid_many_undoes_them_all() {
    let bench = Bench::new();
    bench.insert([rawdoc! { "_id": 1, "a": 1 }, rawdoc! { "_id": 2, "a": "text" }]).await.unwrap();
    let many = UpdateOptions { many: true, upsert: false };
    let error = bench.update(rawdoc! {}, rawdoc! { "$inc": { "a": 1 } }, many).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    assert!(error.message().starts_with("update things: "), "{error}");
    assert_eq!(bench.find(rawdoc! { "_id": 1 }).await, [rawdoc! { "_id": 1, "a": 1 }]);
}

#[tokio::test]
async fn upsert_inserts_what_the_filter_and_the_update_say() {
    let bench = Bench::new();
    let upsert = UpdateOptions { many: false, upsert: true };
    let update = rawdoc! { "$set": { "b": 2 }, "$setOnInsert": { "c": 3 } };
    let result = bench.update(rawdoc! { "_id": 7, "a": 1 }, update.clone(), upsert).await.unwrap();
    assert_eq!(result, UpdateResult { matched: 0, modified: 0, upserted: Some(rawdoc! { "_id": 7 }.into_bytes()) });
    assert_eq!(bench.find(rawdoc! {}).await, [rawdoc! { "_id": 7, "a": 1, "b": 2, "c": 3 }]);
    let again = bench.update(rawdoc! { "_id": 7, "a": 1 }, update, upsert).await.unwrap();
    assert_eq!(again, UpdateResult { matched: 1, modified: 0, upserted: None });
}

#[tokio::test]
async fn replace_keeps_the_id() {
    let bench = Bench::new();
    bench.insert([rawdoc! { "_id": 1, "a": 1 }]).await.unwrap();
    let replace = |filter: RawDocumentBuf, with: RawDocumentBuf, upsert| {
        bench.documents.replace("things", filter.into_bytes(), with.into_bytes(), upsert)
    };
    assert_eq!(replace(rawdoc! { "a": 1 }, rawdoc! { "b": 2 }, false).await.unwrap().modified, 1);
    assert_eq!(bench.find(rawdoc! {}).await, [rawdoc! { "_id": 1, "b": 2 }]);
    assert_eq!(replace(rawdoc! { "_id": 2 }, rawdoc! { "b": 3 }, false).await.unwrap(), UpdateResult::default());
    assert!(replace(rawdoc! { "_id": 2 }, rawdoc! { "b": 3 }, true).await.unwrap().upserted.is_some());
    assert_eq!(bench.ids(rawdoc! { "b": 3 }, FindOptions::default()).await, [2]);
}

#[tokio::test]
async fn find_one_and_update_answers_before_or_after() {
    let bench = Bench::new();
    bench.insert([rawdoc! { "_id": 1, "n": 1 }, rawdoc! { "_id": 2, "n": 5 }]).await.unwrap();
    let run = |filter: RawDocumentBuf, options: FindAndUpdateOptions| async {
        let update = rawdoc! { "$inc": { "n": 1 } }.into_bytes();
        let found = bench.documents.find_one_and_update("things", filter.into_bytes(), update, options).await.unwrap();
        found.map(|found| RawDocumentBuf::from_bytes(found).unwrap())
    };
    let defaults = FindAndUpdateOptions::default;
    let first = FindAndUpdateOptions { sort: Some(rawdoc! { "n": -1 }.into_bytes()), ..defaults() };
    assert_eq!(run(rawdoc! {}, first).await, Some(rawdoc! { "_id": 2, "n": 5 }));
    let shape = Some(rawdoc! { "_id": 0 }.into_bytes());
    let new = FindAndUpdateOptions { return_new: true, projection: shape, ..defaults() };
    assert_eq!(run(rawdoc! { "_id": 2 }, new).await, Some(rawdoc! { "n": 7 }));
    assert_eq!(run(rawdoc! { "_id": 3 }, defaults()).await, None);
    let upsert = FindAndUpdateOptions { upsert: true, ..defaults() };
    assert_eq!(run(rawdoc! { "_id": 3 }, upsert.clone()).await, None);
    let new = FindAndUpdateOptions { return_new: true, ..upsert };
    assert_eq!(run(rawdoc! { "_id": 4 }, new).await, Some(rawdoc! { "_id": 4, "n": 1 }));
    assert_eq!(bench.ids(rawdoc! {}, FindOptions::default()).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn delete_and_count() {
    let bench = Bench::new();
    bench.insert((0..150).map(|number| rawdoc! { "_id": number, "a": number % 3 })).await.unwrap();
    let count = |filter: RawDocumentBuf, limit| bench.documents.count("things", filter.into_bytes(), limit);
    assert_eq!(count(rawdoc! {}, 0).await.unwrap(), 150);
    assert_eq!(count(rawdoc! {}, 10).await.unwrap(), 10);
    assert_eq!(count(rawdoc! { "a": 0 }, 0).await.unwrap(), 50);
    let delete = |filter: RawDocumentBuf, many| bench.documents.delete("things", filter.into_bytes(), many);
    assert_eq!(delete(rawdoc! { "a": 0 }, false).await.unwrap(), 1);
    assert_eq!(delete(rawdoc! { "a": 0 }, true).await.unwrap(), 49);
    assert_eq!(delete(rawdoc! { "a": 0 }, true).await.unwrap(), 0);
    assert_eq!(count(rawdoc! {}, 0).await.unwrap(), 100);
}

#[tokio::test]
async fn what_the_store_lacks_is_invalid_and_named() {
    let bench = Bench::new();
    let found =
        bench.documents.find("things", rawdoc! { "a": { "$near": 1 } }.into_bytes(), FindOptions::default()).await;
    let error = found.unwrap_err();
    assert!(matches!(&error, Error::Invalid(_)) && error.message().contains("$near"), "{error}");
    let error = bench.documents.aggregate("things", vec![rawdoc! { "$facet": {} }.into_bytes()]).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(_)) && error.message().contains("`$facet`"), "{error}");
    let error = bench.documents.insert("a$b", vec![rawdoc! {}.into_bytes()]).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(_)), "{error}");
}
