//! `cargo xtask test`: builds what the tests load, runs all of them, and adds up.

mod summary;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

use self::summary::Summary;
use crate::build::{self, Profile};
use crate::workspace::{self, Workspace};
use crate::{process, services, ui};

/// Tests that need a server are in a module of this name.
const REAL: &str = "real::";

/// Runs every test, or those whose name contains `filter`; `embedded` leaves out those that need servers. Its last line on
/// standard output is the sum.
pub(crate) fn run(workspace: &Workspace, embedded: bool, filter: Option<&str>) -> Result<ExitCode> {
    build::all_guests(workspace)?;
    build::host(workspace, Profile::Release)?;
    // After the builds: a mistake in the code should not cost a start of Kafka.
    let lease = if embedded {
        None
    } else {
        ui::step("servers");
        Some(services::Lease::take(workspace)?)
    };

    let mut summary = Summary::default();
    let mut all_well = true;
    for (what, mut command) in suites(workspace)? {
        ui::step(&format!("building and running the tests {what}"));
        command.arg("--").args(filter);
        if let Some(lease) = &lease {
            command.envs(lease.variables().iter().map(|(name, value)| (name, value)));
        } else {
            // What one shell has set must not change what is tested.
            for name in services::VARIABLES {
                command.env_remove(name);
            }
            command.args(["--skip", REAL]);
        }
        all_well &= run_suite(&mut command, &mut summary)?;
    }
    // Before the sum, which is the last line.
    drop(lease);

    let trouble = summary.trouble(all_well, filter);
    if let Some(trouble) = &trouble {
        for name in summary.failures() {
            ui::note(&format!("failed: {name}"));
        }
        ui::warn(trouble);
    }
    println!("{summary}");
    Ok(if trouble.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cargo calls that run every test, each with what it is about: one for what `build` compiles too, one for the rest.
fn suites(workspace: &Workspace) -> Result<Vec<(&'static str, Command)>> {
    let test = || {
        let mut command = workspace.cargo();
        command.args(["test", "--release", "--no-fail-fast"]).args(workspace::locked());
        command
    };
    let mut host = test();
    host.args(build::HOST.iter().flat_map(|package| ["--package", package]));
    let mut others = test();
    others.arg("--workspace").args(build::HOST.iter().flat_map(|package| ["--exclude", package]));
    for guest in workspace.test_guests()? {
        // They exist as components; a native build would test nothing.
        others.args(["--exclude", &guest.package]);
    }
    Ok(vec![("of the host and the SDK", host), ("of everything else, from end to end", others)])
}

/// Runs one cargo call, shows what it prints and adds up its results. Tells whether it ended well.
fn run_suite(command: &mut Command, summary: &mut Summary) -> Result<bool> {
    let shown = process::line(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    if let Some(stdout) = child.stdout.take() {
        let mut terminal = std::io::stdout().lock();
        // By bytes: a test may print anything.
        for line in BufReader::new(stdout).split(b'\n') {
            let mut line = line.with_context(|| format!("cannot read what `{shown}` prints"))?;
            summary.read(&String::from_utf8_lossy(&line));
            line.push(b'\n');
            terminal.write_all(&line).context("cannot write to standard output")?;
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for `{shown}`"))?;
    Ok(status.success())
}
