//! `logging`: structured lines in the host's log, capped for each call and each second. Always granted.
//!
//! A plugin's text is data: it becomes a field of a line whose target, plugin, version and request id are the host's, so
//! that a guest cannot write another's line.

mod limiter;

pub use limiter::Limiter;

use tracing::Level as Severity;

use super::Ctx;
use crate::bindings::devconnect::platform::logging::{Host, Level};
use crate::telemetry::one_line;

/// Longest line, message and fields together, in bytes; a longer one is dropped and counted.
const LINE: usize = 8 * 1024;

impl Host for Ctx {
    fn enabled(&mut self, level: Level) -> wasmtime::Result<bool> {
        self.enter()?;
        Ok(match level {
            Level::Trace => tracing::enabled!(target: "plugin", Severity::TRACE),
            Level::Debug => tracing::enabled!(target: "plugin", Severity::DEBUG),
            Level::Info => tracing::enabled!(target: "plugin", Severity::INFO),
            Level::Warn => tracing::enabled!(target: "plugin", Severity::WARN),
            Level::Error => tracing::enabled!(target: "plugin", Severity::ERROR),
        })
    }

    fn log(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        if !self.enabled(level)? {
            return Ok(());
        }
        let size = message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let allowed =
            size <= LINE && self.call.log_lines_left > 0 && size <= self.call.log_bytes_left && self.plugin.log.allow();
        if !allowed {
            self.call.log_dropped = self.call.log_dropped.saturating_add(1);
            return Ok(());
        }
        self.call.log_lines_left -= 1;
        self.call.log_bytes_left -= size;
        let fields = render(&fields);
        let message = one_line(&message);
        let (plugin, version, request) = (&*self.plugin.name, &*self.plugin.digest, self.call.request_id.as_str());
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(target: "plugin", $level, plugin, version, request, fields, "{message}")
            };
        }
        match level {
            Level::Trace => line!(Severity::TRACE),
            Level::Debug => line!(Severity::DEBUG),
            Level::Info => line!(Severity::INFO),
            Level::Warn => line!(Severity::WARN),
            Level::Error => line!(Severity::ERROR),
        }
        Ok(())
    }
}

/// The fields as one JSON object: `tracing` wants names that are known when the host is compiled.
fn render(fields: &[(String, String)]) -> String {
    let object = fields.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())));
    serde_json::Value::Object(object.collect()).to_string()
}
