//! How much a call computes, in ticks of the coarse clock.
//!
//! The engine's epoch interrupts a guest at every tick, also at the first instruction after a wait that spanned many. Only
//! a tick that passed while the guest was being polled is computing; so each poll notes when it began.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::clock;

thread_local! {
    /// When the poll that runs on this thread began. A guest runs on the thread that polls it, and polls do not nest.
    static POLLED_MS: Cell<u64> = const { Cell::new(0) };
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

/// Ticks that passed since the poll of the guest that runs on this thread began. Asked at an epoch, after which the guest
/// yields and is polled anew, so that none is counted twice.
pub(super) fn ticks() -> u32 {
    let ms = u128::from(clock::now_ms().saturating_sub(POLLED_MS.get()));
    u32::try_from(ms.div_ceil(clock::TICK.as_millis())).unwrap_or(u32::MAX)
}
