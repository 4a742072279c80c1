//! Transactions: all or nothing, documents and events.

use bson::{RawDocumentBuf, rawdoc};

use super::{Bench, UNIQUE, raw};
use crate::capabilities::documents::backend::{
    Backend as _, Expectation, FindOptions, Operation, Outcome, UpdateOptions, UpdateResult, Write,
};
use crate::capabilities::error::Error;
use crate::capabilities::events::backend::{Backend as _, EVENT_ID, Event};

fn write(operation: Operation) -> Write {
    Write { collection: "things".to_owned(), operation }
}

fn insert(document: RawDocumentBuf) -> Write {
    write(Operation::Insert(document.into_bytes()))
}

fn update(filter: RawDocumentBuf, update: RawDocumentBuf, expect: Expectation) -> Write {
    let options = UpdateOptions { many: true, upsert: false };
    write(Operation::Update { filter: filter.into_bytes(), update: update.into_bytes(), options, expect })
}

fn check(filter: RawDocumentBuf, expect: Expectation) -> Write {
    write(Operation::Check { filter: filter.into_bytes(), expect })
}

fn event(value: &str) -> Event {
    Event { topic: "things".to_owned(), key: Some("k".to_owned()), value: value.into(), headers: Vec::new() }
}

/// The values in the log, of all partitions.
async fn told(bench: &Bench) -> Vec<String> {
    let mut values = Vec::new();
    for topic in bench.log.topics().await.unwrap() {
        for partition in 0..3 {
            let records = bench.log.read(&topic.name, partition, 0, 1_000).await.unwrap();
            values.extend(records.into_iter().map(|record| String::from_utf8(record.value).unwrap()));
        }
    }
    values
}

#[tokio::test]
async fn documents_and_events_are_one_commit() {
    let bench = Bench::new();
    let before = bench.store.commits();
    let writes = vec![
        insert(rawdoc! { "_id": 1, "n": 1 }),
        update(rawdoc! { "_id": 1 }, rawdoc! { "$inc": { "n": 1 } }, Expectation::One),
        check(rawdoc! { "n": 2 }, Expectation::One),
        write(Operation::Replace {
            filter: rawdoc! { "_id": 2 }.into_bytes(),
            replacement: rawdoc! { "n": 9 }.into_bytes(),
            upsert: true,
            expect: Expectation::None,
        }),
        write(Operation::Delete { filter: rawdoc! { "n": 9 }.into_bytes(), many: true, expect: Expectation::Anything }),
    ];
    let outcome = bench.documents.transact(writes, vec![event("one"), event("two")]).await.unwrap();
    let Outcome::Committed(results) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        results,
        [
            UpdateResult { matched: 0, modified: 0, upserted: Some(rawdoc! { "_id": 1 }.into_bytes()) },
            UpdateResult { matched: 1, modified: 1, upserted: None },
            UpdateResult { matched: 1, modified: 0, upserted: None },
            UpdateResult { matched: 0, modified: 0, upserted: Some(rawdoc! { "_id": 2 }.into_bytes()) },
            UpdateResult { matched: 1, modified: 0, upserted: None },
        ]
    );
    assert_eq!(bench.store.commits() - before, 1);
    let bench = bench.reopen();
    assert_eq!(bench.find(rawdoc! {}).await, [rawdoc! { "_id": 1, "n": 2 }]);
    assert_eq!(told(&bench).await, ["one", "two"]);
}

