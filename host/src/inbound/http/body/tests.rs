#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::VecDeque;
use std::convert::Infallible;

use http_body_util::{Full, StreamBody};
use tokio::sync::mpsc;

use super::*;

const LIMITS: Limits = Limits { bytes: 10, time: Duration::from_millis(50) };

/// A body in pieces; the length is known only if it is said.
struct Pieces {
    pieces: VecDeque<Frame<Bytes>>,
    length: Option<u64>,
}

impl Pieces {
    fn new(pieces: &[&'static str]) -> Self {
        Self {
            pieces: pieces.iter().map(|piece| Frame::data(Bytes::from_static(piece.as_bytes()))).collect(),
            length: None,
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(Ok))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

#[tokio::test]
async fn pieces_become_one() {
    for (pieces, whole) in
        [(&[][..], ""), (&["abc"], "abc"), (&["abc", "", "de"], "abcde"), (&["abc", "de", "fghij"], "abcdefghij")]
    {
        assert_eq!(read(Pieces::new(pieces), LIMITS).await.unwrap(), whole);
    }
}

#[tokio::test]
async fn one_piece_is_not_copied() {
    let piece = Bytes::from_static(b"abc");
    let read = read(Full::new(piece.clone()), LIMITS).await.unwrap();
    assert_eq!(read.as_ptr(), piece.as_ptr());
}

#[tokio::test]
async fn trailers_are_left_out() {
    let mut body = Pieces::new(&["abc"]);
    body.pieces.push_back(Frame::trailers(http::HeaderMap::new()));
    assert_eq!(read(body, LIMITS).await.unwrap(), "abc");
}

#[tokio::test]
async fn the_limit_is_exact() {
    assert_eq!(read(Pieces::new(&["0123456789"]), LIMITS).await.unwrap().len(), 10);
    for pieces in [&["0123456789x"][..], &["012345678", "9x"], &["0123456789", "x"], &["0", "1", "23456789x"]] {
        let error = read(Pieces::new(pieces), LIMITS).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 10 }), "{pieces:?}: {error}");
    }
}

#[tokio::test]
async fn an_announced_length_is_refused_unread() {
    let body = Pieces { length: Some(11), ..Pieces::new(&["abc"]) };
    let error = read(body, LIMITS).await.unwrap_err();
    assert_eq!(Problem::from(&error).status(), 413);
}

#[tokio::test]
async fn a_body_that_stops_is_too_slow() {
    let (sender, receiver) = mpsc::channel(1);
    let stream = futures_util::stream::unfold(receiver, |mut receiver: mpsc::Receiver<&'static str>| async {
        let piece = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(piece.as_bytes()))), receiver))
    });
    sender.send("abc").await.unwrap();
    let error = read(Box::pin(StreamBody::new(stream)), LIMITS).await.unwrap_err();
    assert_eq!(Problem::from(&error).status(), 408);
}

#[tokio::test]
async fn a_body_that_breaks_is_a_bad_request() {
    let stream =
        futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"a"))), Err(std::io::Error::other("gone"))]);
    let error = read(StreamBody::new(stream), LIMITS).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)));
    let problem = Problem::from(&error);
    assert_eq!(problem.status(), 400);
}

#[tokio::test]
async fn an_answers_body_knows_its_length_and_end() {
    let empty = ResponseBody::empty();
    assert!(empty.is_end_stream());
    assert_eq!(empty.size_hint().exact(), Some(0));
    let mut full = ResponseBody::full("abc");
    assert!(!full.is_end_stream());
    assert_eq!(full.size_hint().exact(), Some(3));
    assert_eq!(full.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    assert!(full.is_end_stream());
    assert!(full.frame().await.is_none());
    let streamed = ResponseBody::stream(Pieces::new(&["a", "b"]));
    assert_eq!(streamed.size_hint().exact(), None);
    assert_eq!(streamed.collect().await.unwrap().to_bytes(), "ab");
}
