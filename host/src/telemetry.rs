//! What the operator sees: request ids, log lines, metrics.

mod log;
mod metrics;
mod request_id;

pub use log::start as start_log;
pub use metrics::{Host as HostMetrics, Route as RouteMetrics, Version as VersionMetrics};
pub use request_id::RequestId;
