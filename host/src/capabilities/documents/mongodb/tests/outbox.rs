//! The way of events from the outbox to the log.

use std::collections::HashSet;

use parking_lot::Mutex;

use super::*;
use crate::capabilities::events::backend::{EVENT_ID, Position, Record, Refusal, Topic};

/// A log that remembers, and refuses what it is told to.
#[derive(Default)]
struct Recorder {
    seen: Mutex<Vec<(String, String)>>,
    ids: Mutex<Vec<String>>,
    refused: Mutex<HashSet<String>>,
    /// Refused until an operator mends something, and for good.
    missing: Mutex<HashSet<String>>,
    hopeless: Mutex<HashSet<String>>,
    away: Mutex<bool>,
}

impl Recorder {
    fn values(&self) -> Vec<String> {
        self.seen.lock().iter().map(|(_, value)| value.clone()).collect()
    }

    fn values_of(&self, key: &str) -> Vec<String> {
        self.seen.lock().iter().filter(|(seen, _)| seen == key).map(|(_, value)| value.clone()).collect()
    }

    fn take(&self, event: &Event) -> Result<Position> {
        let value = String::from_utf8(event.value.clone()).unwrap();
        if self.refused.lock().contains(&value) {
            return Err(Error::unavailable("this one not now"));
        }
        if self.missing.lock().contains(&value) {
            return Err(Error::not_found("there is no such topic"));
        }
        if self.hopeless.lock().contains(&value) {
            return Err(Error::too_large("larger than the topic allows"));
        }
        self.seen.lock().push((event.key.clone().unwrap_or_default(), value));
        self.ids.lock().extend(event.headers.iter().filter(|(name, _)| name == EVENT_ID).map(|(_, id)| id.clone()));
        Ok(Position { partition: 0, offset: 0 })
    }
}

#[async_trait]
impl events::Backend for Recorder {
    async fn publish(&self, event: Event) -> Result<Position> {
        self.take(&event)
    }

    /// Acknowledges nothing within a guest's patience.
    async fn publish_batch(&self, events: Vec<Event>) -> Result<Vec<Result<Position>>> {
        Ok(events.iter().map(|_| Err(Error::timeout("it may still arrive"))).collect())
    }

    async fn deliver(&self, events: Vec<Event>) -> Result<Vec<Result<Position, Refusal>>> {
        if *self.away.lock() {
            return Err(Error::unavailable("the log is away"));
        }
        Ok(events.iter().map(|event| self.take(event).map_err(Refusal::from)).collect())
    }

    async fn publish_later(&self, _: Vec<Event>) -> Result<()> {
        Err(Error::unavailable("not in this test"))
    }

    async fn topics(&self) -> Result<Vec<Topic>> {
        Ok(Vec::new())
    }

    async fn read(&self, _: &str, _: u32, _: u64, _: usize) -> Result<Vec<Record>> {
        Ok(Vec::new())
    }

    async fn committed(&self, _: &str, _: &str, _: u32) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn commit(&self, _: &str, _: &str, _: Vec<Position>) -> Result<()> {
        Ok(())
    }

    async fn subscribe(&self, _: &str, _: &[Arc<str>]) -> Result<Box<dyn events::backend::Subscription>> {
        Err(Error::unavailable("not in this test"))
    }

    async fn appended(&self, seen: u64) -> u64 {
        seen
    }
}

fn event(key: &str, value: &str) -> Event {
    let (topic, key, value) = ("things".to_owned(), Some(key.to_owned()), value.as_bytes().to_vec());
    Event { topic, key, value, headers: vec![("more.of".to_owned(), "it".to_owned())] }
}

fn log(recorder: &Arc<Recorder>) -> Arc<dyn events::Backend> {
    Arc::clone(recorder) as Arc<dyn events::Backend>
}

