//! What of one partition is being worked on: the records from the lowest unfinished one on.
//!
//! Invariants: records of one key are handed out in their order, and the next one only when the one before is finished; a
//! record that has to be tried again holds back its key and no other; [`Window::done_to`] never passes a record that is not
//! finished. A record without a key is ordered with nothing.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::capabilities::events::backend::Record;

/// Pauses before the second try and those after it; after the last one an event is given up.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(10)];
/// The pause after a try that does not count.
const FREE_PAUSE: Duration = Duration::from_secs(1);
/// About how many bytes go into one batch, but at least one record.
const BATCH_BYTES: usize = 1 << 20;

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// Its effects are durable.
    Done,
    /// To be tried again. The pause grows, and the tries are numbered.
    Again(String),
    /// To be tried again, and nobody's fault: the try does not count.
    Later,
    /// To be tried by itself: its batch failed as a whole.
    Alone,
    /// Never to be tried again.
    Never(String),
}

/// A record that was given up, for the topic of the dead.
#[derive(Clone, Debug)]
pub(super) struct Dead {
    pub(super) record: Arc<Record>,
    pub(super) reason: String,
    pub(super) tries: u32,
}

#[derive(Debug)]
pub(super) struct Window {
    /// Those that are finished before the first unfinished one are gone; behind it they are nothing more than their offsets.
    entries: VecDeque<Entry>,
    unfinished: usize,
    /// Bytes of the unfinished ones.
    bytes: usize,
    /// The lowest unfinished offset, or the one that comes next.
    done_to: u64,
    /// Whether a batch is being handled: one at a time.
    running: bool,
}

#[derive(Debug)]
struct Entry {
    offset: u64,
    /// `None` once it is finished.
    record: Option<Arc<Record>>,
    state: State,
    /// Which try is the next, or runs.
    attempt: u32,
    alone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be tried, once the moment has come.
    Waiting(Option<Instant>),
    /// In a batch.
    Running,
    /// On its way to the topic of the dead.
    Dying,
    Finished,
}

/// The most offsets that wait for one that is not finished: some megabytes.
const MOST_ENTRIES: usize = 100_000;

/// Records to be handled together, with the number of the try for each.
pub(super) type Batch = Vec<(Arc<Record>, u32)>;

impl Window {
    /// A window without records. `next` is where the partition goes on, as far as it is known.
    pub(super) const fn new(next: u64) -> Self {
        Self { entries: VecDeque::new(), unfinished: 0, bytes: 0, done_to: next, running: false }
    }

    /// Takes in the next record of the partition. One that was there already, because the partition was read again, is left out.
    pub(super) fn push(&mut self, record: Record) {
        let offset = record.position.offset;
        match self.entries.back() {
            Some(last) if offset <= last.offset => return,
            Some(_) => {}
            None if offset < self.done_to => return,
            // Offsets may have gaps: retention, compaction, marks of transactions.
            None => self.done_to = offset,
        }
        self.bytes += weight(&record);
        self.unfinished += 1;
        let (record, state) = (Some(Arc::new(record)), State::Waiting(None));
        self.entries.push_back(Entry { offset, record, state, attempt: 1, alone: false });
    }

    /// Everything before this offset is finished.
    pub(super) const fn done_to(&self) -> u64 {
        self.done_to
    }

    /// Records that it holds, and their bytes.
    pub(super) const fn load(&self) -> (usize, usize) {
        (self.unfinished, self.bytes)
    }

    /// Whether too many finished records wait for one that is not.
    pub(super) fn is_long(&self) -> bool {
        self.entries.len() >= MOST_ENTRIES
    }

    /// Whether a batch is being handled.
    pub(super) const fn is_running(&self) -> bool {
        self.running
    }

