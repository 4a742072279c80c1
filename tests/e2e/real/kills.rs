//! The host is killed at random points under load, again and again.

use super::load::{Load, TOPICS, Told};
use super::{CONFIG, Stores, alone};
use crate::harness::{Host, Site};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often, where `DEVCONNECT_TEST_KILLS` does not say.
const KILLS: u32 = 25;
/// People who hand events to the host's own outbox.
const WRITERS: usize = 2;

/// The next number of a sequence that one number begins (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Publishes until the host is gone; what was acknowledged.
fn publish_later(host: &Host, key: &str) -> std::thread::JoinHandle<Vec<String>> {
    let mut client = host.client();
    let target = format!("/store/publish-later/analytics-events/{key}");
    std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        loop {
            let mark = uuid::Uuid::new_v4().to_string();
            let body = serde_json::json!({ "eventType": "TEST_MARK", "mark": mark }).to_string();
            match client.request("POST", &target).body(body).try_send() {
                Ok(answer) => assert_eq!(answer.status, 200, "{answer:?}"),
                Err(_) => return acknowledged,
            }
            acknowledged.push(mark);
        }
    })
}

#[test]
fn nothing_acknowledged_is_lost_when_the_host_is_killed() {
    let _turn = alone();
    let kills = std::env::var("DEVCONNECT_TEST_KILLS").map_or(KILLS, |number| number.parse().unwrap());
    let seed = std::env::var("DEVCONNECT_TEST_SEED").map_or_else(
        |_| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1,
        |seed| seed.parse().unwrap(),
    );
    println!("DEVCONNECT_TEST_SEED={seed} DEVCONNECT_TEST_KILLS={kills}");
    let mut state = seed;
    let stores = Stores::shared();
    let mut records = stores.topics(&TOPICS);
    let site = Arc::new(Site::new(CONFIG));
    let mut told = Told::default();
    let mut marks = Vec::new();
    let started = Instant::now();
    for _ in 0..kills {
        let host = stores.launch(Arc::clone(&site));
        let load = Load::start(&host, &stores);
        let keys: Vec<_> = (0..WRITERS).map(|writer| format!("{writer}.{}", stores.domain)).collect();
        let writers: Vec<_> = keys.iter().map(|key| publish_later(&host, key)).collect();
        // The point in time is what is random here.
        std::thread::sleep(Duration::from_millis(next(&mut state) % 500));
        drop(host);
        told.add(load.stop());
        marks.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
    }
    let took = started.elapsed();
    // The next host brings away what the others left.
    let host = stores.launch(site);
    let findings = told.check(&stores.mongodb, &mut records, &stores.domain);
    let found = records.wait_until("all marks", |records| {
        let ours = records.iter().filter(|one| one.key.ends_with(&stores.domain));
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in ours {
            let mark = record.value["mark"].as_str().unwrap_or_default().to_owned();
            ids.entry(mark).or_default().insert(record.event_id.clone());
        }
        let missing = marks.iter().filter(|mark| !ids.contains_key(*mark)).count();
        if missing == 0 { Ok(ids) } else { Err(format!("{missing} of {} are missing", marks.len())) }
    });
    // A repeated event keeps its id.
    for (mark, ids) in &found {
        assert_eq!(ids.len(), 1, "{mark}: {ids:?}");
    }
    println!(
        "{kills} kills in {} s: {} requests, {} writes acknowledged, {} lost, {} events repeated; {} events of the \
         host's outbox acknowledged, none lost",
        took.as_secs(),
        told.requests.len(),
        told.acknowledged(),
        findings.lost.len(),
        findings.repeated,
        marks.len(),
    );
    assert!(findings.lost.is_empty(), "{:#?}", findings.lost);
    assert!(told.acknowledged() > 0 && !marks.is_empty());
    for one in &told.requests {
        assert!(matches!(one.outcome, Ok(200) | Err(_)), "{one:?}");
    }
    assert_eq!(host.log.count("panicked"), 0);
}
