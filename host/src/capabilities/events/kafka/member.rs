//! A member of a consumer group: a client of its own, polled on a thread of its own.
//!
//! librdkafka hands out records and tells of rebalances from the same call, so that what arrives here is in one order: no
//! record of a partition comes after the partition was taken away. A rebalance that takes partitions away waits, on this
//! thread, until the consumer has said how far it is; then that is committed, and the next member begins there. The
//! heartbeat is librdkafka's and goes on meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::backend::{Arrival, Done, Partition, Record, Subscription};
use super::config::{Config, reason};
use super::contact::Callbacks;
use super::read::{failed, record, unsigned};
use crate::capabilities::error::{Error, Result};

/// Records on their way from librdkafka to the consumer.
const UNDER_WAY: usize = 1_024;
/// The most records of one arrival.
const MOST: usize = 512;
/// How long one poll waits: the end of the membership is noticed after it.
const POLL: Duration = Duration::from_millis(100);
/// How long a rebalance waits for what is being handled: longer than a batch may take by default.
const HANDING_OVER: Duration = Duration::from_secs(35);
/// How long a commit may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a broker may take to say where a partition ends. The first that does not answer in time ends the look: the consumer
/// waits for it.
const LOOK: Duration = Duration::from_millis(500);

type Client = BaseConsumer<Group>;

pub(super) struct Member {
    /// Taken out only at the end.
    client: Option<Arc<Client>>,
    arriving: mpsc::Receiver<Message>,
    /// What was received while records were being gathered.
    next: Option<Arrival>,
    stop: Arc<AtomicBool>,
}

/// What comes from the thread.
enum Message {
    Record(Record),
    Other(Arrival),
}

/// What librdkafka calls back.
struct Group {
    callbacks: Callbacks,
    arriving: mpsc::Sender<Message>,
    topics: HashMap<String, Arc<str>>,
}

impl Member {
    pub(super) fn join(config: &Config, group: &str, topics: &[Arc<str>]) -> Result<Self> {
        let (sender, arriving) = mpsc::channel(UNDER_WAY);
        let names: HashMap<String, Arc<str>> =
            topics.iter().map(|topic| (topic.to_string(), Arc::clone(topic))).collect();
        let context = Group { callbacks: Callbacks { contact: None }, arriving: sender.clone(), topics: names };
        let mut settings = config.member(group);
        settings.set_log_level(RDKafkaLogLevel::Warning);
        let client: Client = settings
            .create_with_context(context)
            .map_err(|error| Error::unavailable(format!("no consumer of Kafka: {}", reason(&error))))?;
        let topics: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
        client.subscribe(&topics).map_err(|error| failed(&error))?;
        let client = Arc::new(client);
        let stop = Arc::new(AtomicBool::new(false));
        let (polled, stopped) = (Arc::clone(&client), Arc::clone(&stop));
        std::thread::Builder::new()
            .name("kafka-consumer".to_owned())
            .spawn(move || poll(&polled, &sender, &stopped))
            .map_err(|_| Error::unavailable("the system gives no thread for a consumer of Kafka"))?;
        Ok(Self { client: Some(client), arriving, next: None, stop })
    }

    /// Runs something that blocks, for a limited time.
    async fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&Client) -> Result<T> + Send + 'static) -> Result<T> {
        let client = self.client.clone().ok_or_else(|| Error::unavailable("the membership is over"))?;
        match timeout(ANSWER, spawn_blocking(move || ask(&client))).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(Error::unavailable("asking Kafka failed; see the host's log"))),
            Err(_) => Err(Error::timeout("Kafka did not answer in time")),
        }
    }

    fn list(partition: &Partition) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition(&partition.topic, number(partition));
        list
    }
}

#[async_trait]
impl Subscription for Member {
    async fn next(&mut self) -> Arrival {
        if let Some(next) = self.next.take() {
            return next;
        }
        let first = match self.arriving.recv().await {
            Some(Message::Record(record)) => record,
            Some(Message::Other(arrival)) => return arrival,
            None => return Arrival::Ended,
        };
        // What is here already comes along; without waiting, so that nothing is lost if the caller waits no longer.
        let mut records = vec![first];
        while records.len() < MOST {
            match self.arriving.try_recv() {
                Ok(Message::Record(record)) => records.push(record),
                Ok(Message::Other(arrival)) => {
                    self.next = Some(arrival);
                    break;
                }
                Err(_) => break,
            }
        }
        Arrival::Records(records)
    }

    fn pause(&mut self, partition: &Partition) {
        if let Some(Err(error)) = self.client.as_ref().map(|client| client.pause(&Self::list(partition))) {
            tracing::debug!(target: "kafka", %error, "a partition is not paused");
        }
    }

