//! Warm instances, leased to one call at a time.
//!
//! A shard for each worker thread, last in, first out: what comes out was just in use, and its memory is warm. A thread
//! looks at its own shard first, so that the locks are never contended while each worker finds what it put back; only an
//! empty shard sends it to the others'.
//!
//! Invariants, checked under every interleaving by `tests/model`: what is put in comes out at most once; nothing comes
//! out of, or stays in, a closed pool; the count of what lies idle is right whenever no thread is inside.

use super::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};

/// Idle things of one kind.
pub(crate) struct Pool<T> {
    shards: Box<[Shard<T>]>,
    idle: AtomicUsize,
    closed: AtomicBool,
}

/// On cache lines of its own: two workers never wait for one line.
#[repr(align(128))]
struct Shard<T>(Mutex<Vec<T>>);

impl<T> Shard<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        // Nothing that can panic runs under the lock; if it did, the list would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Pool<T> {
    /// An empty pool for so many worker threads.
    pub(crate) fn new(workers: usize) -> Self {
        let shards = (0..workers.max(1)).map(|_| Shard(Mutex::new(Vec::new()))).collect();
        Self { shards, idle: AtomicUsize::new(0), closed: AtomicBool::new(false) }
    }

    /// Takes the thing that was put in last by `worker`, or else one of another worker's.
    pub(crate) fn take(&self, worker: usize) -> Option<T> {
        let count = self.shards.len();
        for step in 0..count {
            let shard = self.shards.get((worker + step) % count)?;
            if let Some(thing) = shard.lock().pop() {
                self.idle.fetch_sub(1, Ordering::AcqRel);
                return Some(thing);
            }
            if self.idle.load(Ordering::Acquire) == 0 {
                return None;
            }
        }
        None
    }

    /// Puts a thing back for the next call, or returns it if the pool is closed.
    pub(crate) fn put(&self, worker: usize, thing: T) -> Option<T> {
        let Some(shard) = self.shards.get(worker % self.shards.len()) else { return Some(thing) };
        let mut shard = shard.lock();
        // Under the lock: whoever closes the pool empties this shard either before (and we see the flag) or after.
        if self.closed.load(Ordering::Acquire) {
            return Some(thing);
        }
        self.idle.fetch_add(1, Ordering::AcqRel);
        shard.push(thing);
        None
    }

    /// Takes out what `expired` says has been idle for too long, the longest idle of each shard first, and leaves `keep`.
    pub(crate) fn trim(&self, keep: usize, expired: impl Fn(&T) -> bool) -> Vec<T> {
        let mut out = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            let old = shard.iter().take_while(|thing| expired(thing)).count();
            let spare = self.idle.load(Ordering::Acquire).saturating_sub(keep);
            let taken = old.min(spare);
            self.idle.fetch_sub(taken, Ordering::AcqRel);
            out.extend(shard.drain(..taken));
        }
        out
    }

    /// Closes the pool and returns what lies in it; what is leased is returned by [`put`](Self::put).
    pub(crate) fn close(&self) -> Vec<T> {
        self.closed.store(true, Ordering::Release);
        let mut out = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock();
            self.idle.fetch_sub(shard.len(), Ordering::AcqRel);
            out.append(&mut shard);
        }
        out
    }

    /// How many lie idle.
    pub(crate) fn idle(&self) -> usize {
        self.idle.load(Ordering::Acquire)
    }
}
