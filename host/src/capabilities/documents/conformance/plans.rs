//! How queries are answered: through which indexes, in which order, and how much is read for it. The embedded store tells
//! it itself, MongoDB by `explain`.

use bson::{Bson, Document, RawDocumentBuf, doc, rawdoc};

use super::super::backend::{FindOptions, IndexOptions};
use super::super::embedded::Explained;
use super::{Bench, Own, sort};

impl Bench {
    async fn explain(&self, filter: RawDocumentBuf, options: FindOptions) -> Explained {
        match &self.own {
            Own::Embedded { store, .. } => store.explain("things", &filter.into_bytes(), &options).unwrap(),
            Own::Real { store, .. } => {
                let parsed = |bytes: Option<Vec<u8>>| {
                    bytes.map_or_else(Document::new, |bytes| Document::try_from(super::raw(&bytes)).unwrap())
                };
                let find = doc! {
                    "find": "things",
                    "filter": parsed(Some(filter.into_bytes())),
                    "sort": parsed(options.sort),
                    "projection": parsed(options.projection),
                    "skip": options.skip,
                    "limit": options.limit,
                };
                let answer =
                    store.database().run_command(doc! { "explain": find, "verbosity": "executionStats" }).await;
                told_by_mongodb(&answer.unwrap())
            }
        }
    }

    /// The same, and that it is so many that are found, through these indexes and in order.
    async fn explain_sorted(
        &self,
        filter: RawDocumentBuf,
        options: FindOptions,
        indexes: &[&str],
        returned: u64,
    ) -> Explained {
        let shown = format!("{filter:?} {options:?}");
        let mut explained = self.explain(filter, options).await;
        explained.indexes.sort();
        assert_eq!(explained.indexes, indexes, "{shown}: {explained:?}");
        assert_eq!((explained.sorted, explained.returned), (true, returned), "{shown}: {explained:?}");
        explained
    }
}

fn told_by_mongodb(answer: &Document) -> Explained {
    let stats = answer.get_document("executionStats").unwrap();
    let count = |name: &str| u64::try_from(stats.get_i32(name).unwrap()).unwrap();
    let mut explained = Explained {
        indexes: Vec::new(),
        sorted: true,
        rows: count("totalKeysExamined"),
        documents: count("totalDocsExamined"),
        returned: count("nReturned"),
        spent: std::time::Duration::from_millis(count("executionTimeMillis")),
    };
    stages(stats.get_document("executionStages").unwrap(), &mut explained);
    explained
}

fn stages(stage: &Document, explained: &mut Explained) {
    match stage.get_str("stage") {
        Ok("SORT") => explained.sorted = false,
        Ok("COLLSCAN") => explained.rows = explained.documents,
        _ => {}
    }
    if let Ok(index) = stage.get_str("indexName") {
        let index = if index == "_id_" { "_id" } else { index };
        if !explained.indexes.iter().any(|other| other == index) {
            explained.indexes.push(index.to_owned());
        }
    }
    for value in stage.values() {
        match value {
            Bson::Document(inner) => stages(inner, explained),
            Bson::Array(all) => all.iter().filter_map(Bson::as_document).for_each(|inner| stages(inner, explained)),
            _ => {}
        }
    }
}

fn limited(limit: u32, by: RawDocumentBuf) -> FindOptions {
    FindOptions { limit, ..sort(by) }
}

/// 1,000 documents: `a` of ten values, `at` in another order than `_id`, two tags of twenty.
async fn thousand(bench: &Bench) {
    bench
        .insert((0..1_000).map(|id| {
            rawdoc! {
                "_id": id, "a": id % 10, "at": (id * 7) % 1_000, "from": id % 100, "to": (id * 3) % 100,
                "tags": [id % 20, (id + 3) % 20], "state": if id % 4 == 0 { "open" } else { "done" },
            }
        }))
        .await
        .unwrap();
}

pub(super) async fn ranges_and_orders_go_through_compound_indexes(bench: &Bench) {
    thousand(bench).await;
    bench.index(rawdoc! { "a": 1, "at": -1 }, IndexOptions::default()).await.unwrap();
    let range = rawdoc! { "a": 3, "at": { "$gte": 100, "$lt": 300 } };
    for by in [rawdoc! { "at": 1 }, rawdoc! { "at": -1 }, rawdoc! { "a": 1, "at": -1 }] {
        let explained = bench.explain_sorted(range.clone(), sort(by), &["a_1_at_-1"], 20).await;
        assert!(explained.rows <= 21 && explained.documents == 20, "{explained:?}");
    }
    let first = bench.explain_sorted(rawdoc! { "a": 3 }, limited(5, rawdoc! { "at": -1 }), &["a_1_at_-1"], 5).await;
    assert!(first.rows <= 6 && first.documents <= 6, "{first:?}");
    // The other way round the order is not that of the index.
    let other = bench.explain(rawdoc! { "a": { "$gte": 3 } }, sort(rawdoc! { "at": -1 })).await;
    assert!(!other.sorted && other.rows <= 701, "{other:?}");
}

