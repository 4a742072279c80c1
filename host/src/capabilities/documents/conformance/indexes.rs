//! Unique, partial and TTL indexes.

use bson::{DateTime, rawdoc};

use super::super::backend::IndexOptions;
use super::{Bench, MANY, ONE, UNIQUE};
use crate::capabilities::error::Error;

pub(super) async fn a_unique_index_refuses(bench: &Bench) {
    bench.index(rawdoc! { "a": 1 }, UNIQUE).await.unwrap();
    bench.insert([rawdoc! { "_id": 1, "a": "x" }, rawdoc! { "_id": 2, "a": "y" }]).await.unwrap();
    let error = bench.insert([rawdoc! { "_id": 3, "a": "x" }]).await.unwrap_err();
    assert_eq!(error, Error::conflict("insert into things: the unique index a_1 of things holds that value already"));
    let error = bench.update(rawdoc! { "_id": 2 }, rawdoc! { "$set": { "a": "x" } }, ONE).await.unwrap_err();
    assert_eq!(error, Error::conflict("update things: the unique index a_1 of things holds that value already"));
    let error = bench.update(rawdoc! {}, rawdoc! { "$set": { "a": "z" } }, MANY).await.unwrap_err();
    assert_eq!(error, Error::conflict("update things: the unique index a_1 of things holds that value already"));
    assert_eq!(bench.ids(rawdoc! { "a": "z" }).await.unwrap(), [] as [i32; 0]);
    // Missing is a value, too, and an array holds each of its elements.
    bench.insert([rawdoc! { "_id": 4 }]).await.unwrap();
    assert!(matches!(bench.insert([rawdoc! { "_id": 5 }]).await, Err(Error::Conflict(_))));
    assert!(matches!(bench.insert([rawdoc! { "_id": 5, "a": ["q", "y"] }]).await, Err(Error::Conflict(_))));
    bench.insert([rawdoc! { "_id": 5, "a": ["q", "q"] }]).await.unwrap();
}

pub(super) async fn a_partial_index_refuses_its_own(bench: &Bench) {
    let partial = Some(rawdoc! { "pair": { "$type": "string" } }.into_bytes());
    bench.index(rawdoc! { "pair": 1 }, IndexOptions { partial, ..UNIQUE }).await.unwrap();
    bench.insert([rawdoc! { "_id": 1 }, rawdoc! { "_id": 2 }, rawdoc! { "_id": 3, "pair": 7 }]).await.unwrap();
    bench.insert([rawdoc! { "_id": 4, "pair": 7 }, rawdoc! { "_id": 5, "pair": "a:b" }]).await.unwrap();
    assert!(matches!(bench.insert([rawdoc! { "_id": 6, "pair": "a:b" }]).await, Err(Error::Conflict(_))));
    // What it does not hold is found all the same.
    assert_eq!(bench.ids(rawdoc! { "pair": 7 }).await.unwrap(), [3, 4]);
    assert_eq!(bench.ids(rawdoc! { "pair": "a:b" }).await.unwrap(), [5]);
}

pub(super) async fn an_index_with_other_options_stays(bench: &Bench) {
    bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
    bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
    bench.index(rawdoc! { "a": 1 }, UNIQUE).await.unwrap();
    bench.index(rawdoc! { "_id": 1 }, UNIQUE).await.unwrap();
    bench.insert([rawdoc! { "_id": 1, "a": 1 }, rawdoc! { "_id": 2, "a": 1 }]).await.unwrap();
    assert_eq!(bench.ids(rawdoc! { "a": 1 }).await.unwrap(), [1, 2]);
    let two = IndexOptions { expire_after_seconds: Some(1), ..IndexOptions::default() };
    let error = bench.index(rawdoc! { "a": 1, "b": 1 }, two).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    assert!(error.message().starts_with("ensure an index of things: "), "{error}");
}

pub(super) async fn a_unique_index_over_doubles_is_a_conflict(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "a": 1 }, rawdoc! { "_id": 2, "a": 1 }]).await.unwrap();
    let error = bench.index(rawdoc! { "a": 1 }, UNIQUE).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    bench.insert([rawdoc! { "_id": 3, "a": 1 }]).await.unwrap();
}

pub(super) async fn expired_documents_go(bench: &Bench) {
    let expiring = IndexOptions { expire_after_seconds: Some(10), ..IndexOptions::default() };
    bench.index(rawdoc! { "at": 1 }, expiring).await.unwrap();
    let now = DateTime::now().timestamp_millis();
    bench
        .insert([
            rawdoc! { "_id": 1, "at": DateTime::from_millis(now - 60_000) },
            rawdoc! { "_id": 2, "at": DateTime::from_millis(now + 86_400_000) },
            rawdoc! { "_id": 3, "at": "no date" },
            rawdoc! { "_id": 4 },
            rawdoc! { "_id": 5, "at": [DateTime::from_millis(now + 86_400_000), DateTime::from_millis(now - 60_000)] },
        ])
        .await
        .unwrap();
    bench.expire(rawdoc! { "_id": { "$in": [1, 5] } }).await;
    assert_eq!(bench.ids(rawdoc! {}).await.unwrap(), [2, 3, 4]);
}
