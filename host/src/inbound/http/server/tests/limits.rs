//! What a client may take: bytes, headers, connections.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::fixture::{Host, generous, within};
use crate::inbound::http::server::{Accept, Limits};

#[tokio::test]
async fn a_head_may_have_its_bytes_and_no_more() {
    let request = format!("GET /x HTTP/1.1\r\nhost: h\r\nlarge: {}\r\n\r\n", "x".repeat(10_000));
    for (header_bytes, status) in [(16 << 10, 200), (8 << 10, 431)] {
        let host = Host::start(Limits { header_bytes, ..generous() }).await;
        let mut client = host.client().await;
        client.send(&request).await;
        assert_eq!(client.answer().await.status, status, "with a limit of {header_bytes}");
    }
}

#[tokio::test]
async fn a_head_may_have_its_headers_and_no_more() {
    for (headers, sent, status) in [(100, 100, 200), (100, 101, 431), (20, 20, 200), (20, 21, 431)] {
        let host = Host::start(Limits { headers, ..generous() }).await;
        let mut client = host.client().await;
        client.send(&format!("GET /x HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(sent))).await;
        assert_eq!(client.answer().await.status, status, "{sent} headers with a limit of {headers}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_comes() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 1001\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
    client.closed().await;
}

#[tokio::test]
async fn a_chunked_body_is_counted() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    let chunk = format!("190\r\n{}\r\n", "x".repeat(400));
    client.send(&format!("POST /echo HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}")).await;
    client.send(&chunk).await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_large_body_still_sees_the_refusal() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client.send("POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 4000000\r\n\r\n").await;
    client.send(&"x".repeat(4_000_000)).await;
    assert_eq!(client.answer().await.status, 413);
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_connections_are_served_than_allowed() {
    let host = Host::start(Limits { connections: 2, ..generous() }).await;
    let mut clients = JoinSet::new();
    for _ in 0..5 {
        let mut client = host.client().await;
        client.send("GET /wait HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
        clients.spawn(async move {
            assert_eq!(client.answer().await.body, "waited");
            client.closed().await;
        });
    }
    host.until_waiting(2).await;
    while !clients.is_empty() {
        host.talk.go.notify_one();
        within(clients.join_next()).await.unwrap().unwrap();
    }
    assert_eq!(host.talk.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_one_that_waits() {
    let host = Host::start(Limits { connections: 1, ..generous() }).await;
    let mut idle = host.client().await;
    idle.get("/x").await;
    assert_eq!(idle.answer().await.body, "/x");
    let mut waiting = host.client().await;
    waiting.get("/y").await;
    assert_eq!(waiting.answer().await.body, "/y");
    idle.closed().await;
}

/// Fails so many times first, as the system does when too many files are open.
struct Failing {
    listener: TcpListener,
    failures: Mutex<VecDeque<io::Error>>,
}

impl Accept for Failing {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        if let Some(failure) = self.failures.lock().await.pop_front() {
            return Err(failure);
        }
        Accept::accept(&self.listener).await
    }
}

#[tokio::test]
async fn failing_to_accept_does_not_end_the_server() {
    let too_many_files = || io::Error::from_raw_os_error(24);
    let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failures = Mutex::new([too_many_files(), gone(), too_many_files(), too_many_files()].into());
    let host = Host::start_on(Failing { listener, failures }, address, generous());
    let mut client = host.client().await;
    client.get("/x").await;
    assert_eq!(client.answer().await.body, "/x");
}

/// A listener that never has a connection, to see that shutdown does not wait for one.
struct Silent;

impl Accept for Silent {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        pending().await
    }
}

#[tokio::test]
async fn a_server_without_connections_ends_at_once() {
    let host = Host::start_on(Silent, ([127, 0, 0, 1], 0).into(), generous());
    host.trigger.shut_down();
    assert_eq!(within(host.ended()).await.cut, 0);
}
