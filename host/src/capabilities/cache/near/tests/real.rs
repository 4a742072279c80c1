//! With real servers.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::capabilities::cache::backend::{Backend, Command, Reply};
use crate::capabilities::cache::redis::Redis;
use crate::capabilities::cache::redis::tests::server::Server;

const LIFE: Option<Duration> = Some(Duration::from_secs(600));

fn unique() -> String {
    format!("near:{}:", uuid::Uuid::new_v4().simple())
}

#[tokio::test]
async fn what_was_read_once_is_read_without_a_trip() {
    let prefix = unique();
    let near = held_from(&format!("{prefix}*")).await;
    let (key, absent, other) = (format!("{prefix}k"), format!("{prefix}absent"), format!("other:{prefix}"));
    near.set(&key, "v".into(), LIFE).await.unwrap();
    let before = (near.hits(), near.misses());
    // The write's own echo may still drop the first value that is held.
    until("the value is held", async || {
        assert_eq!(near.get(&key).await.unwrap().unwrap(), "v");
        assert_eq!(near.get(&absent).await, Ok(None));
        near.hits() >= before.0 + 10
    })
    .await;
    assert!(near.misses() > before.1);
    let counted = (near.hits(), near.misses());
    near.set(&other, "v".into(), LIFE).await.unwrap();
    assert_eq!(near.get(&other).await.unwrap().unwrap(), "v");
    assert_eq!((near.hits(), near.misses()), counted, "not its business");
    near.delete(&[key, other]).await.unwrap();
}

#[tokio::test]
async fn a_delete_through_one_host_is_seen_by_the_other() {
    let prefix = unique();
    let (one, two) = (held_from(&format!("{prefix}*")).await, held_from(&format!("{prefix}*")).await);
    let key = format!("{prefix}session");
    for _ in 0..20 {
        one.set(&key, "v".into(), LIFE).await.unwrap();
        until("the other host holds it", async || {
            let hits = two.hits();
            two.get(&key).await.unwrap().is_some() && two.hits() > hits
        })
        .await;
        assert_eq!(one.delete(std::slice::from_ref(&key)).await, Ok(1));
        assert_eq!(one.get(&key).await, Ok(None), "a host reads what it wrote");
        until("the other host has been told", async || two.get(&key).await.unwrap().is_none()).await;
    }
}

#[tokio::test]
async fn a_host_reads_what_it_wrote() {
    let prefix = unique();
    let near = held_from(&format!("{prefix}*")).await;
    let key = format!("{prefix}k");
    for number in 1..200_i64 {
        match number % 4 {
            0 => near.set(&key, number.to_string().into(), LIFE).await.unwrap(),
            1 => {
                near.delete(std::slice::from_ref(&key)).await.unwrap();
                assert_eq!(near.get(&key).await, Ok(None));
                near.increment(&key, number, LIFE).await.map(drop).unwrap();
            }
            2 => {
                let held = near.get(&key).await.unwrap().unwrap();
                assert!(near.compare_and_set(&key, Some(&held), number.to_string().into(), None).await.unwrap());
            }
            _ => {
                let commands = vec![
                    Command::Get(key.clone()),
                    Command::Set(key.clone(), number.to_string().into(), LIFE),
                    Command::Get(key.clone()),
                ];
                let replies = near.batch(commands).await.unwrap();
                assert_eq!(replies[2], Ok(Reply::Value(Some(number.to_string().into()))));
            }
        }
        assert_eq!(near.get(&key).await.unwrap().unwrap(), number.to_string());
    }
    near.delete(&[key]).await.unwrap();
}

#[tokio::test]
async fn a_batch_brings_what_is_held_and_holds_what_it_brings() {
    let prefix = unique();
    let near = held_from(&format!("{prefix}*")).await;
    let keys: Vec<String> = (0..3).map(|number| format!("{prefix}{number}")).collect();
    near.set(&keys[0], "v".into(), LIFE).await.unwrap();
    near.set_add(&keys[2], vec!["m".into()], LIFE).await.unwrap();
    let get = || keys.iter().cloned().map(Command::Get).collect::<Vec<_>>();
    let before = near.hits();
    until("all of it is held", async || {
        let replies = near.batch(get()).await.unwrap();
        assert_eq!(replies[0], Ok(Reply::Value(Some("v".into()))));
        assert_eq!(replies[1], Ok(Reply::Value(None)));
        assert_eq!(replies[2].as_ref().unwrap_err().case(), "invalid");
        near.hits() >= before + 4
    })
    .await;
    near.delete(&keys).await.unwrap();
}

