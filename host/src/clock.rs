//! A coarse clock for the hot path: milliseconds since the process started, read with one load.
//!
//! The runtime's ticker thread advances it every [`TICK`] together with the engine's epoch. It is good for budgets,
//! idle times and rate limits; whoever needs more than 10 ms of precision asks [`std::time::Instant`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often the clock moves, and how fine CPU budgets and idle times are.
pub const TICK: Duration = Duration::from_millis(10);

static NOW: AtomicU64 = AtomicU64::new(0);

/// Milliseconds since the process started, at most [`TICK`] old while the ticker runs.
#[inline]
#[must_use]
pub fn now_ms() -> u64 {
    NOW.load(Ordering::Relaxed)
}

/// Moves the clock; only the ticker does. A step back is ignored.
pub(crate) fn advance_to(ms: u64) {
    NOW.fetch_max(ms, Ordering::Relaxed);
}