#[tokio::test]
async fn an_expectation_that_does_not_hold_undoes_all() {
    let bench = Bench::new();
    bench.insert([rawdoc! { "_id": 1, "n": 1 }, rawdoc! { "_id": 2, "n": 1 }]).await.unwrap();
    let before = bench.store.commits();
    for (last, index) in [
        (check(rawdoc! { "n": 5 }, Expectation::One), 1),
        (check(rawdoc! { "n": 1 }, Expectation::None), 1),
        (check(rawdoc! { "n": { "$gte": 1 } }, Expectation::One), 1),
        (update(rawdoc! { "_id": 9 }, rawdoc! { "$set": { "n": 3 } }, Expectation::One), 1),
    ] {
        let writes = vec![insert(rawdoc! { "_id": 3, "n": 7 }), last];
        let outcome = bench.documents.transact(writes, vec![event("never")]).await.unwrap();
        assert_eq!(outcome, Outcome::Unmet(index));
    }
    assert_eq!(bench.store.commits(), before);
    assert_eq!(bench.ids(rawdoc! {}, FindOptions::default()).await, [1, 2]);
    assert_eq!(told(&bench).await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_conflict_undoes_all_and_names_the_write() {
    let bench = Bench::new();
    bench.index(rawdoc! { "email": 1 }, UNIQUE).await.unwrap();
    bench.insert([rawdoc! { "_id": 1, "email": "a" }]).await.unwrap();
    let writes = vec![insert(rawdoc! { "_id": 2, "email": "b" }), insert(rawdoc! { "_id": 3, "email": "a" })];
    let error = bench.documents.transact(writes, vec![event("never")]).await.unwrap_err();
    assert_eq!(
        error,
        Error::conflict("transact, write 1 on things: the unique index email_1 of things holds that value already")
    );
    assert_eq!(bench.ids(rawdoc! {}, FindOptions::default()).await, [1]);
    assert_eq!(told(&bench).await, [] as [&str; 0]);
}

#[tokio::test]
async fn an_event_that_is_refused_undoes_the_documents() {
    let bench = Bench::new();
    let wrong = Event { topic: "no topic!".to_owned(), ..event("x") };
    let writes = vec![insert(rawdoc! { "_id": 1 })];
    let error = bench.documents.transact(writes, vec![event("fine"), wrong]).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    assert_eq!(bench.find(rawdoc! {}).await.len(), 0);
    assert_eq!(told(&bench).await, [] as [&str; 0]);
}

#[tokio::test]
async fn events_alone_are_a_transaction_too_and_carry_an_id() {
    let bench = Bench::new();
    let outcome = bench.documents.transact(Vec::new(), vec![event("x")]).await.unwrap();
    assert_eq!(outcome, Outcome::Committed(Vec::new()));
    let mut ids = Vec::new();
    for partition in 0..3 {
        ids.extend(bench.log.read("things", partition, 0, 10).await.unwrap().iter().map(|record| record.event_id()));
    }
    let [id] = ids.as_slice() else { panic!("{ids:?}") };
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 7, "{EVENT_ID}");
}

#[tokio::test]
async fn one_of_many_that_want_the_same_wins() {
    let bench = Bench::new();
    bench.insert([rawdoc! { "_id": 1, "free": true }]).await.unwrap();
    let claims = (0..32).map(|number| {
        let claim = rawdoc! { "$set": { "free": false, "by": number } };
        bench.documents.transact(
            vec![update(rawdoc! { "_id": 1, "free": true }, claim, Expectation::One)],
            vec![event(&number.to_string())],
        )
    });
    let outcomes = futures_util::future::join_all(claims).await;
    let winners: Vec<usize> = outcomes
        .iter()
        .enumerate()
        .filter(|(_, outcome)| matches!(outcome, Ok(Outcome::Committed(_))))
        .map(|(index, _)| index)
        .collect();
    let [winner] = winners.as_slice() else { panic!("{winners:?}") };
    assert!(outcomes.iter().enumerate().all(|(index, outcome)| index == *winner || outcome == &Ok(Outcome::Unmet(0))));
    assert_eq!(told(&bench).await, [winner.to_string()]);
    let found = bench.documents.find_one("things", rawdoc! { "_id": 1 }.into_bytes(), None).await.unwrap().unwrap();
    assert_eq!(raw(&found).get_i32("by").unwrap(), i32::try_from(*winner).unwrap());
}
