//! What waits and what was set aside, as the store's writer changes it: how much there is, and the next sequence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::super::backend::Event;
use super::Limits;
use super::rows::{self, Shelf};
use crate::capabilities::embedded::{Read, Table, Tx};
use crate::capabilities::error::{Error, Result};

/// When the producers of a full outbox may try again: about what the drainer needs to make room once the log is back.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// About how many bytes one commit lifts from the dead.
const MOST_LIFTED_BYTES: u64 = 4 << 20;

/// How much there is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) waiting: u64,
    pub(super) waiting_bytes: u64,
    pub(super) dead: u64,
    pub(super) dead_bytes: u64,
}

/// What becomes of a dead event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits again, behind all others.
    Revived,
    /// It is gone.
    Discarded,
}

/// The part that the writer's requests share.
#[derive(Debug)]
pub(super) struct Shelves {
    limits: Limits,
    usage: Mutex<Usage>,
    /// The sequence that the next row gets. The writer alone takes one, so that sequences are committed in their order.
    next: AtomicU64,
    /// The sequence behind the last committed row.
    committed: watch::Sender<u64>,
}

impl Shelves {
    pub(super) fn new(limits: Limits, usage: Usage, next: u64) -> Self {
        Self { limits, usage: Mutex::new(usage), next: AtomicU64::new(next), committed: watch::Sender::new(next) }
    }

    pub(super) fn usage(&self) -> Usage {
        *self.usage.lock()
    }

    /// The sequence behind the last row on disk.
    pub(super) fn end(&self) -> u64 {
        *self.committed.borrow()
    }

    /// Waits until rows at or behind `sequence` are on disk.
    pub(super) async fn committed(&self, sequence: u64) {
        let mut committed = self.committed.subscribe();
        // The sender lives as long as the outbox, so that this ends only by a commit.
        let _ = committed.wait_for(|end| *end > sequence).await;
    }

    pub(super) fn take(self: &Arc<Self>, tx: &mut Tx<'_>, events: &[Event]) -> Result<()> {
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

    /// Takes rows away, those with a reason to be set aside. Answers those of them for which there is no room.
    pub(super) fn settle(self: &Arc<Self>, tx: &mut Tx<'_>, settled: &[(u64, Option<String>)]) -> Result<Vec<u64>> {
        let (held, most) = (self.usage(), &self.limits);
        let mut change = Usage::default();
        let mut kept = Vec::new();
        for (sequence, reason) in settled {
            let key = rows::key(Shelf::Waiting, *sequence);
            let Some(value) = tx.get(Table::Events, &key)?.map(|value| value.value().to_vec()) else { continue };
            if let Some(reason) = reason {
                let dead = rows::bury(&value, reason);
                let (count, bytes) = (change.dead + 1, change.dead_bytes + rows::size(&dead));
                if held.dead + count > most.dead_rows || held.dead_bytes + bytes > most.dead_bytes {
                    kept.push(*sequence);
                    continue;
                }
                (change.dead, change.dead_bytes) = (count, bytes);
                tx.put(Table::Events, &rows::key(Shelf::Dead, *sequence), &dead)?;
            }
            change.waiting += 1;
            change.waiting_bytes += rows::size(&value);
            tx.remove(Table::Events, &key)?;
        }
        let shelves = Arc::clone(self);
        tx.on_commit(Box::new(move || {
            let mut usage = shelves.usage.lock();
            usage.waiting = usage.waiting.saturating_sub(change.waiting);
            usage.waiting_bytes = usage.waiting_bytes.saturating_sub(change.waiting_bytes);
            usage.dead += change.dead;
            usage.dead_bytes += change.dead_bytes;
        }));
        Ok(kept)
    }

    /// Lifts rows from the dead; how many of those named were looked at, and how many were lifted. Those that are not dead, or
    /// damaged beyond reviving, are passed over.
    pub(super) fn lift(self: &Arc<Self>, tx: &mut Tx<'_>, sequences: &[u64], fate: Fate) -> Result<(usize, u64)> {
        let (mut looked_at, mut lifted, mut freed, mut bytes) = (0, 0, 0, 0);
        for sequence in sequences {
            if freed >= MOST_LIFTED_BYTES {
                break;
            }
            looked_at += 1;
            let key = rows::key(Shelf::Dead, *sequence);
            let Some(value) = tx.get(Table::Events, &key)?.map(|value| value.value().to_vec()) else { continue };
            if fate == Fate::Revived {
                let Ok(row) = rows::exhume(&value) else { continue };
                bytes += rows::size(row);
                self.append(tx, row)?;
            }
            lifted += 1;
            freed += rows::size(&value);
            tx.remove(Table::Events, &key)?;
        }
        if lifted == 0 {
            return Ok((looked_at, 0));
        }
        // Refused here, the request is undone as a whole.
        let room = if fate == Fate::Revived { Some(Room::reserve(self, lifted, bytes)?) } else { None };
        let shelves = Arc::clone(self);
        self.announce(tx, move || {
            room.into_iter().for_each(Room::keep);
            let mut usage = shelves.usage.lock();
            usage.dead = usage.dead.saturating_sub(lifted);
            usage.dead_bytes = usage.dead_bytes.saturating_sub(freed);
        });
        Ok((looked_at, lifted))
    }

    /// Refuses so much more where it does not fit.
    pub(super) fn check_room(&self, rows: u64, bytes: u64) -> Result<()> {
        self.fits(&self.usage.lock(), rows, bytes)
    }

    fn fits(&self, usage: &Usage, rows: u64, bytes: u64) -> Result<()> {
        let limits = &self.limits;
        // A full outbox has no room for an empty request either: that is what accept() asks first.
        if usage.waiting + rows.max(1) <= limits.rows && usage.waiting_bytes + bytes.max(1) <= limits.bytes {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "the outbox is full: {} events wait for Kafka, {} bytes together (at most {} and {} bytes); see whether Kafka is \
             away or refuses some",
            usage.waiting, usage.waiting_bytes, limits.rows, limits.bytes
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
        usage.waiting_bytes += bytes;
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
        usage.waiting_bytes = usage.waiting_bytes.saturating_sub(self.bytes);
    }
}
