//! Each server in turn fails in every way under load. Zero of what was acknowledged is lost, every request is answered in
//! time with what DESIGN promises, and the host stays small.

use super::load::{Findings, Load, TOPICS, Told};
use super::{Stores, alone, away, named, view, wait_until_away};
use crate::harness::{Host, PATIENCE, eventually};
use std::path::Path;
use std::time::{Duration, Instant};
use xtask::services::proxy::Proxy;
use xtask::services::{Kind as Program, Server, kafka, mongodb, redis};

/// A guard against hanging, no measurement: the filter and the handler have 2 s each.
const IN_TIME: Duration = Duration::from_secs(30);
/// How long a fault lasts.
const FAULT: Duration = Duration::from_secs(3);
/// The most that the host may ever take.
const MEMORY: u64 = 512 << 20;
/// Writes before and after a fault.
const WRITES: usize = 12;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Stopped,
    Frozen,
    Cut,
    Silent,
    Slow,
    Killed,
}

const FAULTS: [Fault; 6] = [Fault::Stopped, Fault::Frozen, Fault::Cut, Fault::Silent, Fault::Slow, Fault::Killed];

/// A store that fails, and what the host owes its clients meanwhile.
struct Store {
    name: &'static str,
    /// How late answers are when it is slow.
    slow: Duration,
    /// Whether a slow one is away: its deadline is shorter than that.
    slow_is_away: bool,
    /// What may be answered besides 200.
    refuses: &'static [u16],
}

/// A row of the table.
struct Row {
    fault: Fault,
    told: Told,
    findings: Findings,
    memory: u64,
}

/// Makes a server fail for a while.
fn fail<K: Program>(server: &mut Server<K>, proxy: &Proxy, fault: Fault, slow: Duration, meanwhile: impl FnOnce()) {
    match fault {
        Fault::Stopped => server.stop().unwrap(),
        Fault::Frozen => server.freeze().unwrap(),
        Fault::Cut => proxy.cut(),
        Fault::Silent => proxy.silence(),
        Fault::Slow => proxy.delay(slow),
        Fault::Killed => server.kill().unwrap(),
    }
    let until = Instant::now() + FAULT;
    meanwhile();
    // The one thing that takes its time here by intention.
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
    match fault {
        Fault::Stopped | Fault::Killed => server.restart().unwrap(),
        Fault::Frozen => server.thaw().unwrap(),
        Fault::Cut | Fault::Silent | Fault::Slow => proxy.heal(),
    }
}

/// One store through all faults, and the table of what came of it.
fn survive<K: Program>(store: &Store, stores: &Stores, server: &mut Server<K>, proxy: &Proxy) {
    let host = stores.host();
    let mut records = stores.topics(&TOPICS);
    let known = stores.sign_up(&host, "Known").token();
    view(&host, &known).expect(200);
    let mut rows = Vec::new();
    for fault in FAULTS {
        wait_until_away(&host, &[]);
        let load = Load::start(&host, stores);
        load.go_on(WRITES);
        fail(server, proxy, fault, store.slow, || {
            if fault == Fault::Slow && !store.slow_is_away {
                // It works, only later.
                load.go_on(1);
                return;
            }
            wait_until_away(&host, &[store.name]);
            // A session that was in use is served without any one store.
            eventually("a profile", || match view(&host, &known).status {
                200 => Ok(()),
                status => Err(status.to_string()),
            });
        });
        wait_until_away(&host, &[]);
        load.go_on(WRITES);
        let told = load.stop();
        let findings = told.check(&stores.mongodb, &mut records, &stores.domain);
        rows.push(Row { fault, told, findings, memory: peak(&host) });
    }
    print(store.name, &rows);
    for row in &rows {
        let Row { fault, told, findings, memory } = row;
        assert!(findings.lost.is_empty(), "{}, {fault:?}: {:#?}", store.name, findings.lost);
        assert!(told.slowest() < IN_TIME, "{}, {fault:?}: {:?}", store.name, told.slowest());
        for one in &told.requests {
            let allowed = one.outcome.as_ref().is_ok_and(|status| *status == 200 || store.refuses.contains(status));
            assert!(allowed, "{}, {fault:?}: {one:?}", store.name);
        }
        assert!(*memory < MEMORY, "{}, {fault:?}: {memory} bytes", store.name);
    }
    assert_eq!(host.log.count("an event is lost"), 0);
    assert_eq!(host.log.count("panicked"), 0);
    assert!(away(&host).is_empty());
}

