//! What a log of events can do: the WIT interface `events`, behind which the embedded log and Kafka stand, and the reading
//! of it for the event consumer and the operator's commands.
//!
//! Records of one topic and key are in one partition, in the order in which they were published. An event is given its
//! `event-id` before anything else happens to it ([`Event::with_id`]), so that every retry and every delivery carries the
//! same one.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use async_trait::async_trait;

use crate::capabilities::error::{Error, Result};

/// The header that tells an event from every other, whatever is done to deliver it.
pub const EVENT_ID: &str = "event-id";
/// The most bytes of a value.
pub const MOST_VALUE_BYTES: usize = 1 << 20;
/// The longest that [`Backend::deliver`] takes: more than Kafka's client tries, so that it learns how that ended.
pub const DELIVERY: Duration = Duration::from_secs(8);
/// The most events of one call.
pub const MOST_EVENTS: usize = 1_000;

/// An event to be published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Where to.
    pub topic: String,
    /// Events of one key stay in order; `None` spreads them.
    pub key: Option<String>,
    /// What it says.
    pub value: Vec<u8>,
    /// Beside the value.
    pub headers: Vec<(String, String)>,
}

impl Event {
    /// The event with a header `event-id`: its own, or a new UUIDv7.
    #[must_use]
    pub fn with_id(mut self) -> Self {
        if !self.headers.iter().any(|(name, _)| name == EVENT_ID) {
            self.headers.push((EVENT_ID.to_owned(), uuid::Uuid::now_v7().to_string()));
        }
        self
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        self.topic.len() + self.key.as_ref().map_or(0, String::len) + self.value.len() + headers + 64
    }
}

/// Where a record stands in its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition.
    pub partition: u32,
    /// The place in it; dense.
    pub offset: u64,
}

/// A record as it is read back. Key and header values are bytes: others than this host may have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: String,
    /// Where it stands.
    pub position: Position,
    /// When it was written, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// What it says.
    pub value: Vec<u8>,
    /// Beside the value.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// Its header `event-id`, or topic, partition and offset where it has none.
    #[must_use]
    pub fn event_id(&self) -> String {
        let header = self.headers.iter().find(|(name, _)| name == EVENT_ID);
        match header.and_then(|(_, value)| std::str::from_utf8(value).ok()) {
            Some(id) => id.to_owned(),
            None => format!("{}-{}-{}", self.topic, self.position.partition, self.position.offset),
        }
    }
}

/// Why an outbox's event was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another try may help: the log is away, did not answer in time, or an operator has something to mend.
    Later(Error),
    /// The log will never take this event.
    Never(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(failure) | Error::TooLarge(failure) => Self::Never(failure.message),
            later => Self::Later(later),
        }
    }
}

/// What is in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// For each partition, from 0, the first offset that is kept and the one that the next record gets.
    pub partitions: Vec<std::ops::Range<u64>>,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The topic.
    pub topic: Arc<str>,
    /// Which one, from 0.
    pub number: u32,
}

/// Up to where a group is done with a partition: everything before the offset.
pub type Done = (Partition, u64);

/// What a member of a consumer group learns.
#[derive(Debug)]
pub enum Arrival {
    /// Partitions are this member's from now on.
    Assigned(Vec<Partition>),
    /// Records of its partitions, those of one partition in order.
    Records(Vec<Record>),
    /// Partitions go to another member, which waits until this one says how far it is; dropping `done` says that it is no
    /// further than it has committed.
    Revoked {
        /// Which ones.
        partitions: Vec<Partition>,
        /// Takes how far it is with each.
        done: SyncSender<Vec<Done>>,
    },
    /// Partitions are another member's already.
    Lost(Vec<Partition>),
    /// Something is wrong, and may get better by itself.
    Trouble(String),
    /// The membership is over. Whoever wants to go on subscribes again.
    Ended,
}

/// A membership in a consumer group. Dropping it ends it without a last commit.
#[async_trait]
pub trait Subscription: Send + Sync {
    /// The next thing that happens; loses nothing when it is dropped before its end. A failure is an [`Arrival::Trouble`].
    async fn next(&mut self) -> Arrival;

    /// No more records of a partition for now.
    fn pause(&mut self, partition: &Partition);

    /// Records of a partition again, from the one after the last that came.
    fn resume(&mut self, partition: &Partition);

    /// Notes how far the group is.
    async fn commit(&mut self, done: Vec<Done>) -> Result<()>;

    /// For each of these partitions the offset that its next record gets.
    async fn ends(&self, partitions: Vec<Partition>) -> Result<Vec<Done>>;

    /// Notes how far the group is, and leaves it.
    async fn close(self: Box<Self>, done: Vec<Done>);
}

/// A log of events.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Publishes one event and waits until it lasts.
    async fn publish(&self, event: Event) -> Result<Position>;

    /// The same for many, each with its own answer; the outer error means that none was sent.
    async fn publish_batch(&self, events: Vec<Event>) -> Result<Vec<Result<Position>>>;

    /// The same for an outbox: nobody waits for the answer, so it takes as long as it takes to learn what became of each
    /// event, at most [`DELIVERY`]. Whoever gave up sooner would send again and again what is merely acknowledged late.
    async fn deliver(&self, events: Vec<Event>) -> Result<Vec<Result<Position, Refusal>>> {
        let answers = self.publish_batch(events).await?;
        Ok(answers.into_iter().map(|answer| answer.map_err(Refusal::from)).collect())
    }

    /// Returns when this host's disk has the events; they reach their topics from there.
    async fn publish_later(&self, events: Vec<Event>) -> Result<()>;

    /// The topics, by name.
    async fn topics(&self) -> Result<Vec<Topic>>;

    /// The records of a partition from `offset` on, at most `most` and about 1 MiB, but at least one if there is one. An
    /// offset that is no longer kept reads from the first that is.
    async fn read(&self, topic: &str, partition: u32, offset: u64, most: usize) -> Result<Vec<Record>>;

    /// The offset from which a consumer group goes on in a partition; `None` before its first commit.
    async fn committed(&self, group: &str, topic: &str, partition: u32) -> Result<Option<u64>>;

    /// Notes that the group is done with everything before these offsets, all in one commit.
    async fn commit(&self, group: &str, topic: &str, offsets: Vec<Position>) -> Result<()>;

    /// Makes this host a member of a consumer group, which has each record of the topics read by one member. A group that is new
    /// begins with the first record that is kept.
    async fn subscribe(&self, group: &str, topics: &[Arc<str>]) -> Result<Box<dyn Subscription>>;

    /// Returns when records may have been appended since `seen`, what the last call returned (0 at first). Spurious wake-ups
    /// are allowed, missed ones are not.
    async fn appended(&self, seen: u64) -> u64;
}
