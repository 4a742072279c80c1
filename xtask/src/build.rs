//! Building: plugins and test guests with the compiler that `setup` found, the host with cargo's own.

mod artifacts;
mod component;
mod files;
mod openapi;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use self::artifacts::Kind;
use crate::setup;
use crate::workspace::{self, Guest, Workspace};
use crate::{process, ui};

/// The host's package, and the SDK beside it: together they switch on, in shared dependencies, every feature that the whole
/// workspace does. So wasmtime is compiled once for `build`, `test` and the lints.
pub(crate) const HOST: [&str; 2] = ["devconnect-host", "devconnect-sdk"];
/// The host's program.
const PROGRAM: &str = "devconnect";

/// How the host is optimised.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For everything but measuring what is shipped.
    Release,
    /// As the container image has it.
    Ship,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Release => "release",
            Profile::Ship => "ship",
        }
    }
}

/// Builds every plugin into `target/plugins`, each with its OpenAPI document inside.
pub(crate) fn plugins(workspace: &Workspace) -> Result<()> {
    let plugins = workspace.plugins()?;
    let built = build_guests(workspace, &plugins)?;
    let documents = openapi::documents(workspace, &plugins)?;
    leave(&plugins, &built, &documents, &workspace.plugin_files())
}

/// Builds the plugins, and every guest of the tests into `target/guests-test`.
///
/// Two cargo calls: one for both would select other features of shared dependencies than a build of the plugins alone, and
/// the two would undo each other's work for ever.
pub(crate) fn all_guests(workspace: &Workspace) -> Result<()> {
    plugins(workspace)?;
    let guests = workspace.test_guests()?;
    let built = build_guests(workspace, &guests)?;
    leave(&guests, &built, &HashMap::new(), &workspace.test_guest_files())
}

/// Builds the host and returns its path. In `release` it is also left at `target/release/devconnect`.
pub(crate) fn host(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    setup::native::ensure(workspace)?;
    let folder = workspace.target.join(profile.name());
    ui::step(&format!("building the host ({})", profile.name()));
    if !folder.join(PROGRAM).exists() {
        ui::note("the first time this compiles wasmtime: about 13 minutes on two cores. Later builds take seconds.");
    }
    let mut command = workspace.cargo();
    command.args(["build", "--profile", profile.name(), "--bin", PROGRAM]);
    command.args(HOST.iter().flat_map(|package| ["--package", package]));
    command.args(workspace::locked());
    process::run(&mut command, "Mend what the compiler reports above and start this command again.")?;
    let built = folder.join(PROGRAM);
    if profile == Profile::Release {
        let fixed = workspace.root.join("target/release").join(PROGRAM);
        if fixed != built {
            files::link(&fixed, &built)?;
        }
    }
    Ok(built)
}

/// Compiles the guests and returns their components by the name of their library.
fn build_guests(workspace: &Workspace, guests: &[Guest]) -> Result<HashMap<String, PathBuf>> {
    let toolchain = setup::ensure(workspace)?;
    if guests.is_empty() {
        return Ok(HashMap::new());
    }
    ui::step(&format!("building {}", names(guests).join(", ")));
    for guest in guests.iter().filter(|guest| !guest.optimised) {
        ui::warn(&format!(
            "{} is built without link-time optimisation, a third larger than it could be: its crate-type has more than \
             \"cdylib\" (tests need nothing else)",
            guest.folder.join("Cargo.toml").display()
        ));
    }
    if !workspace.target.join("guests").exists() {
        ui::note("the first time this also compiles what all of them share: one to three minutes");
    }
    let mut command = toolchain.build(workspace);
    // Without it cargo would compile a plugin's native programs for the target too.
    command.arg("--lib");
    for guest in guests {
        command.args(["--package", &guest.package]);
    }
    artifacts::build(&mut command, Kind::Component)
}

/// Leaves the finished components in `destination`, and nothing but them.
fn leave(
    guests: &[Guest],
    built: &HashMap<String, PathBuf>,
    documents: &HashMap<String, String>,
    destination: &Path,
) -> Result<()> {
    std::fs::create_dir_all(destination)
        .with_context(|| format!("cannot make the folder {}", destination.display()))?;
    let mut changed = Vec::new();
    for guest in guests {
        let Some(artifact) = built.get(&guest.library) else {
            bail!("cargo built {} without telling where its .wasm is: is its library a cdylib?", guest.package);
        };
        let bytes = std::fs::read(artifact).with_context(|| format!("cannot read {}", artifact.display()))?;
        let bytes = component::finish(bytes, documents.get(&guest.name).map(String::as_str));
        let file = destination.join(format!("{}.wasm", guest.name));
        if files::replace(&file, &bytes)? {
            changed.push(format!("{} ({} KB)", guest.name, bytes.len().div_ceil(1000)));
        }
    }
    files::keep_only(destination, &names(guests))?;
    if !changed.is_empty() {
        ui::note(&format!("changed: {}", changed.join(", ")));
    }
    Ok(())
}

fn names(guests: &[Guest]) -> Vec<&str> {
    guests.iter().map(|guest| guest.name.as_str()).collect()
}
