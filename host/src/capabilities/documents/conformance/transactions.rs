//! All or nothing, with the events that tell of it.

use bson::{RawDocumentBuf, rawdoc};

use super::super::backend::{Expectation, Operation, Outcome, UpdateOptions, UpdateResult, Write};
use super::{Bench, MANY, ONE, UNIQUE, UPSERT, raw};
use crate::capabilities::error::Error;
use crate::capabilities::events::Backend as _;
use crate::capabilities::events::backend::{EVENT_ID, Event};

fn write(operation: Operation) -> Write {
    Write { collection: "things".to_owned(), operation }
}

fn insert(document: RawDocumentBuf) -> Write {
    write(Operation::Insert(document.into_bytes()))
}

fn update_with(filter: RawDocumentBuf, update: RawDocumentBuf, options: UpdateOptions, expect: Expectation) -> Write {
    write(Operation::Update { filter: filter.into_bytes(), update: update.into_bytes(), options, expect })
}

fn update(filter: RawDocumentBuf, change: RawDocumentBuf, expect: Expectation) -> Write {
    update_with(filter, change, ONE, expect)
}

fn check(filter: RawDocumentBuf, expect: Expectation) -> Write {
    write(Operation::Check { filter: filter.into_bytes(), expect })
}

fn delete(filter: RawDocumentBuf, many: bool, expect: Expectation) -> Write {
    write(Operation::Delete { filter: filter.into_bytes(), many, expect })
}

fn event(value: &str) -> Event {
    let value = value.as_bytes().to_vec();
    Event { topic: "things".to_owned(), key: Some("key".to_owned()), value, headers: Vec::new() }
}

fn matched(matched: u64, modified: u64) -> UpdateResult {
    UpdateResult { matched, modified, upserted: None }
}

pub(super) async fn writes_and_events_commit_together(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "n": 1 }, rawdoc! { "_id": 2, "n": 1 }]).await.unwrap();
    let replacement = rawdoc! { "n": 5 };
    let writes = vec![
        insert(rawdoc! { "_id": 3, "n": 1 }),
        update(rawdoc! { "_id": 1 }, rawdoc! { "$inc": { "n": 1 } }, Expectation::One),
        update_with(rawdoc! { "n": 1 }, rawdoc! { "$set": { "m": 1 } }, MANY, Expectation::Anything),
        write(Operation::Replace {
            filter: rawdoc! { "_id": 2 }.into_bytes(),
            replacement: replacement.into_bytes(),
            upsert: false,
            expect: Expectation::One,
        }),
        delete(rawdoc! { "_id": 9 }, false, Expectation::None),
        check(rawdoc! {}, Expectation::Anything),
        update_with(rawdoc! { "_id": 7 }, rawdoc! { "$set": { "n": 7 } }, UPSERT, Expectation::None),
    ];
    let id = |id: i32| Some(rawdoc! { "_id": id }.into_bytes());
    let outcome = bench.store.transact(writes, vec![event("a"), event("b")]).await.unwrap();
    let expected = vec![
        UpdateResult { upserted: id(3), ..UpdateResult::default() },
        matched(1, 1),
        matched(2, 2),
        matched(1, 1),
        matched(0, 0),
        matched(3, 0),
        UpdateResult { upserted: id(7), ..UpdateResult::default() },
    ];
    assert_eq!(outcome, Outcome::Committed(expected));
    let mut all = bench.find(rawdoc! {}).await;
    all.sort_by_key(|found| found.get_i32("_id").unwrap());
    let expected = [
        rawdoc! { "_id": 1, "n": 2 },
        rawdoc! { "_id": 2, "n": 5 },
        rawdoc! { "_id": 3, "n": 1, "m": 1 },
        rawdoc! { "_id": 7, "n": 7 },
    ];
    assert_eq!(all, expected);
    assert_eq!(bench.told(2).await, ["a", "b"]);
}

pub(super) async fn each_write_sees_those_before(bench: &Bench) {
    let writes = vec![
        insert(rawdoc! { "_id": 1, "n": 1 }),
        check(rawdoc! { "n": 1 }, Expectation::One),
        update(rawdoc! { "n": 1 }, rawdoc! { "$inc": { "n": 1 } }, Expectation::One),
        delete(rawdoc! { "n": 1 }, true, Expectation::None),
        delete(rawdoc! { "n": 2 }, true, Expectation::One),
        check(rawdoc! {}, Expectation::None),
    ];
    assert!(matches!(bench.store.transact(writes, Vec::new()).await, Ok(Outcome::Committed(_))));
    assert_eq!(bench.find(rawdoc! {}).await.len(), 0);
}

pub(super) async fn an_unmet_expectation_undoes_all(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "a": 1 }, rawdoc! { "_id": 2, "a": 1 }]).await.unwrap();
    let unmet = [
        check(rawdoc! { "_id": 9 }, Expectation::One),
        check(rawdoc! { "a": 1 }, Expectation::One),
        check(rawdoc! { "_id": 1 }, Expectation::None),
        update(rawdoc! { "_id": 9 }, rawdoc! { "$set": { "a": 2 } }, Expectation::One),
        update_with(rawdoc! { "a": 1 }, rawdoc! { "$set": { "a": 2 } }, MANY, Expectation::One),
        update(rawdoc! { "_id": 1 }, rawdoc! { "$set": { "a": 2 } }, Expectation::None),
        delete(rawdoc! { "a": 1 }, true, Expectation::One),
        delete(rawdoc! { "_id": 9 }, false, Expectation::One),
    ];
    for last in unmet {
        let before = update(rawdoc! { "_id": 2 }, rawdoc! { "$set": { "b": 1 } }, Expectation::One);
        let writes = vec![insert(rawdoc! { "_id": 3 }), before, last];
        let shown = format!("{writes:?}");
        let outcome = bench.store.transact(writes, vec![event("never")]).await.unwrap();
        assert_eq!(outcome, Outcome::Unmet(2), "{shown}");
        let all = bench.find(rawdoc! {}).await;
        assert_eq!(all, [rawdoc! { "_id": 1, "a": 1 }, rawdoc! { "_id": 2, "a": 1 }], "{shown}");
    }
    assert!(matches!(bench.store.transact(Vec::new(), vec![event("last")]).await, Ok(Outcome::Committed(_))));
    assert_eq!(bench.told(1).await, ["last"]);
}

