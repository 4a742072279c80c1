//! Events in Kafka.
//!
//! Invariants:
//!
//! - **An answer is the brokers' own.** [`Kafka::publish`](Backend::publish) answers with the position that all replicas in
//!   sync have; `unavailable` means that the record was never handed over or was refused, `timeout` that it may still arrive.
//!   Neither ever enters the outbox.
//! - **`publish_later` never waits for a broker.** The events go to the outbox; its drainer brings them here ([`Sender`]).
//! - **A key's records keep their order and their partition**: one idempotent producer, Kafka's own partitioner, and in a batch
//!   nothing behind a record that could not be handed over.
//! - **Brokers that are away hold up nobody** ([`contact`]), also at the start: [`Kafka::open`] does not wait for them.
//!
//! Topics are made with three partitions when they are first written to ([`topics`]). Reading is for operator's commands and
//! tests: each call has a client of its own.

mod answer;
mod config;
mod contact;
mod member;
mod read;
mod send;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::RwLock;
use rdkafka::admin::AdminClient;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{FutureProducer, Producer as _};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};

use super::backend::{Backend, Event, Position, Record, Subscription, Topic};
use super::outbox::{Outbox, Refusal, Sender};
use crate::capabilities::error::{Error, Result};
use answer::{Failure, closing};
pub use config::{Config, GroupProtocol, Identity, Mechanism, Sasl, Security, Tls};
use contact::{Callbacks, Contact, PROBE};
use topics::Topics;

/// How long a caller waits for the acknowledgement: a little less than the interface promises, so that it is this module that
/// answers, record by record.
const ACKNOWLEDGEMENT: Duration = Duration::from_millis(450);
/// How often [`Kafka::appended`](Backend::appended) has its caller look.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long an answer about offsets and topics may take.
const READING: Duration = Duration::from_secs(10);

type Producer = FutureProducer<Callbacks>;

/// The brokers.
pub struct Kafka {
    config: Config,
    outbox: Arc<Outbox>,
    contact: Arc<Contact>,
    topics: Arc<Topics>,
    clients: Arc<RwLock<Option<Clients>>>,
    watch: JoinHandle<()>,
}

/// Why Kafka cannot be used with this configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use Kafka as configured: {0}; see stores.kafka")]
pub struct OpenError(String);

#[derive(Clone)]
struct Clients {
    producer: Producer,
    admin: Arc<AdminClient<Callbacks>>,
    /// Tells a producer from the one that took its place.
    generation: u64,
}

impl Kafka {
    /// A connection to the brokers, which need not be there. `outbox` keeps what is to be published later; the caller has it
    /// drained into this.
    ///
    /// # Errors
    /// The configuration cannot work: a file that is not there, say.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(config: Config, outbox: Arc<Outbox>) -> Result<Arc<Self>, OpenError> {
        let contact = Arc::new(Contact::default());
        let callbacks = Callbacks { contact: Some(Arc::clone(&contact)) };
        let failed = |error| OpenError(config::reason(&error));
        let producer = config.producer().create_with_context(callbacks).map_err(failed)?;
        let admin = config.client().create_with_context(Callbacks { contact: None }).map_err(failed)?;
        let clients = Arc::new(RwLock::new(Some(Clients { producer, admin: Arc::new(admin), generation: 0 })));
        let topics = Arc::new(Topics::default());
        let watch = tokio::spawn(Arc::clone(&contact).watch({
            let (clients, topics) = (Arc::clone(&clients), Arc::clone(&topics));
            move || probe(Arc::clone(&clients), Arc::clone(&topics))
        }));
        // Brokers that are away from the start are known to be before anybody asks for them.
        contact.suspect();
        Ok(Arc::new(Self { config, outbox, contact, topics, clients, watch }))
    }

    /// Whether the brokers are known to be away. Costs one load.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.contact.is_away()
    }

    /// Waits, at most for the time given, for the records that were handed over, and closes. Everything is refused from now on.
    pub async fn close(&self, within: Duration) {
        self.watch.abort();
        let Some(clients) = self.clients.write().take() else { return };
        let closing = spawn_blocking(move || {
            if clients.producer.flush(within).is_err() {
                tracing::warn!(target: "kafka", "the host ends with records that Kafka has not acknowledged");
            }
            drop(clients);
        });
        // Dropping the clients joins their threads. It may hang, and the host must not: past its time it is left to itself.
        if timeout(within + Duration::from_secs(1), closing).await.is_err() {
            tracing::warn!(target: "kafka", "the connection to Kafka does not close in time");
        }
    }

    fn clients(&self) -> Result<Clients> {
        self.clients.read().clone().ok_or_else(closing)
    }

    /// Runs a read on a thread that may block, for a limited time.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Config, std::time::Instant) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.contact.admit()?;
        let config = self.config.clone();
        let deadline = std::time::Instant::now() + READING;
        let reading = spawn_blocking(move || read(&config, deadline));
        match timeout(READING + Duration::from_secs(1), reading).await {
            Ok(outcome) => {
                outcome.unwrap_or_else(|_| Err(Error::unavailable("reading Kafka failed; see the host's log")))
            }
            Err(_) => Err(Error::timeout("Kafka did not answer in time")),
        }
    }
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kafka").field("config", &self.config).field("away", &self.is_away()).finish_non_exhaustive()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.watch.abort();
        if let Some(clients) = self.clients.write().take() {
            retire(clients);
        }
    }
}

