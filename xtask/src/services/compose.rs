//! The servers of docker-compose.yml.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;
use crate::{process, ui};

/// How long an engine may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Docker with a compose command that answers.
pub(super) struct Compose<'w> {
    workspace: &'w Workspace,
    /// `docker compose`, or the older `docker-compose`.
    program: &'static [&'static str],
}

impl<'w> Compose<'w> {
    /// Docker, if it is installed and its engine answers.
    pub(super) fn find(workspace: &'w Workspace) -> Option<Self> {
        let log = workspace.log("services-docker");
        let answers =
            |words: &[&str]| process::run_limited(&mut command(&workspace.root, words), &log, PATIENCE).is_ok();
        let program = [&["docker", "compose"][..], &["docker-compose"]]
            .into_iter()
            .find(|program| answers(&[program, &["version"][..]].concat()))?;
        // The command may be there without an engine.
        answers(&["docker", "info"]).then_some(Self { workspace, program })
    }

    /// Starts services and waits for their health checks. Returns those that did not run before.
    pub(super) fn up(&self, services: &[String]) -> Result<Vec<String>> {
        let before = self.running()?;
        ui::note("with Docker (the first time it fetches the images)");
        let mut command = self.command(&["up", "--detach", "--wait"]);
        command.args(services);
        process::run(
            &mut command,
            "`docker compose logs` has what the servers say. A port that is taken shows above.",
        )?;
        Ok(self.running()?.into_iter().filter(|service| !before.contains(service)).collect())
    }

    /// Stops services; their data stays in their volumes.
    pub(super) fn down(&self, services: &[String]) -> Result<()> {
        let mut command = self.command(&["stop"]);
        command.args(services);
        process::run(&mut command, "`docker compose ps` shows what still runs.")
    }

    fn running(&self) -> Result<Vec<String>> {
        let mut command = self.command(&["ps", "--services", "--filter", "status=running"]);
        let listing = process::output(&mut command)
            .with_context(|| format!("`{}` fails: type it to see why", process::line(&command)))?;
        Ok(listing.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(&self.workspace.root, &[self.program, arguments].concat())
    }
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(words.first().copied().unwrap_or_default());
    process::clean(&mut command).current_dir(folder).args(words.get(1..).unwrap_or_default());
    command
}
