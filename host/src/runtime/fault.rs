//! Why a call of a plugin has no answer.

use std::time::Duration;

use http::StatusCode;
use wasmtime::{Trap, WasmBacktrace};

use super::limits::Growth;
use crate::capabilities::Breach;

/// Most frames of a backtrace that the log shows.
const FRAMES: usize = 24;

/// A call that ended without an answer. The client gets a status and nothing else; the operator's log gets all of it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The guest trapped: a panic, an assertion, a failed memory access.
    #[error("the plugin trapped: {reason}")]
    Trap {
        /// What wasmtime says.
        reason: String,
        /// Function names, innermost first.
        backtrace: String,
    },
    /// It asked for more memory or table space than its limit, and could not go on without.
    #[error("the plugin ran out of {}", growth_text(.growth))]
    Growth {
        /// What it could not have.
        growth: Growth,
        /// Where it gave up.
        backtrace: String,
    },
    /// It did not answer in time.
    #[error("no answer within {} ms (limits.deadline)", .0.as_millis())]
    Deadline(Duration),
    /// It did not handle its events, or end its scheduled work, in time.
    #[error("no end within {} ms (limits.batch-deadline)", .0.as_millis())]
    BatchDeadline(Duration),
    /// It passed a budget of its call.
    #[error("{0}")]
    Breach(Breach),
    /// Its answer is larger than it may be.
    #[error("an answer of {size} bytes; the most is {limit} (limits.response)")]
    ResponseTooLarge {
        /// Bytes of the body.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Its answer is not one.
    #[error("an answer that cannot be sent: {0}")]
    BadResponse(String),
    /// As many calls as allowed run and wait already.
    #[error("{running} calls run and {waiting} wait (limits.instances, limits.queue)")]
    Overloaded {
        /// Calls at a time.
        running: usize,
        /// Calls that may wait.
        waiting: usize,
    },
    /// All instances of the host's pool are in use.
    #[error("all instances of the host are in use (runtime.max-instances)")]
    PoolExhausted,
    /// An instance could not be made.
    #[error("no instance could be made: {0}")]
    Instantiate(String),
}

fn growth_text(growth: &Growth) -> String {
    match growth {
        Growth::Memory(limit) => format!("memory at {limit} bytes (limits.memory)"),
        Growth::Table(limit) => format!("table space at {limit} elements (limits.table-elements)"),
    }
}

impl Fault {
    /// The fault behind an error of wasmtime's, given what the instance's limiter refused.
    pub(super) fn of(error: &wasmtime::Error, refused: Option<Growth>) -> Self {
        if let Some(breach) = error.downcast_ref::<Breach>() {
            return Self::Breach(*breach);
        }
        let reason = match error.downcast_ref::<Trap>() {
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        };
        let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
        match refused {
            Some(growth) => Self::Growth { growth, backtrace },
            None => Self::Trap { reason, backtrace },
        }
    }

    /// What the client gets.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Deadline(_) | Self::BatchDeadline(_) | Self::Breach(Breach::Cpu(_)) => StatusCode::GATEWAY_TIMEOUT,
            Self::Overloaded { .. } | Self::PoolExhausted => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A stable label for metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::Growth { growth: Growth::Memory(_), .. } => "memory",
            Self::Growth { growth: Growth::Table(_), .. } => "table",
            Self::Deadline(_) | Self::BatchDeadline(_) => "deadline",
            Self::Breach(Breach::HostCalls(_)) => "host-calls",
            Self::Breach(Breach::Cpu(_)) => "cpu",
            Self::Breach(Breach::Retained(_)) => "retained",
            Self::ResponseTooLarge { .. } => "response",
            Self::BadResponse(_) => "bad-response",
            Self::Overloaded { .. } => "overloaded",
            Self::PoolExhausted => "pool",
            Self::Instantiate(_) => "instantiate",
        }
    }
}

/// Function names, innermost first, on one line.
fn frames(backtrace: &WasmBacktrace) -> String {
    let mut names = Vec::new();
    for frame in backtrace.frames().iter().take(FRAMES) {
        let index = frame.func_index();
        names.push(frame.func_name().map_or_else(|| format!("func[{index}]"), demangle));
    }
    let more = backtrace.frames().len().saturating_sub(FRAMES);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(" < ")
}

/// A Rust symbol without its hash; others as they are.
fn demangle(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}