mod real {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_refused_event_holds_back_its_key_alone() {
        let (store, recorder) = (shared().await, Arc::<Recorder>::default());
        recorder.refused.lock().insert("a1".to_owned());
        let drainer = store.drain(log(&recorder));
        for value in ["a1", "b1", "a2", "b2", "a3"] {
            store.transact(Vec::new(), vec![event(&value[..1], value)]).await.unwrap();
        }
        becomes("the other key goes on", async || recorder.values() == ["b1", "b2"]).await;
        becomes("three wait", async || drainer.depth() == 3 && drainer.oldest() > Duration::ZERO).await;
        recorder.refused.lock().clear();
        becomes("the key goes on in order", async || recorder.values_of("a") == ["a1", "a2", "a3"]).await;
        becomes("none waits", async || drainer.depth() == 0 && drainer.oldest() == Duration::ZERO).await;
        assert_eq!(recorder.values().len(), 5);
        let ids: HashSet<String> = recorder.ids.lock().iter().cloned().collect();
        assert_eq!(ids.len(), 5);
        drainer.stop().await;
        store.drop_database().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_log_that_is_away_gets_all_in_order_when_it_is_back() {
        let (store, recorder) = (shared().await, Arc::<Recorder>::default());
        *recorder.away.lock() = true;
        let drainer = store.drain(log(&recorder));
        let expected: Vec<String> = (0..60).map(|number| number.to_string()).collect();
        for pair in expected.chunks(2) {
            let events = pair.iter().map(|value| event("a", value)).collect();
            store.transact(Vec::new(), events).await.unwrap();
        }
        becomes("all wait", async || drainer.depth() == 60).await;
        *recorder.away.lock() = false;
        becomes("all arrive", async || recorder.values().len() >= 60).await;
        assert_eq!(recorder.values(), expected);
        drainer.stop().await;
        store.drop_database().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_host_drains_and_another_takes_over() {
        let url = crate::capabilities::documents::conformance::url();
        let (first, second) = (open(&url).await.unwrap(), open(&url).await.unwrap());
        let recorder = Arc::<Recorder>::default();
        let one = first.drain(log(&recorder));
        becomes("the first drains", async || one.is_draining()).await;
        let two = second.drain(log(&recorder));
        // Whichever host it enters by.
        for number in 0..20 {
            let by = if number % 2 == 0 { &first } else { &second };
            by.transact(Vec::new(), vec![event("a", &number.to_string())]).await.unwrap();
        }
        becomes("all arrive", async || recorder.values().len() >= 20).await;
        assert!(one.is_draining() && !two.is_draining());
        // A stop gives the lease back; a death lets it end by itself.
        one.stop().await;
        becomes("the second drains", async || two.is_draining()).await;
        let three = first.drain(log(&recorder));
        drop(two);
        second.transact(Vec::new(), vec![event("a", "20")]).await.unwrap();
        becomes("the third takes over", async || three.is_draining() && recorder.values().len() >= 21).await;
        let expected: Vec<String> = (0..21).map(|number| number.to_string()).collect();
        assert_eq!(recorder.values(), expected);
        three.stop().await;
        first.drop_database().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_the_log_never_takes_is_set_aside_with_the_reason() {
        let (store, recorder) = (shared().await, Arc::<Recorder>::default());
        recorder.hopeless.lock().extend(["a1".to_owned(), "b2".to_owned()]);
        let drainer = store.drain(log(&recorder));
        for value in ["a1", "b1", "a2", "b2", "a3"] {
            store.transact(Vec::new(), vec![event(&value[..1], value)]).await.unwrap();
        }
        becomes("the keys go on in order", async || {
            recorder.values_of("a") == ["a2", "a3"] && recorder.values_of("b") == ["b1"]
        })
        .await;
        becomes("two are set aside", async || drainer.depth() == 0 && drainer.dead() == 2).await;
        let dead = store.database.collection::<bson::Document>("outbox_dead");
        let row = dead.find_one(bson::doc! { "key": "a" }).await.unwrap().unwrap();
        assert_eq!(row.get_str("reason").unwrap(), "larger than the topic allows");
        assert_eq!(row.get_binary_generic("value").unwrap(), b"a1");
        assert!(
            row.get_datetime("refused-at").is_ok() && row.get_datetime("at").is_ok() && row.get_str("event-id").is_ok()
        );
        // Mended, it is moved back as it is.
        recorder.hopeless.lock().clear();
        store.database.collection(super::super::super::outbox::OUTBOX).insert_one(row).await.unwrap();
        becomes("it is published", async || recorder.values_of("a") == ["a2", "a3", "a1"]).await;
        drainer.stop().await;
        store.drop_database().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_an_operator_has_to_mend_holds_back_its_key_alone_and_goes_on_by_itself() {
        let (store, recorder) = (shared().await, Arc::<Recorder>::default());
        recorder.missing.lock().insert("a1".to_owned());
        let drainer = store.drain(log(&recorder));
        let mut expected = Vec::new();
        store.transact(Vec::new(), vec![event("a", "a1"), event("a", "a2")]).await.unwrap();
        for number in 0..20 {
            let value = format!("b{number}");
            store.transact(Vec::new(), vec![event("b", &value)]).await.unwrap();
            expected.push(value);
            becomes("the other key goes on", async || recorder.values() == expected).await;
        }
        recorder.missing.lock().clear();
        becomes("the key goes on in order", async || recorder.values_of("a") == ["a1", "a2"]).await;
        drainer.stop().await;
        store.drop_database().await;
    }
}
