//! What is MongoDB's alone: URLs, errors, outages, the pool, the outbox. What every store does is in
//! `documents::conformance`.

mod outages;
mod outbox;
mod server;

use std::time::{Duration, Instant};

use super::*;
use crate::capabilities::documents::backend::{Expectation, Operation, until};

const SOON: Duration = Duration::from_mins(1);

async fn open(url: &str) -> Result<MongoDb, OpenError> {
    MongoDb::open(Config { url: url.to_owned(), app_name: "devconnect-tests".to_owned() }).await
}

/// A database of its own on the server that the tests share.
async fn shared() -> MongoDb {
    open(&crate::capabilities::documents::conformance::url()).await.unwrap()
}

fn bytes(document: RawDocumentBuf) -> Vec<u8> {
    document.into_bytes()
}

fn insert(document: RawDocumentBuf) -> Write {
    Write { collection: "things".to_owned(), operation: Operation::Insert(document.into_bytes()) }
}

/// Waits for a condition.
async fn becomes(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}: not within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_url_names_the_database_or_leaves_it_to_the_host() {
    let named = open("mongodb://127.0.0.1:1/former").await.unwrap();
    assert_eq!(named.database.name(), "former");
    let unnamed = open("mongodb://127.0.0.1:1").await.unwrap();
    assert_eq!(unnamed.database.name(), "devconnect");
}

