//! A log-out holds at once and for ever, whichever store is away when it is made.

use super::{PASSWORD, Stores, alone, log_in, log_out, named, view, wait_until_away};
use crate::harness::{Host, eventually};
use bson::doc;
use std::time::{Duration, Instant};
use xtask::services::{mongodb, redis};

/// A guard against hanging, no measurement: the plugin's deadline is 2 s.
const IN_TIME: Duration = Duration::from_secs(30);

/// A session that every store knows.
fn session(host: &Host, email: &str) -> String {
    let (client, answer) = log_in(host, email, PASSWORD);
    answer.expect(200);
    let token = client.cookies["token"].clone();
    view(host, &token).expect(200);
    token
}

#[test]
fn made_without_redis_it_holds_when_redis_is_back_with_its_old_data() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut server = redis::Server::start(folder.path()).unwrap();
    let stores = Stores::with(server.url(), named("KAFKA_BROKERS"), &named("MONGODB_URI"));
    let host = stores.host();
    let ann = stores.sign_up(&host, "Ann");
    let tokens = [session(&host, &ann.email), session(&host, &ann.email)];
    let key = format!("session:{}", tokens[0]);
    stores.redis().text(&key);
    // Once found out by the log-out itself, once known before.
    server.kill().unwrap();
    for token in &tokens {
        let out = log_out(&host, token).expect(200);
        assert_eq!(out.text(), "Logout successful");
        view(&host, token).problem(401);
        eventually("Redis away", || {
            // Whoever asks makes the host notice.
            view(&host, &ann.token()).expect(200);
            let found = super::away(&host);
            if found == ["redis"] { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }
    server.restart().unwrap();
    // The old entry is there, and looks as good as before.
    stores.redis().text(&key);
    let deadline = Instant::now() + Duration::from_secs(3);
    while Instant::now() < deadline {
        for token in &tokens {
            view(&host, token).problem(401);
        }
    }
    wait_until_away(&host, &[]);
    for token in &tokens {
        view(&host, token).problem(401);
    }
    view(&host, &ann.token()).expect(200);
    // Another host, which saw nothing of all this.
    let other = stores.host();
    for token in &tokens {
        view(&other, token).problem(401);
    }
}

#[test]
fn made_without_mongodb_it_holds_and_is_written_down_later() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut server = mongodb::Server::start(folder.path()).unwrap();
    let stores = Stores::with(named("REDIS_URL"), named("KAFKA_BROKERS"), &server.url());
    let host = stores.host();
    let ann = stores.sign_up(&host, "Ann");
    let token = session(&host, &ann.email);
    server.kill().unwrap();
    eventually("MongoDB away", || {
        drop(view(&host, &ann.token()));
        let found = super::away(&host);
        if found == ["mongodb"] { Ok(()) } else { Err(format!("{found:?}")) }
    });
    log_out(&host, &token).expect(200);
    view(&host, &token).problem(401);
    view(&host, &ann.token()).expect(200);
    server.restart().unwrap();
    view(&host, &token).problem(401);
    wait_until_away(&host, &[]);
    view(&host, &token).problem(401);
    assert_eq!(stores.mongodb.find("revocations", doc! { "expiresAt": { "$exists": true } }).len(), 1);
    // From now on without Redis's help.
    stores.redis().ask(&["DEL", &format!("session:revoked:{}", digest(&stores))]);
    view(&host, &token).problem(401);
}

/// What the only session that is over is called.
fn digest(stores: &Stores) -> String {
    stores.mongodb.one("revocations", doc! {}).get_str("_id").unwrap().to_owned()
}

#[test]
fn without_both_it_is_refused_and_nothing_hangs() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut redis = redis::Server::start(&folder.path().join("redis")).unwrap();
    let mut mongodb = mongodb::Server::start(&folder.path().join("mongodb")).unwrap();
    let stores = Stores::with(redis.url(), named("KAFKA_BROKERS"), &mongodb.url());
    let host = stores.host();
    let ann = stores.sign_up(&host, "Ann");
    for frozen in [true, false] {
        let token = session(&host, &ann.email);
        if frozen {
            redis.freeze().unwrap();
            mongodb.freeze().unwrap();
        } else {
            redis.kill().unwrap();
            mongodb.kill().unwrap();
        }
        for round in 0..10 {
            let started = Instant::now();
            let answer = log_out(&host, &token);
            // The client still has its session, and may try again.
            assert_eq!(answer.header("set-cookie"), None, "{answer:?}");
            answer.problem(503);
            view(&host, &token).problem(503);
            log_in(&host, &ann.email, PASSWORD).1.problem(503);
            assert!(started.elapsed() < 3 * IN_TIME, "round {round}: {:?}", started.elapsed());
        }
        // Once the host knows, it says so at once.
        wait_until_away(&host, &["mongodb", "redis"]);
        host.client().get("/healthz").expect(200);
        if frozen {
            redis.thaw().unwrap();
            mongodb.thaw().unwrap();
        } else {
            redis.restart().unwrap();
            mongodb.restart().unwrap();
        }
        wait_until_away(&host, &[]);
        // What was refused was not done, or was done late; but not half: all that is over is written down.
        eventually("a session that is over or is not", || {
            let (status, revoked) = (view(&host, &token).status, stores.mongodb.count("revocations"));
            let is_whole = matches!((status, revoked), (200, _) | (401, 1..));
            if is_whole { Ok(()) } else { Err(format!("{status} with {revoked} revocations")) }
        });
        log_out(&host, &token).expect(200);
        view(&host, &token).problem(401);
    }
}
