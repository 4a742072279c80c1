//! The program `devconnect`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    devconnect_host::app::run()
}
