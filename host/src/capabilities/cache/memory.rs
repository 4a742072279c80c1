//! The cache in the host's own memory: the default where no Redis is configured.
//!
//! Keys are spread over shards by their hash, each under its own lock, which is held for one operation on one key and
//! never across an `await`. So every function but `delete` and `batch`, which go key by key, is one step for all others.
//!
//! **Memory** is a budget of bytes, estimated on the high side. What passes it evicts entries: of a few drawn at random
//! the one that was not used for the longest time, as Redis does it. One key may take an eighth of the budget.
//!
//! **Lives** end by the clock that was given. A key whose life is over is gone for every reader at once; its memory is
//! given back when the key is touched, or when [`Memory::sweep`] draws it.
//!
//! **Restarts.** [`Memory::save`] writes a snapshot, [`Memory::load`] takes it in and removes the file.
//!
//! ```text
//! let cache = Arc::new(Memory::new(Config::default(), Arc::new(SystemClock::default())));
//! tokio::spawn(memory::keep_swept(&cache));
//! cache.set("greeting", Bytes::from("hello"), Some(Duration::from_secs(60))).await?;
//! ```

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

pub use self::clock::{Clock, SystemClock};
use self::shard::Shard;

mod clock;
mod commands;
mod shard;
pub mod snapshot;
mod sorted;
mod value;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

/// How large the cache may grow, and how finely it is locked.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The budget in bytes, keys and overhead counted.
    pub budget: usize,
    /// How many locks; rounded up to a power of two, at most 256.
    pub shards: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { budget: 64 << 20, shards: 32 }
    }
}

/// What the cache has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entries that are held now.
    pub entries: usize,
    /// Bytes that they occupy, as the budget counts them.
    pub bytes: usize,
    /// Reads of a plain value that found one.
    pub hits: u64,
    /// Reads of a plain value that found none.
    pub misses: u64,
    /// Entries removed because their life was over.
    pub expired: u64,
    /// Entries removed because the budget was full.
    pub evicted: u64,
}

/// The cache in memory. See the module.
pub struct Memory {
    shards: Box<[Mutex<Shard>]>,
    /// One more, standing alone: so every hash has a shard, without an index that could fail.
    last: Mutex<Shard>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    budget: usize,
    bytes: AtomicUsize,
    evicted: AtomicU64,
    seed: AtomicU64,
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are users' data and keys hold tokens: only numbers are shown.
        formatter.debug_struct("Memory").field("budget", &self.budget).field("stats", &self.stats()).finish()
    }
}

impl Memory {
    /// An empty cache.
    #[must_use]
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let shards = config.shards.clamp(1, 256).next_power_of_two();
        let hasher = RandomState::new();
        Self {
            shards: (1..shards).map(|_| Mutex::default()).collect(),
            last: Mutex::default(),
            seed: AtomicU64::new(hasher.hash_one("seed")),
            hasher,
            clock,
            budget: config.budget,
            bytes: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// What the cache holds and has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { evicted: self.evicted.load(Ordering::Relaxed), ..Stats::default() };
        for shard in self.shards() {
            let shard = shard.lock();
            stats.entries += shard.len();
            stats.bytes += shard.bytes();
            stats.hits += shard.hits;
            stats.misses += shard.misses;
            stats.expired += shard.expired;
        }
        stats
    }

    /// Gives back memory of entries whose life is over, by drawing: a shard is left when fewer than a quarter of those
    /// drawn were over, or after a few rounds. Call it about ten times a second; [`keep_swept`] does.
    pub fn sweep(&self) {
        const DRAWN: usize = 20;
        const ROUNDS: usize = 16;
        let now = self.clock.monotonic_ms();
        for shard in self.shards() {
            for _ in 0..ROUNDS {
                // The lock is taken anew for each round, so that nobody waits for more than twenty removals.
                let over = self.within(shard, |shard| {
                    let drawn = (0..DRAWN.min(shard.len())).filter_map(|_| shard.draw_expired(self.random(), now));
                    drawn.filter(|over| *over).count()
                });
                if over * 4 < DRAWN {
                    break;
                }
            }
            self.within(shard, Shard::shrink);
        }
    }

