//! Warm instances, leased to one call at a time.
//!
//! A shard for each worker thread, last in, first out: what comes out was just in use, and its memory is warm. A thread
//! looks at its own shard first, so that the locks are never contended while each worker finds what it put back; only an
//! empty shard sends it to the others'.
//!
//! Invariants, checked by `tests/model` under every interleaving of a few threads:
//! - What is put in comes out at most once, and is never lost.
//! - `take` comes back with nothing only if the pool was empty at some moment of the call. So there are never more things
//!   than callers at once, where each caller makes one only when it finds none.
//! - Once `close` has returned, nothing lies in the pool or comes out of it.
//! - `trim` never brings the pool below what is to be kept, not even where two of them meet.
//! - The count equals what lies idle whenever no thread is inside. It changes only together with a shard, under that
//!   shard's lock: no thread sees it go below zero.

use super::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};

/// Idle things of one kind.
pub(crate) struct Pool<T> {
    shards: Box<[Shard<T>]>,
    idle: AtomicUsize,
    closed: AtomicBool,
}

/// On cache lines of its own: what one worker does to its list does not slow another's down.
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
        let mut at = worker % count;
        loop {
            let mut shard = self.shards.get(at)?.lock();
            if let Some(thing) = shard.pop() {
                self.idle.fetch_sub(1, Ordering::AcqRel);
                return Some(thing);
            }
            drop(shard);
            // Going round once is not enough: what lay ahead may have been taken, and put back behind us. It ends: each
            // round that finds nothing although something lies there is one in which other threads took and put.
            if self.idle.load(Ordering::Acquire) == 0 {
                return None;
            }
            at = (at + 1) % count;
        }
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
            let spare = |idle: usize| old.min(idle.saturating_sub(keep));
            // Seen and counted off in one step: two trims at two shards would each leave what the other takes.
            let count_off = |idle| (spare(idle) > 0).then(|| idle - spare(idle));
            let Ok(idle) = self.idle.fetch_update(Ordering::AcqRel, Ordering::Acquire, count_off) else { continue };
            out.extend(shard.drain(..spare(idle)));
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
