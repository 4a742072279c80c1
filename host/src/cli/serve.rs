//! `devconnect serve`: the host itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use crate::{app, telemetry};

/// Serves until the process is asked to end.
pub(crate) fn run(path: &Path, variables: BTreeMap<String, String>) -> ExitCode {
    telemetry::start_log();
    match app::serve(path, variables) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}
