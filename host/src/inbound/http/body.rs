//! Bodies: a request's, read whole before anything is leased for it, and an answer's.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use super::connection::Streaming;
use super::problem::Problem;

#[cfg(test)]
mod tests;

/// What is reserved for a body on the word of its `content-length` alone.
const TRUSTED_LENGTH: usize = 64 << 10;

/// What a request's body may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Its bytes.
    pub(crate) bytes: usize,
    /// The time for all of it.
    pub(crate) time: Duration,
}

/// Why a request's body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is larger than the limit.
    #[error("the body is larger than the {limit} bytes that this host accepts")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It did not come in time.
    #[error("the body did not arrive within {} ms", time.as_millis())]
    TooSlow {
        /// The time it had.
        time: Duration,
    },
    /// The client left, or what it sent is not HTTP.
    #[error("the body could not be read")]
    Broken(#[source] BoxError),
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::TooLarge { .. } => Self::too_large(detail),
            Error::TooSlow { .. } => Self::timeout(detail),
            Error::Broken(_) => Self::bad_request(detail),
        }
    }
}

/// Reads a body whole. One that is there already, as most are, costs neither a timer nor, in one piece, a copy.
pub(crate) async fn read<B>(body: B, limits: Limits) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let limit = limits.bytes;
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(Error::TooLarge { limit });
    }
    let mut collected = pin!(collect(body, limit));
    if let Poll::Ready(result) = poll_fn(|context| Poll::Ready(collected.as_mut().poll(context))).await {
        return result;
    }
    match Box::pin(tokio::time::timeout(limits.time, collected)).await {
        Ok(result) => result,
        Err(_) => Err(Error::TooSlow { time: limits.time }),
    }
}

async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let Some(first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(Error::TooLarge { limit });
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let Some(second) = next(&mut body).await? else {
        return Ok(first);
    };
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX).min(TRUSTED_LENGTH);
    let mut all = BytesMut::with_capacity(first.len() + second.len() + announced);
    all.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if bytes.len() > limit - all.len() {
            return Err(Error::TooLarge { limit });
        }
        all.extend_from_slice(&bytes);
        piece = next(&mut body).await?;
    }
    Ok(all.freeze())
}

/// The next piece that is data; trailers are not kept.
async fn next<B>(body: &mut B) -> Result<Option<Bytes>, Error>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    while let Some(frame) = body.frame().await {
        match frame.map_err(|error| Error::Broken(error.into()))?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            _ => {}
        }
    }
    Ok(None)
}

/// What a streamed body may fail with.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// The body of an answer.
#[derive(Default)]
pub(crate) struct ResponseBody(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    Stream {
        body: Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>,
        /// Dropped with the body: the connection is then between two requests again.
        _watch: Option<Streaming>,
    },
}

impl ResponseBody {
    /// No body.
    pub(crate) const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A body that is whole already.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Full(bytes.into()))
    }

    /// A body that is produced while it is sent, for as long as its producer likes.
    pub(crate) fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Stream { body: Box::pin(body.map_err(Into::into)), _watch: None })
    }

    pub(super) const fn is_stream(&self) -> bool {
        matches!(self.0, Kind::Stream { .. })
    }

    pub(super) fn keep(&mut self, watch: Streaming) {
        if let Kind::Stream { _watch, .. } = &mut self.0 {
            *_watch = Some(watch);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        match &mut this.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Stream { body, .. } => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Stream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream { body, .. } => body.size_hint(),
        }
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.0 {
            Kind::Empty => "ResponseBody::Empty",
            Kind::Full(_) => "ResponseBody::Full",
            Kind::Stream { .. } => "ResponseBody::Stream",
        })
    }
}
