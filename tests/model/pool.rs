//! The host's instance pool, checked under every interleaving of a few threads.
//!
//! The pool is the host's own file; loom's primitives stand in for the standard library's. A model runs once for each
//! way in which its threads can interleave and each value that an atomic may still read. Orders with more than
//! [`PREEMPTIONS`] are left out: that keeps the suite at seconds, and a defect that needs more is rare. Set
//! `LOOM_MAX_PREEMPTIONS` for a deeper search, and `LOOM_LOG=trace LOOM_LOCATION=1` to see the order that failed.

#![allow(clippy::unwrap_used, reason = "a test may stop at its first surprise")]

#[path = "../../host/src/runtime/pool.rs"]
mod pool;

/// The names under which the pool knows its primitives.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;
}

mod closing;
mod leasing;
mod trimming;

use loom::model::Builder;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

/// A thing in the pool, by number. It can be neither copied nor cloned: the compiler sees to it that none comes out twice.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Thing(usize);

type Pool = pool::Pool<Thing>;

/// How often a thread may be interrupted where it could have gone on.
const PREEMPTIONS: usize = 3;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS));
    builder.check(model);
}

/// A pool in which each shard holds the given things, the longest idle first.
fn pool<const SHARDS: usize>(shards: [&[usize]; SHARDS]) -> Arc<Pool> {
    let pool = Pool::new(SHARDS);
    for (worker, things) in shards.iter().enumerate() {
        for number in *things {
            assert_eq!(pool.put(worker, Thing(*number)), None);
        }
    }
    Arc::new(pool)
}

fn spawn<T: 'static>(pool: &Arc<Pool>, work: impl FnOnce(&Pool) -> T + 'static) -> JoinHandle<T> {
    let pool = Arc::clone(pool);
    thread::spawn(move || work(&pool))
}

/// Checks a pool in which no thread is any more, and returns what lay in it in order of number.
fn settle(pool: &Pool) -> Vec<Thing> {
    let idle = pool.idle();
    let left = pool.close();
    assert_eq!(left.len(), idle, "the count is what lay there");
    closed(pool);
    sorted(left)
}

/// Checks that nothing lies in a closed pool, comes out, or goes in.
fn closed(pool: &Pool) {
    assert_eq!(pool.idle(), 0);
    assert_eq!(pool.take(0), None);
    assert_eq!(pool.put(0, Thing(usize::MAX)), Some(Thing(usize::MAX)));
    assert_eq!(pool.close(), []);
    assert_eq!(pool.idle(), 0);
}

fn sorted(things: impl IntoIterator<Item = Thing>) -> Vec<Thing> {
    let mut things = Vec::from_iter(things);
    things.sort();
    things
}

fn things<const COUNT: usize>(numbers: [usize; COUNT]) -> Vec<Thing> {
    numbers.map(Thing).into()
}