pub(super) async fn several_values_are_merged_in_order(bench: &Bench) {
    thousand(bench).await;
    bench.index(rawdoc! { "tags": 1, "at": -1 }, IndexOptions::default()).await.unwrap();
    let filter = rawdoc! { "tags": { "$in": [1, 4, 9] } };
    let all = bench.explain_sorted(filter.clone(), sort(rawdoc! { "at": -1 }), &["tags_1_at_-1"], 250).await;
    assert!(all.documents == 250 && all.rows <= 310, "{all:?}");
    for by in [rawdoc! { "at": -1 }, rawdoc! { "at": 1 }] {
        let some = FindOptions { skip: 5, ..limited(10, by.clone()) };
        let explained = bench.explain_sorted(filter.clone(), some.clone(), &["tags_1_at_-1"], 10).await;
        assert!(explained.rows <= 30, "{explained:?}");
        let mut expected: Vec<i32> =
            (0..1_000).filter(|id| [1, 4, 9].iter().any(|tag| id % 20 == *tag || (id + 3) % 20 == *tag)).collect();
        expected.sort_by_key(|id| by.get_i32("at").unwrap() * (id * 7 % 1_000));
        assert_eq!(bench.ids_with(filter.clone(), some).await.unwrap(), expected[5..15], "{by:?}");
    }
}

pub(super) async fn branches_go_through_their_own_indexes(bench: &Bench) {
    thousand(bench).await;
    bench.index(rawdoc! { "from": 1, "at": -1 }, IndexOptions::default()).await.unwrap();
    bench.index(rawdoc! { "to": 1, "at": -1 }, IndexOptions::default()).await.unwrap();
    let both = ["from_1_at_-1", "to_1_at_-1"];
    let filter = rawdoc! { "$or": [{ "from": 32 }, { "to": 32 }], "state": "open" };
    let plain = bench.explain_sorted(filter, FindOptions::default(), &both, 20).await;
    assert!(plain.rows <= 22, "{plain:?}");
    let filter = rawdoc! { "$or": [{ "from": 30 }, { "to": 30 }] };
    let first = bench.explain_sorted(filter.clone(), limited(5, rawdoc! { "at": -1 }), &both, 5).await;
    assert!(first.rows <= 12, "{first:?}");
    let either = bench.ids_with(filter, sort(rawdoc! { "at": -1 })).await.unwrap();
    let mut expected: Vec<i32> = (0..1_000).filter(|id| id % 100 == 30 || (id * 3) % 100 == 30).collect();
    expected.sort_by_key(|id| -(id * 7 % 1_000));
    assert_eq!(either, expected);
}

pub(super) async fn a_partial_index_serves_what_says_enough(bench: &Bench) {
    thousand(bench).await;
    let partial = Some(rawdoc! { "state": "open" }.into_bytes());
    bench.index(rawdoc! { "a": 1, "at": -1 }, IndexOptions { partial, ..IndexOptions::default() }).await.unwrap();
    let open = rawdoc! { "a": 4, "state": "open" };
    let explained = bench.explain_sorted(open, limited(5, rawdoc! { "at": 1 }), &["a_1_at_-1"], 5).await;
    assert!(explained.rows <= 6, "{explained:?}");
    let range = rawdoc! { "a": { "$gte": 4, "$lt": 7 }, "state": "open" };
    let explained = bench.explain_sorted(range, sort(rawdoc! { "a": -1, "at": 1 }), &["a_1_at_-1"], 100).await;
    assert!(explained.rows <= 101, "{explained:?}");
    let all = bench.explain(rawdoc! { "a": 4 }, sort(rawdoc! { "at": 1 })).await;
    assert!(all.indexes.is_empty() && !all.sorted && all.returned == 100, "{all:?}");
}

pub(super) async fn a_page_of_all_but_some_reads_no_more(bench: &Bench) {
    thousand(bench).await;
    let filter = rawdoc! { "_id": { "$nin": [3, 5, 500] } };
    let page = FindOptions { skip: 20, ..limited(10, rawdoc! { "_id": 1 }) };
    let explained = bench.explain(filter.clone(), page.clone()).await;
    assert!(explained.sorted && explained.returned == 10 && explained.rows <= 36, "{explained:?}");
    assert_eq!(bench.ids_with(filter, page).await.unwrap(), (22..32).collect::<Vec<i32>>());
}