#[tokio::test]
async fn a_life_ends_here_too() {
    let prefix = unique();
    let near = held_from(&format!("{prefix}*")).await;
    let key = format!("{prefix}k");
    near.set(&key, "v".into(), Some(Duration::from_millis(150))).await.unwrap();
    until("it is gone", async || near.get(&key).await.unwrap().is_none()).await;
    assert_eq!(near.life(&key).await, Ok(None), "it ended here before it ended there");
    near.set(&key, "v".into(), LIFE).await.unwrap();
    near.get(&key).await.unwrap();
    near.expire(&key, Duration::from_millis(20)).await.unwrap();
    until("it is gone", async || near.get(&key).await.unwrap().is_none()).await;
}

#[tokio::test]
async fn whoever_writes_is_told() {
    let server = Server::start(&[]);
    let near = near(&server.url(), "*").await;
    for command in [&["SET", "k", "w"][..], &["DEL", "k"], &["FLUSHALL"], &["SET", "k", "w", "PX", "30"]] {
        near.set("k", "v".into(), None).await.unwrap();
        until("it is held", async || {
            let hits = near.hits();
            near.get("k").await.unwrap();
            near.hits() > hits
        })
        .await;
        server.tell(command);
        until("the change is seen", async || near.get("k").await.unwrap().is_none_or(|value| value == "w")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_reaches_readers_that_never_stop() {
    let prefix = unique();
    let writer = held_from(&format!("{prefix}*")).await;
    let reader = Arc::new(held_from(&format!("{prefix}*")).await);
    let key = format!("{prefix}n");
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (reader, key, stop) = (Arc::clone(&reader), key.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    reader.get(&key).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for change in 1..=200_i64 {
        assert_eq!(writer.increment(&key, 1, LIFE).await.unwrap(), change);
        let text = change.to_string();
        until("the change is seen", async || {
            reader.get(&key).await.unwrap().is_some_and(|value| value == text.as_bytes())
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    writer.delete(&[key]).await.unwrap();
}

#[tokio::test]
async fn a_restart_takes_everything_that_is_held() {
    let mut server = Server::start(&[]);
    let near =
        Near::open(patient(config(&server.url())), Config { patterns: vec!["*".to_owned()], size: 1 << 20 }).unwrap();
    until("it is held", async || {
        let _ = near.set("k", "old".into(), None).await;
        let hits = near.hits();
        let _ = (near.get("k").await, near.get("k").await);
        near.hits() > hits
    })
    .await;
    server.kill();
    until("nothing is valid", async || !near.is_valid()).await;
    assert!(near.get("k").await.is_err(), "what was held is not read");
    server.restart();
    until("it reads again", async || near.get("k").await.is_ok()).await;
    assert_eq!(near.get("k").await, Ok(None), "the new server has no data");
    until("it is valid again", async || near.is_valid()).await;
    assert_eq!(near.get("k").await, Ok(None));
}

#[tokio::test]
async fn a_frozen_server_vouches_for_two_seconds_only() {
    let server = Server::start(&[]);
    let redis = Redis::open(config(&server.url())).unwrap();
    let near = Near::open(redis, Config { patterns: vec!["*".to_owned()], size: 1 << 20 }).unwrap();
    until("it is held", async || {
        let _ = near.set("k", "v".into(), None).await;
        let hits = near.hits();
        let _ = (near.get("k").await, near.get("k").await);
        near.hits() > hits
    })
    .await;
    server.freeze();
    until("nothing is valid", async || !near.is_valid()).await;
    let error = near.get("k").await.unwrap_err();
    assert!(matches!(error.case(), "unavailable" | "timeout"), "{error}");
    server.thaw();
    until("it is valid again", async || near.is_valid() && near.get("k").await.is_ok()).await;
    until("it is read again", async || near.get("k").await.is_ok_and(|value| value.unwrap() == "v")).await;
}

#[tokio::test]
async fn without_the_right_to_track_nothing_is_held() {
    let server = Server::start(&["--user", "app", "on", ">secret", "~*", "+@all", "-client|tracking"]);
    let redis = patient(config(&format!("redis://app:secret@127.0.0.1:{}", server.port)));
    let near = Near::open(redis, Config { patterns: vec!["*".to_owned()], size: 1 << 20 }).unwrap();
    near.set("k", "v".into(), None).await.unwrap();
    for _ in 0..20 {
        assert_eq!(near.get("k").await.unwrap().unwrap(), "v");
    }
    assert!(!near.is_valid());
    assert_eq!(near.hits(), 0);
}
