//! A server that is there and refuses.

use super::*;

#[tokio::test]
async fn a_full_server_refuses_writes_and_goes_on_reading() {
    let server = Server::start(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let cache = patient(config(&server.url()));
    cache.set("k", "v".into(), None).await.unwrap();
    let large = Bytes::from(vec![0; 1 << 20]);
    let mut full = None;
    for number in 0..20 {
        if let Err(error) = cache.set(&format!("large:{number}"), large.clone(), None).await {
            full = Some(error);
            break;
        }
    }
    let error = full.expect("the server takes everything");
    assert_eq!(error.case(), "unavailable");
    assert!(error.message().contains("maxmemory"), "{error}");
    for _ in 0..5 {
        assert_eq!(cache.set("large:0", large.clone(), None).await.unwrap_err().case(), "unavailable");
    }
    // It answers, so it is not away.
    assert!(!cache.is_away());
    assert_eq!(cache.get("k").await.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_replica_refuses_writes_and_goes_on_reading() {
    let server = Server::start(&[]);
    server.tell(&["SET", "k", "v"]);
    server.tell(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let cache = patient(config(&server.url()));
    for _ in 0..5 {
        let error = cache.set("k", "w".into(), None).await.unwrap_err();
        assert_eq!(error.case(), "unavailable");
        assert!(error.message().contains("replica"), "{error}");
        assert_eq!(cache.set_add("s", vec!["m".into()], LIFE).await.unwrap_err().case(), "unavailable");
    }
    assert_eq!(cache.get("k").await.unwrap().unwrap(), "v");
    server.tell(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    let error = cache.get("k").await.unwrap_err();
    assert_eq!(error.case(), "unavailable", "{error}");
    assert!(error.message().contains("master"), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_know_the_host_is_away() {
    let server = Server::start(&[]);
    server.tell(&["SET", "k", "v"]);
    let cache = patient(config(&server.url()));
    cache.get("k").await.unwrap();
    server.tell(&["CONFIG", "SET", "requirepass", "secret"]);
    let stranger = patient(config(&server.url()));
    assert_eq!(stranger.get("k").await.unwrap_err().case(), "unavailable");
    let wrong = patient(config(&format!("redis://:wrong@127.0.0.1:{}", server.port)));
    assert_eq!(wrong.get("k").await.unwrap_err().case(), "unavailable");
    let known = patient(config(&format!("redis://:secret@127.0.0.1:{}", server.port)));
    assert_eq!(known.get("k").await.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_key_outside_the_users_acl_is_denied() {
    let server = Server::start(&["--user", "app", "on", ">secret", "~app:*", "+@all"]);
    let cache = patient(config(&format!("redis://app:secret@127.0.0.1:{}", server.port)));
    cache.set("app:k", "v".into(), None).await.unwrap();
    for _ in 0..5 {
        let error = cache.get("other:k").await.unwrap_err();
        assert_eq!(error.case(), "denied", "{error}");
        assert!(!error.message().contains("secret"), "{error}");
        assert_eq!(cache.increment("other:k", 1, LIFE).await.unwrap_err().case(), "denied");
    }
    assert_eq!(cache.get("app:k").await.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_script_that_the_server_forgot_is_sent_again() {
    let server = Server::start(&[]);
    let cache = patient(config(&server.url()));
    for sum in 1..4 {
        server.tell(&["SCRIPT", "FLUSH"]);
        assert_eq!(cache.increment("n", 1, LIFE).await, Ok(sum), "done once, neither never nor twice");
    }
    let answers = cache.batch(vec![Command::Increment("n".into(), 1, LIFE)]).await.unwrap();
    assert_eq!(answers, [Ok(Reply::Number(4))]);
}
