//! The embedded log through its trait.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tempfile::TempDir;

use super::super::backend::{Backend, EVENT_ID, Event, MOST_VALUE_BYTES, Position};
use super::{Log, Retention, partition};
use crate::capabilities::embedded::{Options, Store};
use crate::capabilities::error::Error;

struct Bench {
    log: Log,
    store: Arc<Store>,
    clock: Arc<Mutex<SystemTime>>,
    _folder: TempDir,
}

const START: SystemTime = SystemTime::UNIX_EPOCH;

impl Bench {
    fn new(retention: Retention) -> Self {
        Self::at(TempDir::new().unwrap(), retention)
    }

    fn at(folder: TempDir, retention: Retention) -> Self {
        let clock = Arc::new(Mutex::new(START + Duration::from_secs(1_000)));
        let shown = Arc::clone(&clock);
        let options = Options { clock: Arc::new(move || *shown.lock()), ..Options::new(folder.path()) };
        let store = Store::open(options).unwrap();
        Self { log: Log::new(Arc::clone(&store), retention), store, clock, _folder: folder }
    }

    async fn values(&self, topic: &str, partition: u32, from: u64) -> Vec<(u64, String)> {
        let records = self.log.read(topic, partition, from, 1_000).await.unwrap();
        records.into_iter().map(|record| (record.position.offset, String::from_utf8(record.value).unwrap())).collect()
    }
}

fn event(key: Option<&str>, value: &str) -> Event {
    Event { topic: "t".to_owned(), key: key.map(str::to_owned), value: value.into(), headers: Vec::new() }
}

#[tokio::test]
async fn a_record_is_read_back_whole() {
    let bench = Bench::new(Retention::default());
    let headers = vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), String::new())];
    let position = bench.log.publish(Event { headers, ..event(Some("key"), "value") }).await.unwrap();
    assert_eq!(position, Position { partition: partition::of_key(b"key", 3), offset: 0 });
    let [record] = bench.log.read("t", position.partition, 0, 10).await.unwrap().try_into().unwrap();
    assert_eq!((record.topic.as_str(), record.position, record.timestamp_ms), ("t", position, 1_000_000));
    assert_eq!((record.key.as_deref(), record.value.as_slice()), (Some(b"key".as_slice()), b"value".as_slice()));
    let names: Vec<&str> = record.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "a", EVENT_ID]);
    assert_eq!(uuid::Uuid::parse_str(&record.event_id()).unwrap().get_version_num(), 7);
}

#[tokio::test]
async fn an_event_keeps_the_id_it_came_with() {
    let bench = Bench::new(Retention::default());
    let headers = vec![(EVENT_ID.to_owned(), "mine".to_owned())];
    let position = bench.log.publish(Event { headers, ..event(Some("k"), "") }).await.unwrap();
    let records = bench.log.read("t", position.partition, 0, 10).await.unwrap();
    assert_eq!(records[0].event_id(), "mine");
    assert_eq!(records[0].headers.len(), 1);
}

#[tokio::test]
async fn a_key_stays_in_order_and_none_is_spread() {
    let bench = Bench::new(Retention::default());
    let events = (0..9).map(|number| event(Some("same"), &number.to_string())).collect();
    let positions = bench.log.publish_batch(events).await.unwrap();
    let home = partition::of_key(b"same", 3);
    for (number, position) in positions.into_iter().enumerate() {
        assert_eq!(position.unwrap(), Position { partition: home, offset: number as u64 });
    }
    let spread = bench.log.publish_batch((0..6).map(|_| event(None, "x")).collect()).await.unwrap();
    let mut partitions: Vec<u32> = spread.into_iter().map(|position| position.unwrap().partition).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [0, 0, 1, 1, 2, 2]);
}

#[tokio::test]
async fn one_wrong_event_of_a_batch_is_answered_alone() {
    let bench = Bench::new(Retention::default());
    let large = Event { value: vec![0; MOST_VALUE_BYTES + 1], ..event(Some("k"), "") };
    let nameless = Event { topic: "a b".to_owned(), ..event(Some("k"), "") };
    let batch = vec![event(Some("k"), "1"), large, nameless, event(Some("k"), "2")];
    let answers = bench.log.publish_batch(batch.clone()).await.unwrap();
    assert!(matches!(
        answers.as_slice(),
        [Ok(_), Err(Error::TooLarge(_)), Err(Error::Invalid(_)), Ok(Position { offset: 1, .. })]
    ));
    // Kept for later they are all or nothing.
    assert!(matches!(bench.log.publish_later(batch).await, Err(Error::TooLarge(_))));
    let home = partition::of_key(b"k", 3);
    assert_eq!(bench.values("t", home, 0).await, [(0, "1".to_owned()), (1, "2".to_owned())]);
    bench.log.publish_later(vec![event(Some("k"), "3")]).await.unwrap();
    assert_eq!(bench.values("t", home, 1).await, [(1, "2".to_owned()), (2, "3".to_owned())]);
}