    /// Removes everything.
    pub(super) fn clear(&self) {
        for shard in self.shards() {
            // What was stored is dropped here, after the lock.
            let _all = self.within(shard, Shard::clear);
        }
    }

    /// Runs an operation on the key's shard, then evicts if that grew the cache past its budget.
    fn on<R>(&self, key: &str, operation: impl FnOnce(&mut Shard, u64) -> R) -> R {
        let now = self.clock.monotonic_ms();
        let answer = self.within(self.shard(self.hasher.hash_one(key)), |shard| operation(shard, now));
        if self.bytes.load(Ordering::Relaxed) > self.budget {
            self.evict(key, now);
        }
        answer
    }

    /// Runs an operation under the lock and carries the change of its bytes to the total.
    fn within<R>(&self, shard: &Mutex<Shard>, operation: impl FnOnce(&mut Shard) -> R) -> R {
        let mut shard = shard.lock();
        let before = shard.bytes();
        let answer = operation(&mut shard);
        let after = shard.bytes();
        // Still under the lock: else another thread could subtract an entry before it was added.
        if after > before {
            self.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else if before > after {
            self.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
        answer
    }

    /// Removes entries until the budget holds, but not the one that was just written: no key may take more than a part
    /// of the budget, so there are others.
    fn evict(&self, spared: &str, now: u64) {
        const DRAWN: usize = 5;
        const IN_VAIN: usize = 64;
        let mut in_vain = 0;
        // Bounded, because other threads evict and spare too.
        while self.bytes.load(Ordering::Relaxed) > self.budget && in_vain < IN_VAIN {
            let oldest = (0..DRAWN).filter_map(|_| self.draw(spared, now)).min_by_key(|drawn| drawn.age);
            let removed =
                oldest.and_then(|drawn| self.within(drawn.shard, |shard| shard.remove_unused(&drawn.key, drawn.used)));
            if removed.is_some() {
                self.evicted.fetch_add(1, Ordering::Relaxed);
                in_vain = 0;
            } else {
                in_vain += 1;
            }
        }
    }

    fn draw(&self, spared: &str, now: u64) -> Option<Drawn<'_>> {
        let random = self.random();
        let shard = self.shard(random);
        let guard = shard.lock();
        let slot = guard.draw(random >> 16)?;
        if &*slot.key == spared {
            return None;
        }
        let age = if slot.expires <= now { 0 } else { slot.used };
        Some(Drawn { shard, key: Arc::clone(&slot.key), used: slot.used, age })
    }

    /// The most that one key may occupy.
    fn most(&self) -> usize {
        self.budget / 8
    }

    fn shards(&self) -> impl Iterator<Item = &Mutex<Shard>> {
        self.shards.iter().chain(std::iter::once(&self.last))
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The number of shards is a power of two: what stands in the slice is one less, and so the mask.
        let place = usize::try_from(hash & 0xff).unwrap_or_default() & self.shards.len();
        self.shards.get(place).unwrap_or(&self.last)
    }

    /// A number that nobody outside can foresee: SplitMix64 from a random start.
    fn random(&self) -> u64 {
        let mut number = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

/// An entry that eviction may take.
struct Drawn<'a> {
    shard: &'a Mutex<Shard>,
    key: Arc<str>,
    used: u64,
    /// When it was last of use: never, if its life is over.
    age: u64,
}

/// Sweeps the cache ten times a second, until it is dropped.
pub fn keep_swept(cache: &Arc<Memory>) -> impl Future<Output = ()> + Send + 'static {
    let cache = Arc::downgrade(cache);
    async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let Some(cache) = cache.upgrade() else { return };
            cache.sweep();
        }
    }
}
