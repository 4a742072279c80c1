//! Counting within a window, and limits made of it.

use std::time::Duration;

use super::parts::{Parts, name};
use crate::error::Error;
use crate::platform::cache;
use crate::problem::Problem;
use crate::time::millis;

/// A family of numbers that count within a window: it opens with the first count and does not slide.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    pattern: &'static str,
    pub(super) window: Duration,
}

impl Counter {
    /// Numbers that start again from 0 after the window.
    #[must_use]
    pub const fn new(pattern: &'static str, window: Duration) -> Self {
        Self { pattern, window }
    }

    /// Adds, and returns the sum.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn add(&self, parts: impl Parts, by: i64) -> Result<i64, Error> {
        Ok(cache::increment(&self.name(parts), by, Some(millis(self.window)))?)
    }

    /// The number; 0 where nothing was counted.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn get(&self, parts: impl Parts) -> Result<i64, Error> {
        let bytes = cache::get(&self.name(parts))?.unwrap_or_default();
        Ok(std::str::from_utf8(&bytes).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0))
    }

    /// Starts again from 0.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn reset(&self, parts: impl Parts) -> Result<(), Error> {
        cache::delete(&[self.name(parts)])?;
        Ok(())
    }

    /// The key for these parts, as the host sees it.
    pub fn name(&self, parts: impl Parts) -> String {
        name(self.pattern, &parts)
    }
}

/// A limit to how often something may happen within a window.
///
/// ```
/// use std::time::Duration;
/// use devconnect_sdk::prelude::*;
///
/// const REQUESTS: RateLimit = RateLimit::new("ratelimit:{}:{}", Duration::from_secs(60));
///
/// # fn example(address: &str) -> Result<(), Problem> {
/// REQUESTS.check((address, "/signup"), 20)?; // 429 with `Retry-After` above 20 a minute
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RateLimit(Counter);

/// Where somebody stands with a [`RateLimit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may happen; that many more may follow in this window.
    Within {
        /// How many.
        left: u64,
    },
    /// It may not.
    Over {
        /// When the window ends.
        retry_after: Duration,
    },
    /// The cache cannot tell. The caller decides: as a rule it lets pass, and counts.
    Unknown(Error),
}

impl RateLimit {
    /// A limit whose count is kept under these keys and starts again after the window.
    #[must_use]
    pub const fn new(pattern: &'static str, window: Duration) -> Self {
        Self(Counter::new(pattern, window))
    }

    /// Counts one more, and says where that leads.
    pub fn count(&self, parts: impl Parts, limit: u64) -> Standing {
        let name = self.0.name(parts);
        let count = match cache::increment(&name, 1, Some(millis(self.0.window))) {
            Ok(count) => u64::try_from(count).unwrap_or(0),
            Err(error) => return Standing::Unknown(error.into()),
        };
        if count <= limit {
            return Standing::Within { left: limit - count };
        }
        let left = cache::ttl_ms(&name).ok().flatten().filter(|left| *left > 0);
        Standing::Over { retry_after: left.map_or(self.0.window, Duration::from_millis) }
    }

    /// Counts one more, and lets pass what is within the limit or cannot be told.
    ///
    /// # Errors
    /// 429 with `Retry-After` above the limit.
    pub fn check(&self, parts: impl Parts, limit: u64) -> Result<(), Problem> {
        match self.count(parts, limit) {
            Standing::Within { .. } => Ok(()),
            Standing::Over { retry_after } => {
                Err(Problem::too_many_requests("Too many requests, please wait a moment")
                    .with("limit", limit)
                    .with_retry_after(retry_after))
            }
            Standing::Unknown(error) => {
                crate::log::warn!("a rate limit lets pass, the cache is away", cause = error);
                Ok(())
            }
        }
    }
}
