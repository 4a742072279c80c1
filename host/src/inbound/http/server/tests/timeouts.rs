//! Slow clients: each is closed by the one limit that it passes. The others are far away in each test.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::fixture::{Host, generous, within};
use crate::inbound::http::server::Limits;

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_client_that_sends_nothing_is_closed() {
    let host = Host::start(Limits { header_timeout: SHORT, ..generous() }).await;
    host.client().await.closed().await;
}

#[tokio::test]
async fn a_head_that_drips_is_closed_all_the_same() {
    let host = Host::start(Limits { header_timeout: SHORT, ..generous() }).await;
    let mut client = host.client().await;
    client.send("GET /x HTTP/1.1\r\nslow: ").await;
    let mut drip = tokio::time::interval(SHORT / 10);
    within(async {
        loop {
            tokio::select! {
                count = client.more() => {
                    assert_eq!(count, 0);
                    break;
                }
                // The server closes between two drops, so that one of them may fail.
                _ = drip.tick() => drop(client.stream.try_write(b"x")),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_second_head_has_its_own_time() {
    let host = Host::start(Limits { header_timeout: SHORT, ..generous() }).await;
    let mut client = host.client().await;
    client.get("/x").await;
    assert_eq!(client.answer().await.body, "/x");
    client.send("GET /x HT").await;
    client.closed().await;
}

#[tokio::test]
async fn a_connection_without_requests_is_closed() {
    let host = Host::start(Limits { idle_timeout: SHORT, ..generous() }).await;
    let mut client = host.client().await;
    client.get("/x").await;
    assert_eq!(client.answer().await.body, "/x");
    client.closed().await;
}

#[tokio::test]
async fn a_request_that_is_being_served_is_no_idle_connection() {
    let host = Host::start(Limits { idle_timeout: SHORT, header_timeout: SHORT, ..generous() }).await;
    let mut served = host.client().await;
    served.get("/wait").await;
    host.until_waiting(1).await;
    // This one lives as long as both limits allow, and starts later.
    let mut idle = host.client().await;
    idle.get("/x").await;
    assert_eq!(idle.answer().await.body, "/x");
    idle.closed().await;
    host.talk.go.notify_one();
    assert_eq!(served.answer().await.body, "waited");
}

#[tokio::test]
async fn a_stream_may_pause_longer_than_an_idle_connection() {
    let host = Host::start(Limits { idle_timeout: SHORT, ..generous() }).await;
    let mut streamed = host.client().await;
    streamed.get("/stream").await;
    host.pieces.send("first".into()).await.unwrap();
    streamed.until("first").await;
    let mut idle = host.client().await;
    idle.get("/x").await;
    assert_eq!(idle.answer().await.body, "/x");
    idle.closed().await;
    host.pieces.send("second".into()).await.unwrap();
    streamed.until("second").await;
    // The end of the stream starts the idle time.
    let Host { pieces, .. } = host;
    drop(pieces);
    streamed.until("0\r\n\r\n").await;
    streamed.closed().await;
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_cut() {
    let host = Host::start(Limits { idle_timeout: SHORT, ..generous() }).await;
    let mut client = host.client().await;
    client.get("/large").await;
    client.until("HTTP/1.1 200").await;
    // Draining, the server waits for the connection, which ends only by the sweep: the grace is longer than the test.
    host.trigger.shut_down();
    assert_eq!(host.ended().await.cut, 0);
}

#[tokio::test]
async fn a_client_that_sends_for_ever_after_its_refusal_is_cut() {
    let host = Host::start(Limits { idle_timeout: SHORT, ..generous() }).await;
    let mut client = host.client().await;
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 100000000\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
    let mut drip = tokio::time::interval(SHORT / 10);
    within(async {
        while client.stream.write_all(b"x").await.is_ok() {
            drip.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nbo").await;
    assert_eq!(client.answer().await.status, 408);
    // The body that is still owed cannot be told from a next request.
    within(client.stream.write_all(b"dy")).await.unwrap();
    client.closed().await;
}
