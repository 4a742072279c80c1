//! With real servers: there, absent, killed, frozen, refusing, in a cluster, behind TLS.

use std::time::Instant;

use bytes::Bytes;

use super::server::{Server, free_port};
use super::*;
use crate::capabilities::cache::backend::{Backend, Command, Reply};

mod cluster;
mod refusals;
mod tls;

const LIFE: Option<Duration> = Some(Duration::from_secs(600));

/// Every function of the interface once; the cases of their errors.
async fn every_function(cache: &dyn Backend, key: &str) -> Vec<(&'static str, Result<()>)> {
    let (one, names) = (|| vec![Bytes::from("v")], vec!["f".to_owned()]);
    let keys = vec![key.to_owned()];
    let many = vec![key.to_owned(), format!("{key}2")];
    vec![
        ("get", cache.get(key).await.map(drop)),
        ("set", cache.set(key, "v".into(), LIFE).await),
        ("set_if_absent", cache.set_if_absent(key, "v".into(), None).await.map(drop)),
        ("compare_and_set", cache.compare_and_set(key, Some(b"v"), "w".into(), LIFE).await.map(drop)),
        ("delete one", cache.delete(&keys).await.map(drop)),
        ("delete two", cache.delete(&many).await.map(drop)),
        ("increment", cache.increment(key, 1, None).await.map(drop)),
        ("increment with life", cache.increment(key, 1, LIFE).await.map(drop)),
        ("expire", cache.expire(key, Duration::from_secs(9)).await.map(drop)),
        ("life", cache.life(key).await.map(drop)),
        ("batch", cache.batch(vec![Command::Delete(keys), Command::Get(key.to_owned())]).await.map(drop)),
        ("list_push", cache.list_push(key, one(), Some(3), LIFE).await.map(drop)),
        ("list_range", cache.list_range(key, 0, -1).await.map(drop)),
        ("list_range by script", cache.list_range(key, 0, -2).await.map(drop)),
        ("delete the list", cache.delete(&many).await.map(drop)),
        ("set_add", cache.set_add(key, one(), LIFE).await.map(drop)),
        ("set_members", cache.set_members(key).await.map(drop)),
        ("set_size", cache.set_size(key).await.map(drop)),
        ("set_remove", cache.set_remove(key, &one()).await.map(drop)),
        ("sorted_add", cache.sorted_add(key, vec![(1.0, "m".into())], LIFE).await.map(drop)),
        ("sorted_range", cache.sorted_range(key, 0.0, 1.0, 9, false).await.map(drop)),
        ("sorted_remove", cache.sorted_remove(key, &[Bytes::from("m")]).await.map(drop)),
        ("hash_set", cache.hash_set(key, vec![("f".into(), "1".into())], LIFE).await.map(drop)),
        ("hash_get", cache.hash_get(key, &names).await.map(drop)),
        ("hash_get_all", cache.hash_get_all(key).await.map(drop)),
        ("hash_increment", cache.hash_increment(key, "f", 1).await.map(drop)),
        ("hash_delete", cache.hash_delete(key, &names).await.map(drop)),
    ]
}

fn all_away(results: &[(&str, Result<()>)], cases: &[&str]) {
    for (function, result) in results {
        let error = result.clone().expect_err(function);
        assert!(cases.contains(&error.case()), "{function}: {error}");
        assert!(!error.message().contains("127.0.0.1"), "{function}: {error}");
    }
}

#[tokio::test]
async fn every_function_works() {
    let cache = shared();
    let key = format!("real:{}", uuid::Uuid::new_v4());
    for (function, result) in every_function(&cache, &key).await {
        result.unwrap_or_else(|error| panic!("{function}: {error}"));
    }
    assert!(!cache.is_away());
    assert_eq!(cache.delete(&[key]).await, Ok(0));
}

#[tokio::test]
async fn the_connection_bears_its_name_and_speaks_resp3() {
    let server = Server::start(&[]);
    let cache = patient(config(&server.url()));
    cache.get("k").await.unwrap();
    let redis::Value::BulkString(clients) = server.tell(&["CLIENT", "LIST"]) else { panic!("no list") };
    let clients = String::from_utf8(clients).unwrap();
    assert!(clients.lines().any(|line| line.contains("name=devconnect-test") && line.contains("resp=3")), "{clients}");
}