#[tokio::test]
async fn a_wrong_url_is_refused_without_its_password() {
    for wrong in
        ["redis://127.0.0.1", "mongodb://", "mongodb://user:secret@host:0x1/db", "mongodb://h/?w=1&unknownOption"]
    {
        let error = open(wrong).await.unwrap_err().to_string();
        assert!(error.contains("MONGODB_URI"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let config = Config { url: "mongodb://user:secret@host/db".to_owned(), app_name: "a".to_owned() };
    assert!(!format!("{config:?}").contains("secret"));
    assert!(!format!("{:?}", MongoDb::open(config).await.unwrap()).contains("secret"));
}

#[tokio::test]
async fn what_runs_code_or_reaches_further_is_refused() {
    let store = open("mongodb://127.0.0.1:1/none").await.unwrap();
    let pipeline = |stage: RawDocumentBuf| store.aggregate("things", vec![bytes(stage)]);
    for stage in [
        bson::rawdoc! { "$out": "users" },
        bson::rawdoc! { "$merge": { "into": "users" } },
        bson::rawdoc! { "$lookup": { "from": "users", "pipeline": [], "as": "x" } },
        bson::rawdoc! { "$unionWith": "users" },
        bson::rawdoc! { "$facet": { "a": [{ "$lookup": { "from": "users", "pipeline": [], "as": "x" } }] } },
        bson::rawdoc! { "$group": { "_id": 1, "x": { "$accumulator": {} } } },
        bson::rawdoc! { "$match": { "$expr": { "$function": {} } } },
    ] {
        let error = pipeline(stage.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{stage:?}: {error}");
        assert!(error.message().starts_with("aggregate in things: "), "{error}");
    }
    let mut twice = bson::rawdoc! { "a": 1 };
    twice.append(bson::raw::cstr!("a"), 2);
    let error = store.count("things", bytes(twice), 0).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)) && error.message().contains("twice"), "{error}");
}

#[tokio::test]
async fn a_closed_port_is_unavailable_and_then_at_once() {
    let store = open("mongodb://127.0.0.1:1/none").await.unwrap();
    let filter = || bytes(bson::rawdoc! {});
    for _ in 0..3 {
        let error = store.count("things", filter(), 0).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(error.message().starts_with("count in things: "), "{error}");
        assert!(error.failure().retry_after.is_some());
        assert!(!error.message().contains("127.0.0.1"), "{error}");
    }
    assert!(store.is_away());
    let errors = (0..1_000).map(|_| store.count("things", filter(), 0));
    let refused = futures_util::future::join_all(errors).await;
    assert!(refused.iter().all(|answer| matches!(answer, Err(Error::Unavailable(_)))));
    // A call has its own deadline, which is shorter than the driver's patience.
    let fresh = open("mongodb://127.0.0.1:1/none").await.unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);
    let error = until(deadline, fresh.count("things", filter(), 0)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
}

#[test]
fn a_duplicate_is_named_without_its_value() {
    let command = bson::doc! {
        "code": 11000, "codeName": "DuplicateKey",
        "errmsg": "E11000 duplicate key error collection: devconnect.users index: emailId_1 dup key: { emailId: \"a@b.c\" }",
    };
    let command: mongodb::error::CommandError = bson::deserialize_from_document(command).unwrap();
    let fault = Fault::from(mongodb::error::Error::from(mongodb::error::ErrorKind::Command(command)));
    assert_eq!(fault.error, Error::conflict("the unique index emailId_1 of users holds that value already"));
    assert!(!fault.away);
}

mod real {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn aggregation_answers_and_refuses() {
        let store = shared().await;
        let documents = (0..10).map(|number| bytes(bson::rawdoc! { "_id": number, "g": number % 3, "n": number }));
        store.insert("things", documents.collect()).await.unwrap();
        let stages = [
            bson::rawdoc! { "$match": { "n": { "$gt": 0 } } },
            bson::rawdoc! { "$group": { "_id": "$g", "n": { "$sum": "$n" } } },
            bson::rawdoc! { "$sort": { "_id": 1 } },
        ];
        let found = store.aggregate("things", stages.into_iter().map(bytes).collect()).await.unwrap();
        let expected = [
            bson::rawdoc! { "_id": 0, "n": 18 },
            bson::rawdoc! { "_id": 1, "n": 12 },
            bson::rawdoc! { "_id": 2, "n": 15 },
        ];
        assert_eq!(found, expected.map(bytes));
        let wrong = vec![bytes(bson::rawdoc! { "$group": { "n": 1 } })];
        let error = store.aggregate("things", wrong).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
        store.drop_database().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_slow_query_times_out_and_is_no_outage() {
        let store = shared().await;
        let documents = (0..1_000).map(|number| bytes(bson::rawdoc! { "_id": number }));
        store.insert("things", documents.collect()).await.unwrap();
        // Twenty thousand sums for each of a thousand documents; between two of them the server looks at the time.
        let many = bson::rawdoc! { "$range": ["$_id", { "$add": ["$_id", 20_000] }] };
        let sum =
            bson::rawdoc! { "$reduce": { "input": many, "initialValue": 0, "in": { "$add": ["$$value", "$$this"] } } };
        for _ in 0..5 {
            let stage = bytes(bson::rawdoc! { "$match": { "$expr": { "$gt": [sum.clone(), 1] } } });
            let deadline = Instant::now() + Duration::from_secs(1);
            let error = until(deadline, store.aggregate("things", vec![stage])).await.unwrap_err();
            assert!(matches!(error, Error::Timeout(_)), "{error}");
        }
        becomes("the store answers", async || store.count("things", bytes(bson::rawdoc! {}), 0).await == Ok(1_000))
            .await;
        store.drop_database().await;
    }

    /// Connections that the server has from clients by this name.
    async fn connections(store: &MongoDb, name: &str) -> u64 {
        let operations = bson::doc! { "$currentOp": { "allUsers": true, "idleConnections": true } };
        let stages = [operations, bson::doc! { "$match": { "appName": name } }, bson::doc! { "$count": "n" }];
        let mut cursor = store.client.database("admin").aggregate(stages).await.unwrap();
        match futures_util::StreamExt::next(&mut cursor).await {
            Some(found) => u64::try_from(found.unwrap().get_i32("n").unwrap()).unwrap(),
            None => 0,
        }
    }

    async fn created(store: &MongoDb) -> i64 {
        let status = store.client.database("admin").run_command(bson::doc! { "serverStatus": 1 }).await.unwrap();
        let total = status.get_document("connections").unwrap().get("totalCreated").unwrap().clone();
        total.as_i64().or_else(|| total.as_i32().map(i64::from)).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn dropped_calls_keep_their_connections() {
        let name = format!("drops-{}", uuid::Uuid::new_v4().simple());
        let url = crate::capabilities::documents::conformance::url();
        let store = MongoDb::open(Config { url, app_name: name.clone() }).await.unwrap();
        let watcher = shared().await;
        store.insert("things", vec![bytes(bson::rawdoc! { "_id": 1 })]).await.unwrap();
        let filter = || bytes(bson::rawdoc! { "_id": 1 });
        // As many as will be under way at once have their connections.
        futures_util::future::join_all((0..8).map(|_| store.find_one("things", filter(), None))).await;
        let (before, total) = (connections(&watcher, &name).await, created(&watcher).await);
        for _ in 0..500 {
            let mut call = std::pin::pin!(store.find_one("things", filter(), None));
            // Begun, and dropped with its answer outstanding or just there.
            let _ = futures_util::poll!(&mut call);
            tokio::task::yield_now().await;
        }
        becomes("the store answers", async || store.find_one("things", filter(), None).await.is_ok()).await;
        let (after, grown) = (connections(&watcher, &name).await, created(&watcher).await - total);
        assert!(after >= before, "{before} connections became {after}");
        // Other tests make connections at the same time; 500 dropped calls that churn would make 500.
        assert!(grown < 400, "{grown} connections were made anew");
        store.drop_database().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_check_of_what_another_inserts_needs_a_unique_index() {
        let store = shared().await;
        let unique = IndexOptions { unique: true, ..IndexOptions::default() };
        store.ensure_index("things", bytes(bson::rawdoc! { "pair": 1 }), unique).await.unwrap();
        let both = (0..8).map(|number| {
            let check = Write {
                collection: "things".to_owned(),
                operation: Operation::Check {
                    filter: bytes(bson::rawdoc! { "pair": "a:b" }),
                    expect: Expectation::None,
                },
            };
            store.transact(vec![check, insert(bson::rawdoc! { "_id": number, "pair": "a:b" })], Vec::new())
        });
        let outcomes = futures_util::future::join_all(both).await;
        let committed = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Committed(_)))).count();
        assert_eq!(committed, 1, "{outcomes:?}");
        assert_eq!(store.count("things", bytes(bson::rawdoc! {}), 0).await, Ok(1));
        store.drop_database().await;
    }

    /// The former system's indexes.
    #[tokio::test]
    async fn an_index_in_the_way_stays_and_is_named_with_what_differs() {
        let store = shared().await;
        let keys = || bytes(bson::rawdoc! { "emailId": 1.0 });
        store.ensure_index("things", keys(), IndexOptions::default()).await.unwrap();
        let unique = IndexOptions { unique: true, ..IndexOptions::default() };
        store.ensure_index("things", keys(), unique).await.unwrap();
        let things = store.collection("things");
        let options = DriverIndexOptions::builder().unique(true).build();
        let asked = IndexModel::builder().keys(bson::doc! { "emailId": 1 }).options(options).build();
        let [obstacle] = index::obstacles(&things, &asked, SOON).await.unwrap().try_into().unwrap();
        assert_eq!((obstacle.name.as_str(), obstacle.keys.as_str()), ("emailId_1", "emailId 1"));
        assert_eq!(obstacle.differs, ["unique: none instead of true"]);
        let other = IndexModel::builder().keys(bson::doc! { "firstName": 1 }).build();
        assert_eq!(index::obstacles(&things, &other, SOON).await.unwrap(), []);
        store.drop_database().await;
    }
}
