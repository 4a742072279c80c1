//! What every log of events does alike: one suite, run on the embedded log and on real Kafka.
//!
//! The real one is at `KAFKA_BROKERS`, which other tests use at the same time: each test has topics of its own and removes them.

mod checks;
mod groups;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::backend::{Backend, Event, Record};
use super::embedded::{Log, Retention};
use super::kafka::{Config, GroupProtocol, Kafka, Security};
use super::outbox::{Limits, Outbox, drain};
use crate::capabilities::embedded::{Options, Store};
use crate::capabilities::error::Result;

/// How long something may take that is sure to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A log under test.
struct Subject {
    log: Arc<dyn Backend>,
    kafka: Option<(Arc<Kafka>, JoinHandle<()>)>,
    topics: Mutex<Vec<String>>,
    _folder: TempDir,
}

impl Subject {
    fn embedded() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(Options::new(folder.path())).unwrap();
        let log = Arc::new(Log::new(store, Retention::default()));
        Self { log, kafka: None, topics: Mutex::default(), _folder: folder }
    }

    fn real() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(Options::new(folder.path())).unwrap();
        let outbox = Arc::new(Outbox::new(store, Limits::default()).unwrap());
        let kafka = Kafka::open(config(&brokers()), Arc::clone(&outbox)).unwrap();
        let drainer = tokio::spawn(drain(outbox, Arc::clone(&kafka), std::future::pending()));
        let log = Arc::clone(&kafka) as Arc<dyn Backend>;
        Self { log, kafka: Some((kafka, drainer)), topics: Mutex::default(), _folder: folder }
    }

    /// A topic that nobody else uses, which comes into being with its first event.
    fn topic(&self) -> String {
        let topic = format!("conformance-{}", uuid::Uuid::new_v4());
        self.topics.lock().push(topic.clone());
        topic
    }

    /// Publishes, and again with the same id if the acknowledgement did not come in time, as on a slow machine while a topic is
    /// being made. So a record may be there twice.
    async fn publish(&self, event: Event) -> Result<super::backend::Position> {
        let event = event.with_id();
        until("an acknowledgement", async || match self.log.publish(event.clone()).await {
            Err(error) if error.status() == 503 => None,
            answer => Some(answer),
        })
        .await
    }

    /// Makes a topic, with nothing in it that a test would count.
    async fn ready(&self) -> String {
        let topic = self.topic();
        self.publish(Event { topic: topic.clone(), key: Some("ready".to_owned()), ..Event::default() }).await.unwrap();
        topic
    }

    /// All records of a topic's partition but those of [`Subject::ready`].
    async fn records(&self, topic: &str, partition: u32) -> Vec<Record> {
        let mut records = Vec::new();
        let mut offset = 0;
        loop {
            let more = self.log.read(topic, partition, offset, 1_000).await.unwrap();
            let Some(last) = more.last() else { break };
            offset = last.position.offset + 1;
            records.extend(more);
        }
        records.retain(|record| record.key.as_deref() != Some(b"ready"));
        records
    }

    async fn end(self) {
        let Some((kafka, drainer)) = self.kafka else { return };
        drainer.abort();
        remove(&brokers(), &self.topics.into_inner()).await;
        kafka.close(Duration::from_secs(1)).await;
    }
}

/// Asks until there is an answer.
async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(std::time::Instant::now() < deadline, "{what} did not come");
        tokio::task::yield_now().await;
    }
}

/// Where the real brokers are.
pub(super) fn brokers() -> String {
    std::env::var("KAFKA_BROKERS").expect("set KAFKA_BROKERS or run `cargo xtask test`")
}

/// A host of the test's own.
pub(super) fn config(brokers: &str) -> Config {
    Config {
        brokers: brokers.to_owned(),
        client_id: "devconnect-test".to_owned(),
        security: Security::default(),
        group_protocol: GroupProtocol::default(),
    }
}

/// Removes topics that a test has made.
pub(super) async fn remove(brokers: &str, topics: &[String]) {
    if topics.is_empty() {
        return;
    }
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    // One that never came into being is none to remove.
    admin.delete_topics(&names, &options).await.unwrap();
    tokio::task::spawn_blocking(move || drop(admin)).await.unwrap();
}

macro_rules! suite {
    ($($module:ident::$check:ident),+ $(,)?) => {
        mod embedded {
            $(
                #[tokio::test]
                async fn $check() {
                    super::$module::$check(&super::Subject::embedded()).await;
                }
            )+
        }

        mod real {
            $(
                #[tokio::test]
                async fn $check() {
                    let subject = super::Subject::real();
                    super::$module::$check(&subject).await;
                    subject.end().await;
                }
            )+
        }
    };
}

suite!(
    checks::a_key_goes_to_the_partition_that_kafkas_clients_choose,
    checks::a_keys_events_keep_their_order,
    checks::a_record_is_read_back_whole,
    checks::an_event_id_is_given_once_and_kept,
    checks::a_batch_answers_each_record,
    checks::an_empty_batch_is_answered,
    checks::the_largest_event_is_taken_and_a_larger_one_is_not,
    checks::reading_is_bounded_and_names_what_is_not_there,
    checks::topics_say_what_they_hold,
    checks::groups_go_on_where_they_committed,
    checks::what_is_published_later_arrives_in_order_or_not_at_all,
    checks::an_append_wakes_those_who_wait,
    groups::a_new_group_reads_from_the_beginning_and_then_what_comes,
    groups::a_group_goes_on_where_it_has_committed,
    groups::a_paused_partition_waits_and_loses_nothing,
);
