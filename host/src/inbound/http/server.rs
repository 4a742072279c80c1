//! The accept loop: from a listening socket to connections that are served, watched and, at the end, drained.
//!
//! One task accepts, sweeps over the open connections a few times a second, and ends when all of them have. It is
//! generic over the listener (tests inject failing ones) and over the service, which is called without a box between.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::body::ResponseBody;
use super::connection::{self, Connection, Order, Patience};
use crate::clock;

#[cfg(test)]
mod tests;

/// hyper's own number of headers. It reserves them on the stack; any other number costs an allocation per request.
const STACK_HEADERS: usize = 100;
/// How long a connection that was cut may take to notice.
const CUT_TIME: Duration = Duration::from_secs(1);
/// How long a connection may be idle while others wait for its place.
const IDLE_WHEN_FULL_MS: u64 = 1_000;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a client may take of the host.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// From the first byte of a request to the end of its head, and from accepting to the first byte.
    pub(crate) header_timeout: Duration,
    /// Without a request, or without taking any of an answer.
    pub(crate) idle_timeout: Duration,
    /// Headers of a request; more are answered 431.
    pub(crate) headers: usize,
    /// Bytes of a request's head; more are answered 431.
    pub(crate) header_bytes: usize,
    /// Open connections; more wait in the kernel's queue, and idle ones make room for them.
    pub(crate) connections: usize,
    /// Time for the requests in flight at shutdown.
    pub(crate) grace: Duration,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Connections that were still busy at the end of the grace, and were cut.
    pub(crate) cut: usize,
}

/// Where connections come from.
pub(crate) trait Accept: Send + Sync + 'static {
    /// A connection's socket.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection. Must be cancel safe: the loop drops the future whenever something else happens.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        // It fails only when the client is gone already, which the first read will tell.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }
}

/// Serves until `shutdown` is ready, then drains: no new connections, idle ones are closed, requests in flight are
/// finished within the grace.
pub(crate) async fn serve<L, S, F>(
    listener: L,
    limits: Limits,
    service: S,
    shutdown: impl Future<Output = ()> + Send,
) -> Drained
where
    L: Accept,
    S: Fn(Request<Incoming>, &Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    let protocol = protocol(&limits);
    let service = Arc::new(service);
    let open = Arc::new(Open::default());
    let patience = Patience {
        header_ms: connection::millis(limits.header_timeout),
        write_ms: connection::millis(limits.idle_timeout),
        idle_ms: connection::millis(limits.idle_timeout),
    };
    // Connections that ask for nothing give way to those that wait to be accepted.
    let pressed = Patience { idle_ms: patience.idle_ms.min(IDLE_WHEN_FULL_MS), ..patience };
    let mut sweep = interval(sweep_interval(&limits));
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shutdown = pin!(shutdown);
    let mut pause = Pause::default();
    let mut full = false;
    loop {
        if open.count() < limits.connections {
            full = false;
        } else if !full {
            full = true;
            tracing::warn!(connections = limits.connections, "no more connections are accepted until one closes");
        }
        tokio::select! {
            () = &mut shutdown => break,
            _ = sweep.tick() => open.sweep(if full { pressed } else { patience }),
            () = open.closed.notified(), if full => {}
            () = sleep_until(pause.until), if pause.active => pause.active = false,
            accepted = listener.accept(), if !full && !pause.active => match accepted {
                Ok((io, peer)) => {
                    pause = Pause::default();
                    let (connection, entry) = Open::enter(&open, peer);
                    let (protocol, service) = (protocol.clone(), Arc::clone(&service));
                    tokio::spawn(async move {
                        connection::drive(io, connection, protocol, service).await;
                        drop(entry);
                    });
                }
                Err(error) if is_the_clients(&error) => {}
                // Out of descriptors or memory: what frees them is a connection that ends, so the loop goes on.
                Err(error) => pause.after(&error),
            },
        }
    }
    drop(listener);
    drain(&open, &mut sweep, patience, limits.grace).await
}

