//! The host's outbox: events that wait, on this host's disk, for a log that may be away.
//!
//! Invariants:
//!
//! - **Durable before the answer.** [`Outbox::accept`] answers after the sync, and as a [`Sink`] the outbox takes the events
//!   of a documents transaction in that transaction's own commit.
//! - **Nothing that was accepted is dropped.** A row goes when the log has acknowledged its event ([`drain`]). An event that
//!   the log will never take is set aside with the reason ([`Outbox::dead`]), so that it does not hold up its key for ever;
//!   an operator who has mended the cause puts it back ([`Outbox::revive`]).
//! - **Bounded.** What waits and what was set aside count together; beyond the limits events are refused as `unavailable`.
//! - **In order per key, at least once.** See [`mod@drain`]. Every delivery carries the `event-id` that the event got here.
//!
//! Rows are in the event log's table under a topic number that the log's catalogue never gives out ([`rows`]).

pub(crate) mod drain;
pub(crate) mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::backend::Event;
use crate::capabilities::embedded::{Read, Sink, Store, Table, Tx};
use crate::capabilities::error::{Error, Result};
pub use drain::{Refusal, Sender, drain};
use rows::Shelf;

/// When the producers of a full outbox may try again: about what the drainer needs to make room once the log is back.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The most rows that [`Outbox::revive`] moves in one commit.
const MOST_REVIVED: usize = 1_000;

/// How much an outbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most events.
    pub rows: u64,
    /// The most bytes, as they are stored.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 1_000_000, bytes: 256 << 20 }
    }
}

/// Events that wait.
pub struct Outbox {
    store: Arc<Store>,
    shelves: Arc<Shelves>,
}

/// An event that the log will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Why.
    pub reason: String,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub accepted_ms: u64,
    /// What should have been published.
    pub event: Event,
}

