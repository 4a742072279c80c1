#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;

use http_body_util::BodyExt;

use super::*;

/// A body that comes in pieces, and then no more: without an end.
struct Stalling(VecDeque<&'static str>);

impl Body for Stalling {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.0.pop_front().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece))))))
    }
}

fn pieces<const N: usize>(pieces: [&'static str; N]) -> Stalling {
    Stalling(pieces.into())
}

async fn next(body: &mut Upload<Stalling>) -> Result<Bytes, Error> {
    Ok(body.frame().await.unwrap()?.into_data().unwrap())
}

#[tokio::test]
async fn bytes_up_to_the_limit_pass_and_one_more_does_not() {
    let mut body = Upload::new(pieces(["123", "45", "6"]), 5, Duration::MAX);
    assert_eq!(next(&mut body).await.unwrap(), "123");
    assert_eq!(next(&mut body).await.unwrap(), "45");
    assert!(matches!(next(&mut body).await, Err(Error::HttpRequestBodySize(Some(5)))));
}

#[tokio::test]
async fn a_client_that_stalls_is_not_waited_for() {
    let mut body = Upload::new(pieces(["1"]), 5, Duration::from_millis(1));
    assert_eq!(next(&mut body).await.unwrap(), "1");
    assert!(matches!(next(&mut body).await, Err(Error::ConnectionReadTimeout)));
}
