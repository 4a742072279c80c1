//! A request's body on its way to a guest that reads it while it comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

#[cfg(test)]
mod tests;

/// A body of so many bytes at most, in which the client may pause for so long at most.
pub(crate) struct Upload<B> {
    body: B,
    limit: u64,
    rest: u64,
    idle: Duration,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<B> Upload<B> {
    pub(crate) const fn new(body: B, limit: u64, idle: Duration) -> Self {
        Self { body, limit, rest: limit, idle, pause: None }
    }
}

impl<B> Body for Upload<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.pause = None;
            let frame = frame.map(|frame| {
                let frame = frame.map_err(Into::into)?;
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                this.rest = this.rest.checked_sub(bytes).ok_or(Error::HttpRequestBodySize(Some(this.limit)))?;
                Ok(frame)
            });
            return Poll::Ready(frame);
        }
        // Counted only while the guest waits: one that takes its time does not run its client out of it.
        let idle = this.idle;
        let pause = this.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(pause.as_mut().poll(context));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