    fn resume(&mut self, partition: &Partition) {
        if let Some(Err(error)) = self.client.as_ref().map(|client| client.resume(&Self::list(partition))) {
            tracing::warn!(target: "kafka", %error, topic = &*partition.topic, "a partition does not go on");
        }
    }

    async fn commit(&mut self, done: Vec<Done>) -> Result<()> {
        if done.is_empty() {
            return Ok(());
        }
        self.ask(move |client| client.commit(&offsets(&done), CommitMode::Sync).map_err(|error| failed(&error))).await
    }

    async fn ends(&self, partitions: Vec<Partition>) -> Result<Vec<Done>> {
        self.ask(move |client| {
            let end = |partition: Partition| {
                let marks = client.fetch_watermarks(&partition.topic, number(&partition), LOOK);
                let (_, end) = marks.map_err(|error| failed(&error))?;
                Ok((partition, unsigned(end)))
            };
            partitions.into_iter().map(end).collect()
        })
        .await
    }

    async fn close(mut self: Box<Self>, done: Vec<Done>) {
        if let Err(error) = self.commit(done).await {
            tracing::warn!(target: "kafka", "the last events will come again: {error}");
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // The thread leaves the group: it has the last word with the client, whose drop may wait for brokers. A rebalance that
        // waits for an answer finds that nobody will give one.
        self.stop.store(true, Ordering::Relaxed);
        self.arriving.close();
        // Also where that thread has ended: what is dropped last polls until the group is left, and must not do so here.
        super::retire(self.client.take());
    }
}

/// Polls until the membership ends. Leaves the group by dropping the client.
fn poll(client: &Client, arriving: &mpsc::Sender<Message>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) && !arriving.is_closed() {
        let message = match client.poll(POLL) {
            None => continue,
            Some(Ok(message)) => Message::Record(record(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => continue,
            Some(Err(error)) => {
                if client.client().fatal_error().is_some() {
                    let text = format!("the consumer failed for good and is made anew: {error}");
                    let _gone = arriving.blocking_send(Message::Other(Arrival::Trouble(text)));
                    let _gone = arriving.blocking_send(Message::Other(Arrival::Ended));
                    return;
                }
                Message::Other(Arrival::Trouble(trouble(&error)))
            }
        };
        if arriving.blocking_send(message).is_err() {
            return;
        }
    }
}

fn trouble(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(Code::GroupAuthorizationFailed | Code::TopicAuthorizationFailed) => {
            "Kafka does not let this host read; give its user the right READ on the topics and on the group".to_owned()
        }
        _ => format!("Kafka: {error}"),
    }
}

impl Group {
    fn partitions(&self, list: &TopicPartitionList) -> Vec<Partition> {
        list.elements()
            .iter()
            .filter_map(|element| {
                let topic = Arc::clone(self.topics.get(element.topic())?);
                Some(Partition { topic, number: u32::try_from(element.partition()).ok()? })
            })
            .collect()
    }

    fn tell(&self, arrival: Arrival) -> bool {
        self.arriving.blocking_send(Message::Other(arrival)).is_ok()
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.callbacks.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.callbacks.error(error, reason);
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, client: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(list) = rebalance else { return };
        let partitions = self.partitions(list);
        if partitions.is_empty() {
            return;
        }
        if client.assignment_lost() {
            self.tell(Arrival::Lost(partitions));
            return;
        }
        let (done, answer) = sync_channel(1);
        if !self.tell(Arrival::Revoked { partitions, done }) {
            return;
        }
        match answer.recv_timeout(HANDING_OVER) {
            Ok(done) if done.is_empty() => {}
            Ok(done) => {
                if let Err(error) = client.commit(&offsets(&done), CommitMode::Sync) {
                    tracing::warn!(target: "kafka", %error, "events of partitions that leave this host will come again");
                }
            }
            Err(_) => tracing::warn!(target: "kafka", "events of partitions that leave this host will come again"),
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => drop(self.tell(Arrival::Assigned(self.partitions(list)))),
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => drop(self.tell(Arrival::Trouble(trouble(error)))),
        }
    }
}

fn offsets(done: &[Done]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(done.len());
    for (partition, offset) in done {
        let offset = Offset::Offset(i64::try_from(*offset).unwrap_or(i64::MAX));
        // Fails for offsets that are none.
        let _added = list.add_partition_offset(&partition.topic, number(partition), offset);
    }
    list
}

fn number(partition: &Partition) -> i32 {
    i32::try_from(partition.number).unwrap_or(i32::MAX)
}
