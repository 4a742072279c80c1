//! One call of a plugin, from lease to answer or fault.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::cpu::metered;
use super::fault::Fault;
use super::version::{Instance, Lease, Version};
use crate::bindings::devconnect::platform::http_types::Response;
use crate::bindings::exports::devconnect::platform as guest;
use crate::capabilities::Call;
use crate::telemetry::{RequestId, one_line};
use guest::event_handler::{Delivery, Disposition};
use guest::http_filter::{Head, Verdict};
use guest::http_handler::Request;
use guest::lifecycle::InitError;

/// What became of a call: the answer or why there is none, and what the request brought along, where the guest did not
/// take it down with it.
pub struct Outcome<T> {
    /// The answer.
    pub answer: Result<T, Fault>,
    /// The request's part of the call; `None` after a fault.
    pub call: Option<Box<Call>>,
}

impl<T> Outcome<T> {
    fn fault(fault: Fault) -> Self {
        Self { answer: Err(fault), call: None }
    }

    /// The id of the request whose call it was, where there is an answer.
    fn request_id(&self) -> RequestId {
        self.call.as_ref().map_or_else(RequestId::none, |call| call.request_id)
    }
}

/// Waits until `deadline` at most. Polls once before it arms a timer: most calls never need one.
pub(super) async fn until<F: Future + Unpin>(deadline: Instant, mut future: F) -> Option<F::Output> {
    match poll_fn(|context| Poll::Ready(Pin::new(&mut future).poll(context))).await {
        Poll::Ready(value) => Some(value),
        Poll::Pending => Box::pin(tokio::time::timeout_at(deadline.into(), future)).await.ok(),
    }
}

/// Runs one exported function of a leased instance under the call's deadline. The instance survives only an answer.
macro_rules! call {
    ($version:expr, $call:expr, $export:ident, $function:ident ( $($argument:expr),* )) => {{
        let version: &Arc<Version> = $version;
        let mut call: Box<Call> = $call;
        let mut lease = match version.lease().await {
            Ok(lease) => lease,
            Err(fault) => return Outcome::fault(report(version, None, call.request_id, fault)),
        };
        if lease.is_late() {
            // Waiting for an instance is not billed.
            call.deadline = Instant::now() + call.time;
        }
        let (deadline, time, request_id) = (call.deadline, call.time, call.request_id);
        let result = {
            let instance = match lease.instance() {
                Ok(instance) => instance,
                Err(fault) => return Outcome::fault(fault),
            };
            instance.store.data_mut().ctx.begin(call);
            // The epoch's deadline is relative: one tick from now, wherever the last call left it.
            instance.store.set_epoch_deadline(1);
            let Instance { store, $export: Some(export), .. } = instance else {
                return Outcome::fault(Fault::Instantiate(concat!("it does not export ", stringify!($export)).to_owned()));
            };
            // Pinned here and lent: a future that is handed to an async function is kept twice in the caller's.
            let guest = pin!(export.$function(store, $($argument),*));
            until(deadline, metered(guest)).await
        };
        finish(lease, request_id, time, result)
    }};
}

/// Ends a call: the instance goes back or goes away, and the operator learns of what went wrong.
fn finish<T>(
    mut lease: Lease,
    request_id: RequestId,
    time: Duration,
    result: Option<wasmtime::Result<T>>,
) -> Outcome<T> {
    let fault = match result {
        Some(Ok(answer)) => {
            let (output, call) = match lease.instance() {
                Ok(instance) => (instance.store.data().ctx.output.take(), instance.store.data_mut().ctx.end()),
                Err(fault) => return Outcome::fault(fault),
            };
            let version = &lease.version;
            if let Some(text) = output {
                print(version, request_id, &text);
            }
            if call.log_dropped > 0 {
                version.metrics.log_dropped.inc_by(call.log_dropped.into());
                version.plugin.log.add_dropped(call.log_dropped.into());
            }
            if let Some(lines) = version.plugin.log.take_dropped() {
                tracing::warn!(target: "plugin", plugin = &*version.plugin.name, lines, "log lines over its caps were dropped");
            }
            lease.give_back();
            return Outcome { answer: Ok(answer), call: Some(call) };
        }
        Some(Err(error)) => {
            let refused = lease.instance().ok().and_then(|instance| instance.store.data().limiter.refused());
            Fault::of(&error, refused)
        }
        None if time == lease.version.plugin.limits.batch_deadline => Fault::BatchDeadline(time),
        None => Fault::Deadline(time),
    };
    let version = Arc::clone(&lease.version);
    Outcome::fault(report(&version, lease.instance().ok(), request_id, fault))
}

