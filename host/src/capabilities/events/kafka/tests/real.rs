//! Against real brokers: those at `KAFKA_BROKERS`, and the test's own where they are to be killed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use tokio::task::JoinHandle;

use super::super::super::backend::{Backend, Event, Topic};
use super::super::super::conformance;
use super::broker::Broker;
use super::{Host, PATIENCE, POLL, event, soon, until};
use crate::capabilities::error::Error;

/// Publishes until it is acknowledged, whatever happens to the brokers meanwhile. Every answer comes in its time.
async fn publish(backend: &dyn Backend, event: &Event) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match soon(backend.publish(event.clone())).await {
            Ok(_) => return,
            Err(Error::Unavailable(_) | Error::Timeout(_)) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < deadline, "no acknowledgement");
        tokio::time::sleep(POLL).await;
    }
}

/// What a topic holds, by key, without what is there a second time.
async fn by_key(backend: &dyn Backend, topic: &str) -> HashMap<String, Vec<usize>> {
    let topics: Vec<Topic> = backend.topics().await.unwrap();
    let found = topics.into_iter().find(|found| found.name == topic).unwrap();
    let (mut values, mut seen) = (HashMap::<String, Vec<usize>>::new(), HashSet::new());
    for (partition, kept) in (0..).zip(found.partitions) {
        let mut offset = kept.start;
        while offset < kept.end {
            for record in backend.read(topic, partition, offset, 10_000).await.unwrap() {
                offset = record.position.offset + 1;
                if seen.insert(record.event_id()) {
                    let key = String::from_utf8(record.key.unwrap()).unwrap();
                    values.entry(key).or_default().push(String::from_utf8(record.value).unwrap().parse().unwrap());
                }
            }
        }
    }
    values
}

/// Publishers of a key each, one number after the other, and what was acknowledged to each.
struct Load {
    tasks: Vec<JoinHandle<(String, usize)>>,
    /// By Kafka, and by the outbox.
    acknowledged: Arc<[AtomicUsize; 2]>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Half of the keys wait for Kafka's acknowledgement, half for the outbox's.
    fn start(host: &Host, topic: &str) -> Self {
        let (acknowledged, stop) = (Arc::<[AtomicUsize; 2]>::default(), Arc::<AtomicBool>::default());
        let tasks = (0..16)
            .map(|key| {
                let (kafka, topic) = (Arc::clone(&host.kafka), topic.to_owned());
                let (acknowledged, stop) = (Arc::clone(&acknowledged), Arc::clone(&stop));
                tokio::spawn(async move {
                    let kind = key % 2;
                    let (key, mut number) = (format!("k{key}"), 0_usize);
                    while !stop.load(Ordering::Relaxed) {
                        let event = event(&topic, &key, &number.to_string());
                        if kind == 0 {
                            publish(&*kafka, &event).await;
                        } else {
                            soon(kafka.publish_later(vec![event])).await.unwrap();
                        }
                        number += 1;
                        acknowledged[kind].fetch_add(1, Ordering::Relaxed);
                    }
                    (key, number)
                })
            })
            .collect();
        Self { tasks, acknowledged, stop }
    }

    /// Waits for so many more acknowledgements of Kafka.
    async fn goes_on(&self, events: usize) {
        self.goes_on_by(0, events).await;
    }

    /// Waits for so many more acknowledgements of the outbox.
    async fn goes_on_in_the_outbox(&self, events: usize) {
        self.goes_on_by(1, events).await;
    }

    async fn goes_on_by(&self, kind: usize, events: usize) {
        let enough = self.acknowledged[kind].load(Ordering::Relaxed) + events;
        until("more acknowledgements", async || self.acknowledged[kind].load(Ordering::Relaxed) >= enough).await;
    }

