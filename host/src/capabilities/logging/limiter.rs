//! How many log lines a plugin may write in a second, and how many were left out.
//!
//! A bucket of one second's lines that fills evenly, kept as one number: the moment at which it would be full again. So
//! all workers share it without a lock. Whoever leaves lines out, here or by the limits of a call, adds them up here, and
//! the log tells the sum once a second instead of each.

use std::sync::atomic::{AtomicU64, Ordering};

/// How long a full bucket lasts when nothing flows in, and how often the sum is told, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// The limit of one plugin.
#[derive(Debug)]
pub struct Limiter {
    /// Milliseconds since some fixed moment. It may be coarse: the bucket evens it out.
    clock: fn() -> u64,
    /// What a line takes out of the bucket, in nanoseconds of its filling; `None` where nothing may be written.
    line: Option<u64>,
    /// When the bucket is full again.
    full: AtomicU64,
    dropped: AtomicU64,
    told: AtomicU64,
}

impl Limiter {
    /// A limit of `lines` a second, as many of them at once; 0 lets none pass.
    #[must_use]
    pub const fn new(lines: u32) -> Self {
        Self::with_clock(lines, crate::clock::now_ms)
    }

    /// The same with a clock of one's own.
    const fn with_clock(lines: u32, clock: fn() -> u64) -> Self {
        Self {
            clock,
            line: if lines == 0 { None } else { Some(SECOND / lines as u64) },
            full: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    /// Takes a line out of the bucket. False if it is empty: then leave the line out, and [`Limiter::add_dropped`] it.
    pub fn allow(&self) -> bool {
        let Some(line) = self.line else { return false };
        let now = self.now();
        let taken = self.full.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full| {
            let full = full.max(now).saturating_add(line);
            (full - now <= SECOND).then_some(full)
        });
        taken.is_ok()
    }

    /// Adds to the lines that were left out.
    pub fn add_dropped(&self, lines: u64) {
        if lines > 0 {
            self.dropped.fetch_add(lines, Ordering::Relaxed);
        }
    }

    /// The lines that were left out since the last answer, at most once a second and to one caller: the one who then
    /// logs it.
    pub fn take_dropped(&self) -> Option<u64> {
        if self.dropped.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let now = self.now();
        let told = self.told.load(Ordering::Relaxed);
        // The first time needs no wait: the sum is not told later than it must be.
        if told != 0 && now.saturating_sub(told) < SECOND {
            return None;
        }
        self.told.compare_exchange(told, now.max(1), Ordering::Relaxed, Ordering::Relaxed).ok()?;
        Some(self.dropped.swap(0, Ordering::Relaxed)).filter(|dropped| *dropped > 0)
    }

    fn now(&self) -> u64 {
        // Milliseconds as nanoseconds: 584 years fit.
        (self.clock)().saturating_mul(SECOND / 1_000)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::thread;

    use super::*;

    /// A limiter on a clock of its own: a function cannot capture one, so each test names its static.
    macro_rules! limiter {
        ($lines:expr) => {{
            static CLOCK: AtomicU64 = AtomicU64::new(0);
            (Limiter::with_clock($lines, || CLOCK.load(Ordering::Relaxed)), &CLOCK)
        }};
    }

    fn allowed(limiter: &Limiter, tries: usize) -> usize {
        (0..tries).filter(|_| limiter.allow()).count()
    }

    #[test]
    fn a_seconds_lines_pass_at_once_and_then_as_many_as_flow_in() {
        let (limiter, clock) = limiter!(100);
        assert_eq!(allowed(&limiter, 500), 100);
        clock.store(10, Ordering::Relaxed);
        assert_eq!(allowed(&limiter, 500), 1);
        clock.store(500, Ordering::Relaxed);
        assert_eq!(allowed(&limiter, 500), 49);
        // The bucket holds no more than a second, however long nobody writes.
        clock.store(3_600_000, Ordering::Relaxed);
        assert_eq!(allowed(&limiter, 500), 100);
    }

    #[test]
    fn the_rate_holds_over_time_on_a_coarse_clock() {
        let (limiter, clock) = limiter!(1_000);
        let mut passed = 0;
        for tick in 0..1_000 {
            clock.store(tick * 10, Ordering::Relaxed);
            passed += allowed(&limiter, 50);
        }
        // Ten seconds and the bucket.
        assert!((10_900..=11_000).contains(&passed), "{passed}");
    }

    #[test]
    fn the_ends_of_the_range_are_limits_too() {
        let (none, _) = limiter!(0);
        assert_eq!(allowed(&none, 10), 0);
        let (one, clock) = limiter!(1);
        assert_eq!(allowed(&one, 10), 1);
        clock.store(1_000, Ordering::Relaxed);
        assert_eq!(allowed(&one, 10), 1);
        let (most, clock) = limiter!(u32::MAX);
        clock.store(u64::MAX, Ordering::Relaxed);
        assert!(most.allow());
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm() {
        let (limiter, clock) = limiter!(10);
        clock.store(5_000, Ordering::Relaxed);
        assert_eq!(allowed(&limiter, 20), 10);
        clock.store(1_000, Ordering::Relaxed);
        assert_eq!(allowed(&limiter, 20), 0);
        clock.store(6_000, Ordering::Relaxed);
        assert_eq!(allowed(&limiter, 20), 10);
    }

    #[test]
    fn threads_share_one_bucket() {
        let (limiter, _) = limiter!(1_000);
        let passed: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| allowed(&limiter, 1_000))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1_000);
    }

    #[test]
    fn the_sum_is_told_once_a_second() {
        let (limiter, clock) = limiter!(1);
        assert_eq!(limiter.take_dropped(), None);
        limiter.add_dropped(3);
        limiter.add_dropped(0);
        assert_eq!(limiter.take_dropped(), Some(3));
        assert_eq!(limiter.take_dropped(), None);
        limiter.add_dropped(2);
        clock.store(999, Ordering::Relaxed);
        assert_eq!(limiter.take_dropped(), None);
        limiter.add_dropped(2);
        clock.store(1_001, Ordering::Relaxed);
        assert_eq!(limiter.take_dropped(), Some(4));
    }

    #[test]
    fn each_dropped_line_is_told_to_one_thread() {
        let (limiter, clock) = limiter!(1);
        let told: u64 = thread::scope(|scope| {
            let work = || {
                let mut told = 0;
                for _ in 0..1_000 {
                    limiter.add_dropped(1);
                    clock.fetch_add(400, Ordering::Relaxed);
                    told += limiter.take_dropped().unwrap_or_default();
                }
                told
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        clock.fetch_add(1_000, Ordering::Relaxed);
        assert_eq!(told + limiter.take_dropped().unwrap_or_default(), 8_000);
    }
}
