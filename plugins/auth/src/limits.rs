//! How often somebody may ask. Windows of a minute, counted in the cache; with the cache away everything passes, and a
//! line in the log counts it.

use std::time::Duration;

use devconnect_sdk::cache::{Batch, Slot};
use devconnect_sdk::prelude::*;

const PATTERN: &str = "ratelimit:{}:{}";
const WINDOW: Duration = Duration::from_secs(60);

const LIMIT: RateLimit = RateLimit::new(PATTERN, WINDOW);
/// The same numbers, for the filter: it counts in the trip in which it asks for the session.
const COUNTER: Counter = Counter::new(PATTERN, WINDOW);
/// The same again, for the time that is left.
const NUMBER: Key<i64> = Key::new(PATTERN, WINDOW);

/// Counts an attempt by an address.
pub(crate) fn attempt(address: &str, route: &str, limit: u64) -> Result<(), Problem> {
    LIMIT.check((address, route), limit)
}

/// Counts a request by a session, among other commands.
pub(crate) fn count(batch: &mut Batch, subject: &str, route: &str) -> Slot<i64> {
    batch.add(&COUNTER, (subject, route), 1)
}

/// Decides what [`count`] counted.
pub(crate) fn decide(counted: Result<i64, Error>, subject: &str, route: &str, limit: u64) -> Result<(), Problem> {
    match counted {
        Ok(count) if u64::try_from(count).is_ok_and(|count| count > limit) => {
            let left = NUMBER.life_left((subject, route)).ok().flatten().unwrap_or(WINDOW);
            let problem = Problem::too_many_requests("Too many requests, please wait a moment");
            Err(problem.with("limit", limit).with_retry_after(left))
        }
        Ok(_) => Ok(()),
        Err(error) => {
            log::warn!("a rate limit lets pass, the cache is away", route = route, cause = error);
            Ok(())
        }
    }
}
