//! The records of topics, as any consumer sees them.

use crate::harness::{PATIENCE, eventually};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long brokers may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A topic, and the number of one of its partitions.
type Partition = (String, i32);

/// The records that entered topics since this was made, in the order in which they were read: that of a partition holds.
pub(crate) struct Kafka {
    brokers: String,
    consumer: BaseConsumer,
    topics: Vec<String>,
    /// The next offset of each partition.
    positions: BTreeMap<(String, i32), i64>,
    records: Vec<Record>,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) event_id: String,
    /// Names of all headers.
    pub(crate) headers: Vec<String>,
}

impl Record {
    pub(crate) fn is(&self, topic: &str, event_type: &str) -> bool {
        self.topic == topic && self.value["eventType"] == event_type
    }
}

impl Kafka {
    pub(crate) fn from_now(brokers: &str, topics: &[&str]) -> Self {
        let consumer = consumer(brokers);
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        let brokers = brokers.to_owned();
        let mut kafka = Self { brokers, consumer, topics, positions: BTreeMap::new(), records: Vec::new() };
        // A topic that is made later is read from its beginning.
        for (place, end) in eventually("the ends of the topics", || kafka.ends()) {
            kafka.positions.insert(place, end);
        }
        kafka
    }

    /// How many partitions a topic has.
    pub(crate) fn partitions(&self, topic: &str) -> usize {
        let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER).unwrap();
        metadata.topics()[0].partitions().len()
    }

    /// Reads to the present end, and returns all records so far.
    pub(crate) fn read(&mut self) -> &[Record] {
        eventually("the records of the topics", || self.try_read());
        &self.records
    }

    /// Reads until what is wanted is there.
    #[track_caller]
    pub(crate) fn wait_until<T>(&mut self, what: &str, mut look: impl FnMut(&[Record]) -> Result<T, String>) -> T {
        eventually(what, || {
            self.try_read()?;
            look(&self.records)
        })
    }

    fn ends(&self) -> Result<Vec<(Partition, i64)>, String> {
        let mut ends = Vec::new();
        for topic in &self.topics {
            let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER).map_err(|error| error.to_string())?;
            for partition in metadata.topics()[0].partitions() {
                let (_, end) =
                    self.consumer.fetch_watermarks(topic, partition.id(), ANSWER).map_err(|error| error.to_string())?;
                ends.push(((topic.clone(), partition.id()), end));
            }
        }
        Ok(ends)
    }

    fn try_read(&mut self) -> Result<(), String> {
        let ends = match self.ends() {
            Ok(ends) => ends,
            Err(error) => {
                // A consumer that was idle while its broker was frozen does not always find it again.
                self.consumer = consumer(&self.brokers);
                return Err(error);
            }
        };
        let mut assignment = TopicPartitionList::new();
        for (place, _) in &ends {
            let next = *self.positions.entry(place.clone()).or_insert(0);
            assignment
                .add_partition_offset(&place.0, place.1, Offset::Offset(next))
                .map_err(|error| error.to_string())?;
        }
        self.consumer.assign(&assignment).map_err(|error| error.to_string())?;
        let deadline = std::time::Instant::now() + PATIENCE;
        while ends.iter().any(|(place, end)| self.positions[place] < *end) {
            if std::time::Instant::now() > deadline {
                return Err(format!("read up to {:?} of {ends:?}", self.positions));
            }
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else { continue };
            let Ok(message) = message else { continue };
            let position = self.positions.get_mut(&(message.topic().to_owned(), message.partition())).unwrap();
            // What an assignment before this one had fetched comes again.
            if message.offset() < *position {
                continue;
            }
            *position = message.offset() + 1;
            let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
            let headers = message.headers();
            let header = headers.into_iter().flat_map(|headers| headers.iter()).find(|one| one.key == "event-id");
            self.records.push(Record {
                topic: message.topic().to_owned(),
                key: text(message.key()),
                value: serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or(Value::Null),
                event_id: text(header.and_then(|one| one.value)),
                headers: headers.into_iter().flat_map(|list| list.iter()).map(|one| one.key.to_owned()).collect(),
            });
        }
        Ok(())
    }
}

fn consumer(brokers: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "devconnect-tests-never-committed")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "20")
        .set("reconnect.backoff.max.ms", "500")
        .create()
        .unwrap()
}