/// The part that the writer's requests share.
struct Shelves {
    limits: Limits,
    usage: Mutex<Usage>,
    /// The sequence that the next row gets. The writer alone takes one, so that sequences are committed in their order.
    next: AtomicU64,
    /// The sequence behind the last committed row.
    committed: watch::Sender<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    waiting: u64,
    dead: u64,
    bytes: u64,
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
        let usage = Usage { waiting: waiting.rows, dead: dead.rows, bytes: waiting.bytes + dead.bytes };
        let shelves = Shelves {
            limits,
            usage: Mutex::new(usage),
            next: AtomicU64::new(next),
            committed: watch::Sender::new(next),
        };
        Ok(Self { store, shelves: Arc::new(shelves) })
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
        self.shelves.usage.lock().waiting
    }

    /// How many bytes the waiting and the dead events take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shelves.usage.lock().bytes
    }

    /// How many events were set aside.
    #[must_use]
    pub fn dead_count(&self) -> u64 {
        self.shelves.usage.lock().dead
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

    /// What was set aside, oldest first, at most `most`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dead(&self, most: usize) -> Result<Vec<Dead>> {
        self.blocking(move |store| rows::dead(&store.snapshot()?, most)).await
    }

    /// Puts everything that was set aside back behind what waits; how many events that are.
    ///
    /// # Errors
    /// The store is away; what was moved by then is moved.
    pub async fn revive(&self) -> Result<u64> {
        // What is set aside again meanwhile, because nothing was mended, has a later sequence and stays where it is.
        let before = self.shelves.next.load(Ordering::Relaxed);
        let mut revived = 0;
        loop {
            let shelves = Arc::clone(&self.shelves);
            let moved = self.store.write(0, move |tx| shelves.revive(tx, before)).await?;
            revived += moved;
            if moved == 0 {
                return Ok(revived);
            }
        }
    }

    /// Waits until rows at or behind `sequence` are on disk.
    async fn committed(&self, sequence: u64) {
        let mut committed = self.shelves.committed.subscribe();
        // The sender lives as long as the outbox, so that this ends only by a commit.
        let _ = committed.wait_for(|end| *end > sequence).await;
    }

    /// The sequence behind the last row on disk.
    fn end(&self) -> u64 {
        *self.shelves.committed.borrow()
    }

    /// The waiting rows from a sequence on.
    async fn load(&self, from: u64, most: usize) -> Result<Vec<rows::Row>> {
        self.blocking(move |store| rows::waiting(&store.snapshot()?, from, most)).await
    }

    /// One waiting event; `None` if the row is gone or cannot be read, which [`Outbox::settle`] tells apart.
    fn event(&self, sequence: u64) -> Result<Option<Event>> {
        rows::event(&self.store.snapshot()?, sequence)
    }

    /// Takes away what the log has, and sets aside what it will never take.
    async fn settle(&self, settled: Vec<(u64, Option<String>)>) -> Result<()> {
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
        let usage = *self.shelves.usage.lock();
        f.debug_struct("Outbox").field("limits", &self.shelves.limits).field("usage", &usage).finish_non_exhaustive()
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

impl Shelves {
    fn take(self: &Arc<Self>, tx: &mut Tx<'_>, events: &[Event]) -> Result<()> {
        let encoded: Vec<Vec<u8>> = events.iter().map(|event| rows::encode(event, tx.now())).collect::<Result<_>>()?;
        let bytes = encoded.iter().map(|value| rows::size(value)).sum();
        let room = Room::reserve(self, encoded.len() as u64, bytes)?;
        for value in encoded {
            self.append(tx, &value)?;
        }
        self.announce(tx, move || room.keep());
        Ok(())
    }

    fn append(&self, tx: &mut Tx<'_>, value: &[u8]) -> Result<()> {
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        tx.put(Table::Events, &rows::key(Shelf::Waiting, sequence), value)
    }

    /// Has `then` run, and the drainer woken, once the commit is on disk.
    fn announce(self: &Arc<Self>, tx: &mut Tx<'_>, then: impl FnOnce() + Send + 'static) {
        let (shelves, end) = (Arc::clone(self), self.next.load(Ordering::Relaxed));
        tx.on_commit(Box::new(move || {
            then();
            shelves.committed.send_modify(|committed| *committed = end.max(*committed));
        }));
    }

    fn settle(self: &Arc<Self>, tx: &mut Tx<'_>, settled: &[(u64, Option<String>)]) -> Result<()> {
        let mut change = Usage::default();
        let mut freed = 0;
        for (sequence, reason) in settled {
            let key = rows::key(Shelf::Waiting, *sequence);
            let Some(value) = tx.get(Table::Events, &key)?.map(|value| value.value().to_vec()) else { continue };
            if let Some(reason) = reason {
                let dead = rows::bury(&value, reason);
                change.bytes += rows::size(&dead);
                change.dead += 1;
                tx.put(Table::Events, &rows::key(Shelf::Dead, *sequence), &dead)?;
            }
            freed += rows::size(&value);
            change.waiting += 1;
            tx.remove(Table::Events, &key)?;
        }
        let shelves = Arc::clone(self);
        tx.on_commit(Box::new(move || {
            let mut usage = shelves.usage.lock();
            usage.waiting = usage.waiting.saturating_sub(change.waiting);
            usage.dead += change.dead;
            usage.bytes = (usage.bytes + change.bytes).saturating_sub(freed);
        }));
        Ok(())
    }

    fn revive(self: &Arc<Self>, tx: &mut Tx<'_>, before: u64) -> Result<u64> {
        let dead = rows::graves(tx, before, MOST_REVIVED)?;
        let moved = dead.len() as u64;
        let mut freed = 0;
        for (key, value) in dead {
            let row = rows::exhume(&value)?;
            freed += rows::size(&value).saturating_sub(rows::size(row));
            self.append(tx, row)?;
            tx.remove(Table::Events, &key)?;
        }
        let shelves = Arc::clone(self);
        self.announce(tx, move || {
            let mut usage = shelves.usage.lock();
            usage.waiting += moved;
            usage.dead = usage.dead.saturating_sub(moved);
            usage.bytes = usage.bytes.saturating_sub(freed);
        });
        Ok(moved)
    }

    /// Refuses so much more where it does not fit.
    fn check_room(&self, rows: u64, bytes: u64) -> Result<()> {
        self.fits(&self.usage.lock(), rows, bytes)
    }

    fn fits(&self, usage: &Usage, rows: u64, bytes: u64) -> Result<()> {
        let held = usage.waiting + usage.dead;
        // A full outbox has no room for an empty request either: that is what accept() asks first.
        if held + rows.max(1) <= self.limits.rows && usage.bytes + bytes.max(1) <= self.limits.bytes {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "the outbox is full: {} events wait for Kafka and {} were refused by it, {} bytes together (at most {} and {} \
             bytes); see whether Kafka is away",
            usage.waiting, usage.dead, usage.bytes, self.limits.rows, self.limits.bytes
        ))
        .retry_after(RETRY_AFTER))
    }
}

/// Room that is taken when the commit is on disk, and free again when it never gets there: the hook that holds it is dropped
/// unrun if its request is undone or the commit fails.
struct Room {
    shelves: Arc<Shelves>,
    rows: u64,
    bytes: u64,
}

impl Room {
    fn reserve(shelves: &Arc<Shelves>, rows: u64, bytes: u64) -> Result<Self> {
        let mut usage = shelves.usage.lock();
        shelves.fits(&usage, rows, bytes)?;
        usage.waiting += rows;
        usage.bytes += bytes;
        drop(usage);
        Ok(Self { shelves: Arc::clone(shelves), rows, bytes })
    }

    fn keep(mut self) {
        self.rows = 0;
        self.bytes = 0;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut usage = self.shelves.usage.lock();
        usage.waiting = usage.waiting.saturating_sub(self.rows);
        usage.bytes = usage.bytes.saturating_sub(self.bytes);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
