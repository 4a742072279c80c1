//! How many events a plugin may publish in a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::capabilities::error::{Error, Result};
use crate::clock;

/// A budget for each second, without a lock: the upper half of the word is the second, the lower half what was taken.
#[derive(Debug)]
pub struct Quota {
    per_second: u32,
    state: AtomicU64,
}

impl Quota {
    /// So many events a second.
    #[must_use]
    pub const fn new(per_second: u32) -> Self {
        Self { per_second, state: AtomicU64::new(0) }
    }

    /// Takes `count` events from this second's budget.
    ///
    /// # Errors
    /// `unavailable`, with the time until the next second, if they do not fit.
    pub fn take(&self, count: usize) -> Result<()> {
        self.take_at(count, clock::now_ms())
    }

    fn take_at(&self, count: usize, now_ms: u64) -> Result<()> {
        let second = now_ms / 1_000;
        let taken = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
            let used = if state >> 32 == second & 0xffff_ffff { state & 0xffff_ffff } else { 0 };
            let used = used + u64::try_from(count).ok()?;
            (used <= u64::from(self.per_second)).then_some((second << 32) | used)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::unavailable(format!(
                "more than {} events in one second (limits.publish-rate)",
                self.per_second
            ))
            .retry_after(Duration::from_millis(1_000 - now_ms % 1_000))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_budget_and_the_next_one_a_new_one() {
        let quota = Quota::new(3);
        quota.take_at(2, 5_100).unwrap();
        let refused = quota.take_at(2, 5_400).unwrap_err();
        assert_eq!(refused.case(), "unavailable");
        assert_eq!(refused.failure().retry_after, Some(Duration::from_millis(600)));
        quota.take_at(1, 5_900).unwrap();
        quota.take_at(3, 6_000).unwrap();
    }
}
