//! Bodies in both directions, held to their limits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

/// A body with a limit of bytes and, for an answer, of the pause between two frames.
pub(super) struct Bounded<B> {
    body: B,
    most: usize,
    left: usize,
    too_large: fn(Option<u64>) -> HttpError,
    pause: Option<Pause>,
    /// The request is under way until the answer's body is gone.
    _permit: Option<OwnedSemaphorePermit>,
}

struct Pause {
    most: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A request's body of at most so many bytes.
pub(super) fn outgoing(body: WasiBody, most: usize) -> Bounded<WasiBody> {
    Bounded { body, most, left: most, too_large: HttpError::HttpRequestBodySize, pause: None, _permit: None }
}

impl Bounded<Incoming> {
    /// An answer's body of at most `most` bytes that never pauses longer than `pause`.
    pub(super) fn answer(body: Incoming, most: usize, pause: Duration, permit: OwnedSemaphorePermit) -> Self {
        let pause = Some(Pause { most: pause, timer: None });
        Self { body, most, left: most, too_large: HttpError::HttpResponseBodySize, pause, _permit: Some(permit) }
    }
}

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<HttpError>,
{
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some(pause) = &mut this.pause {
                pause.timer = None;
            }
            return Poll::Ready(frame.map(|frame| {
                let frame = frame.map_err(Into::into)?;
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                match this.left.checked_sub(bytes) {
                    Some(left) => {
                        this.left = left;
                        Ok(frame)
                    }
                    None => Err((this.too_large)(u64::try_from(this.most).ok())),
                }
            }));
        }
        let Some(pause) = &mut this.pause else { return Poll::Pending };
        let timer = pause.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause.most)));
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(HttpError::ConnectionReadTimeout))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The same case again: hyper lends the errors of a body, and keeps them.
pub(super) fn copy(error: &HttpError) -> HttpError {
    match error {
        HttpError::HttpRequestBodySize(size) => HttpError::HttpRequestBodySize(*size),
        _ => HttpError::ConnectionTerminated,
    }
}
