//! The host's outbox: events that wait, on this host's disk, for a log that may be away.
//!
//! Invariants:
//!
//! - **Durable before the answer.** [`Outbox::accept`] answers after the sync, and as a [`Sink`] the outbox takes the events
//!   of a documents transaction in that transaction's own commit.
//! - **Nothing that was accepted is dropped.** A row goes when the log has acknowledged its event ([`drain`]). An event that
//!   the log will never take is set aside with the reason ([`Outbox::dead`]), so that it does not hold up its key for ever;
//!   an operator who has mended the cause puts it back ([`Outbox::revive`]), or lets it go ([`Outbox::discard`]).
//! - **Bounded.** What waits has its limit, beyond which events are refused as `unavailable`; what was set aside has another
//!   ([`Limits`]).
//! - **In order per key, at least once.** See [`mod@drain`]. Every delivery carries the `event-id` that the event got here.
//!
//! Rows are in the event log's table under a topic number that the log's catalogue never gives out ([`rows`]).

mod dead;
pub(crate) mod drain;
pub(crate) mod rows;
mod shelves;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::backend::Event;
pub use super::backend::Refusal;
use crate::capabilities::embedded::{Sink, Store, Tx};
use crate::capabilities::error::{Error, Result};
pub use dead::{Dead, Which};
pub use drain::{Sender, drain};
use rows::Shelf;
use shelves::{Shelves, Usage};

/// How much an outbox holds.
///
/// What was set aside has room of its own, or a few events that the log never takes would leave none for those that it does.
/// When that room is full, neither the oldest nor the newest of them is dropped: each was accepted, and that is a promise which
/// only an operator may break. The newest stays where it is instead and holds back its key, as if the log were away for that
/// key alone; what then piles up behind it counts as waiting, of which the limit tells the guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most events that wait.
    pub rows: u64,
    /// The most bytes of them, as they are stored.
    pub bytes: u64,
    /// The most events that are set aside.
    pub dead_rows: u64,
    /// The most bytes of them.
    pub dead_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 1_000_000, bytes: 256 << 20, dead_rows: 10_000, dead_bytes: 64 << 20 }
    }
}

/// Events that wait.
pub struct Outbox {
    store: Arc<Store>,
    shelves: Arc<Shelves>,
}

impl Outbox {
    /// The outbox in an open store, with what an earlier host left in it.
    ///
    /// Blocks: it counts what is there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(store: Arc<Store>, limits: Limits) -> Result<Self> {
        let snapshot = store.snapshot()?;
        let waiting = rows::tally(&snapshot, Shelf::Waiting)?;
        let dead = rows::tally(&snapshot, Shelf::Dead)?;
        drop(snapshot);
        // Above the dead as well: a number that is used again would bury one event under another.
        let next = waiting.next.max(dead.next);
        let usage =
            Usage { waiting: waiting.rows, waiting_bytes: waiting.bytes, dead: dead.rows, dead_bytes: dead.bytes };
        Ok(Self { store, shelves: Arc::new(Shelves::new(limits, usage, next)) })
    }

    /// Takes all events or none, and answers when they are on disk.
    ///
    /// # Errors
    /// `unavailable` while the outbox is full or the store is away; `invalid` and `too large` for an event that no log takes.
    pub async fn accept(&self, events: Vec<Event>) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        // Refused here, a full outbox costs the writer nothing.
        self.shelves.check_room(0, 0)?;
        let events: Vec<Event> = events.into_iter().map(Event::with_id).collect();
        let weight = events.iter().map(Event::weight).sum();
        let shelves = Arc::clone(&self.shelves);
        self.store.write(weight, move |tx| shelves.take(tx, &events)).await
    }

    /// How many events wait.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.shelves.usage().waiting
    }

    /// How many bytes the waiting and the dead events take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let usage = self.shelves.usage();
        usage.waiting_bytes + usage.dead_bytes
    }

    /// How many events are set aside.
    #[must_use]
    pub fn dead_count(&self) -> u64 {
        self.shelves.usage().dead
    }

    /// For how long the oldest waiting event has waited; `None` if none does. One look-up in the store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn age(&self) -> Result<Option<Duration>> {
        let oldest = rows::oldest(&self.store.snapshot()?)?;
        let now = super::embedded::log::millis(SystemTime::now());
        Ok(oldest.map(|accepted_ms| Duration::from_millis(now.saturating_sub(accepted_ms))))
    }

    /// Waits until rows at or behind `sequence` are on disk.
    async fn committed(&self, sequence: u64) {
        self.shelves.committed(sequence).await;
    }

    /// The sequence behind the last row on disk.
    fn end(&self) -> u64 {
        self.shelves.end()
    }

    /// The waiting rows from a sequence on.
    async fn load(&self, from: u64, most: usize) -> Result<Vec<rows::Row>> {
        self.blocking(move |store| rows::waiting(&store.snapshot()?, from, most)).await
    }

    /// The events of waiting rows, as many from the first on as make about 1 MiB; `None` if a row is gone or cannot be read,
    /// which [`Outbox::settle`] tells apart.
    async fn events(&self, sequences: Vec<u64>) -> Result<Vec<Option<Event>>> {
        self.blocking(move |store| rows::events(&store.snapshot()?, &sequences)).await
    }

    /// Takes away what the log has, and sets aside what it will never take. Answers those for which there is no room aside:
    /// they stay where they are.
    async fn settle(&self, settled: Vec<(u64, Option<String>)>) -> Result<Vec<u64>> {
        let shelves = Arc::clone(&self.shelves);
        self.store.write(32 * settled.len(), move |tx| shelves.settle(tx, &settled)).await
    }

    /// Runs a read off the async threads: it may touch the disk many times.
    async fn blocking<T: Send + 'static>(&self, read: impl FnOnce(&Store) -> Result<T> + Send + 'static) -> Result<T> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || read(&store))
            .await
            .unwrap_or_else(|_| Err(Error::unavailable("reading the outbox failed; see the host's log")))
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("shelves", &self.shelves).finish_non_exhaustive()
    }
}

impl Sink for Outbox {
    fn take(&self, tx: &mut Tx<'_>, events: &[Event]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        self.shelves.take(tx, events)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
