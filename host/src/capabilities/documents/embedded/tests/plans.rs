//! Which way a query goes: through which index, or through everything.

use std::io::Write;
use std::time::Instant;

use super::super::cost::Way;
use super::super::scan::{Flow, Scan};
use super::super::select::{Query, Selection};
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
    bench.index(rawdoc! { "tags": 1, "at": -1 }, IndexOptions::default()).await.unwrap();
    bench.insert([rawdoc! { "_id": 1, "tags": ["x", "y"] }]).await.unwrap();
    bench
}

/// The indexes' names or `scan`, whether they are merged, the fields narrowed, whether it comes sorted.
fn way(bench: &Bench, filter: RawDocumentBuf, sort: RawDocumentBuf, few: bool) -> (String, usize, bool) {
    let snapshot = bench.store.snapshot().unwrap();
    let collection = bench.documents.catalogue.find(&snapshot, "things").unwrap().unwrap();
    let sort = Sort::parse(&sort).unwrap();
    let scan = Scan::choose(&collection, &Filter::parse(&filter).unwrap(), Some(&sort), few);
    let Way { indexes, narrowed, merged, sorted } = Way::of(&scan, &collection);
    let indexes = if indexes.is_empty() { "scan".to_owned() } else { indexes.join("+") };
    (if merged { format!("merged {indexes}") } else { indexes }, narrowed, sorted)
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
        // Several values of the first field: side by side, where the order is that of the next.
        (rawdoc! { "a": { "$in": [1, 2] } }, rawdoc! { "b": 1 }, "merged a_1_b_1_c_-1", 1, true),
        (rawdoc! { "a": { "$in": [1, 2] } }, rawdoc! { "b": -1, "c": 1 }, "merged a_1_b_1_c_-1", 1, true),
        (rawdoc! { "a": { "$in": [1, 2] }, "b": { "$gt": 3 } }, rawdoc! { "b": 1 }, "merged a_1_b_1_c_-1", 2, true),
        (rawdoc! { "a": { "$in": [1, 2] }, "b": 3 }, rawdoc! { "c": 1 }, "merged a_1_b_1_c_-1", 2, true),
        (rawdoc! { "a": 1, "b": { "$in": [1, 2] } }, rawdoc! { "a": 1, "c": -1 }, "merged a_1_b_1_c_-1", 2, true),
        (rawdoc! { "a": { "$in": [1, 2] } }, rawdoc! { "a": -1 }, "a_1", 1, true),
        (rawdoc! { "a": { "$in": [1, 2] } }, rawdoc! { "a": 1, "c": 1 }, "a_1", 1, false),
        (rawdoc! { "a": { "$in": [1, 2] } }, rawdoc! { "_id": -1 }, "merged a_1", 1, true),
        // The rows of a value are in the order of `_id`.
        (rawdoc! { "a": 1 }, rawdoc! { "_id": -1 }, "a_1", 1, true),
        (rawdoc! { "a": { "$gt": 1 } }, rawdoc! { "a": 1, "_id": 1 }, "a_1", 1, true),
        (rawdoc! { "a": { "$gt": 1 } }, rawdoc! { "a": 1, "_id": -1 }, "a_1", 1, false),
        (rawdoc! { "_id": { "$nin": [1, 2] } }, rawdoc! { "_id": 1 }, "scan", 0, true),
        // An index over arrays has the order of its first field if every row is walked, and behind a value that of others.
        (rawdoc! { "tags": "x" }, rawdoc! {}, "tags_1", 1, true),
        (rawdoc! { "tags": "x" }, rawdoc! { "tags": 1 }, "tags_1", 1, false),
        (rawdoc! {}, rawdoc! { "tags": 1 }, "tags_1", 0, true),
        (rawdoc! { "tags": "x" }, rawdoc! { "at": 1 }, "tags_1_at_-1", 1, true),
        (rawdoc! { "tags": { "$in": ["x", "y"] } }, rawdoc! { "at": -1 }, "merged tags_1_at_-1", 1, true),
        (rawdoc! { "tags": { "$gt": "x" } }, rawdoc! { "tags": -1 }, "tags_1", 1, false),
        // The branches of an `$or`, each through its own.
        (rawdoc! { "$or": [{ "a": 1 }, { "tags": "x" }] }, rawdoc! {}, "a_1+tags_1", 1, true),
        (rawdoc! { "$or": [{ "a": 1 }, { "b": 1 }] }, rawdoc! {}, "scan", 0, true),
        (rawdoc! { "$or": [{ "a": 1 }, { "b": 1 }] }, rawdoc! { "at": 1 }, "at_-1", 0, true),
        (rawdoc! { "$or": [{ "a": 1 }, { "a": 2 }] }, rawdoc! { "b": 1 }, "merged a_1_b_1_c_-1", 1, true),
        (rawdoc! { "$or": [{ "a": 1 }, { "a": 2 }] }, rawdoc! { "a": 1, "b": 1 }, "a_1_b_1_c_-1", 1, false),
        (rawdoc! { "$or": [{ "a": 1 }, { "a": { "$gt": 5 } }] }, rawdoc! { "a": 1 }, "a_1", 0, true),
        (rawdoc! { "$or": [{ "a": 1 }, { "tags": "x" }] }, rawdoc! { "_id": 1 }, "merged a_1+tags_1", 1, true),
        (rawdoc! { "$or": [{ "a": 1 }, { "tags": "x" }] }, rawdoc! { "b": 1 }, "a_1_b_1_c_-1+tags_1", 1, false),
        (rawdoc! { "$or": [{ "b": 1 }, { "tags": "x" }], "a": 3 }, rawdoc! {}, "a_1", 1, true),
        (rawdoc! { "$or": [{ "b": 1 }, { "b": 2 }], "a": 3 }, rawdoc! {}, "a_1_b_1_c_-1", 2, true),
        (rawdoc! { "$or": [{ "pair": "a" }, { "tags": "x" }], "a": 3 }, rawdoc! {}, "a_1", 1, true),
        (rawdoc! { "$or": [{ "pair": "a" }, { "_id": 7 }], "a": 3 }, rawdoc! {}, "a_1", 1, true),
        (rawdoc! { "$or": [{ "pair": "a" }, { "_id": 7 }] }, rawdoc! {}, "pair_1+_id", 1, true),
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

/// Takes what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The log gets what was read and on which way, and nothing of the values; a slow query stands out.
#[tokio::test]
async fn a_query_is_told_without_its_values() {
    let bench = indexed().await;
    bench.insert((10..20).map(|id| rawdoc! { "_id": id, "a": "secret", "tags": ["x"], "at": id })).await.unwrap();
    let query = || {
        let filter =
            rawdoc! { "a": "secret", "$or": [{ "tags": { "$in": ["x", "y"] } }, { "b": { "$ne": "secret" } }] };
        let sort = Some(Sort::parse(&rawdoc! { "_id": -1 }).unwrap());
        Query { sort, skip: 1, limit: Some(5), ..Query::all(Filter::parse(&filter).unwrap()) }
    };
    let run = |slow: bool| {
        let snapshot = bench.store.snapshot().unwrap();
        let mut selection = Selection::new(bench.documents.catalogue.find(&snapshot, "things").unwrap(), query());
        let until = Instant::now() + Duration::from_millis(if slow { 100 } else { 0 });
        selection.run(&snapshot, usize::MAX, &mut |_, _| {
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            Ok(Flow::Continue)
        })
    };
    let told = |slow: bool| {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::DEBUG);
        let log = log.with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || run(slow)).unwrap();
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
        text.lines().find(|line| line.contains("embedded documents")).unwrap().to_owned()
    };
    let slow = told(true);
    assert!(slow.contains("WARN") && slow.contains("a slow query"), "{slow}");
    for part in [
        "collection=\"things\"",
        "plan=a_1 ",
        "filter={a: {$eq}, $or: [{tags: {$in}}, {b: {$ne}}]}",
        "sort={_id: -1}",
        "rows=6 documents=6 returned=5",
        "ms=1",
    ] {
        assert!(slow.contains(part), "{part} in {slow}");
    }
    assert!(!slow.contains("secret"), "{slow}");
    // On a machine that is busy it may be slow, too.
    let quick = told(false);
    assert!(quick.contains("plan=a_1 ") && !quick.contains("secret"), "{quick}");
}
