//! One connection of a client: what it is doing, since when, and who may end it.
//!
//! Timers per request cost up to a microsecond each, so a connection has none. Its reads, its writes and the service
//! leave marks here (plain stores, no locks), and the server's sweep compares them with the clock a few times a
//! second. A connection ends when its client leaves, when hyper closes it, or when the server orders it to.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::task::AtomicWaker;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::ResponseBody;
use crate::clock;

mod watched;

use watched::Watched;

/// How long a closing connection may go on sending what nobody reads any more.
const LINGER_MS: u64 = 2_000;

/// What a connection is doing. Only its own task changes it.
mod phase {
    /// Accepted; not one byte has come.
    pub(super) const FRESH: u8 = 0;
    /// The first byte of a request has come, the end of its head has not.
    pub(super) const HEAD: u8 = 1;
    /// The service has a request. The limits on body and call hold, not those on the connection.
    pub(super) const SERVING: u8 = 2;
    /// The body of an answer is being produced; it may pause for as long as its producer likes.
    pub(super) const STREAMING: u8 = 3;
    /// Between two requests.
    pub(super) const IDLE: u8 = 4;
    /// The last answer is out; what the client still sends is read and dropped.
    pub(super) const CLOSING: u8 = 5;
}

/// No [`Order`] yet.
const NO_ORDER: u8 = 0;

/// What the server wants of a connection; a later one replaces an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Order {
    /// Finish the request in flight, then close; close at once when there is none.
    Drain = 1,
    /// Close now.
    Cut = 2,
}

/// Which limit a connection has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The head of a request did not come in time.
    Header,
    /// No request came.
    Idle,
    /// The client did not take its answer.
    Write,
    /// The client went on sending after the last answer.
    Linger,
}

impl Overdue {
    /// What is to be done about it. A request may arrive at an idle connection in this very moment: it is answered.
    pub(super) const fn order(self) -> Order {
        match self {
            Self::Idle => Order::Drain,
            Self::Header | Self::Write | Self::Linger => Order::Cut,
        }
    }
}

/// How long a connection may take over what, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Over the head of a request.
    pub(super) header_ms: u64,
    /// Over taking any of an answer.
    pub(super) write_ms: u64,
    /// Over the next request.
    pub(super) idle_ms: u64,
}

