//! Which way a query goes: through which index, or through everything.

use super::super::scan::{Scan, Way};
use super::*;
use crate::capabilities::documents::query::{Filter, Sort};

async fn indexed() -> Bench {
    let bench = Bench::new();
    let partial =
        |filter: RawDocumentBuf| IndexOptions { partial: Some(filter.into_bytes()), ..IndexOptions::default() };
    bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
    bench.index(rawdoc! { "a": 1, "b": 1, "c": -1 }, IndexOptions::default()).await.unwrap();
    bench.index(rawdoc! { "at": -1 }, IndexOptions::default()).await.unwrap();
    bench.index(rawdoc! { "pair": 1 }, partial(rawdoc! { "pair": { "$type": "string" } })).await.unwrap();
    bench.index(rawdoc! { "due": 1 }, partial(rawdoc! { "state": "open", "rank": { "$gte": 5 } })).await.unwrap();
    bench.index(rawdoc! { "tags": 1 }, IndexOptions::default()).await.unwrap();
    bench.insert([rawdoc! { "_id": 1, "tags": ["x", "y"] }]).await.unwrap();
    bench
}

/// The index's name or `scan`, the fields narrowed, whether it comes sorted.
fn way(bench: &Bench, filter: RawDocumentBuf, sort: RawDocumentBuf, few: bool) -> (String, usize, bool) {
    let snapshot = bench.store.snapshot().unwrap();
    let collection = bench.documents.catalogue.find(&snapshot, "things").unwrap().unwrap();
    let sort = Sort::parse(&sort).unwrap();
    let scan = Scan::choose(&collection, &Filter::parse(&filter).unwrap(), Some(&sort), few);
    let Way { index, narrowed, sorted } = scan.way(&collection);
    (index.unwrap_or(if narrowed > 0 { "_id" } else { "scan" }).to_owned(), narrowed, sorted)
}

