//! Plain `wasi:http/incoming-handler` components: bodies are streams both ways.
//!
//! The deadline runs to the answer's head. From there the stream may go on for as long as it moves: a pause longer than
//! `limits.stream-idle` ends it, and so does the client's leaving. A guest whose answer is out gets one more deadline to
//! finish what it was doing, and so does one whose client left a request that may change something; a request that only
//! asks leaves with its client. Such a component expects a fresh instance for each request, so none is reused.

mod upload;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::Sleep;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::call::{report, until};
use super::cpu::metered;
use super::fault::Fault;
use super::version::{Lease, Version};
use crate::capabilities::Call;

pub(crate) use upload::Upload;

type Head = Result<Response<HyperOutgoingBody>, ErrorCode>;

impl Version {
    /// Calls `wasi:http/incoming-handler.handle`; returns when the head of the answer is there.
    ///
    /// The guest is told that the request came by HTTPS if its URI says so, by HTTP if it says something else or nothing.
    ///
    /// # Errors
    /// There is no answer; the operator's log has why.
    pub async fn proxy<B>(
        self: &Arc<Self>,
        mut call: Box<Call>,
        request: Request<B>,
    ) -> Result<Response<Streamed>, Fault>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        let request_id = call.request_id;
        let fail = |fault| report(self, None, request_id, fault);
        let lease = self.lease().await.map_err(fail)?;
        let limits = &self.plugin.limits;
        call.deadline = Instant::now() + limits.deadline;
        let deadline = call.deadline;
        let method = request.method().clone();
        let (send_head, head) = oneshot::channel::<Head>();
        let (whole, end) = oneshot::channel::<()>();
        let broken = Arc::new(AtomicBool::new(false));
        let mut guest = tokio::spawn(run(lease, call, request, send_head, end, Arc::clone(&broken)));
        let Some(head) = until(deadline, head).await else {
            guest.abort();
            return Err(fail(Fault::Deadline(limits.deadline)));
        };
        let bad = match head {
            Ok(Ok(response)) if (200..=599).contains(&response.status().as_u16()) => {
                let rest = announced(&method, &response);
                return Ok(response.map(|body| Streamed {
                    body,
                    idle: limits.stream_idle,
                    pause: None,
                    broken,
                    rest,
                    whole: Some(whole),
                }));
            }
            Ok(Ok(response)) => format!("its status is {}", response.status().as_u16()),
            Ok(Err(code)) => format!("the component answered the error {code:?}"),
            // The guest gave away its only means to answer. As a rule it has ended, and has reported why; but it may also
            // have dropped it, and go on.
            Err(_) => match until(deadline, &mut guest).await {
                Some(Ok(Some(fault))) => return Err(fault),
                Some(_) => "it never set one".to_owned(),
                None => {
                    guest.abort();
                    return Err(fail(Fault::Deadline(limits.deadline)));
                }
            },
        };
        // What cannot be sent is as good as sent: the guest may finish.
        let _guest_has_ended = whole.send(());
        Err(fail(Fault::BadResponse(bad)))
    }
}

/// The bytes of an answer's body, where they are known ahead: hyper does not ask for what comes after them.
fn announced<B>(method: &Method, response: &Response<B>) -> Option<u64> {
    if *method == Method::HEAD || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Some(0);
    }
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Runs the guest until it returns, or until nobody is interested in it any more.
async fn run<B>(
    mut lease: Lease,
    call: Box<Call>,
    request: Request<B>,
    head: oneshot::Sender<Head>,
    end: oneshot::Receiver<()>,
    broken: Arc<AtomicBool>,
) -> Option<Fault>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<wasmtime_wasi_http::Error>,
{
    let version = Arc::clone(&lease.version);
    let request_id = call.request_id;
    let grace = version.plugin.limits.deadline;
    let asks_only = matches!(*request.method(), Method::GET | Method::HEAD);
    let secure = request.uri().scheme() == Some(&Scheme::HTTPS);
    let scheme = if secure { types::Scheme::Https } else { types::Scheme::Http };
    let grace_left = if asks_only { Duration::ZERO } else { grace };
    let instance = match lease.instance() {
        Ok(instance) => instance,
        Err(fault) => return Some(fault),
    };
    instance.store.data_mut().ctx.begin(call);
    instance.store.set_epoch_deadline(1);
    let proxy = instance.proxy.take()?;
    let handles = {
        let mut http = instance.store.data_mut().http();
        http.new_incoming_request(scheme, request).and_then(|request| Ok((request, http.new_response_outparam(head)?)))
    };
    let (request, outparam) = match handles {
        Ok(handles) => handles,
        Err(error) => return Some(report(&version, None, request_id, Fault::BadResponse(format!("{error:#}")))),
    };
    let store = &mut instance.store;
    let mut guest = Box::pin(proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, outparam));
    let result = tokio::select! {
        result = metered(guest.as_mut()) => Some(result),
        () = over(end, grace, grace_left) => None,
    };
    drop(guest);
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

/// Ready `grace` after all of the answer is out, or `grace_left` after the client left before that.
async fn over(end: oneshot::Receiver<()>, grace: Duration, grace_left: Duration) {
    let grace = if end.await.is_ok() { grace } else { grace_left };
    tokio::time::sleep(grace).await;
}

/// The body of a streamed answer.
pub struct Streamed {
    body: HyperOutgoingBody,
    idle: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    /// Set when the guest failed: an end of the body is then no regular one.
    broken: Arc<AtomicBool>,
    /// Bytes that are still to come, where that is known.
    rest: Option<u64>,
    /// Tells the guest's task that all of the answer is out; dropped without a word, that the client left.
    whole: Option<oneshot::Sender<()>>,
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

impl Drop for Streamed {
    fn drop(&mut self) {
        if (self.rest == Some(0) || self.body.is_end_stream())
            && let Some(whole) = self.whole.take()
        {
            let _guest_has_ended = whole.send(());
        }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.pause = None;
            match &frame {
                None if this.broken.load(Ordering::Acquire) => return Poll::Ready(Some(Err(StreamError::Fault))),
                Some(Ok(frame)) if !frame.is_trailers() => {
                    let sent = frame.data_ref().map_or(0, Bytes::len) as u64;
                    this.rest = this.rest.map(|rest| rest.saturating_sub(sent));
                }
                Some(Err(_)) => {}
                // Trailers, or nothing more.
                _ => this.rest = Some(0),
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
