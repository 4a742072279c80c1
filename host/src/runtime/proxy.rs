//! Plain `wasi:http/incoming-handler` components: bodies are streams both ways.
//!
//! The deadline runs to the answer's head. From there the stream may go on for as long as it moves: a pause longer than
//! `limits.stream-idle` ends it, and so does the client's leaving, after which the guest gets one more deadline to
//! finish what it was doing. Such a component expects a fresh instance for each request, so none is reused.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Sleep;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::call::{report, until};
use super::cpu::metered;
use super::fault::Fault;
use super::version::{Lease, Version};
use crate::capabilities::Call;

type Head = Result<Response<HyperOutgoingBody>, ErrorCode>;

impl Version {
    /// Calls `wasi:http/incoming-handler.handle`; returns when the head of the answer is there.
    ///
    /// # Errors
    /// There is no answer; the operator's log has why.
    pub async fn proxy(
        self: &Arc<Self>,
        mut call: Call,
        request: Request<Incoming>,
    ) -> Result<Response<Streamed>, Fault> {
        let request_id = call.request_id;
        let fail = |fault| report(self, None, request_id, fault);
        let lease = self.lease().await.map_err(fail)?;
        let limits = &self.plugin.limits;
        call.deadline = Instant::now() + limits.deadline;
        let deadline = call.deadline;
        let (send_head, head) = oneshot::channel::<Head>();
        let (ended, end) = oneshot::channel::<()>();
        let broken = Arc::new(AtomicBool::new(false));
        let guest = tokio::spawn(run(lease, call, request, send_head, end, Arc::clone(&broken)));
        let head = match until(deadline, head).await {
            Some(head) => head,
            None => {
                guest.abort();
                return Err(fail(Fault::Deadline(limits.deadline)));
            }
        };
        match head {
            Ok(Ok(response)) => Ok(response.map(|body| Streamed::new(body, limits.stream_idle, broken, ended))),
            Ok(Err(code)) => Err(fail(Fault::BadResponse(format!("the component answered the error {code:?}")))),
            // The guest ended without an answer; it has reported why.
            Err(_) => {
                Err(ending(guest).await.unwrap_or_else(|| fail(Fault::BadResponse("it never set one".to_owned()))))
            }
        }
    }
}

/// The fault with which the guest's task ended.
async fn ending(guest: JoinHandle<Option<Fault>>) -> Option<Fault> {
    guest.await.ok().flatten()
}

/// Runs the guest until it returns, or until its client has been gone for a deadline.
async fn run(
    mut lease: Lease,
    call: Call,
    request: Request<Incoming>,
    head: oneshot::Sender<Head>,
    end: oneshot::Receiver<()>,
    broken: Arc<AtomicBool>,
) -> Option<Fault> {
    let version = Arc::clone(&lease.version);
    let request_id = call.request_id;
    let grace = version.plugin.limits.deadline;
    let instance = match lease.instance() {
        Ok(instance) => instance,
        Err(fault) => return Some(fault),
    };
    instance.store.data_mut().ctx.begin(call);
    instance.store.set_epoch_deadline(1);
    let proxy = instance.proxy.take()?;
    let handles = {
        let mut http = instance.store.data_mut().http();
        http.new_incoming_request(Scheme::Http, request)
            .and_then(|request| Ok((request, http.new_response_outparam(head)?)))
    };
    let (request, outparam) = match handles {
        Ok(handles) => handles,
        Err(error) => return Some(report(&version, None, request_id, Fault::BadResponse(format!("{error:#}")))),
    };
    let store = &mut instance.store;
    let result = tokio::select! {
        result = metered(proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, outparam)) => Some(result),
        () = gone(end, grace) => None,
    };
    match result {
        Some(Ok(())) => {
            if let Some(text) = store.data().ctx.output.take() {
                super::call::print(&version, request_id, &text);
            }
            None
        }
        Some(Err(error)) => {
            // Before the store goes and the body with it: what was sent must not look like all of it.
            broken.store(true, Ordering::Release);
            let refused = store.data().limiter.refused();
            Some(report(&version, Some(instance), request_id, Fault::of(&error, refused)))
        }
        None => None,
    }
}

/// Ready when the answer's body has been gone for `grace`.
async fn gone(end: oneshot::Receiver<()>, grace: Duration) {
    let _ended = end.await;
    tokio::time::sleep(grace).await;
}

/// The body of a streamed answer.
pub struct Streamed {
    body: HyperOutgoingBody,
    idle: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    /// Set when the guest failed: an end of the body is then no regular one.
    broken: Arc<AtomicBool>,
    /// Dropped with the body: tells the guest's task.
    _ended: oneshot::Sender<()>,
}

/// A streamed answer that broke off.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The guest said so, or ended.
    #[error("the plugin broke off its answer: {0:?}")]
    Guest(wasmtime_wasi_http::Error),
    /// The guest trapped, or passed a limit.
    #[error("the plugin failed in the middle of its answer; the log has why")]
    Fault,
    /// Nothing came for too long.
    #[error("the plugin sent nothing for {} ms (limits.stream-idle)", .0.as_millis())]
    Idle(Duration),
}

impl Streamed {
    const fn new(body: HyperOutgoingBody, idle: Duration, broken: Arc<AtomicBool>, ended: oneshot::Sender<()>) -> Self {
        Self { body, idle, pause: None, broken, _ended: ended }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.pause = None;
            if frame.is_none() && this.broken.load(Ordering::Acquire) {
                return Poll::Ready(Some(Err(StreamError::Fault)));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(StreamError::Guest)));
        }
        let idle = this.idle;
        let pause = this.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        match pause.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(StreamError::Idle(idle)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && !self.broken.load(Ordering::Acquire)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl std::fmt::Debug for Streamed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Streamed")
    }
}
