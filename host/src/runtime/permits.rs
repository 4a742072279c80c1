//! How many calls of a version run at a time, and the bounded queue before it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

/// Counts running calls. Taking and giving back are one atomic operation each while nobody waits, where a semaphore locks
/// its list of waiters at every release.
///
/// Sequentially consistent throughout: whoever gives back must see the one who began to wait before it looked, or be seen.
pub(super) struct Permits {
    limit: usize,
    queue: usize,
    running: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
    queued: Gauge,
}

impl Permits {
    /// So many calls at a time, so many that may wait; `queued` shows how many do.
    pub(super) fn new(limit: usize, queue: usize, queued: Gauge) -> Self {
        let (running, waiting) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { limit, queue, running, waiting, freed: Notify::new(), queued }
    }

    /// Takes a permit if one is free.
    pub(super) fn try_take(&self) -> bool {
        let free = |running: usize| (running < self.limit).then_some(running + 1);
        self.running.fetch_update(Ordering::SeqCst, Ordering::SeqCst, free).is_ok()
    }

    /// Waits for a permit; false if the queue is full or the time is over.
    pub(super) async fn wait(&self, most: Duration) -> bool {
        let Some(_place) = Place::take(self) else { return false };
        let taken = async {
            loop {
                let mut freed = std::pin::pin!(self.freed.notified());
                // Enlisted before the last look: a permit given back after it wakes us.
                freed.as_mut().enable();
                if self.try_take() {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(most, taken).await.is_ok()
    }

    /// Gives a permit back.
    pub(super) fn give_back(&self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_one();
        }
    }
}

/// A place in the queue, counted until it is left: also by a client that goes away.
struct Place<'a>(&'a Permits);

impl<'a> Place<'a> {
    fn take(permits: &'a Permits) -> Option<Self> {
        let free = |waiting: usize| (waiting < permits.queue).then_some(waiting + 1);
        permits.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, free).ok()?;
        permits.queued.inc();
        Some(Self(permits))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.queued.dec();
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn as_many_as_the_limit_run_and_the_next_one_waits() {
        let permits = Arc::new(Permits::new(2, 1, Gauge::default()));
        assert!(permits.try_take() && permits.try_take());
        assert!(!permits.try_take());
        let waiter = {
            let permits = Arc::clone(&permits);
            tokio::spawn(async move { permits.wait(LONG).await })
        };
        while permits.queued.get() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!permits.wait(LONG).await, "the queue has one place");
        permits.give_back();
        assert!(waiter.await.unwrap());
        assert_eq!(permits.queued.get(), 0);
    }

    #[tokio::test]
    async fn waiting_ends() {
        let permits = Permits::new(0, 8, Gauge::default());
        assert!(!permits.wait(Duration::from_millis(5)).await);
        assert_eq!(permits.queued.get(), 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_permit_is_lost_between_many() {
        let permits = Arc::new(Permits::new(3, 64, Gauge::default()));
        let calls = (0..32).map(|_| {
            let permits = Arc::clone(&permits);
            tokio::spawn(async move {
                for _ in 0..200 {
                    assert!(permits.try_take() || permits.wait(LONG).await);
                    tokio::task::yield_now().await;
                    permits.give_back();
                }
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
        assert_eq!(permits.running.load(Ordering::SeqCst), 0);
    }
}
