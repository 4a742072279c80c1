//! Shutdown: nothing is lost that was begun, nothing new is begun.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::fixture::{Host, generous};
use crate::inbound::http::server::{Accept, Limits};

/// A listener that tells when it is closed.
struct Telling {
    listener: TcpListener,
    open: Arc<AtomicBool>,
}

impl Accept for Telling {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        Accept::accept(&self.listener).await
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.open.store(false, Ordering::SeqCst);
    }
}

// On one thread, so that the request is really waiting when the test goes on.
#[tokio::test]
async fn a_request_in_flight_is_finished_and_idle_connections_are_closed_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let open = Arc::new(AtomicBool::new(true));
    let host = Host::start_on(Telling { listener, open: Arc::clone(&open) }, address, generous());
    let (mut idle, mut fresh, mut busy) = (host.client().await, host.client().await, host.client().await);
    idle.get("/x").await;
    assert_eq!(idle.answer().await.body, "/x");
    busy.get("/wait").await;
    host.until_waiting(1).await;

    host.trigger.shut_down();
    idle.closed().await;
    fresh.closed().await;
    assert!(!open.load(Ordering::SeqCst), "connections are still accepted");

    host.talk.go.notify_one();
    let answer = busy.answer().await;
    assert_eq!(answer.body, "waited");
    assert!(answer.head.to_ascii_lowercase().contains("connection: close"), "{}", answer.head);
    busy.closed().await;
    assert_eq!(host.ended().await.cut, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_finished_within_the_grace_is_cut() {
    let host = Host::start(Limits { grace: Duration::from_millis(100), ..generous() }).await;
    let (mut first, mut second) = (host.client().await, host.client().await);
    first.get("/wait").await;
    second.get("/wait").await;
    host.until_waiting(2).await;
    host.trigger.shut_down();
    first.closed().await;
    second.closed().await;
    assert_eq!(host.ended().await.cut, 2);
}

#[tokio::test]
async fn a_stream_is_finished_within_the_grace() {
    let host = Host::start(generous()).await;
    let mut client = host.client().await;
    client.get("/stream").await;
    host.pieces.send("first".into()).await.unwrap();
    client.until("first").await;
    host.trigger.shut_down();
    host.pieces.send("second".into()).await.unwrap();
    client.until("second").await;
    let Host { pieces, .. } = host;
    drop(pieces);
    client.until("0\r\n\r\n").await;
    client.closed().await;
}