#[tokio::test]
async fn a_server_that_is_absent_is_told_at_once() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let cache = patient(config(&url));
    let begun = Instant::now();
    let results = every_function(&cache, "k").await;
    // Not a measurement: 27 calls that waited for a driver would take minutes.
    assert!(begun.elapsed() < Duration::from_secs(10));
    all_away(&results, &["unavailable"]);
    assert!(cache.is_away());
    let error = cache.get("k").await.unwrap_err();
    assert!(error.failure().retry_after.is_some(), "{error}");
    assert!(error.message().contains("cache.get of \"k\""), "{error}");
}

#[tokio::test]
async fn a_server_that_starts_late_is_found() {
    let mut server = Server::start(&[]);
    server.kill();
    let cache = patient(config(&server.url()));
    assert_eq!(cache.get("k").await.unwrap_err().case(), "unavailable");
    until("it is away", async || cache.is_away()).await;
    server.restart();
    until("it is found", async || cache.set("k", "v".into(), None).await.is_ok()).await;
    assert!(!cache.is_away());
    assert_eq!(cache.get("k").await.unwrap().unwrap(), "v");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_no_answer_and_is_found_again() {
    let mut server = Server::start(&[]);
    let cache = Arc::new(patient(config(&server.url())));
    cache.set("k", "v".into(), None).await.unwrap();
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                // Until it is away: every call is answered, one way or the other.
                loop {
                    match cache.increment("n", 1, LIFE).await {
                        Ok(_) => {}
                        Err(error) => {
                            assert!(matches!(error.case(), "unavailable" | "timeout"), "{error}");
                            if cache.is_away() {
                                return;
                            }
                        }
                    }
                }
            })
        })
        .collect();
    until("calls are under way", async || cache.get("n").await.is_ok_and(|n| n.is_some())).await;
    server.kill();
    for call in calls {
        tokio::time::timeout(Duration::from_secs(20), call).await.expect("no call hangs").unwrap();
    }
    server.restart();
    until("it is found again", async || cache.get("k").await.is_ok()).await;
    // The new server knows no script yet.
    assert_eq!(cache.increment("n", 1, LIFE).await, Ok(1));
    assert!(!cache.is_away());
}

#[tokio::test]
async fn a_frozen_server_costs_three_deadlines_and_comes_back() {
    let server = Server::start(&[]);
    let cache = Redis::open(config(&server.url())).unwrap();
    until("it is connected", async || cache.set("k", "v".into(), None).await.is_ok()).await;
    server.freeze();
    let begun = Instant::now();
    let results = every_function(&cache, "k").await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    all_away(&results, &["unavailable", "timeout"]);
    let waited = results.iter().filter(|(_, result)| matches!(result, Err(error) if error.case() == "timeout")).count();
    assert!((1..=4).contains(&waited), "{waited} calls waited");
    assert!(cache.is_away());
    server.thaw();
    until("it is back", async || cache.get("k").await.is_ok()).await;
    assert!(!cache.is_away());
}

#[tokio::test]
async fn it_is_known_to_be_back_without_a_call() {
    let server = Server::start(&[]);
    let cache = Redis::open(config(&server.url())).unwrap();
    until("it is connected", async || cache.set("k", "v".into(), None).await.is_ok()).await;
    server.freeze();
    until("it is away", async || {
        let _ = cache.get("k").await;
        cache.is_away()
    })
    .await;
    server.thaw();
    until("it is back", async || !cache.is_away()).await;
    until("it answers", async || cache.get("k").await.is_ok_and(|value| value.is_some())).await;
}

#[tokio::test]
async fn a_silent_connection_is_replaced() {
    let server = Server::start(&[]);
    let cache = Redis::open(config(&server.url())).unwrap();
    until("it is connected", async || cache.set("k", "v".into(), None).await.is_ok()).await;
    let clients = || match server.tell(&["INFO", "stats"]) {
        redis::Value::BulkString(text) => String::from_utf8(text)
            .unwrap()
            .lines()
            .find_map(|line| {
                line.strip_prefix("total_connections_received:").map(|number| number.parse::<u64>().unwrap())
            })
            .unwrap(),
        other => panic!("{other:?}"),
    };
    let before = clients();
    server.freeze();
    // Long enough frozen, the link gives the connection up and tries for a new one, which the system accepts.
    until("the old connection is given up", async || {
        let _ = cache.get("k").await;
        !matches!(*cache.link.state(), link::State::Ready(_))
    })
    .await;
    server.thaw();
    until("it is back", async || cache.get("k").await.is_ok()).await;
    assert!(clients() > before + 1, "no new connection was made");
}
