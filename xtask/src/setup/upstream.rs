//! The target as part of a Rust that came from rustup (or from a distribution that ships it complete).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::{TARGET, cargo, standard_library};
use crate::process;
use crate::workspace::Workspace;

/// Checks that the Rust in use can build for the target as it is.
pub(super) fn installed(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    match standard_library(&mut rustc(&workspace.root)) {
        Some(file) => Ok(vec![file]),
        None => bail!("the Rust in use has no standard library for {TARGET}"),
    }
}

/// Lets rustup add the target, for at most `limit`.
pub(super) fn add_target(workspace: &Workspace, limit: Duration) -> Result<Vec<PathBuf>> {
    let mut command = Command::new("rustup");
    // In the root, so that the toolchain that rust-toolchain.toml names gets the target.
    process::clean(&mut command).current_dir(&workspace.root).args(["target", "add", TARGET]);
    if process::output(Command::new("rustup").arg("--version")).is_none() {
        bail!("rustup is not on the PATH");
    }
    process::run_limited(&mut command, &workspace.log("rustup"), limit)?;
    let file = standard_library(&mut rustc(&workspace.root));
    file.map(|file| vec![file])
        .ok_or_else(|| anyhow!("rustup added {TARGET}, but not to the Rust in use (`rustup show` tells which that is)"))
}

/// The compiler beside the cargo that runs us; `rustc` from the PATH may belong to another Rust.
fn rustc(root: &Path) -> Command {
    let beside = cargo().with_file_name("rustc");
    let mut command = Command::new(if beside.is_file() { beside } else { PathBuf::from("rustc") });
    process::clean(&mut command).current_dir(root);
    command
}
