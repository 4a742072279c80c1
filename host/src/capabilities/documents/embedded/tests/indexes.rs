//! Indexes: what they refuse, what they find, and what they expire.

use std::time::Duration;

use bson::{DateTime, RawDocumentBuf, rawdoc};

use super::{Bench, UNIQUE};
use crate::capabilities::documents::backend::{Backend as _, FindOptions, IndexOptions, UpdateOptions};
use crate::capabilities::embedded::tables::after_prefix;
use crate::capabilities::embedded::{Read as _, Table};
use crate::capabilities::error::Error;

const ANY: fn() -> FindOptions = FindOptions::default;

#[tokio::test]
async fn a_unique_index_refuses_and_leaves_nothing() {
    let bench = Bench::new();
    bench.index(rawdoc! { "email": 1 }, UNIQUE).await.unwrap();
    bench.insert([rawdoc! { "_id": 1, "email": "a" }, rawdoc! { "_id": 2, "email": "b" }]).await.unwrap();
    let error =
        bench.insert([rawdoc! { "_id": 3, "email": "c" }, rawdoc! { "_id": 4, "email": "a" }]).await.unwrap_err();
    assert_eq!(
        error,
        Error::conflict("insert into things: the unique index email_1 of things holds that value already")
    );
    let change = rawdoc! { "$set": { "email": "b", "x": 1 } };
    let error = bench.update(rawdoc! { "_id": 1 }, change, UpdateOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    assert_eq!(bench.find(rawdoc! {}).await, [rawdoc! { "_id": 1, "email": "a" }, rawdoc! { "_id": 2, "email": "b" }]);
    // What an update or a delete gives free can be taken.
    bench.update(rawdoc! { "_id": 1 }, rawdoc! { "$set": { "email": "z" } }, UpdateOptions::default()).await.unwrap();
    bench.documents.delete("things", rawdoc! { "_id": 2 }.into_bytes(), false).await.unwrap();
    bench.insert([rawdoc! { "_id": 3, "email": "a" }, rawdoc! { "_id": 4, "email": "b" }]).await.unwrap();
    let bench = bench.reopen();
    let error = bench.insert([rawdoc! { "email": "z" }]).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
}

#[tokio::test]
async fn many_writers_of_one_value_let_one_win() {
    let bench = Bench::new();
    bench.index(rawdoc! { "email": 1 }, UNIQUE).await.unwrap();
    let inserts = (0..64).map(|number| bench.insert([rawdoc! { "_id": number, "email": "same" }]));
    let outcomes = futures_util::future::join_all(inserts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(bench.find(rawdoc! { "email": "same" }).await.len(), 1);
}

#[tokio::test]
async fn a_missing_field_counts_as_null_unless_the_index_is_partial() {
    let bench = Bench::new();
    bench.index(rawdoc! { "a": 1 }, UNIQUE).await.unwrap();
    let strings = rawdoc! { "pair": { "$type": "string" } }.into_bytes();
    bench.index(rawdoc! { "pair": 1 }, IndexOptions { partial: Some(strings), ..UNIQUE }).await.unwrap();
    bench.insert([rawdoc! { "_id": 1 }]).await.unwrap();
    assert!(matches!(bench.insert([rawdoc! { "_id": 2, "a": null }]).await, Err(Error::Conflict(_))));
    // Not so in the partial index.
    bench.insert([rawdoc! { "_id": 3, "a": 3 }, rawdoc! { "_id": 4, "a": 4, "pair": "x" }]).await.unwrap();
    assert!(matches!(bench.insert([rawdoc! { "a": 5, "pair": "x" }]).await, Err(Error::Conflict(_))));
    assert_eq!(bench.ids(rawdoc! { "pair": "x" }, ANY()).await, [4]);
    assert_eq!(bench.ids(rawdoc! { "pair": null }, ANY()).await, [1, 3]);
    // A document can come into a partial index, and leave it.
    bench.update(rawdoc! { "_id": 4 }, rawdoc! { "$unset": { "pair": "" } }, UpdateOptions::default()).await.unwrap();
    bench.update(rawdoc! { "_id": 3 }, rawdoc! { "$set": { "pair": "x" } }, UpdateOptions::default()).await.unwrap();
    assert_eq!(bench.ids(rawdoc! { "pair": "x" }, ANY()).await, [3]);
}

#[tokio::test]
async fn arrays_are_indexed_by_element_and_found_once() {
    let bench = Bench::new();
    bench.index(rawdoc! { "tags": 1 }, IndexOptions::default()).await.unwrap();
    bench.insert([rawdoc! { "_id": 1, "tags": ["a", "b"] }, rawdoc! { "_id": 2, "tags": "c" }]).await.unwrap();
    assert_eq!(bench.ids(rawdoc! { "tags": "b" }, ANY()).await, [1]);
    assert_eq!(bench.ids(rawdoc! { "tags": { "$in": ["a", "b", "c"] } }, ANY()).await, [1, 2]);
    assert_eq!(bench.ids(rawdoc! { "tags": { "$gte": "a" } }, ANY()).await, [1, 2]);
    bench.update(rawdoc! { "_id": 1 }, rawdoc! { "$pull": { "tags": "a" } }, UpdateOptions::default()).await.unwrap();
    assert_eq!(bench.ids(rawdoc! { "tags": "a" }, ANY()).await, [] as [i32; 0]);
    assert_eq!(bench.ids(rawdoc! { "tags": ["b"] }, ANY()).await, [1]);
}

#[tokio::test]
async fn an_index_is_filled_from_what_is_there() {
    let bench = Bench::new();
    for from in [0, 1_000, 2_000] {
        bench.insert((from..from + 1_000).map(|number| rawdoc! { "_id": number, "a": number / 2 })).await.unwrap();
    }
    let error = bench.index(rawdoc! { "a": 1 }, UNIQUE).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
    assert_eq!(bench.ids(rawdoc! { "a": 700 }, ANY()).await, [1_400, 1_401]);
    assert_eq!(entries(&bench), 3_000 * 2, "documents and entries, and nothing of the index that failed");
}

#[tokio::test]
async fn an_index_that_exists_stays_as_it_is() {
    let bench = Bench::new();
    bench.index(rawdoc! { "a": 1 }, UNIQUE).await.unwrap();
    let commits = bench.store.commits();
    bench.index(rawdoc! { "a": 1 }, UNIQUE).await.unwrap();
    bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
    bench
        .index(rawdoc! { "b": 1 }, IndexOptions { name: Some("a_1".to_owned()), ..IndexOptions::default() })
        .await
        .unwrap();
    bench.index(rawdoc! { "_id": 1 }, IndexOptions::default()).await.unwrap();
    assert_eq!(bench.store.commits(), commits);
    bench.insert([rawdoc! { "a": 1 }]).await.unwrap();
    assert!(matches!(bench.insert([rawdoc! { "a": 1 }]).await, Err(Error::Conflict(_))), "still unique");
}

#[tokio::test]
async fn impossible_indexes_are_invalid() {
    let bench = Bench::new();
    let expiring = IndexOptions { expire_after_seconds: Some(1), ..IndexOptions::default() };
    for (keys, options) in [
        (rawdoc! { "a": "text" }, IndexOptions::default()),
        (rawdoc! {}, IndexOptions::default()),
        (rawdoc! { "a": 1, "b": 1 }, expiring),
    ] {
        let error = bench.index(keys, options).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
        assert!(error.message().starts_with("ensure an index of things: "), "{error}");
    }
}

#[tokio::test]
async fn a_ttl_index_expires_by_the_clock() {
    let bench = Bench::new();
    let options = IndexOptions { expire_after_seconds: Some(60), ..IndexOptions::default() };
    bench.index(rawdoc! { "at": -1 }, options).await.unwrap();
    let now = DateTime::from_system_time(*bench.clock.lock());
    let later = DateTime::from_millis(now.timestamp_millis() + 30_000);
    bench
        .insert([
            rawdoc! { "_id": 1, "at": now },
            rawdoc! { "_id": 2, "at": later },
            rawdoc! { "_id": 3, "at": [later, now] },
            rawdoc! { "_id": 4, "at": "no date" },
            rawdoc! { "_id": 5, "at": 0 },
            rawdoc! { "_id": 6 },
        ])
        .await
        .unwrap();
    bench.pass(Duration::from_secs(59));
    bench.store.run_chores().await.unwrap();
    assert_eq!(bench.find(rawdoc! {}).await.len(), 6);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.find(rawdoc! {}).await.len(), 6, "readable until the chore has run");
    bench.store.run_chores().await.unwrap();
    assert_eq!(bench.ids(rawdoc! {}, ANY()).await, [2, 4, 5, 6]);
    bench.pass(Duration::from_hours(1));
    bench.store.run_chores().await.unwrap();
    assert_eq!(bench.ids(rawdoc! {}, ANY()).await, [4, 5, 6]);
    assert_eq!(entries(&bench), 3 * 2, "the entries went with the documents");
}

#[tokio::test]
async fn expiry_goes_on_until_all_is_gone() {
    let bench = Bench::new();
    let done = rawdoc! { "done": true }.into_bytes();
    let options = IndexOptions { expire_after_seconds: Some(0), partial: Some(done), ..IndexOptions::default() };
    bench.index(rawdoc! { "at": 1 }, options).await.unwrap();
    let now = DateTime::from_system_time(*bench.clock.lock());
    for from in [0, 1_000, 2_000] {
        let documents =
            (from..from + 1_000).map(|number| rawdoc! { "_id": number, "at": now, "done": number % 10 != 0 });
        bench.insert(documents).await.unwrap();
    }
    bench.store.run_chores().await.unwrap();
    assert_eq!(bench.documents.count("things", rawdoc! {}.into_bytes(), 0).await.unwrap(), 300);
    assert_eq!(bench.documents.count("things", rawdoc! { "done": true }.into_bytes(), 0).await.unwrap(), 0);
}

/// All rows of the table: documents and entries.
fn entries(bench: &Bench) -> usize {
    let snapshot = bench.store.snapshot().unwrap();
    snapshot.range(Table::Documents, &[], &after_prefix(&[0xff; 3])).unwrap().count()
}

/// Whatever is written in whatever order, an index finds what a look at every document finds, and has no entry too many.
#[tokio::test]
async fn indexes_agree_with_the_documents() {
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let mut random = crate::capabilities::embedded::tests::Random::new(seed);
    let bench = Bench::new();
    let many = UpdateOptions { many: true, upsert: true };
    let mut indexes = vec![rawdoc! { "a": 1 }, rawdoc! { "b": -1, "a": 1 }, rawdoc! { "c.d": 1 }];
    for step in 0..300 {
        if step % 100 == 10
            && let Some(keys) = indexes.pop()
        {
            bench.index(keys, IndexOptions::default()).await.unwrap();
        }
        let value = |random: &mut crate::capabilities::embedded::tests::Random| -> RawDocumentBuf {
            let small = i32::try_from(random.below(4)).unwrap();
            match random.below(5) {
                0 => rawdoc! { "v": small },
                1 => rawdoc! { "v": f64::from(small) },
                2 => rawdoc! { "v": [small, small + 1] },
                3 => rawdoc! { "v": null },
                _ => rawdoc! { "v": "text" },
            }
        };
        let (first, second) = (value(&mut random), value(&mut random));
        let (first, second) = (first.get("v").unwrap().unwrap(), second.get("v").unwrap().unwrap());
        let id = i32::try_from(random.below(30)).unwrap();
        let outcome = match random.below(4) {
            0 => {
                let update = rawdoc! { "$set": { "a": first, "c": { "d": second } } };
                bench.update(rawdoc! { "_id": id }, update, many).await.map(drop)
            }
            1 => bench.update(rawdoc! { "_id": id }, rawdoc! { "$set": { "b": id % 4, "a": 1 } }, many).await.map(drop),
            2 => bench.update(rawdoc! { "a": first }, rawdoc! { "$set": { "a": second } }, many).await.map(drop),
            _ => bench.documents.delete("things", rawdoc! { "_id": id }.into_bytes(), false).await.map(drop),
        };
        // An upsert from `{a: …}` may ask for what cannot be; then nothing changes.
        assert!(matches!(outcome, Ok(()) | Err(Error::Invalid(_))), "seed {seed}: {outcome:?}");
    }
    let all = bench.find(rawdoc! {}).await;
    let no_index = rawdoc! { "_id": { "$exists": true } };
    for path in ["a", "b", "c.d"] {
        for value in 0..4 {
            let mut filter = RawDocumentBuf::new();
            filter.append(bson::raw::CString::try_from(path).unwrap(), rawdoc! { "$gte": value });
            let indexed = sorted(bench.find(filter.clone()).await);
            // `$or` is not planned, so this looks at every document.
            let looked = sorted(bench.find(rawdoc! { "$or": [filter, { "_id": "no such" }] }).await);
            assert_eq!(indexed, looked, "seed {seed}: {path} >= {value}");
        }
    }
    assert_eq!(bench.find(no_index).await.len(), all.len());
    let stored: usize = all
        .iter()
        .map(|stored| {
            let indexes = [rawdoc! { "a": 1 }, rawdoc! { "b": -1, "a": 1 }, rawdoc! { "c.d": 1 }];
            let keys = indexes.iter().map(|keys| {
                let index = crate::capabilities::documents::query::Index::parse(keys).unwrap();
                index.entries(stored).unwrap().keys.len()
            });
            1 + keys.sum::<usize>()
        })
        .sum();
    assert_eq!(entries(&bench), stored, "seed {seed}");
}

fn sorted(mut documents: Vec<RawDocumentBuf>) -> Vec<Vec<u8>> {
    let mut bytes: Vec<Vec<u8>> = documents.drain(..).map(RawDocumentBuf::into_bytes).collect();
    bytes.sort();
    bytes
}