    /// Stops, waits for the outbox, and looks whether everything acknowledged is there, in its key's order.
    async fn nothing_was_lost(self, host: &Host, topic: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let mut told = HashMap::new();
        for task in self.tasks {
            let (key, count) = task.await.unwrap();
            told.insert(key, count);
        }
        until("an empty outbox", async || host.outbox.depth() == 0).await;
        assert_eq!(host.outbox.dead_count(), 0);
        until("Kafka to be back", async || !host.kafka.is_away()).await;
        let kept = by_key(&*host.kafka, topic).await;
        let [now, later] = [0, 1].map(|kind| self.acknowledged[kind].load(Ordering::Relaxed));
        println!(
            "acknowledged by Kafka {now}, by the outbox {later}; kept {}",
            kept.values().map(Vec::len).sum::<usize>()
        );
        for (key, count) in told {
            let all: Vec<usize> = (0..count).collect();
            assert!(kept[&key] == all, "{key}: {count} acknowledged, {} kept, or not in order", kept[&key].len());
        }
    }
}

#[tokio::test]
async fn a_topic_that_is_deleted_is_made_anew() {
    let brokers = conformance::brokers();
    let host = Host::start(&brokers);
    let topic = format!("deleted-{}", uuid::Uuid::new_v4());
    publish(&*host.kafka, &event(&topic, "k", "0")).await;
    conformance::remove(&brokers, std::slice::from_ref(&topic)).await;
    until("the topic to be gone", async || host.kafka.topics().await.unwrap().iter().all(|found| found.name != topic))
        .await;
    publish(&*host.kafka, &event(&topic, "k", "1")).await;
    host.kafka.publish_later(vec![event(&topic, "k", "2")]).await.unwrap();
    until("an empty outbox", async || host.outbox.depth() == 0).await;
    let topics = host.kafka.topics().await.unwrap();
    assert_eq!(topics.iter().find(|found| found.name == topic).unwrap().partitions.len(), 3);
    assert_eq!(by_key(&*host.kafka, &topic).await["k"], [1, 2]);
    conformance::remove(&brokers, &[topic]).await;
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_come_late_are_not_waited_for() {
    let mut broker = Broker::new();
    // Nothing listens there yet.
    let host = Host::start(&broker.address());
    let refused = soon(host.kafka.publish(event("late", "k", "no"))).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    until("an away Kafka", async || host.kafka.is_away()).await;
    assert!(matches!(soon(host.kafka.publish_batch(vec![event("late", "k", "no")])).await, Err(Error::Unavailable(_))));
    for number in 0..20 {
        soon(host.kafka.publish_later(vec![event("late", "k", &number.to_string())])).await.unwrap();
    }
    assert_eq!(host.outbox.depth(), 20);
    broker.start();
    until("an empty outbox", async || host.outbox.depth() == 0).await;
    publish(&*host.kafka, &event("late", "k", "20")).await;
    assert_eq!(by_key(&*host.kafka, "late").await["k"], (0..=20).collect::<Vec<_>>());
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_under_load_loses_nothing_and_keeps_the_order() {
    let mut broker = Broker::new();
    broker.start();
    let host = Host::start(&broker.address());
    let load = Load::start(&host, "load");
    for _ in 0..2 {
        load.goes_on(1_000).await;
        broker.kill();
        until("an away Kafka", async || host.kafka.is_away()).await;
        load.goes_on_in_the_outbox(500).await;
        broker.start();
        until("Kafka to be back", async || !host.kafka.is_away()).await;
    }
    load.goes_on(1_000).await;
    load.nothing_was_lost(&host, "load").await;
    host.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_broker_holds_up_nobody_and_loses_nothing() {
    let mut broker = Broker::new();
    broker.start();
    let host = Host::start(&broker.address());
    let load = Load::start(&host, "load");
    load.goes_on(1_000).await;
    broker.freeze();
    until("an away Kafka", async || host.kafka.is_away()).await;
    let refused = soon(host.kafka.publish(event("other", "k", "no"))).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    load.goes_on_in_the_outbox(500).await;
    broker.thaw();
    until("Kafka to be back", async || !host.kafka.is_away()).await;
    load.goes_on(1_000).await;
    load.nothing_was_lost(&host, "load").await;
    host.end().await;
}