async fn drain(open: &Open, sweep: &mut tokio::time::Interval, patience: Patience, grace: Duration) -> Drained {
    open.order(Order::Drain);
    let mut over = pin!(sleep(grace));
    while open.count() > 0 {
        tokio::select! {
            () = &mut over => break,
            _ = sweep.tick() => open.sweep(patience),
            () = open.closed.notified() => {}
        }
    }
    let cut = open.count();
    if cut > 0 {
        tracing::warn!(connections = cut, "the grace is over: connections are cut");
        open.order(Order::Cut);
        let _ = tokio::time::timeout(CUT_TIME, async {
            while open.count() > 0 {
                open.closed.notified().await;
            }
        })
        .await;
    }
    Drained { cut }
}

fn protocol(limits: &Limits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    // One write of one buffer is cheaper than a vectored one for answers of a few kilobytes. hyper's own timer for
    // the head is left out: the sweep does its work, without arming a timer for every request.
    protocol.writev(false).header_read_timeout(None).max_header_size(limits.header_bytes);
    if limits.headers != STACK_HEADERS {
        protocol.max_headers(limits.headers);
    }
    protocol
}

/// A quarter of the shorter timeout, so that no timeout is passed by more than a quarter.
fn sweep_interval(limits: &Limits) -> Duration {
    let shorter = limits.header_timeout.min(limits.idle_timeout);
    (shorter / 4).clamp(Duration::from_millis(10), Duration::from_secs(1))
}

/// The client gave up between connecting and being accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The time that the loop lets pass after a failure, doubling with each one that follows.
struct Pause {
    active: bool,
    until: Instant,
    length: Duration,
}

impl Default for Pause {
    fn default() -> Self {
        Self { active: false, until: Instant::now(), length: FIRST_PAUSE }
    }
}

impl Pause {
    fn after(&mut self, error: &io::Error) {
        tracing::error!(
            %error,
            pause_ms = connection::millis(self.length),
            "cannot accept a connection; if too many files are open, raise `ulimit -n` or lower the limit on connections"
        );
        self.active = true;
        self.until = Instant::now() + self.length;
        self.length = (self.length * 2).min(LONGEST_PAUSE);
    }
}

/// The connections that are open.
#[derive(Default)]
struct Open {
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    count: AtomicUsize,
    next: AtomicU64,
    /// A connection has closed. One task waits for it, so a stored permit loses nothing.
    closed: Notify,
}

impl Open {
    fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    fn enter(open: &Arc<Self>, peer: SocketAddr) -> (Arc<Connection>, Entry) {
        let connection = Arc::new(Connection::new(peer));
        let id = open.next.fetch_add(1, Ordering::Relaxed);
        open.connections.lock().insert(id, Arc::clone(&connection));
        open.count.fetch_add(1, Ordering::AcqRel);
        (connection, Entry { open: Arc::clone(open), id })
    }

    fn sweep(&self, patience: Patience) {
        let now_ms = clock::now_ms();
        for connection in self.connections.lock().values() {
            if let Some(overdue) = connection.overdue(now_ms, patience) {
                tracing::debug!(peer = %connection.peer(), ?overdue, "connection overdue");
                connection.order(overdue.order());
                connection.wake();
            }
        }
    }

    fn order(&self, order: Order) {
        let connections = self.connections.lock();
        // All know before the first one acts: once a client sees the drain, no answer keeps its connection any more.
        connections.values().for_each(|connection| connection.order(order));
        connections.values().for_each(|connection| connection.wake());
    }
}

/// A connection's place among the open ones; dropped with its task, also when the task panics.
struct Entry {
    open: Arc<Open>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.open.connections.lock().remove(&self.id);
        self.open.count.fetch_sub(1, Ordering::AcqRel);
        self.open.closed.notify_one();
    }
}
