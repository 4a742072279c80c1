//! Two hosts over the same servers, each with a near cache.

use super::load::{Load, TOPICS};
use super::{CONFIG, PASSWORD, Stores, alone, log_in, log_out, view};
use crate::harness::{Host, metrics};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long one host may take to see what another did.
const SEEN: Duration = Duration::from_secs(10);

fn config() -> String {
    let near = "[stores.near-cache]\npatterns = [\"session:*\", \"user:*\"]\n";
    format!("[server]\nmetrics-listen = \"127.0.0.1:0\"\n{near}{CONFIG}")
}

fn hosts(stores: &Stores) -> [Host; 2] {
    [stores.host_with(&config()), stores.host_with(&config())]
}

/// Asks until it is as it should be, for as long as one host may take to see what the other did.
#[track_caller]
fn soon(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < SEEN, "not within {SEEN:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A counter of the host's metrics.
fn metric(host: &Host, name: &str) -> f64 {
    let text = metrics(host);
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let line = lines.find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name}:\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn what_one_does_the_other_sees() {
    let stores = Stores::shared();
    let [first, second] = hosts(&stores);
    let mut ann = stores.sign_up(&first, "Ann");
    // Both hold the user and the session.
    for host in [&first, &second, &first, &second] {
        view(host, &ann.token()).expect(200);
    }
    for turn in 0..20 {
        let name = format!("Ann {turn}");
        ann.client.patch("/profile/edit", &json!({ "firstName": name })).expect(200);
        assert_eq!(view(&first, &ann.token()).expect(200).json()["firstName"], name.as_str());
        soon("the edit of the other host", || {
            view(&second, &ann.token()).expect(200).json()["firstName"] == name.as_str()
        });
        // The mark of a change lasts for a while; without it users are held again.
        stores.redis().ask(&["DEL", &format!("user:{}", ann.id)]);
        for host in [&first, &second, &second] {
            assert_eq!(view(host, &ann.token()).expect(200).json()["firstName"], name.as_str());
        }
    }
    // All of that with a cache that was asked and that answered.
    assert!(metric(&second, "near_cache_hits") > 0.0);
}

#[test]
fn a_log_out_at_one_is_a_log_out_at_the_other() {
    let stores = Stores::shared();
    let [first, second] = hosts(&stores);
    let ann = stores.sign_up(&first, "Ann");
    for (here, there) in [(&first, &second), (&second, &first)].into_iter().cycle().take(20) {
        let (client, answer) = log_in(here, &ann.email, PASSWORD);
        answer.expect(200);
        let token = client.cookies["token"].clone();
        for host in [here, there, here, there] {
            view(host, &token).expect(200);
        }
        log_out(here, &token).expect(200);
        view(here, &token).problem(401);
        soon("the log-out at the other host", || match view(there, &token).status {
            200 => false,
            status => {
                assert_eq!(status, 401);
                true
            }
        });
        for _ in 0..5 {
            view(there, &token).problem(401);
            view(here, &token).problem(401);
        }
        view(there, &ann.token()).expect(200);
    }
}

#[test]
fn each_event_is_published_once_by_one_of_them() {
    let _turn = alone();
    let stores = Stores::shared();
    let mut records = stores.topics(&TOPICS);
    let [first, second] = hosts(&stores);
    let loads = [Load::start(&first, &stores), Load::start(&second, &stores)];
    for load in &loads {
        load.go_on(60);
    }
    let mut told = super::load::Told::default();
    for load in loads {
        told.add(load.stop());
    }
    let findings = told.check(&stores.mongodb, &mut records, &stores.domain);
    assert!(findings.lost.is_empty(), "{:#?}", findings.lost);
    assert_eq!(findings.repeated, 0);
    assert_eq!(told.with_status(200), told.requests.len());
}

#[test]
fn when_one_is_killed_the_other_brings_its_events_away() {
    let _turn = alone();
    let stores = Stores::shared();
    let mut records = stores.topics(&TOPICS);
    let [first, second] = hosts(&stores);
    let loads = [Load::start(&first, &stores), Load::start(&second, &stores)];
    for load in &loads {
        load.go_on(20);
    }
    let site = std::sync::Arc::clone(&first.site);
    drop(first);
    loads[1].go_on(20);
    let mut told = super::load::Told::default();
    for load in loads {
        told.add(load.stop());
    }
    // Its own outbox is on its own disk: that needs the host again. What was committed to MongoDB does not.
    let sign_ups = told.only_documents().check(&stores.mongodb, &mut records, &stores.domain);
    assert!(sign_ups.lost.is_empty(), "{:#?}", sign_ups.lost);
    let first = stores.launch(site);
    let findings = told.check(&stores.mongodb, &mut records, &stores.domain);
    assert!(findings.lost.is_empty(), "{:#?}", findings.lost);
    for host in [&first, &second] {
        assert_eq!(host.log.count("panicked"), 0);
    }
}
