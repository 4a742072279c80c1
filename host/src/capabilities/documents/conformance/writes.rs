//! Inserting, changing, replacing, deleting.

use bson::{RawDocumentBuf, rawdoc};

use super::super::backend::{FindAndUpdateOptions, UpdateOptions, UpdateResult};
use super::{Bench, MANY, ONE, UPSERT, raw};
use crate::capabilities::error::{Error, Result};

pub(super) async fn inserted_documents_get_ids(bench: &Bench) {
    let ids = bench.insert([rawdoc! { "a": "x", "_id": 1 }, rawdoc! { "a": "y" }]).await.unwrap();
    assert_eq!(raw(&ids[0]), &*rawdoc! { "_id": 1 });
    let made = raw(&ids[1]).get_object_id("_id").unwrap();
    // `_id` comes first.
    assert_eq!(bench.find(rawdoc! { "_id": 1 }).await, [rawdoc! { "_id": 1, "a": "x" }]);
    assert_eq!(bench.find(rawdoc! { "a": "y" }).await, [rawdoc! { "_id": made, "a": "y" }]);
    assert_eq!(bench.insert([]).await.unwrap(), [] as [Vec<u8>; 0]);
    for wrong in [rawdoc! { "_id": [1] }, rawdoc! { "_id": { "$a": 1 } }] {
        let error = bench.insert([wrong]).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }
}

pub(super) async fn an_insert_is_all_or_none(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1 }]).await.unwrap();
    let error = bench.insert([rawdoc! { "_id": 2 }, rawdoc! { "_id": 1.0 }, rawdoc! { "_id": 3 }]).await.unwrap_err();
    assert_eq!(error, Error::conflict("insert into things: the unique index _id of things holds that value already"));
    assert_eq!(bench.ids(rawdoc! {}).await.unwrap(), [1]);
    let error = bench.insert([rawdoc! { "_id": 1 }]).await.unwrap_err();
    assert_eq!(error, Error::conflict("insert into things: the unique index _id of things holds that value already"));
}

