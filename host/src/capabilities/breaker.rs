//! Stands in front of a store that may be away, so that nobody waits for it twice.
//!
//! **Closed**, every call goes through, with a time limit. After [`FAILURES`] calls in a row that the store did not
//! answer it **opens**: calls are refused at once, and one at a time goes through as a probe, 100 ms after the last and
//! then twice as long each time, up to 2 s. The first answer closes it again. Any answer counts, also a refusal that the
//! store gives about the call itself: a store that says "invalid" is not away.
//!
//! Time that ran out is no proof by itself: the operation may have been a slow one, of a plugin whose doing must not close the
//! store to all others. It counts only if the store answered nobody since the operation began, and if that was long enough ago
//! for a store that is there to have answered ([`Breaker::patient`]).
//!
//! A call that is dropped half-way proves nothing and counts as nothing; a dropped probe makes room for the next one.
//!
//! ```text
//! let breaker = Breaker::new("Redis");
//! let value = breaker.call(Duration::from_millis(100), connection.get(key)).await?;
//! ```

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::error::{Error, Result};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

/// So many calls in a row without an answer open it.
const FAILURES: u32 = 3;
/// The first pause between two probes, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Guards one store. See the module.
#[derive(Debug)]
pub(crate) struct Breaker {
    store: &'static str,
    /// Calls in a row without an answer; the breaker is open from [`FAILURES`] on. Read without the lock, so that a
    /// healthy store costs a load before a call and one after it, but written only under it.
    failures: AtomicU32,
    /// How often it was seen to answer, whomever.
    answers: AtomicU64,
    /// A shorter silence says nothing.
    silence: Duration,
    probes: Mutex<Probes>,
}

/// When the next probe may go. Means something only while the breaker is open.
#[derive(Debug)]
struct Probes {
    next: Instant,
    pause: Duration,
    running: bool,
}

/// A call that was let through. Dropped without a result it gives a probe's place back.
struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    /// A closed breaker. `store` is its name in error messages, as in "Redis".
    pub(crate) fn new(store: &'static str) -> Self {
        let probes = Probes { next: Instant::now(), pause: PAUSES.0, running: false };
        let (failures, answers) = (AtomicU32::new(0), AtomicU64::new(0));
        Self { store, failures, answers, silence: Duration::ZERO, probes: Mutex::new(probes) }
    }

    /// For a store whose callers bring their own time, of which little may be left: a silence counts from this on.
    pub(crate) const fn patient(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Runs the operation, at most for the time given, and learns from its result.
    ///
    /// # Errors
    /// `unavailable`, without running it, while the store is away; `timeout` when the time ran out; else its own error.
    pub(crate) async fn call<T>(&self, within: Duration, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let pass = self.admit()?;
        let before = self.answers.load(Ordering::Relaxed);
        let Ok(result) = timeout(within, operation).await else {
            let silent = within >= self.silence && self.answers.load(Ordering::Relaxed) == before;
            if silent {
                pass.failed();
            }
            return Err(Error::timeout(format!("{} did not answer within {} ms", self.store, within.as_millis())));
        };
        match result {
            Err(Error::Unavailable(_) | Error::Timeout(_)) => pass.failed(),
            Ok(_) | Err(_) => pass.answered(),
        }
        result
    }

    /// True while calls are refused.
    pub(crate) fn is_open(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES
    }

    /// Closes it: the store was seen to answer outside a call, as when a new connection shook hands.
    pub(crate) fn close(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        if self.failures.load(Ordering::Relaxed) != 0 {
            let mut probes = self.probes.lock();
            self.failures.store(0, Ordering::Relaxed);
            probes.running = false;
        }
    }

    fn admit(&self) -> Result<Pass<'_>> {
        if !self.is_open() {
            return Ok(Pass { breaker: self, probe: false });
        }
        let mut probes = self.probes.lock();
        let now = Instant::now();
        if !probes.running && probes.next <= now {
            probes.running = true;
            return Ok(Pass { breaker: self, probe: true });
        }
        // While a probe runs its pause is the best guess: by then it has an answer, or the next one has.
        let left = probes.next.saturating_duration_since(now);
        let after = if left.is_zero() { probes.pause } else { left };
        Err(Error::unavailable(format!("{} is away: it left the last calls without an answer", self.store))
            .retry_after(after))
    }
}

impl Pass<'_> {
    fn answered(mut self) {
        self.probe = false;
        self.breaker.close();
    }

    fn failed(mut self) {
        let breaker = self.breaker;
        let mut probes = breaker.probes.lock();
        let failures = breaker.failures.load(Ordering::Relaxed).saturating_add(1);
        breaker.failures.store(failures, Ordering::Relaxed);
        if failures == FAILURES {
            probes.pause = PAUSES.0;
            probes.next = Instant::now() + probes.pause;
            probes.running = false;
        } else if self.probe && failures > FAILURES {
            probes.pause = (probes.pause * 2).min(PAUSES.1);
            probes.next = Instant::now() + probes.pause;
            probes.running = false;
        }
        // Calls that began before it opened and fail after it say nothing new.
        self.probe = false;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe && self.breaker.is_open() {
            let mut probes = self.breaker.probes.lock();
            probes.running = false;
            // The pause begins anew, without growing: callers that give up early must not turn every call into a probe.
            probes.next = Instant::now() + probes.pause;
        }
    }
}