/// A client's connection, as the service and the server see it.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: SocketAddr,
    phase: AtomicU8,
    since_ms: AtomicU64,
    /// The kernel did not take all of the last write.
    blocked: AtomicBool,
    /// When the kernel last took some of a write that was blocked.
    taken_ms: AtomicU64,
    /// The request may have a body that nobody reads to its end.
    may_be_unread: AtomicBool,
    order: AtomicU8,
    task: AtomicWaker,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            phase: AtomicU8::new(phase::FRESH),
            since_ms: AtomicU64::new(clock::now_ms()),
            blocked: AtomicBool::new(false),
            taken_ms: AtomicU64::new(0),
            may_be_unread: AtomicBool::new(false),
            order: AtomicU8::new(NO_ORDER),
            task: AtomicWaker::new(),
        }
    }

    /// The address at the other end of the connection; behind a proxy the proxy's.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Tells the connection what to do; its task sees it when it runs next, by [`Connection::wake`] at the latest.
    pub(super) fn order(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
    }

    /// Runs the connection's task.
    pub(super) fn wake(&self) {
        self.task.wake();
    }

    /// Which limit the connection has passed, if any.
    pub(super) fn overdue(&self, now_ms: u64, patience: Patience) -> Option<Overdue> {
        let past = |since: u64, limit: u64| now_ms.saturating_sub(since) > limit;
        // What happened is read before since when: written the other way round, the time is never older than the mark, so
        // that a request that begins in this moment is not measured by the pause before it.
        if self.blocked.load(Ordering::Acquire) && past(self.taken_ms.load(Ordering::Relaxed), patience.write_ms) {
            return Some(Overdue::Write);
        }
        let phase = self.phase.load(Ordering::Acquire);
        let since = self.since_ms.load(Ordering::Relaxed);
        match phase {
            phase::FRESH | phase::HEAD => past(since, patience.header_ms).then_some(Overdue::Header),
            // An answer that took long to be taken must not count as time without a request.
            phase::IDLE => {
                past(since.max(self.taken_ms.load(Ordering::Relaxed)), patience.idle_ms).then_some(Overdue::Idle)
            }
            phase::CLOSING => past(since, LINGER_MS.min(patience.write_ms)).then_some(Overdue::Linger),
            _ => None,
        }
    }

    /// Bytes came from the client. Further bytes of the same head do not extend its time.
    fn received(&self) {
        if matches!(self.phase.load(Ordering::Relaxed), phase::FRESH | phase::IDLE) {
            self.enter(phase::HEAD);
        }
    }

    fn asked(&self, has_body: bool) {
        self.phase.store(phase::SERVING, Ordering::Relaxed);
        self.may_be_unread.store(has_body, Ordering::Relaxed);
    }

    fn enter(&self, phase: u8) {
        self.since_ms.store(clock::now_ms(), Ordering::Relaxed);
        self.phase.store(phase, Ordering::Release);
    }

    /// The kernel took bytes.
    fn taken(&self) {
        if self.blocked.load(Ordering::Relaxed) {
            self.taken_ms.store(clock::now_ms(), Ordering::Relaxed);
            self.blocked.store(false, Ordering::Relaxed);
        }
    }

    /// The kernel took nothing: its buffer is full because the client does not read.
    fn not_taken(&self) {
        if !self.blocked.load(Ordering::Relaxed) {
            self.taken_ms.store(clock::now_ms(), Ordering::Relaxed);
            self.blocked.store(true, Ordering::Release);
        }
    }

    /// The connection closes. Answers whether the client may still be sending: closing the socket on unread bytes
    /// resets the connection, and the reset can overtake the answer (a 413 that nobody ever sees).
    fn closing(&self) -> bool {
        let sending = self.phase.load(Ordering::Relaxed) == phase::HEAD || self.may_be_unread.load(Ordering::Relaxed);
        self.enter(phase::CLOSING);
        sending
    }
}

/// Keeps a connection in the phase of an answer that streams, until it is dropped.
#[derive(Debug)]
pub(super) struct Streaming(Arc<Connection>);

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.enter(phase::IDLE);
    }
}

/// Serves one connection to its end.
pub(super) async fn drive<I, S, F>(io: I, connection: Arc<Connection>, protocol: http1::Builder, service: Arc<S>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(Request<Incoming>, &Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    let io = TokioIo::new(Watched::new(io, Arc::clone(&connection)));
    let watch = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let connection = Arc::clone(&watch);
        connection.asked(!request.body().is_end_stream());
        // Not an async block: it would hold the answer's future twice, and hyper moves what it gets with all its bytes.
        service(request, &connection).map(move |mut response| {
            if response.body().is_stream() {
                connection.enter(phase::STREAMING);
                response.body_mut().keep(Streaming(connection));
            } else {
                connection.enter(phase::IDLE);
            }
            Ok::<_, Infallible>(response)
        })
    });
    // An upgraded socket leaves this connection, and with it the server's count and its drain: whoever takes it over
    // has to do both.
    let mut http = pin!(protocol.serve_connection(io, service).with_upgrades());
    let (mut registered, mut draining) = (false, false);
    let ended = poll_fn(|context| {
        let mut order = connection.order.load(Ordering::Acquire);
        // Waking takes the waker, so it is left again once there are orders. Until then it stays good: this future does
        // not move to another task.
        if !registered || order != NO_ORDER {
            registered = true;
            connection.task.register(context.waker());
            order = connection.order.load(Ordering::Acquire);
        }
        if order == Order::Cut as u8 {
            return Poll::Ready(Ok(()));
        }
        if order == Order::Drain as u8 && !draining {
            draining = true;
            http.as_mut().graceful_shutdown();
        }
        http.as_mut().poll(context)
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!(peer = %connection.peer, %error, "connection ended");
    }
}

/// Milliseconds of a configured time.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
