//! Consumers on Kafka: groups of several hosts, dead events, and what happens when hosts and servers die.

use super::{Stores, alone, named};
use crate::events::{CONFIG, done, handles_in_order, names, publish, wait_for};
use crate::harness::{Host, eventually, metrics};
use rustix::process::Signal;
use serde_json::json;
use xtask::services::{kafka, mongodb};

/// A broker of the test's own: the topic has one name in all tests.
struct Cluster {
    broker: kafka::Server,
    stores: Stores,
    _folder: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Self {
        Self::with(&named("MONGODB_URI"))
    }

    fn with(mongodb: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = kafka::Server::start(folder.path()).unwrap();
        let stores = Stores::with(named("REDIS_URL"), broker.brokers(), mongodb);
        Self { broker, stores, _folder: folder }
    }

    /// A host that consumes by this protocol of consumer groups.
    fn host(&self, protocol: &str) -> Host {
        let metrics = "[server]\nmetrics-listen = \"127.0.0.1:0\"\n\n";
        let group = format!("[stores.kafka]\nbrokers = \"{}\"\ngroup-protocol = \"{protocol}\"\n", self.stores.kafka);
        self.stores.host_with(&format!("{metrics}{group}{CONFIG}"))
    }
}

/// Publishes jobs of several keys, a hundred each.
fn publish_all(host: &Host, keys: &[String]) {
    for key in keys {
        let jobs: Vec<_> = names(100).into_iter().map(|name| (key.as_str(), name, "")).collect();
        publish(host, &jobs);
    }
}

fn keys(round: usize) -> Vec<String> {
    (0..6).map(|key| format!("{round}-{key}")).collect()
}

#[track_caller]
fn wait_for_all(host: &Host, keys: &[String]) {
    for key in keys {
        wait_for(host, key, &names(100));
    }
}

/// Waits until the host has been given partitions.
#[track_caller]
fn wait_until_assigned(host: &Host) {
    eventually("partitions", || {
        let text = metrics(host);
        if text.contains("devconnect_consumer_position{plugin=\"consumer\"") { Ok(()) } else { Err(text) }
    });
}

#[test]
fn each_event_is_handled_once_in_order_and_the_dead_have_a_topic() {
    let cluster = Cluster::start();
    let mut dead = cluster.stores.topics(&["jobs.dead.consumer"]);
    let host = cluster.host("classic");
    handles_in_order(&host, "");
    let found = dead.wait_until("two dead events", |records| match records {
        [first, second] => Ok([first.clone(), second.clone()]),
        _ => Err(format!("{records:?}")),
    });
    let mut names: Vec<_> = found.iter().map(|record| record.value["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["10", "5"]);
    for record in found {
        assert_eq!(record.key, "odd");
        assert!(!record.event_id.is_empty());
        for header in ["dead-reason", "dead-topic", "dead-partition", "dead-offset", "dead-tries", "traceparent"] {
            assert!(record.headers.iter().any(|known| known == header), "{header}: {:?}", record.headers);
        }
    }
}

#[test]
fn hosts_share_the_work_and_one_that_dies_is_taken_over() {
    let _turn = alone();
    for protocol in ["classic", "consumer"] {
        let cluster = Cluster::start();
        let first = cluster.host(protocol);
        publish_all(&first, &keys(0));
        // One joins in the middle,
        let mut second = cluster.host(protocol);
        wait_until_assigned(&second);
        publish_all(&first, &keys(1));
        wait_for_all(&first, &keys(0));
        // and dies in the middle; another one joins, and leaves as it should.
        publish_all(&first, &keys(2));
        second.signal(Signal::KILL);
        second.wait();
        let mut third = cluster.host(protocol);
        publish_all(&first, &keys(3));
        wait_until_assigned(&third);
        publish_all(&first, &keys(4));
        third.signal(Signal::TERM);
        assert!(third.wait().success());
        for round in 1..5 {
            wait_for_all(&first, &keys(round));
        }
    }
}

#[test]
fn a_broker_that_is_killed_loses_and_doubles_nothing() {
    let _turn = alone();
    let mut cluster = Cluster::start();
    let host = cluster.host("classic");
    publish_all(&host, &keys(0));
    eventually("the first jobs", || if done(&host, "0-0").is_empty() { Err(String::new()) } else { Ok(()) });
    cluster.broker.kill().unwrap();
    publish_all(&host, &keys(1));
    cluster.broker.restart().unwrap();
    wait_for_all(&host, &keys(0));
    wait_for_all(&host, &keys(1));
}

/// What a plugin cannot do because its store is away is not the event's fault, however long it lasts.
#[test]
fn events_wait_for_a_store_that_is_away() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut store = mongodb::Server::start(folder.path()).unwrap();
    let cluster = Cluster::with(&store.url());
    let host = cluster.host("classic");
    publish(&host, &[("a", "before".to_owned(), "")]);
    wait_for(&host, "a", &["before".to_owned()]);
    store.kill().unwrap();
    publish(&host, &[("a", "meanwhile".to_owned(), ""), ("a", "and then".to_owned(), "")]);
    // More tries than an event has.
    eventually("more tries than an event has", || {
        let text = metrics(&host);
        let tries = text.lines().find(|line| line.contains("outcome=\"retry\"")).unwrap_or("0");
        let tries: f64 = tries.rsplit(' ').next().unwrap().parse().unwrap();
        if tries > 5.0 { Ok(()) } else { Err(tries.to_string()) }
    });
    store.restart().unwrap();
    wait_for(&host, "a", &["before", "meanwhile", "and then"].map(str::to_owned));
    assert_eq!(host.log.count("given up"), 0);
}

#[test]
fn of_two_hosts_one_runs_each_moment_of_a_schedule() {
    let cluster = Cluster::start();
    let config = format!(
        "[server]\nmetrics-listen = \"127.0.0.1:0\"\n{CONFIG}\n[plugins.consumer.schedules]\ntick = \"* * * * * *\"\n"
    );
    let hosts = [cluster.stores.host_with(&config), cluster.stores.host_with(&config)];
    let runs = |host: &Host, outcome: &str| {
        let text = metrics(host);
        let name = "devconnect_schedule_runs_total{plugin=\"consumer\",schedule=\"tick\"";
        let line = text.lines().find(|line| line.starts_with(name) && line.contains(outcome));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
    };
    // Each moment that both saw is one's own and the other's "elsewhere".
    eventually("moments that both saw", || {
        let elsewhere: f64 = hosts.iter().map(|host| runs(host, "elsewhere")).sum();
        if elsewhere >= 4.0 { Ok(()) } else { Err(elsewhere.to_string()) }
    });
    let keys = cluster.stores.redis().ask(&["KEYS", "schedule:consumer:tick:*"]);
    eventually("as many runs as moments", || {
        let ran: f64 = hosts.iter().map(|host| runs(host, "done")).sum();
        let ticks = hosts[0].client().get("/ticks").expect(200).json();
        if json!(ran) == json!(ticks.as_f64()) { Ok(()) } else { Err(format!("{ran} {ticks} {keys:?}")) }
    });
}
