//! `cargo xtask bench`: builds what is measured, then hands over to the benchmark program.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::build::{self, Profile};
use crate::workspace::{self, Workspace};
use crate::{process, services, ui};

/// The package and the binary that measures; its source is `tests/bench`.
const BENCH: &str = "devconnect-bench";

/// What is measured on real stores, which the program starts for itself.
const ON_STORES: [&str; 6] = ["profile", "profile-near-cache", "cache-get", "find-one", "publish", "publish-64"];

/// What is to be measured.
pub(crate) struct Plan {
    /// Names of benchmarks; all when empty.
    pub(crate) names: Vec<String>,
    /// Where the results go beside the terminal.
    pub(crate) json: Option<PathBuf>,
    /// Whether the host is measured as it is shipped.
    pub(crate) ship: bool,
    /// What else the program is to be told.
    pub(crate) program_arguments: Vec<String>,
}

/// Builds plugins, guests, host and the benchmark program, and runs the latter.
pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Result<ExitCode> {
    if !workspace.has(BENCH) {
        bail!("the workspace has no package {BENCH}: add \"tests/bench\" to `members` in the root Cargo.toml");
    }
    // The program runs in the root; the file was named where the user is.
    let json = plan
        .json
        .as_ref()
        .map(|file| {
            std::path::absolute(file).with_context(|| format!("cannot make sense of --json {}", file.display()))
        })
        .transpose()?;
    build::all_guests(workspace)?;
    let profile = if plan.ship { Profile::Ship } else { Profile::Release };
    let host = build::host(workspace, profile)?;

    ui::step("building the benchmarks");
    let mut command = workspace.cargo();
    // The native peers are in it: both sides are optimised alike.
    command.args(["build", "--profile", profile.name(), "--package", BENCH, "--bin", BENCH]).args(workspace::locked());
    process::run(&mut command, "Mend what the compiler reports above and start this command again.")?;

    let mut command = std::process::Command::new(workspace.target.join(profile.name()).join(BENCH));
    process::clean(&mut command)
        .current_dir(&workspace.root)
        .env("CARGO_MANIFEST_DIR", workspace.root.join("tests/bench"))
        .args(&plan.names);
    if plan.names.is_empty() || plan.names.iter().any(|name| ON_STORES.contains(&name.as_str())) {
        ui::step("the servers' programs");
        command.envs(services::programs(workspace)?);
    }
    if let Some(file) = &json {
        command.arg("--json").arg(file);
    }
    if plan.ship {
        command.arg("--host").arg(host);
    }
    command.args(&plan.program_arguments);
    ui::step(&format!("measuring: {}", process::line(&command)));
    process::run(&mut command, "The program's own messages say which benchmark failed and why.")?;
    Ok(ExitCode::SUCCESS)
}
