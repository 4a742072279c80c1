//! The time, as the cache sees it: injected, so that tests move it by hand.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the cache reads the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since some fixed moment; never goes back. Lives are counted on it.
    fn monotonic_ms(&self) -> u64;

    /// Milliseconds since 1970. Only snapshots use it: lives go on while the host is down.
    fn unix_ms(&self) -> u64;
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn monotonic_ms(&self) -> u64 {
        // Not from zero: what a snapshot brings was last used before this process began.
        const BEGIN: u64 = 1 << 40;
        BEGIN.saturating_add(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
