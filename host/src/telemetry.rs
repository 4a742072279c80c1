//! What the operator sees: request ids, log lines, metrics.

mod log;
mod metrics;
mod one_line;
mod request_id;

pub use log::start as start_log;
pub use metrics::{Host as HostMetrics, Route as RouteMetrics, Version as VersionMetrics};
pub use one_line::one_line;
pub use request_id::RequestId;
