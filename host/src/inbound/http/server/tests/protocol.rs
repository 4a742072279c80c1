//! HTTP as it should be spoken, and as it should not.

use tokio::io::AsyncWriteExt;

use super::fixture::{Host, generous, within};
use crate::inbound::http::server::Limits;

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    for path in ["/first", "/second", "/third"] {
        client.get(path).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, path));
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client
        .send(
            "GET /a HTTP/1.1\r\nhost: h\r\n\r\nPOST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nbodyGET /c HTTP/1.1\r\n",
        )
        .await;
    assert_eq!(client.answer().await.body, "/a");
    assert_eq!(client.answer().await.body, "body");
    client.send("host: h\r\n\r\n").await;
    assert_eq!(client.answer().await.body, "/c");
}

#[tokio::test]
async fn connection_close_and_http_1_0_close() {
    let host = Host::start(generous()).await;
    for request in ["GET /x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n", "GET /x HTTP/1.0\r\n\r\n"] {
        let mut client = host.client().await;
        client.send(request).await;
        assert_eq!(client.answer().await.body, "/x");
        client.closed().await;
    }
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_connection_closed() {
    let host = Host::start(Limits { header_bytes: 128 << 10, ..generous() }).await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "x".repeat(70_000));
    for (request, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nbad name : x\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (&long, 414),
    ] {
        let mut client = host.client().await;
        client.send(request).await;
        assert_eq!(client.answer().await.status, status, "{}", &request[..request.len().min(60)]);
        client.closed().await;
    }
}

#[tokio::test]
async fn a_body_is_waited_for_and_read() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 100"));
    client.send("body").await;
    assert_eq!(client.answer().await.body, "body");
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    client.send("2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.body, "abcde");
}

#[tokio::test]
async fn an_answer_streams() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client.get("/stream").await;
    host.pieces.send("first".into()).await.unwrap();
    client.until("first").await;
    host.pieces.send("second".into()).await.unwrap();
    client.until("second").await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client.get("/wait").await;
    host.until_waiting(1).await;
    drop(client);
    host.until_waiting(0).await;
}

#[tokio::test]
async fn a_connection_can_be_upgraded() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client.send("GET /upgrade HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 101"));
    within(client.stream.write_all(b"ping")).await.unwrap();
    client.until("ping").await;
    client.closed().await;
}
