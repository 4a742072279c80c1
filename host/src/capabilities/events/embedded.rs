//! The embedded event log: topics of three partitions in the embedded store's file.
//!
//! Laid out so that an installation may change to Kafka and back: a key goes to the partition that Kafka's clients would
//! choose ([`partition`]), offsets are dense and never used again, records carry Kafka's parts. A topic comes into being
//! with its first event. Every append is in the writer's commit, so what was answered is on disk and an event of a
//! documents transaction is there exactly if the documents are.
//!
//! Keys of the catalogue: `topic/<name>` → the topic's number and partitions; `start/<number><partition>` → the first offset
//! that retention kept; `group/<group>/<number><partition>` → a consumer group's committed offset. Rows of the log:
//! number ‖ partition ‖ offset, big-endian, → a record ([`record`]).

pub(crate) mod log;
pub(crate) mod partition;
pub(crate) mod record;
pub(crate) mod retention;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::backend::{Backend, Event, Position, Record, Subscription, Topic};
use crate::capabilities::embedded::{Sink, Store, Tx};
use crate::capabilities::error::{Error, Result};
pub use retention::Retention;

/// How often old records are looked for.
const RETENTION_PERIOD: Duration = Duration::from_secs(30);

/// The log; clones are the same one.
#[derive(Clone)]
pub struct Log {
    store: Arc<Store>,
    appender: Arc<Appender>,
}

/// The part of the log that runs in the writer.
struct Appender {
    spread: partition::Spread,
    /// Counts the requests that appended something. Shared with the hooks that run after a commit.
    appended: Arc<watch::Sender<u64>>,
}

impl Log {
    /// The log in an open store.
    #[must_use]
    pub fn new(store: Arc<Store>, retention: Retention) -> Self {
        store.every(RETENTION_PERIOD, Box::new(move |tx| retention::apply(tx, retention)));
        let appender = Appender { spread: partition::Spread::default(), appended: Arc::default() };
        Self { store, appender: Arc::new(appender) }
    }

    /// What the embedded documents hand their transactions' events to.
    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.appender) as Arc<dyn Sink>
    }

    /// How many requests have appended something.
    fn count(&self) -> u64 {
        *self.appender.appended.borrow()
    }

    async fn append(&self, events: Vec<Event>) -> Result<Vec<Result<Position>>> {
        let events: Vec<Event> = events.into_iter().map(Event::with_id).collect();
        let weight = events.iter().map(Event::weight).sum();
        let appender = Arc::clone(&self.appender);
        self.store
            .write(weight, move |tx| {
                appender.announce(tx);
                events
                    .iter()
                    .map(|event| match appender.append(tx, event) {
                        // The store's failures are the call's, not the event's.
                        Err(error @ Error::Unavailable(_)) => Err(error),
                        answer => Ok(answer),
                    })
                    .collect()
            })
            .await
    }

    /// Runs a read off the async threads: it may touch the disk many times.
    async fn blocking<T: Send + 'static>(&self, read: impl FnOnce(&Store) -> Result<T> + Send + 'static) -> Result<T> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || read(&store))
            .await
            .unwrap_or_else(|_| Err(Error::unavailable("reading the event log failed; see the host's log")))
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Appender {
    fn append(&self, tx: &mut Tx<'_>, event: &Event) -> Result<Position> {
        // Checked before the first write: an event that is refused leaves nothing, also amid a batch.
        record::check(event)?;
        let topic = log::ensure_topic(tx, &event.topic)?;
        let partition = match &event.key {
            Some(key) => partition::of_key(key.as_bytes(), topic.partitions),
            None => self.spread.next(topic.partitions),
        };
        log::append(tx, topic.number, partition, event)
    }

    /// Wakes the readers once the commit is on disk.
    fn announce(&self, tx: &mut Tx<'_>) {
        let appended = Arc::clone(&self.appended);
        tx.on_commit(Box::new(move || appended.send_modify(|count| *count += 1)));
    }
}

impl Sink for Appender {
    fn take(&self, tx: &mut Tx<'_>, events: &[Event]) -> Result<()> {
        self.announce(tx);
        events.iter().try_for_each(|event| self.append(tx, event).map(drop))
    }
}

#[async_trait]
impl Backend for Log {
    async fn publish(&self, event: Event) -> Result<Position> {
        let operation = format!("publish to {}", event.topic);
        let mut answers = self.append(vec![event]).await.map_err(|error| error.within(&operation))?;
        let answer = answers.pop().unwrap_or_else(|| Err(Error::unavailable("the log gave no answer")));
        answer.map_err(|error| error.within(&operation))
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Result<Vec<Result<Position>>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.append(events).await.map_err(|error| error.within("publish-batch"))
    }

    async fn publish_later(&self, events: Vec<Event>) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        // Later is now: the log is on this host's disk already. All of them or none, as an outbox would take them.
        let events: Vec<Event> = events.into_iter().map(Event::with_id).collect();
        let weight = events.iter().map(Event::weight).sum();
        let appender = Arc::clone(&self.appender);
        let taken = self.store.write(weight, move |tx| appender.take(tx, &events)).await;
        taken.map_err(|error| error.within("publish-later"))
    }

    async fn topics(&self) -> Result<Vec<Topic>> {
        self.blocking(|store| log::topics(&store.snapshot()?)).await
    }

    async fn read(&self, topic: &str, partition: u32, offset: u64, most: usize) -> Result<Vec<Record>> {
        let topic = topic.to_owned();
        self.blocking(move |store| log::read(&store.snapshot()?, &topic, partition, offset, most)).await
    }

    async fn committed(&self, group: &str, topic: &str, partition: u32) -> Result<Option<u64>> {
        log::committed(&self.store.snapshot()?, group, topic, partition)
    }

    async fn commit(&self, group: &str, topic: &str, offsets: Vec<Position>) -> Result<()> {
        let (group, topic) = (group.to_owned(), topic.to_owned());
        let weight = 32 * offsets.len();
        self.store.write(weight, move |tx| log::commit(tx, &group, &topic, &offsets)).await
    }

    async fn subscribe(&self, group: &str, topics: &[Arc<str>]) -> Result<Box<dyn Subscription>> {
        Ok(Box::new(subscription::Member::new(self.clone(), group, topics)))
    }

    async fn appended(&self, seen: u64) -> u64 {
        let mut watcher = self.appender.appended.subscribe();
        // The sender lives as long as the log does, so that this ends only by an append.
        let now = watcher.wait_for(|count| *count > seen).await.map(|count| *count);
        now.unwrap_or(seen)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
