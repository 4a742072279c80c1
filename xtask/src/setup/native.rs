//! What the host's C parts are compiled with: librdkafka links the system's OpenSSL and zlib.

use std::process::Command;

use anyhow::{Result, anyhow};

use crate::workspace::Workspace;
use crate::{apt, process, ui};

/// As pkg-config knows them; it also says where their headers are.
const LIBRARIES: [&str; 2] = ["openssl", "zlib"];
const TOOLS: [&str; 2] = ["cc", "make"];
const PACKAGES: [&str; 6] = ["gcc", "libc6-dev", "make", "pkg-config", "libssl-dev", "zlib1g-dev"];

/// Installs what is missing, or says what it is. Costs two short processes when all is there.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    ui::step(&format!("the host's C libraries need {}", missing.join(", ")));
    apt::ensure(workspace, &PACKAGES).map_err(|error| {
        anyhow!(
            "missing for the host's C libraries: {}. {error:#}\n\
             Debian and Ubuntu: {}\n\
             Fedora: dnf install gcc make pkgconf openssl-devel zlib-devel\n\
             macOS: brew install pkg-config openssl@3",
            missing.join(", "),
            apt::advice(&PACKAGES)
        )
    })
}

fn missing() -> Vec<&'static str> {
    let works = |program: &str, arguments: &[&str]| process::output(Command::new(program).args(arguments)).is_some();
    let mut missing: Vec<&str> = TOOLS.into_iter().filter(|tool| !works(tool, &["--version"])).collect();
    missing.extend(LIBRARIES.into_iter().filter(|library| !works("pkg-config", &["--exists", library])));
    missing
}
