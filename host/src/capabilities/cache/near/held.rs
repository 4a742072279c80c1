//! What is held in the host, and how long it counts.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::VALID;
use crate::capabilities::cache::memory::{self, Memory, SystemClock};

/// Stands for a key that Redis does not have. Told from a value by its place in memory, not by its bytes, which a guest
/// could store too.
static ABSENT: Bytes = Bytes::from_static(b"absent");

/// Locks and counts of changes, spread over keys by their hash.
const MARKS: usize = 256;

/// See the module.
pub(super) struct Held {
    values: Arc<Memory>,
    /// Changes that were told, of the keys of each part. One lock covers the count and the values of its part, so that
    /// no value is stored between the two halves of a change.
    marks: Box<[Mutex<u64>]>,
    hasher: RandomState,
    origin: Instant,
    /// The moment, in milliseconds after `origin`, until which what is held may be read.
    valid_until: AtomicU64,
    /// Counts tracking connections, so that the last words of an old one do not vouch for what a new one tells of.
    session: Mutex<u64>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A read under way: what it brings is stored only if no change of its key was told since it began.
///
/// The value and the change come over different connections, so the change may be told before the older value arrives.
pub(super) struct Ticket {
    mark: u64,
    begun: Instant,
}

/// What is known about a key.
pub(super) enum Look {
    /// The value, or that there is none.
    Hit(Option<Bytes>),
    /// Ask Redis, and bring the answer with the ticket.
    Miss(Ticket),
    /// Ask Redis, and do not store the answer: nobody tells of changes now.
    Blind,
}

fn is_absent(value: &Bytes) -> bool {
    value.as_ptr() == ABSENT.as_ptr()
}

impl Held {
    pub(super) fn new(size: usize) -> Self {
        let config = memory::Config { budget: size, shards: 32 };
        Self {
            values: Arc::new(Memory::new(config, Arc::new(SystemClock::default()))),
            marks: (0..MARKS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            origin: Instant::now(),
            valid_until: AtomicU64::new(0),
            session: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub(super) fn keep_swept(&self) -> impl Future<Output = ()> + Send + 'static {
        memory::keep_swept(&self.values)
    }

    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    pub(super) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    pub(super) fn is_valid(&self) -> bool {
        self.millis(Instant::now()) < self.valid_until.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.values.stats().bytes
    }

    /// What is known about a key.
    pub(super) fn look(&self, key: &str) -> Look {
        let begun = Instant::now();
        if self.millis(begun) >= self.valid_until.load(Ordering::Acquire) {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return Look::Blind;
        }
        // An error is for other types, and only plain values are stored.
        if let Ok(Some(value)) = self.values.read(key) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Look::Hit((!is_absent(&value)).then_some(value));
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let Some(mark) = self.mark(key) else { return Look::Blind };
        let mark = *mark.lock();
        // A connection that ended in between made a mark of its own: what is read now nobody tells of yet.
        if !self.is_valid() {
            return Look::Blind;
        }
        Look::Miss(Ticket { mark, begun })
    }

    /// Stores what Redis answered, unless the key has changed since. `left` is its life in milliseconds as Redis tells
    /// it, asked for after the value.
    pub(super) fn store(&self, key: &str, ticket: &Ticket, value: Option<Bytes>, left: i64) {
        let life = match (&value, u64::try_from(left)) {
            // The life is counted from before it was asked for: it ends here before it ends there.
            (Some(_), Ok(left)) => match Duration::from_millis(left).checked_sub(ticket.begun.elapsed()) {
                Some(life) if life >= Duration::from_millis(1) => Some(life),
                _ => return,
            },
            (Some(_), Err(_)) if left == -1 => None,
            // It ended between the two questions.
            (Some(_), Err(_)) => return,
            (None, _) => None,
        };
        let Some(mark) = self.mark(key) else { return };
        let mut mark = mark.lock();
        if *mark != ticket.mark {
            return;
        }
        let value = value.unwrap_or_else(|| ABSENT.clone());
        // Two reads on either side of a change that is not told yet: which is the later one nobody can tell, so neither is
        // held.
        if let Ok(Some(held)) = self.values.read(key)
            && (held != value || is_absent(&held) != is_absent(&value))
        {
            *mark += 1;
            self.values.forget(key);
            return;
        }
        // Refused only for a value that is large against the budget: that one is read from Redis.
        let _ = self.values.write(key, value, life);
    }

    /// A key has changed, or may have.
    pub(super) fn forget(&self, key: &str) {
        let Some(mark) = self.mark(key) else { return };
        let mut mark = mark.lock();
        *mark += 1;
        self.values.forget(key);
    }

    /// Every key may have changed.
    pub(super) fn forget_all(&self) {
        for mark in &self.marks {
            *mark.lock() += 1;
        }
        // No read that began before can store any more; one that began since may lose its value here, which harms nobody.
        self.values.clear();
    }

    /// A tracking connection begins or has ended: what is held counts no more. The number stands for the new one.
    pub(super) fn renew(&self) -> u64 {
        let mut session = self.session.lock();
        *session += 1;
        self.valid_until.store(0, Ordering::Release);
        self.forget_all();
        *session
    }

    /// The tracking connection has answered what it was asked at that moment: until then it has told of every change.
    pub(super) fn confirm(&self, session: u64, asked: Instant) {
        let current = self.session.lock();
        if *current == session {
            self.valid_until.store(self.millis(asked + VALID), Ordering::Release);
        }
    }

    fn millis(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX)
    }

    fn mark(&self, key: &str) -> Option<&Mutex<u64>> {
        let hash = usize::try_from(self.hasher.hash_one(key) & 0xffff).unwrap_or_default();
        self.marks.get(hash % MARKS)
    }
}