/// Drops a client where it holds up nobody: it joins threads and flushes.
fn retire(client: impl Send + 'static) {
    let dropping = std::thread::Builder::new().name("kafka-close".to_owned()).spawn(move || drop(client));
    if let Err(error) = dropping {
        tracing::warn!(target: "kafka", %error, "no thread to close a Kafka client on");
    }
}

/// Whether the brokers answer. Asks for the topics that are in doubt, or for one that is known: a list of all may be long.
async fn probe(clients: Arc<RwLock<Option<Clients>>>, topics: Arc<Topics>) -> bool {
    let Some(clients) = clients.read().clone() else { return true };
    let asking = spawn_blocking(move || {
        let mut doubted = topics.doubtful();
        loop {
            let asked = doubted.clone().or_else(|| topics.any());
            let Ok(metadata) = clients.producer.client().fetch_metadata(asked.as_deref(), PROBE) else { return false };
            let Some(topic) = doubted else { return true };
            let mut answers = metadata.topics().iter().filter(|answer| answer.name() == topic);
            topics.settle(
                &topic,
                !answers.any(|answer| answer.error().map(Code::from) == Some(Code::UnknownTopicOrPartition)),
            );
            doubted = topics.doubtful();
            if doubted.is_none() {
                return true;
            }
        }
    });
    asking.await.unwrap_or(false)
}

fn position(partition: i32, offset: i64) -> Position {
    Position { partition: u32::try_from(partition).unwrap_or(0), offset: u64::try_from(offset).unwrap_or(0) }
}

impl Sender for Kafka {
    async fn send(&self, event: Event) -> Result<(), Refusal> {
        self.contact.admit().map_err(Refusal::Later)?;
        let sent = self.send(event, Instant::now() + super::backend::DELIVERY).await;
        sent.map(drop).map_err(Failure::into_refusal)
    }
}

#[async_trait]
impl Backend for Kafka {
    async fn publish(&self, event: Event) -> Result<Position> {
        let deadline = Instant::now() + ACKNOWLEDGEMENT;
        let event = event.with_id();
        let topic = event.topic.clone();
        let sent = match self.contact.admit() {
            Ok(()) => self.send(event, deadline).await.map_err(Failure::into_error),
            Err(error) => Err(error),
        };
        sent.map_err(|error| error.within(format_args!("publish to {topic}")))
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Result<Vec<Result<Position>>> {
        let sent = self.send_batch(events, Instant::now() + ACKNOWLEDGEMENT).await;
        let answers = sent.map_err(|error| error.within("publish-batch"))?;
        let named = answers.into_iter().map(|(topic, answer)| {
            answer.map_err(|failure| failure.into_error().within(format_args!("publish to {topic}")))
        });
        Ok(named.collect())
    }

    async fn deliver(&self, events: Vec<Event>) -> Result<Vec<Result<Position, Refusal>>> {
        let answers = self.send_batch(events, Instant::now() + super::backend::DELIVERY).await?;
        Ok(answers.into_iter().map(|(_, answer)| answer.map_err(Failure::into_refusal)).collect())
    }

    async fn publish_later(&self, events: Vec<Event>) -> Result<()> {
        self.outbox.accept(events).await.map_err(|error| error.within("publish-later"))
    }

    async fn topics(&self) -> Result<Vec<Topic>> {
        let producer = self.clients()?.producer;
        self.reading(move |_, deadline| read::topics(producer.client(), deadline)).await
    }

    async fn read(&self, topic: &str, partition: u32, offset: u64, most: usize) -> Result<Vec<Record>> {
        let topic = topic.to_owned();
        self.reading(move |config, deadline| read::records(config, &topic, partition, offset, most, deadline)).await
    }

    async fn committed(&self, group: &str, topic: &str, partition: u32) -> Result<Option<u64>> {
        let (group, topic) = (group.to_owned(), topic.to_owned());
        self.reading(move |config, deadline| read::committed(config, &group, &topic, partition, deadline)).await
    }

    async fn commit(&self, group: &str, topic: &str, offsets: Vec<Position>) -> Result<()> {
        let (group, topic) = (group.to_owned(), topic.to_owned());
        self.reading(move |config, deadline| read::commit(config, &group, &topic, &offsets, deadline)).await
    }

    async fn subscribe(&self, group: &str, topics: &[Arc<str>]) -> Result<Box<dyn Subscription>> {
        self.contact.admit()?;
        let clients = self.clients()?;
        // A member of a group does not learn for a while of a topic that comes later.
        for topic in topics {
            self.ensure(&clients, topic, Instant::now() + READING).await?;
        }
        let (config, group, topics) = (self.config.clone(), group.to_owned(), topics.to_vec());
        let joining = spawn_blocking(move || member::Member::join(&config, &group, &topics));
        let member = joining.await.unwrap_or_else(|_| Err(closing()))?;
        Ok(Box::new(member))
    }

    /// Kafka tells nobody but those who fetch: the caller is sent to look a few times a second, which misses nothing.
    async fn appended(&self, seen: u64) -> u64 {
        tokio::time::sleep(LOOK_AGAIN).await;
        seen.wrapping_add(1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
