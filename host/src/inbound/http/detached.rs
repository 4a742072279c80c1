//! Calls that outlive their clients.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;

/// A future that goes on by itself when whoever waits for it goes away: a request that changes something runs to its
/// end, or to its deadline, even if its client left.
pub(super) struct Detached<F: Future<Output: Send> + Send + 'static> {
    future: Option<Pin<Box<F>>>,
    going_on: mpsc::Sender<()>,
}

impl<F: Future<Output: Send> + Send + 'static> Detached<F> {
    pub(super) fn new(future: F, going_on: mpsc::Sender<()>) -> Self {
        Self { future: Some(Box::pin(future)), going_on }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Detached<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Detached<F> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.future.take(), tokio::runtime::Handle::try_current()) {
            let going_on = self.going_on.clone();
            drop(runtime.spawn(async move {
                drop(future.await);
                drop(going_on);
            }));
        }
    }
}