    /// The next batch, unless one is being handled, or nothing may be now.
    pub(super) fn take(&mut self, most: usize, now: Instant) -> Option<Batch> {
        if self.running {
            return None;
        }
        let mut held: HashSet<Vec<u8>> = HashSet::new();
        let mut batch = Batch::new();
        let mut bytes = 0;
        for entry in &mut self.entries {
            let Some(record) = &entry.record else { continue };
            let key = record.key.as_ref();
            match entry.state {
                State::Finished => continue,
                State::Waiting(until) if until.is_none_or(|until| until <= now) => {
                    if key.is_some_and(|key| held.contains(key)) {
                        continue;
                    }
                }
                State::Waiting(_) | State::Running | State::Dying => {
                    held.extend(key.cloned());
                    continue;
                }
            }
            if entry.alone && !batch.is_empty() {
                // It goes first next time; those of its key stay behind it.
                held.extend(key.cloned());
                continue;
            }
            bytes += weight(record);
            if !batch.is_empty() && bytes > BATCH_BYTES {
                break;
            }
            entry.state = State::Running;
            batch.push((Arc::clone(record), entry.attempt));
            if entry.alone || batch.len() >= most {
                break;
            }
        }
        self.running = !batch.is_empty();
        self.running.then_some(batch)
    }

    /// Notes what became of the batch, a result for each record in its order. Those that were given up come back: they are
    /// finished only when [`buried`](Self::buried) is called.
    pub(super) fn tried(&mut self, results: Vec<Tried>, now: Instant) -> Vec<Dead> {
        self.running = false;
        let mut dead = Vec::new();
        // Behind a record that failed, those of its key may have been held back by the guest: that is no try of theirs.
        let mut failed: HashSet<Vec<u8>> = HashSet::new();
        let running = self.entries.iter_mut().filter(|entry| entry.state == State::Running);
        for (entry, result) in running.zip(results) {
            let Some(record) = entry.record.as_ref() else { continue };
            let key = record.key.clone();
            let held_back = key.as_ref().is_some_and(|key| failed.contains(key));
            entry.state = match result {
                Tried::Done => State::Finished,
                Tried::Again(_) | Tried::Later if held_back => State::Waiting(None),
                Tried::Again(reason) => match PAUSES.get(entry.attempt as usize - 1) {
                    Some(pause) => {
                        entry.attempt += 1;
                        State::Waiting(Some(now + *pause))
                    }
                    None => {
                        dead.push(Dead { record: Arc::clone(record), reason, tries: entry.attempt });
                        State::Dying
                    }
                },
                Tried::Later => State::Waiting(Some(now + FREE_PAUSE)),
                Tried::Alone => {
                    entry.alone = true;
                    State::Waiting(None)
                }
                Tried::Never(reason) => {
                    dead.push(Dead { record: Arc::clone(record), reason, tries: entry.attempt });
                    State::Dying
                }
            };
            if entry.state == State::Finished {
                self.unfinished -= 1;
                self.bytes -= entry.record.take().map_or(0, |record| weight(&record));
            } else {
                failed.extend(key);
            }
        }
        self.advance();
        dead
    }

    /// A record that was given up is in the topic of the dead.
    pub(super) fn buried(&mut self, offset: u64) {
        let dying = |entry: &&mut Entry| entry.offset == offset && entry.state == State::Dying;
        if let Some(entry) = self.entries.iter_mut().find(dying)
            && let Some(record) = entry.record.take()
        {
            entry.state = State::Finished;
            self.unfinished -= 1;
            self.bytes -= weight(&record);
        }
        self.advance();
    }

    /// When a record that has to wait may be tried, if nothing else happens.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if self.running {
            return None;
        }
        let until = |entry: &Entry| match entry.state {
            State::Waiting(until) => until,
            State::Running | State::Dying | State::Finished => None,
        };
        self.entries.iter().filter_map(until).min()
    }

    /// Forgets finished records at the front.
    fn advance(&mut self) {
        while let Some(first) = self.entries.front().filter(|entry| entry.state == State::Finished) {
            self.done_to = first.offset + 1;
            self.entries.pop_front();
        }
    }
}

/// About how many bytes a record takes: others than this host may have written large keys and headers.
fn weight(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.value.len() + record.key.as_ref().map_or(0, Vec::len) + headers
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