pub(super) async fn operators_change(bench: &Bench) {
    let cases = [
        (rawdoc! { "a": 1 }, rawdoc! { "$set": { "b": 2, "c.d": 3 } }, rawdoc! { "a": 1, "b": 2, "c": { "d": 3 } }),
        (rawdoc! { "a": 1, "b": 2 }, rawdoc! { "$unset": { "a": "" } }, rawdoc! { "b": 2 }),
        (rawdoc! { "a": [1, 2, 3] }, rawdoc! { "$unset": { "a.1": "" } }, rawdoc! { "a": [1, null, 3] }),
        (rawdoc! { "a": 1 }, rawdoc! { "$inc": { "a": 2, "b": 1.5 } }, rawdoc! { "a": 3, "b": 1.5 }),
        (rawdoc! { "a": i32::MAX }, rawdoc! { "$inc": { "a": 1 } }, rawdoc! { "a": 2_147_483_648_i64 }),
        (rawdoc! { "a": 3 }, rawdoc! { "$mul": { "a": 2_i64, "b": 2 } }, rawdoc! { "a": 6_i64, "b": 0 }),
        (rawdoc! { "a": 3 }, rawdoc! { "$mul": { "b": -2.0 } }, rawdoc! { "a": 3, "b": -0.0 }),
        (rawdoc! { "a": [] }, rawdoc! { "$rename": { "a.1": "b" } }, rawdoc! { "a": [] }),
        (rawdoc! { "a": 3 }, rawdoc! { "$rename": { "a": "d" }, "$set": { "c": 1 } }, rawdoc! { "c": 1, "d": 3 }),
        (rawdoc! { "a": 3 }, rawdoc! { "$min": { "a": 2, "b": 1 } }, rawdoc! { "a": 2, "b": 1 }),
        (rawdoc! { "a": 3 }, rawdoc! { "$max": { "a": 2 } }, rawdoc! { "a": 3 }),
        (rawdoc! { "a": 1 }, rawdoc! { "$push": { "b": 2 } }, rawdoc! { "a": 1, "b": [2] }),
        (
            rawdoc! { "a": [3, 1] },
            rawdoc! { "$push": { "a": { "$each": [2, 5], "$sort": 1, "$slice": -3 } } },
            rawdoc! { "a": [2, 3, 5] },
        ),
        (
            rawdoc! { "a": [1, 2] },
            rawdoc! { "$push": { "a": { "$each": [9, 8], "$position": 1 } } },
            rawdoc! { "a": [1, 9, 8, 2] },
        ),
        (rawdoc! { "a": [1, 2] }, rawdoc! { "$addToSet": { "a": { "$each": [2, 3] } } }, rawdoc! { "a": [1, 2, 3] }),
        (rawdoc! { "a": [1, 2, 3, 2] }, rawdoc! { "$pull": { "a": 2 } }, rawdoc! { "a": [1, 3] }),
        (rawdoc! { "a": [1, 5, 9] }, rawdoc! { "$pull": { "a": { "$gte": 5 } } }, rawdoc! { "a": [1] }),
        (
            rawdoc! { "a": [{ "b": 1, "c": 2 }, { "b": 2 }] },
            rawdoc! { "$pull": { "a": { "b": 1 } } },
            rawdoc! { "a": [{ "b": 2 }] },
        ),
        (rawdoc! { "a": [1, 2, 3] }, rawdoc! { "$pullAll": { "a": [1, 3] } }, rawdoc! { "a": [2] }),
        (rawdoc! { "a": [1, 2, 3] }, rawdoc! { "$pop": { "a": 1 } }, rawdoc! { "a": [1, 2] }),
        (rawdoc! { "a": [1, 2, 3] }, rawdoc! { "$pop": { "a": -1 } }, rawdoc! { "a": [2, 3] }),
        (rawdoc! { "a": 1, "b": 2 }, rawdoc! { "$rename": { "a": "c" } }, rawdoc! { "b": 2, "c": 1 }),
        (rawdoc! { "a": [1] }, rawdoc! { "$set": { "a.3": 4 } }, rawdoc! { "a": [1, null, null, 4] }),
        (rawdoc! { "a": 1 }, rawdoc! { "$setOnInsert": { "a": 2 } }, rawdoc! { "a": 1 }),
        (rawdoc! { "a": 1 }, rawdoc! { "$set": { "z": 1, "b": 2 } }, rawdoc! { "a": 1, "b": 2, "z": 1 }),
    ];
    for (id, (before, update, after)) in (0..).zip(cases) {
        let with_id = |document: RawDocumentBuf| {
            let mut whole = rawdoc! { "_id": id };
            for (name, value) in document.iter().flatten() {
                whole.append(name, value);
            }
            whole
        };
        bench.insert([with_id(before)]).await.unwrap();
        let result = bench.update(rawdoc! { "_id": id }, update.clone(), ONE).await;
        assert_eq!(result.map(|result| result.matched), Ok(1), "{update:?}");
        assert_eq!(bench.find(rawdoc! { "_id": id }).await, [with_id(after)], "{update:?}");
    }
}

pub(super) async fn wrong_updates_are_invalid_and_change_nothing(bench: &Bench) {
    let documents = [rawdoc! { "_id": 1, "a": 1, "b": [1] }, rawdoc! { "_id": 2, "a": "text", "b": 1 }];
    bench.insert(documents.clone()).await.unwrap();
    let cases = [
        rawdoc! {},
        rawdoc! { "a": 1 },
        rawdoc! { "$nonsense": { "a": 1 } },
        rawdoc! { "$set": { "a": 1 }, "$inc": { "a": 1 } },
        rawdoc! { "$set": { "a": 1, "a.b": 1 } },
        rawdoc! { "$set": { "_id": 9 } },
        rawdoc! { "$inc": { "a": 1 } },
        rawdoc! { "$inc": { "a": "x" } },
        rawdoc! { "$push": { "b": 2 } },
        rawdoc! { "$set": { "a.b": 1 } },
        rawdoc! { "$set": { "": 1 } },
    ];
    for update in cases {
        let error = bench.update(rawdoc! {}, update.clone(), MANY).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{update:?}: {error}");
        assert!(error.message().starts_with("update things: "), "{error}");
        assert_eq!(bench.find(rawdoc! {}).await, documents, "{update:?}");
    }
    let replaced = bench.store.replace("things", rawdoc! {}.into_bytes(), rawdoc! { "$set": 1 }.into_bytes(), false);
    assert!(matches!(replaced.await, Err(Error::Invalid(_))));
}

