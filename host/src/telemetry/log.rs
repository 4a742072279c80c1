//! Log lines: text for people at a terminal, JSON elsewhere when asked for.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts the log on stderr. `RUST_LOG` filters (`info` unless set), `DEVCONNECT_LOG=json` writes a JSON object a line.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written is lost. The library would say so on the same closed stream, which panics, and take the
    // task that logged down: the one that waits for SIGTERM, for example.
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let started = if std::env::var("DEVCONNECT_LOG").is_ok_and(|format| format == "json") {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    // A second start (tests) keeps the first log.
    let _already_started = started;
}