#[tokio::test]
async fn a_query_goes_through_the_index_that_helps() {
    let bench = indexed().await;
    let cases = [
        (rawdoc! {}, rawdoc! {}, "scan", 0, true),
        (rawdoc! { "x": 1 }, rawdoc! {}, "scan", 0, true),
        (rawdoc! { "x": 1 }, rawdoc! { "x": 1 }, "scan", 0, false),
        (rawdoc! { "_id": 1 }, rawdoc! {}, "_id", 1, true),
        (rawdoc! { "_id": { "$gt": 1 } }, rawdoc! { "_id": -1 }, "_id", 1, true),
        (rawdoc! { "a": 1 }, rawdoc! {}, "a_1", 1, true),
        // Of two that fix as much, the one that narrows more.
        (rawdoc! { "a": 1, "b": { "$gt": 2 } }, rawdoc! {}, "a_1_b_1_c_-1", 2, true),
        (rawdoc! { "a": 1, "b": 2, "c": { "$lt": 5 } }, rawdoc! {}, "a_1_b_1_c_-1", 3, true),
        (rawdoc! { "a": { "$gte": 1, "$lt": 3 } }, rawdoc! { "a": 1 }, "a_1", 1, true),
        (rawdoc! { "a": 1, "b": 2 }, rawdoc! { "c": -1 }, "a_1_b_1_c_-1", 2, true),
        (rawdoc! { "a": 1, "b": 2 }, rawdoc! { "c": 1 }, "a_1_b_1_c_-1", 2, true),
        (rawdoc! { "a": 1 }, rawdoc! { "b": -1, "c": 1 }, "a_1_b_1_c_-1", 1, true),
        (rawdoc! { "a": 1 }, rawdoc! { "b": 1, "c": 1 }, "a_1", 1, false),
        (rawdoc! { "b": 2 }, rawdoc! {}, "scan", 0, true),
        (rawdoc! {}, rawdoc! { "at": 1 }, "at_-1", 0, true),
        (rawdoc! { "x": 1 }, rawdoc! { "at": -1 }, "at_-1", 0, true),
        (rawdoc! { "a": { "$regex": "^ab" } }, rawdoc! { "a": -1 }, "a_1", 1, true),
        (rawdoc! { "a": { "$regex": "ab" } }, rawdoc! {}, "scan", 0, true),
        (rawdoc! { "a": { "$in": [1, 2] }, "b": 3 }, rawdoc! {}, "a_1_b_1_c_-1", 2, true),
        (rawdoc! { "$and": [{ "a": 1 }, { "b": 2 }] }, rawdoc! {}, "a_1_b_1_c_-1", 2, true),
        (rawdoc! { "$or": [{ "a": 1 }, { "b": 2 }] }, rawdoc! {}, "scan", 0, true),
        // An index over arrays narrows, but has no order.
        (rawdoc! { "tags": "x" }, rawdoc! {}, "tags_1", 1, true),
        (rawdoc! { "tags": "x" }, rawdoc! { "tags": 1 }, "tags_1", 1, false),
        (rawdoc! {}, rawdoc! { "tags": 1 }, "scan", 0, false),
        // A partial index, where the filter says enough.
        (rawdoc! { "pair": "a:b" }, rawdoc! {}, "pair_1", 1, true),
        (rawdoc! { "pair": { "$gt": "a" } }, rawdoc! { "pair": 1 }, "pair_1", 1, true),
        (rawdoc! { "pair": { "$in": ["a", "b"] } }, rawdoc! {}, "pair_1", 1, true),
        (rawdoc! { "pair": { "$in": ["a", 1] } }, rawdoc! {}, "scan", 0, true),
        (rawdoc! { "pair": 1 }, rawdoc! {}, "scan", 0, true),
        (rawdoc! { "state": "open", "rank": { "$gt": 7 } }, rawdoc! { "due": 1 }, "due_1", 0, true),
        (rawdoc! { "state": "open", "rank": 5, "due": { "$lt": 3 } }, rawdoc! {}, "due_1", 1, true),
        (rawdoc! { "state": "open", "rank": { "$gt": 4 }, "due": 3 }, rawdoc! {}, "scan", 0, true),
        (rawdoc! { "due": 3 }, rawdoc! {}, "scan", 0, true),
    ];
    for (filter, sort, index, narrowed, sorted) in cases {
        let shown = format!("{filter:?} by {sort:?}");
        assert_eq!(way(&bench, filter, sort, true), (index.to_owned(), narrowed, sorted), "{shown}");
    }
}

/// Few in their order are found sooner than sorted; all of them sooner in fewer rows.
#[tokio::test]
async fn the_limit_decides_between_order_and_filter() {
    let bench = indexed().await;
    let query = || (rawdoc! { "a": { "$gt": 1 } }, rawdoc! { "at": -1 });
    let (filter, sort) = query();
    assert_eq!(way(&bench, filter, sort, true), ("at_-1".to_owned(), 0, true));
    let (filter, sort) = query();
    assert_eq!(way(&bench, filter, sort, false), ("a_1".to_owned(), 1, false));
}

/// A read whose time is up ends, although it is long under way in another thread.
#[tokio::test]
async fn reads_and_writes_end_at_the_deadline() {
    use std::time::Instant;

    use crate::capabilities::documents::backend::until;

    let bench = Bench::new();
    let large = "x".repeat(4 << 10);
    bench.insert((0..200).map(|id| rawdoc! { "_id": id, "text": large.as_str() })).await.unwrap();
    let (watch, here) = super::super::watch::Watch::begin();
    assert!(watch.check().is_ok());
    drop(here);
    assert!(matches!(watch.check(), Err(Error::Timeout(_))));
    let past = Instant::now();
    let changed = until(past, bench.documents.delete("things", rawdoc! {}.into_bytes(), true)).await;
    assert!(matches!(changed, Err(Error::Timeout(_))), "{changed:?}");
    // The writer came to it, and did nothing of it.
    assert_eq!(bench.documents.count("things", rawdoc! {}.into_bytes(), 0).await.unwrap(), 200);
}