#[tokio::test]
async fn reading_is_bounded_and_names_what_is_not_there() {
    let bench = Bench::new(Retention::default());
    let large = Event { value: vec![0; 400_000], ..event(Some("k"), "") };
    bench.log.publish_batch(vec![large; 5]).await.unwrap();
    let home = partition::of_key(b"k", 3);
    assert_eq!(bench.log.read("t", home, 0, 10).await.unwrap().len(), 3);
    assert_eq!(bench.log.read("t", home, 1, 2).await.unwrap().len(), 2);
    assert_eq!(bench.log.read("t", home, 9, 2).await.unwrap().len(), 0);
    assert!(matches!(bench.log.read("t", 3, 0, 1).await, Err(Error::NotFound(_))));
    assert!(matches!(bench.log.read("other", 0, 0, 1).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn retention_by_age_and_bytes_keeps_offsets_dense_and_unused_twice() {
    let age = Some(Duration::from_mins(1));
    let bench = Bench::new(Retention { age, bytes: Some(1_000) });
    let home = partition::of_key(b"k", 3);
    bench.log.publish_batch(vec![event(Some("k"), "old"); 3]).await.unwrap();
    *bench.clock.lock() += Duration::from_mins(2);
    bench.log.publish_batch(vec![event(Some("k"), "new"); 2]).await.unwrap();
    bench.store.run_chores().await.unwrap();
    assert_eq!(bench.values("t", home, 0).await, [(3, "new".to_owned()), (4, "new".to_owned())]);
    // By bytes: of three records of 400 and more bytes, two fit.
    bench.log.publish_batch(vec![event(Some("k"), &"x".repeat(350)); 3]).await.unwrap();
    bench.store.run_chores().await.unwrap();
    let offsets: Vec<u64> = bench.values("t", home, 0).await.into_iter().map(|(offset, _)| offset).collect();
    assert_eq!(offsets, [6, 7]);
    // All gone: the next offset goes on.
    *bench.clock.lock() += Duration::from_mins(2);
    bench.store.run_chores().await.unwrap();
    let topics = bench.log.topics().await.unwrap();
    assert_eq!(topics[0].name, "t");
    assert_eq!(topics[0].partitions[home as usize], 8..8);
    assert_eq!(bench.log.publish(event(Some("k"), "next")).await.unwrap().offset, 8);
    assert_eq!(bench.values("t", home, 0).await, [(8, "next".to_owned())]);
}

#[tokio::test]
async fn retention_in_pieces_deletes_everything_that_is_due() {
    let bench = Bench::new(Retention { age: Some(Duration::ZERO), bytes: None });
    for _ in 0..5 {
        bench.log.publish_batch(vec![event(None, "x"); 1_000]).await.unwrap();
    }
    *bench.clock.lock() += Duration::from_secs(1);
    bench.store.run_chores().await.unwrap();
    let topics = bench.log.topics().await.unwrap();
    assert!(topics[0].partitions.iter().all(|kept| kept.start == kept.end), "{topics:?}");
    assert_eq!(topics[0].partitions.iter().map(|kept| kept.end).sum::<u64>(), 5_000);
}

#[tokio::test]
async fn groups_go_on_where_they_committed() {
    let bench = Bench::new(Retention::default());
    assert_eq!(bench.log.committed("g", "t", 0).await.unwrap(), None);
    assert!(matches!(bench.log.commit("g", "t", Vec::new()).await, Err(Error::NotFound(_))));
    bench.log.publish_batch(vec![event(None, "x"); 9]).await.unwrap();
    let done = vec![Position { partition: 0, offset: 2 }, Position { partition: 2, offset: 1 }];
    bench.log.commit("g", "t", done).await.unwrap();
    assert_eq!(bench.log.committed("g", "t", 0).await.unwrap(), Some(2));
    assert_eq!(bench.log.committed("g", "t", 1).await.unwrap(), None);
    assert_eq!(bench.log.committed("g", "t", 2).await.unwrap(), Some(1));
    assert_eq!(bench.log.committed("gg", "t", 0).await.unwrap(), None);
    let beyond = vec![Position { partition: 0, offset: 5 }, Position { partition: 7, offset: 1 }];
    assert!(matches!(bench.log.commit("g", "t", beyond).await, Err(Error::NotFound(_))));
    assert_eq!(bench.log.committed("g", "t", 0).await.unwrap(), Some(2));
}

#[tokio::test]
async fn an_append_wakes_those_who_wait() {
    let bench = Bench::new(Retention::default());
    let log = Arc::new(bench.log);
    let waiting = {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.appended(0).await })
    };
    log.publish(event(None, "x")).await.unwrap();
    let seen = waiting.await.unwrap();
    assert!(seen > 0);
    // What was appended between two calls is not missed.
    log.publish(event(None, "y")).await.unwrap();
    assert!(log.appended(seen).await > seen);
}

#[tokio::test]
async fn topics_last_and_are_listed_by_name() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(Options::new(folder.path())).unwrap();
    let log = Log::new(Arc::clone(&store), Retention::default());
    for topic in ["b", "a", "c"] {
        log.publish(Event { topic: topic.to_owned(), ..event(Some("k"), topic) }).await.unwrap();
    }
    drop((log, store));
    let log = Log::new(Store::open(Options::new(folder.path())).unwrap(), Retention::default());
    let names: Vec<String> = log.topics().await.unwrap().into_iter().map(|topic| topic.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    log.publish(Event { topic: "d".to_owned(), ..event(Some("k"), "d") }).await.unwrap();
    for topic in ["a", "b", "c", "d"] {
        let records = log.read(topic, partition::of_key(b"k", 3), 0, 10).await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].value, topic.as_bytes());
    }
}
