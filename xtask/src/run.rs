//! `cargo xtask run`: everything that a first start needs, then the host itself.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::build::{self, Profile};
use crate::workspace::Workspace;
use crate::{process, ui};

/// The configuration that a start without arguments uses.
const CONFIGURATION: &str = "devconnect.toml";

/// Builds plugins and host, then becomes the host.
pub(crate) fn run(workspace: &Workspace, host_arguments: &[String]) -> Result<ExitCode> {
    if host_arguments.is_empty() && !workspace.root.join(CONFIGURATION).is_file() {
        bail!(
            "{CONFIGURATION} is missing in {}: `git checkout {CONFIGURATION}` brings it back, or name another one with \
             `cargo xtask run -- serve --config FILE`",
            workspace.root.display()
        );
    }
    build::plugins(workspace)?;
    let host = build::host(workspace, Profile::Release)?;
    let mut command = Command::new(host);
    process::clean(&mut command).current_dir(&workspace.root);
    if host_arguments.is_empty() {
        command.args(["serve", "--config", CONFIGURATION]);
    } else {
        command.args(host_arguments);
    }
    ui::step(&format!("starting the host (Ctrl-C stops it): {}", process::line(&command)));
    become_it(&mut command)
}

/// Replaces this process, so that signals and the exit status are the host's own.
#[cfg(unix)]
fn become_it(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    bail!("cannot start `{}`: {error}", process::line(command))
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> Result<ExitCode> {
    process::run(command, "The host's own messages say why.")?;
    Ok(ExitCode::SUCCESS)
}