/// The most memory that the host ever had.
fn peak(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn print(store: &str, rows: &[Row]) {
    println!(
        "{:<9}{:<9}{:>9}{:>9}{:>9}{:>13}{:>6}{:>10}{:>9}{:>8}",
        "store", "fault", "requests", "answered", "refused", "acknowledged", "lost", "repeated", "slowest", "memory"
    );
    for Row { fault, told, findings, memory } in rows {
        let answered = told.requests.iter().filter(|one| one.outcome.is_ok()).count();
        println!(
            "{store:<9}{:<9}{:>9}{answered:>9}{:>9}{:>13}{:>6}{:>10}{:>6} ms{:>5} MB",
            format!("{fault:?}").to_lowercase(),
            told.requests.len(),
            told.with_status(503),
            told.acknowledged(),
            findings.lost.len(),
            findings.repeated,
            told.slowest().as_millis(),
            memory >> 20,
        );
        if let Some(slow) = told.requests.iter().max_by_key(|one| one.took) {
            println!("                   the slowest: {slow:?}");
        }
    }
}

#[test]
fn redis_fails_in_every_way() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut server = redis::Server::start(folder.path()).unwrap();
    let proxy = Proxy::to(server.address()).unwrap();
    let stores = Stores::with(format!("redis://{}", proxy.address()), named("KAFKA_BROKERS"), &named("MONGODB_URI"));
    let store = Store { name: "redis", slow: Duration::from_millis(400), slow_is_away: true, refuses: &[] };
    survive(&store, &stores, &mut server, &proxy);
}

#[test]
fn mongodb_fails_in_every_way() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut server = mongodb::Server::start(folder.path()).unwrap();
    let proxy = Proxy::to(server.address()).unwrap();
    let stores = Stores::with(named("REDIS_URL"), named("KAFKA_BROKERS"), &server.url_through(proxy.port()));
    let store = Store { name: "mongodb", slow: Duration::from_millis(60), slow_is_away: false, refuses: &[503] };
    survive(&store, &stores, &mut server, &proxy);
}

#[test]
fn kafka_fails_in_every_way() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let (mut server, proxy) = broker(folder.path());
    let mut stores = Stores::with(named("REDIS_URL"), proxy.address().to_string(), &named("MONGODB_URI"));
    stores.seen = server.brokers();
    let store = Store { name: "kafka", slow: Duration::from_millis(100), slow_is_away: false, refuses: &[] };
    survive(&store, &stores, &mut server, &proxy);
}

fn broker(folder: &Path) -> (kafka::Server, Proxy) {
    let proxy = Proxy::new().unwrap();
    let server = kafka::Server::start_behind(folder, &proxy).unwrap();
    (server, proxy)
}

/// While MongoDB is away nothing is half done, and who asks is told when to come again.
#[test]
fn a_write_without_mongodb_is_refused_at_once() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut server = mongodb::Server::start(folder.path()).unwrap();
    let stores = Stores::with(named("REDIS_URL"), named("KAFKA_BROKERS"), &server.url());
    let host = stores.host();
    let mut ann = stores.sign_up(&host, "Ann");
    ann.client.get("/profile/view").expect(200);
    server.kill().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while away(&host) != ["mongodb"] {
        assert!(Instant::now() < deadline);
        ann.client.patch("/profile/edit", &serde_json::json!({ "about": "lost" })).problem(503);
    }
    let email = format!("ben@{}", stores.domain);
    let body = serde_json::json!({ "firstName": "Ben", "emailId": email, "password": super::PASSWORD });
    let mut ben = host.client();
    let refused = ben.post("/signup", &body);
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    let problem = refused.problem(503);
    crate::harness::says_nothing_of_the_inside(&problem);
    for word in ["mongo", "127.0.0.1", "server selection"] {
        assert!(!problem.to_string().to_lowercase().contains(word), "{problem}");
    }
    // No cookie of an account that is not there.
    assert!(ben.cookies.is_empty());
    assert_eq!(ann.client.get("/profile/view").expect(200).json()["firstName"], "Ann");
    server.restart().unwrap();
    wait_until_away(&host, &[]);
    assert_eq!(stores.mongodb.count("users"), 1);
    ben.post("/signup", &body).expect(200);
    assert_eq!(
        ann.client.get("/profile/view").expect(200).json()["about"].as_str().map(|text| text == "lost"),
        Some(false)
    );
}

/// An idle host says that a store is back as soon as it is.
#[test]
fn a_store_that_is_back_is_known_without_traffic() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut redis = redis::Server::start(&folder.path().join("redis")).unwrap();
    let mut mongodb = mongodb::Server::start(&folder.path().join("mongodb")).unwrap();
    let stores = Stores::with(redis.url(), named("KAFKA_BROKERS"), &mongodb.url());
    let host = stores.host();
    redis.kill().unwrap();
    mongodb.kill().unwrap();
    wait_until_away(&host, &["mongodb", "redis"]);
    redis.restart().unwrap();
    mongodb.restart().unwrap();
    eventually("both back", || {
        let found = away(&host);
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    });
}
