//! Values of Redis kept in the host, for keys that the operator names: a read of one costs no trip.
//!
//! **Redis itself says what has changed.** A connection of its own follows the prefixes of the patterns (client tracking
//! in broadcast mode), and every write to such a key, by whomever, is told there and drops what is held. What is held
//! counts only while that connection has answered within [`VALID`]; else reads go to Redis. A connection that ends
//! takes everything with it, because nobody knows what was missed.
//!
//! **Reads.** A value is held until it is told to have changed, until its life ends, or until the budget of bytes needs
//! the room; that a key is absent is held too. A change that is told while its key is being read wins: see
//! [`held::Ticket`]. While the message of a change is on its way, the value of before may be read, also by who has seen the
//! newer one already; after it never.
//!
//! **Writes** go to Redis and drop what is held when they are over, so that a host reads what it wrote.
//!
//! The driver's own client-side cache (`cache-aio`) does not do: it follows what was read instead of prefixes, counts
//! entries instead of bytes, knows no end of its validity, and stores the answer in the reader's task, also after the
//! change was told.
//!
//! ```text
//! let near = Near::open(redis, Config { patterns: vec!["session:*".into()], size: 16 << 20 })?;
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::redis::{OpenError, Redis, address::Target};
use crate::capabilities::error::Result;
use held::Held;
use patterns::Patterns;

mod backend;
mod held;
mod patterns;
mod tracker;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
pub(super) mod tests;

/// How long an answer of the tracking connection vouches for what is held.
pub const VALID: Duration = Duration::from_secs(2);

/// What is kept in the host.
#[derive(Clone, Debug)]
pub struct Config {
    /// Keys: exactly so, or all that begin so where a `*` stands at the end.
    pub patterns: Vec<String>,
    /// The most bytes that are held, keys and overhead counted.
    pub size: usize,
}

/// Redis, with a part of it in the host. See the module.
pub struct Near {
    redis: Redis,
    patterns: Patterns,
    held: Arc<Held>,
    tracker: tokio::task::AbortHandle,
    sweeper: tokio::task::AbortHandle,
}

impl fmt::Debug for Near {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Near")
            .field("hits", &self.hits())
            .field("misses", &self.misses())
            .finish_non_exhaustive()
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        self.tracker.abort();
        self.sweeper.abort();
    }
}

impl Near {
    /// Puts itself in front of a Redis; call it within the Tokio runtime. Never waits: until Redis tells of changes,
    /// every read goes to it.
    ///
    /// # Errors
    /// For a cluster, whose nodes each tell of their own keys only.
    pub fn open(redis: Redis, config: Config) -> std::result::Result<Self, OpenError> {
        let target = Arc::clone(redis.target());
        if matches!(*target, Target::Cluster(_)) {
            return Err(OpenError::NearCluster);
        }
        let patterns = Patterns::new(&config.patterns);
        let held = Arc::new(Held::new(config.size));
        let tracker = tokio::spawn(tracker::track(Arc::clone(&held), target, patterns.prefixes())).abort_handle();
        let sweeper = tokio::spawn(held.keep_swept()).abort_handle();
        Ok(Self { redis, patterns, held, tracker, sweeper })
    }

    /// True while the server does not answer. What is held may still be read, until it is too old.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.redis.is_away()
    }

    /// Reads that were answered by the host.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.held.hits()
    }

    /// Reads of keys that match a pattern which went to Redis.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.held.misses()
    }

    /// True while what is held may be read: Redis has lately told of changes.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.held.is_valid()
    }
}