/// Tells the operator's log and the metrics of a fault.
pub(super) fn report(version: &Version, instance: Option<&mut Instance>, request_id: RequestId, fault: Fault) -> Fault {
    version.metrics.fault(fault.label());
    let output = instance.and_then(|instance| instance.store.data().ctx.output.take()).unwrap_or_default();
    let backtrace = match &fault {
        Fault::Trap { backtrace, .. } | Fault::Growth { backtrace, .. } => backtrace.as_str(),
        _ => "",
    };
    // Being overloaded is reported by metrics and by the client's 503; a line for each would make it worse.
    let quiet = matches!(fault, Fault::Overloaded { .. } | Fault::PoolExhausted);
    if !quiet && !version.plugin.faults.allow() {
        version.plugin.log.add_dropped(1);
    } else if !quiet {
        tracing::error!(
            target: "plugin",
            plugin = &*version.plugin.name,
            version = &*version.plugin.digest,
            request = request_id.as_str(),
            fault = fault.label(),
            output,
            backtrace,
            "{}",
            one_line(&fault.to_string())
        );
    }
    fault
}

/// What a guest wrote to stdout and stderr, as one line of its log, under the caps of `logging`.
pub(super) fn print(version: &Version, request_id: RequestId, text: &str) {
    if !version.plugin.log.allow() {
        version.plugin.log.add_dropped(1);
    } else {
        tracing::info!(
            target: "plugin",
            plugin = &*version.plugin.name,
            version = &*version.plugin.digest,
            request = request_id.as_str(),
            output = text,
            "output"
        );
    }
}

impl Version {
    /// Calls `http-handler.handle`.
    pub async fn handle(self: &Arc<Self>, call: Box<Call>, request: &Request<'_>) -> Outcome<Response> {
        let mut outcome = call!(self, call, handler, call_handle(request.clone()));
        if let Ok(response) = &outcome.answer
            && let Err(fault) = self.check(response)
        {
            outcome.answer = Err(report(self, None, outcome.request_id(), fault));
        }
        outcome
    }

    /// Calls `http-filter.filter`.
    pub async fn filter(self: &Arc<Self>, call: Box<Call>, head: &Head<'_>) -> Outcome<Verdict> {
        let mut outcome = call!(self, call, filter, call_filter(head.clone()));
        if let Ok(Verdict::Respond(response)) = &outcome.answer
            && let Err(fault) = self.check(response)
        {
            outcome.answer = Err(report(self, None, outcome.request_id(), fault));
        }
        outcome
    }

    /// Calls `event-handler.handle-batch`; one disposition for each event, or a fault.
    pub async fn handle_batch(self: &Arc<Self>, call: Box<Call>, events: &[Delivery<'_>]) -> Outcome<Vec<Disposition>> {
        let mut outcome = call!(self, call, consumer, call_handle_batch(events));
        if let Ok(dispositions) = &outcome.answer
            && dispositions.len() != events.len()
        {
            let reason = format!("{} dispositions for {} events", dispositions.len(), events.len());
            outcome.answer = Err(self.bad_response(outcome.request_id(), reason));
        }
        outcome
    }

    /// Calls `schedule-handler.run`.
    pub async fn run_schedule(self: &Arc<Self>, call: Box<Call>, name: &str) -> Outcome<Result<(), String>> {
        call!(self, call, schedule, call_run(name))
    }

    /// Calls `lifecycle.init`.
    pub async fn init(self: &Arc<Self>, call: Box<Call>) -> Outcome<Result<(), InitError>> {
        call!(self, call, lifecycle, call_init())
    }

    /// Tells the operator that an answer of this plugin cannot be sent.
    pub(crate) fn bad_response(&self, request_id: RequestId, reason: String) -> Fault {
        report(self, None, request_id, Fault::BadResponse(reason))
    }

    fn check(&self, response: &Response) -> Result<(), Fault> {
        let limit = self.plugin.limits.response;
        if response.body.len() > limit {
            return Err(Fault::ResponseTooLarge { size: response.body.len(), limit });
        }
        if !(200..=599).contains(&response.status) {
            return Err(Fault::BadResponse(format!("its status is {}", response.status)));
        }
        Ok(())
    }
}
