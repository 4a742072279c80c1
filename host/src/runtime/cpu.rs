//! How much a call computes, in ticks of the coarse clock.
//!
//! The engine's epoch interrupts a guest at every tick, also at the first instruction after a wait that spanned many. Only
//! a tick that passed while the guest was being polled is computing; so each poll notes when it began.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::clock;

thread_local! {
    /// When the poll that runs on this thread began. A guest runs on the thread that polls it, and polls do not nest.
    static POLLED_MS: Cell<u64> = const { Cell::new(0) };
    /// How long this thread had been on a core when it was last asked.
    static RAN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A guest's future, run so that [`ticks`] can count. It is lent and not moved in: a call's future stays small.
pub(super) struct Metered<'a, F>(Pin<&'a mut F>);

/// Runs a guest's future so that [`ticks`] can count.
pub(super) fn metered<F: Future>(future: Pin<&mut F>) -> Metered<'_, F> {
    Metered(future)
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        POLLED_MS.set(clock::now_ms());
        self.0.as_mut().poll(context)
    }
}

/// Ticks that the guest which runs on this thread has computed since it was last asked. Asked at an epoch, after which the
/// guest yields and is polled anew, so that none is counted twice.
///
/// By the clock, since its poll began; but no more than the thread was on a core meanwhile, so that a guest is not billed for
/// a machine that gave it none.
pub(super) fn ticks() -> u32 {
    let polled = Duration::from_millis(clock::now_ms().saturating_sub(POLLED_MS.get()));
    let ran = on_core();
    let since = ran.saturating_sub(RAN.replace(ran));
    u32::try_from(polled.min(since).as_millis().div_ceil(clock::TICK.as_millis())).unwrap_or(u32::MAX)
}

/// How long this thread has been on a core. One system call, at an epoch only.
fn on_core() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
