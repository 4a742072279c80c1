//! Debian's packages: which are missing, and how they come.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};

use crate::workspace::Workspace;
use crate::{process, ui};

/// The command that installs packages, for a person to run.
pub(crate) fn advice(packages: &[&str]) -> String {
    format!("apt-get update && apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// Installs the packages that are missing, if this is Debian and the user is root.
pub(crate) fn ensure(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    // Two steps that go on side by side may both need packages, and apt serves one at a time.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);

    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    if process::output(Command::new("id").arg("-u")).is_none_or(|id| id.trim() != "0") {
        bail!(
            "these packages are missing, and only root may install them: {}. Run `sudo sh -c '{}'`",
            missing.join(", "),
            advice(packages)
        );
    }
    ui::note(&format!("   installing {} (about a minute)", missing.join(", ")));
    install(workspace, &missing)
}

/// The packages that dpkg does not list as installed.
fn missing<'names>(packages: &[&'names str]) -> Result<Vec<&'names str>> {
    let mut command = Command::new("dpkg-query");
    command.args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"]).args(packages);
    // Its exit status is 1 when it does not know one of them, and what it prints is right all the same.
    let output = command
        .stderr(Stdio::null())
        .output()
        .map_err(|_| anyhow!("this is not Debian or a relative of it (there is no dpkg-query)"))?;
    Ok(not_installed(packages, &String::from_utf8_lossy(&output.stdout)))
}

fn not_installed<'names>(packages: &[&'names str], listing: &str) -> Vec<&'names str> {
    let is_installed = |package: &str| {
        listing
            .lines()
            .any(|line| line.split_once(' ').is_some_and(|(name, status)| name == package && status == "installed"))
    };
    packages.iter().copied().filter(|package| !is_installed(package)).collect()
}

fn install(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let log = workspace.log("apt-get-update");
    if let Err(error) = process::run_logged(apt_get().arg("update"), &log, "") {
        // One source that is away must not hide the packages that the others have.
        ui::warn(&format!("the package lists may be old: {error}"));
    }
    let mut command = apt_get();
    command.args(["-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"]).args(packages);
    process::run_logged(
        &mut command,
        &workspace.log("apt-get-install"),
        "If a package has no candidate, this Debian is older than 12 or its security updates are not in \
         /etc/apt/sources.list.",
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    process::clean(&mut command).env("DEBIAN_FRONTEND", "noninteractive").current_dir(Path::new("/"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_that_are_fully_installed_count() {
        let packages = ["rustc-web", "cargo-web", "lld-22"];
        let listing = "rustc-web installed\ncargo-web config-files\n";
        assert_eq!(not_installed(&packages, listing), ["cargo-web", "lld-22"]);
        assert_eq!(not_installed(&packages, ""), packages);
    }
}