pub(super) async fn updates_count(bench: &Bench) {
    bench.insert((0..5).map(|number| rawdoc! { "_id": number, "a": 1 })).await.unwrap();
    let set = || rawdoc! { "$set": { "a": 2 } };
    let one = bench.update(rawdoc! { "a": 1 }, set(), ONE).await.unwrap();
    assert_eq!(one, UpdateResult { matched: 1, modified: 1, upserted: None });
    let all = bench.update(rawdoc! {}, set(), MANY).await.unwrap();
    assert_eq!(all, UpdateResult { matched: 5, modified: 4, upserted: None });
    assert_eq!(bench.update(rawdoc! { "a": 9 }, set(), MANY).await.unwrap(), UpdateResult::default());
    assert_eq!(bench.update(rawdoc! { "a": 9 }, set(), ONE).await.unwrap(), UpdateResult::default());
}

pub(super) async fn upserts_insert_what_is_said(bench: &Bench) {
    let update = rawdoc! { "$set": { "b": 2 }, "$setOnInsert": { "c": 3 } };
    let inserted = UpdateResult { matched: 0, modified: 0, upserted: Some(rawdoc! { "_id": 7 }.into_bytes()) };
    for options in [UPSERT, UpdateOptions { many: true, ..UPSERT }] {
        assert_eq!(bench.update(rawdoc! { "_id": 7, "a": 1 }, update.clone(), options).await.unwrap(), inserted);
        assert_eq!(bench.find(rawdoc! {}).await, [rawdoc! { "_id": 7, "a": 1, "b": 2, "c": 3 }]);
        let again = bench.update(rawdoc! { "_id": 7, "a": 1 }, update.clone(), options).await.unwrap();
        assert_eq!(again, UpdateResult { matched: 1, modified: 0, upserted: None });
        assert_eq!(bench.store.delete("things", rawdoc! {}.into_bytes(), true).await.unwrap(), 1);
    }
    let made = bench.update(rawdoc! { "x.y": 1, "z": { "$gt": 1 } }, update, UPSERT).await.unwrap().upserted.unwrap();
    let id = raw(&made).get_object_id("_id").unwrap();
    assert_eq!(bench.find(rawdoc! {}).await, [rawdoc! { "_id": id, "x": { "y": 1 }, "b": 2, "c": 3 }]);
}

pub(super) async fn replacements_keep_the_id(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "a": 1 }]).await.unwrap();
    let replace = |filter: RawDocumentBuf, with: RawDocumentBuf, upsert| {
        bench.store.replace("things", filter.into_bytes(), with.into_bytes(), upsert)
    };
    assert_eq!(replace(rawdoc! { "a": 1 }, rawdoc! { "b": 2 }, false).await.unwrap().modified, 1);
    assert_eq!(bench.find(rawdoc! {}).await, [rawdoc! { "_id": 1, "b": 2 }]);
    assert_eq!(replace(rawdoc! { "_id": 2 }, rawdoc! { "b": 3 }, false).await.unwrap(), UpdateResult::default());
    let inserted = replace(rawdoc! { "_id": 2 }, rawdoc! { "b": 3 }, true).await.unwrap();
    assert_eq!(inserted.upserted, Some(rawdoc! { "_id": 2 }.into_bytes()));
    assert_eq!(bench.find(rawdoc! { "b": 3 }).await, [rawdoc! { "_id": 2, "b": 3 }]);
    let error = replace(rawdoc! { "_id": 2 }, rawdoc! { "_id": 3 }, false).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}

