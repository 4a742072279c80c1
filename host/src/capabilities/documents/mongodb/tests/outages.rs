//! A server that freezes, dies, or stands alone.

mod real {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

    use super::super::server::Server;
    use super::super::*;

    /// A patient driver: these tests are about what was acknowledged, not about how soon it is noticed.
    const PATIENT: &str = "connectTimeoutMS=20000";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_stands_alone_has_no_transactions() {
        let server = Server::start(false).await;
        let store = server.store(PATIENT).await;
        store.insert("things", vec![bytes(bson::rawdoc! { "_id": 1 })]).await.unwrap();
        let many = || vec![bytes(bson::rawdoc! { "_id": 2 }), bytes(bson::rawdoc! { "_id": 3 })];
        let errors = [
            store.transact(vec![insert(bson::rawdoc! { "_id": 4 })], Vec::new()).await.map(drop).unwrap_err(),
            store.insert("things", many()).await.map(drop).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(&error, Error::Invalid(_)), "{error}");
            assert!(error.message().contains("--replSet"), "{error}");
        }
        assert_eq!(store.count("things", bytes(bson::rawdoc! {}), 0).await, Ok(1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_frozen_server_holds_nobody_and_is_back() {
        let server = Server::start(true).await;
        let store = server.store(PATIENT).await;
        store.insert("things", vec![bytes(bson::rawdoc! { "_id": 1 })]).await.unwrap();
        server.freeze();
        for number in 10..13 {
            let call = store.insert("things", vec![bytes(bson::rawdoc! { "_id": number })]);
            let error = until(Instant::now() + Duration::from_millis(300), call).await.unwrap_err();
            assert!(matches!(error, Error::Timeout(_) | Error::Unavailable(_)), "{error}");
        }
        becomes("the breaker opens", async || {
            let call = store.count("things", bytes(bson::rawdoc! {}), 0);
            let _ = until(Instant::now() + Duration::from_millis(100), call).await;
            store.is_away()
        })
        .await;
        server.thaw();
        becomes("the store is back", async || {
            store.insert("things", vec![bytes(bson::rawdoc! { "_id": 2 })]).await.is_ok()
        })
        .await;
        assert!(!store.is_away());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_acknowledged_survives_kill_9() {
        let mut server = Server::start(true).await;
        let store = Arc::new(server.store(PATIENT).await);
        let (next, stop) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicBool::new(false)));
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let (store, next, stop) = (Arc::clone(&store), Arc::clone(&next), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let written = if number % 2 == 0 {
                            store.insert("things", vec![bytes(bson::rawdoc! { "_id": number })]).await.is_ok()
                        } else {
                            let event = Event { topic: "things".to_owned(), ..Event::default() };
                            let event = Event { headers: vec![("event-id".to_owned(), number.to_string())], ..event };
                            let writes = vec![insert(bson::rawdoc! { "_id": number })];
                            matches!(store.transact(writes, vec![event]).await, Ok(Outcome::Committed(_)))
                        };
                        if written {
                            acknowledged.push(number);
                        } else {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        for round in 1..4 {
            let wanted = round * 150;
            becomes("writes go on", async || {
                store.count("things", bytes(bson::rawdoc! {}), 0).await.is_ok_and(|count| count >= wanted)
            })
            .await;
            server.crash_and_restart();
        }
        becomes("writes go on", async || {
            store.count("things", bytes(bson::rawdoc! {}), 0).await.is_ok_and(|count| count >= 600)
        })
        .await;
        stop.store(true, Ordering::Relaxed);
        let mut acknowledged = BTreeSet::new();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        let present = async |collection: &str, field: &'static str| -> BTreeSet<i32> {
            let mut cursor = store.open(collection, bytes(bson::rawdoc! {}), FindOptions::default()).await.unwrap();
            let mut present = BTreeSet::new();
            loop {
                let piece = cursor.next(1_000).await.unwrap();
                if piece.is_empty() {
                    return present;
                }
                present.extend(piece.iter().map(|found| {
                    let found = bson::RawDocument::from_bytes(found).unwrap();
                    found.get_i32(field).unwrap_or_else(|_| found.get_str(field).unwrap().parse().unwrap())
                }));
            }
        };
        let documents = present("things", "_id").await;
        let lost: Vec<&i32> = acknowledged.difference(&documents).collect();
        assert!(lost.is_empty(), "{} acknowledged, lost: {lost:?}", acknowledged.len());
        // Each transaction's document is there exactly if its event is.
        let events = present(super::super::super::outbox::OUTBOX, "event-id").await;
        let told: BTreeSet<i32> = documents.into_iter().filter(|number| number % 2 == 1).collect();
        assert_eq!(told, events);
        eprintln!("acknowledged {}, lost 0, over three kill -9", acknowledged.len());
    }
}