pub(super) async fn a_conflict_undoes_all_and_names_the_write(bench: &Bench) {
    bench.index(rawdoc! { "email": 1 }, UNIQUE).await.unwrap();
    bench.insert([rawdoc! { "_id": 1, "email": "a" }]).await.unwrap();
    let writes = vec![insert(rawdoc! { "_id": 2, "email": "b" }), insert(rawdoc! { "_id": 3, "email": "a" })];
    let error = bench.store.transact(writes, vec![event("never")]).await.unwrap_err();
    assert_eq!(
        error,
        Error::conflict("transact, write 1 on things: the unique index email_1 of things holds that value already")
    );
    assert_eq!(bench.ids(rawdoc! {}).await.unwrap(), [1]);
}

pub(super) async fn a_wrong_write_undoes_all_and_is_named(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "a": "text" }]).await.unwrap();
    let wrong = [
        update(rawdoc! { "_id": 1 }, rawdoc! { "$inc": { "a": 1 } }, Expectation::Anything),
        update(rawdoc! { "_id": 1 }, rawdoc! { "$nonsense": { "a": 1 } }, Expectation::Anything),
        check(rawdoc! { "a": { "$nonsense": 1 } }, Expectation::Anything),
        insert(rawdoc! { "_id": [1] }),
    ];
    for last in wrong {
        let error = bench.store.transact(vec![insert(rawdoc! { "_id": 2 }), last], Vec::new()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
        assert!(error.message().starts_with("transact, write 1 on things: "), "{error}");
        assert_eq!(bench.ids(rawdoc! {}).await.unwrap(), [1]);
    }
}

pub(super) async fn events_alone_are_a_transaction(bench: &Bench) {
    let outcome = bench.store.transact(Vec::new(), vec![event("x")]).await.unwrap();
    assert_eq!(outcome, Outcome::Committed(Vec::new()));
    assert_eq!(bench.told(1).await, ["x"]);
    let mut ids = Vec::new();
    for partition in 0..3 {
        ids.extend(bench.log.read("things", partition, 0, 10).await.unwrap().iter().map(|record| record.event_id()));
    }
    let [id] = ids.as_slice() else { panic!("{ids:?}") };
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 7, "{EVENT_ID}");
}

pub(super) async fn events_of_a_key_stay_in_order(bench: &Bench) {
    let mut expected = Vec::new();
    for number in 0..20 {
        let events = vec![event(&format!("{number}a")), event(&format!("{number}b"))];
        expected.extend([format!("{number}a"), format!("{number}b")]);
        bench.store.transact(vec![insert(rawdoc! { "_id": number })], events).await.unwrap();
    }
    assert_eq!(bench.told(40).await, expected);
}

pub(super) async fn of_many_that_want_the_same_one_wins(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "free": true }]).await.unwrap();
    let claims = (0..16).map(|number| {
        let claim = rawdoc! { "$set": { "free": false, "by": number } };
        let write = update(rawdoc! { "_id": 1, "free": true }, claim, Expectation::One);
        bench.store.transact(vec![write], vec![event(&number.to_string())])
    });
    let outcomes = futures_util::future::join_all(claims).await;
    let winners: Vec<usize> = (0..)
        .zip(&outcomes)
        .filter(|(_, outcome)| matches!(outcome, Ok(Outcome::Committed(_))))
        .map(|(at, _)| at)
        .collect();
    let [winner] = winners.as_slice() else { panic!("{outcomes:?}") };
    assert!(outcomes.iter().enumerate().all(|(at, outcome)| at == *winner || outcome == &Ok(Outcome::Unmet(0))));
    assert_eq!(bench.told(1).await, [winner.to_string()]);
    let found = bench.store.find_one("things", rawdoc! { "_id": 1 }.into_bytes(), None).await.unwrap().unwrap();
    assert_eq!(raw(&found).get_i32("by").unwrap(), i32::try_from(*winner).unwrap());
}

pub(super) async fn upserts_of_the_same_key_all_succeed(bench: &Bench) {
    bench.index(rawdoc! { "name": 1 }, UNIQUE).await.unwrap();
    let count = || update_with(rawdoc! { "name": "x" }, rawdoc! { "$inc": { "n": 1 } }, UPSERT, Expectation::Anything);
    let both = (0..12).map(async |number| {
        if number % 2 == 0 {
            bench.store.transact(vec![count()], Vec::new()).await.map(drop)
        } else {
            bench.update(rawdoc! { "name": "x" }, rawdoc! { "$inc": { "n": 1 } }, UPSERT).await.map(drop)
        }
    });
    for outcome in futures_util::future::join_all(both).await {
        outcome.unwrap();
    }
    let all = bench.find(rawdoc! {}).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].get_i32("n").unwrap(), 12);
}