pub(super) async fn one_is_updated_and_answered(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "n": 1 }, rawdoc! { "_id": 2, "n": 5 }]).await.unwrap();
    let run = async |filter: RawDocumentBuf, options: FindAndUpdateOptions| -> Result<Option<RawDocumentBuf>> {
        let update = rawdoc! { "$inc": { "n": 1 } }.into_bytes();
        let found = bench.store.find_one_and_update("things", filter.into_bytes(), update, options).await?;
        Ok(found.map(|found| RawDocumentBuf::from_bytes(found).unwrap()))
    };
    let defaults = FindAndUpdateOptions::default;
    let first = FindAndUpdateOptions { sort: Some(rawdoc! { "n": -1 }.into_bytes()), ..defaults() };
    assert_eq!(run(rawdoc! {}, first).await.unwrap(), Some(rawdoc! { "_id": 2, "n": 5 }));
    let shape = Some(rawdoc! { "_id": 0 }.into_bytes());
    let new = FindAndUpdateOptions { return_new: true, projection: shape, ..defaults() };
    assert_eq!(run(rawdoc! { "_id": 2 }, new).await.unwrap(), Some(rawdoc! { "n": 7 }));
    assert_eq!(run(rawdoc! { "_id": 3 }, defaults()).await.unwrap(), None);
    let upsert = FindAndUpdateOptions { upsert: true, ..defaults() };
    assert_eq!(run(rawdoc! { "_id": 3 }, upsert.clone()).await.unwrap(), None);
    let new = FindAndUpdateOptions { return_new: true, ..upsert };
    assert_eq!(run(rawdoc! { "_id": 4 }, new).await.unwrap(), Some(rawdoc! { "_id": 4, "n": 1 }));
    assert_eq!(bench.ids(rawdoc! {}).await.unwrap(), [1, 2, 3, 4]);
    let error = run(rawdoc! { "n": { "$nonsense": 1 } }, defaults()).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    assert!(error.message().starts_with("find and update one in things: "), "{error}");
}

pub(super) async fn deletes_count(bench: &Bench) {
    bench.insert((0..30).map(|number| rawdoc! { "_id": number, "a": number % 3 })).await.unwrap();
    let delete = |filter: RawDocumentBuf, many| bench.store.delete("things", filter.into_bytes(), many);
    assert_eq!(delete(rawdoc! { "a": 0 }, false).await.unwrap(), 1);
    assert_eq!(delete(rawdoc! { "a": 0 }, true).await.unwrap(), 9);
    assert_eq!(delete(rawdoc! { "a": 0 }, true).await.unwrap(), 0);
    assert_eq!(bench.find(rawdoc! {}).await.len(), 20);
    let error = delete(rawdoc! { "$nonsense": 1 }, true).await.unwrap_err();
    assert!(error.message().starts_with("delete from things: "), "{error}");
}

pub(super) async fn the_current_date_is_set(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "a": "old" }]).await.unwrap();
    let change = rawdoc! { "$currentDate": { "a": true, "b": { "$type": "date" }, "c.d": { "$type": "timestamp" } } };
    let result = bench.update(rawdoc! { "_id": 1 }, change.clone(), super::ONE).await.unwrap();
    assert_eq!((result.matched, result.modified), (1, 1));
    bench.update(rawdoc! { "_id": 2 }, change, super::UPSERT).await.unwrap();
    let now = bson::DateTime::now().timestamp_millis();
    let found = bench.find(rawdoc! {}).await;
    assert_eq!(found.len(), 2);
    for document in found {
        let near = |millis: i64| (now - millis).abs() < 3_600_000;
        assert!(near(document.get_datetime("a").unwrap().timestamp_millis()), "{document:?}");
        assert!(near(document.get_datetime("b").unwrap().timestamp_millis()), "{document:?}");
        let inner = document.get_document("c").unwrap();
        assert!(near(i64::from(inner.get_timestamp("d").unwrap().time) * 1_000), "{document:?}");
    }
    for wrong in [
        rawdoc! { "$currentDate": { "a": 1 } },
        rawdoc! { "$currentDate": { "a": { "$type": "year" } } },
        rawdoc! { "$currentDate": { "a": true }, "$set": { "a": 1 } },
    ] {
        let error = bench.update(rawdoc! { "_id": 1 }, wrong.clone(), super::ONE).await.unwrap_err();
        assert!(matches!(error, crate::capabilities::error::Error::Invalid(_)), "{wrong:?}: {error}");
    }
}
