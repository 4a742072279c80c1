//! The call that an instance serves: who asks, until when, and what it may still use.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use http::HeaderMap;

use crate::capabilities::cache::carried::Carried;
use crate::config::Limits;
use crate::telemetry::RequestId;

pub use crate::bindings::devconnect::platform::http_types::IdentityResult as Identity;

/// What of a request a guest may ask for.
#[derive(Debug)]
pub struct Head {
    /// The request's headers.
    pub headers: HeaderMap,
    /// The client's address, behind trusted proxies the one that they report.
    pub remote: IpAddr,
}

/// The most that a guest is left with after a store did not answer.
const ANSWERING: Duration = Duration::from_millis(100);

/// A call of a guest. It is moved into the instance at its start and taken out at its end.
#[derive(Debug)]
pub struct Call {
    /// `None` where no client caused the call.
    pub head: Option<Head>,
    /// Who is calling, as the filters found out.
    pub identity: Option<Identity>,
    /// What logs and answers carry.
    pub request_id: RequestId,
    /// When the call ends, finished or not.
    pub deadline: Instant,
    /// How long it may take, once it has its instance.
    pub(crate) time: Duration,
    /// How long it may wait for one answer of a store.
    patience: Duration,
    pub(crate) host_calls_left: u64,
    pub(crate) cpu_ticks_left: u32,
    pub(crate) log_lines_left: u32,
    pub(crate) log_bytes_left: usize,
    /// Log lines dropped for this call's limits.
    pub(crate) log_dropped: u32,
    /// Bytes of stores' answers that this call may still receive.
    pub(crate) retained_left: usize,
    /// Whether a store would not take a write: it was away, or others wrote the same.
    pub(crate) refused: bool,
    /// What the filters read from the cache.
    pub(crate) carried: Carried,
}

impl Call {
    /// A call under a plugin's limits, from now on. Boxed: it is handed on many times for each request.
    #[must_use]
    pub fn new(limits: &Limits, started: Instant, request_id: RequestId) -> Box<Self> {
        let mut call = Box::new(Self { request_id, ..Self::idle() });
        call.budget(limits, started);
        call
    }

    /// The call of a filter before the request's route, billed apart from it.
    #[must_use]
    pub fn for_filter(mut self: Box<Self>, limits: &Limits, started: Instant) -> Box<Self> {
        self.budget(limits, started);
        self.carried.begin(true);
        self
    }

    /// The call of the request's route.
    #[must_use]
    pub fn for_route(mut self: Box<Self>, limits: &Limits, started: Instant) -> Box<Self> {
        self.budget(limits, started);
        self.carried.begin(false);
        self
    }

    /// The same call with no host call to spend: the first one ends it.
    #[must_use]
    pub(crate) fn without_host_calls(mut self: Box<Self>) -> Box<Self> {
        self.host_calls_left = 0;
        self
    }

    /// A call with this many events. It has its own time, and for the rest the budget of as many calls.
    #[must_use]
    pub fn for_batch(limits: &Limits, events: usize, request_id: RequestId) -> Box<Self> {
        let mut call = Self::new(limits, Instant::now(), request_id);
        call.time = limits.batch_deadline;
        call.deadline = Instant::now() + call.time;
        let times = u32::try_from(events.max(1)).unwrap_or(u32::MAX);
        call.host_calls_left = call.host_calls_left.saturating_mul(times.into());
        call.cpu_ticks_left = call.cpu_ticks_left.saturating_mul(times);
        call.log_lines_left = call.log_lines_left.saturating_mul(times);
        call.log_bytes_left = call.log_bytes_left.saturating_mul(times as usize);
        call.retained_left = call.retained_left.saturating_mul(times as usize);
        call
    }

    fn budget(&mut self, limits: &Limits, started: Instant) {
        self.time = limits.deadline;
        self.patience = limits.deadline;
        self.deadline = started + self.time;
        self.host_calls_left = limits.host_calls;
        self.cpu_ticks_left = cpu_ticks(limits);
        self.log_lines_left = limits.log_lines;
        self.log_bytes_left = limits.log_bytes;
        self.log_dropped = 0;
        self.retained_left = limits.retained;
    }

    /// When a store's answer is no longer waited for: a little before the call ends, so that the guest can still say that
    /// its store did not answer.
    #[must_use]
    pub(crate) fn store_deadline(&self) -> Instant {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        // A call with events has much time, and a store that does not answer must not take all of it.
        (self.deadline - (left / 8).min(ANSWERING)).min(now + self.patience)
    }

    /// What an instance holds between calls: nothing, and nothing is allowed.
    #[must_use]
    pub(crate) fn idle() -> Self {
        Self {
            head: None,
            identity: None,
            request_id: RequestId::none(),
            deadline: *LONG_AGO,
            time: Duration::ZERO,
            patience: Duration::ZERO,
            host_calls_left: 0,
            cpu_ticks_left: 0,
            log_lines_left: 0,
            log_bytes_left: 0,
            log_dropped: 0,
            retained_left: 0,
            refused: false,
            carried: Carried::default(),
        }
    }
}

/// Some moment before every call: `idle` is made for each call, and must not ask for the time.
static LONG_AGO: LazyLock<Instant> = LazyLock::new(Instant::now);

/// CPU time in ticks of the coarse clock, rounded up.
fn cpu_ticks(limits: &Limits) -> u32 {
    let ticks = limits.cpu.as_millis().div_ceil(crate::clock::TICK.as_millis());
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// A limit of the call that its guest passed; it ends the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// `limits.host-calls`
    #[error("more than {0} host calls in one call (limits.host-calls)")]
    HostCalls(u64),
    /// `limits.cpu`
    #[error("more than {0} ms of CPU time in one call (limits.cpu)")]
    Cpu(u128),
    /// `limits.retained`
    #[error("more than {0} bytes of stores' answers in one call (limits.retained)")]
    Retained(usize),
}
