//! What compiles plugins to WebAssembly: found once, remembered, and explained when it is missing.
//!
//! Three ways are tried in order of how much they ask of the machine (see [`Way`]). What was found is kept with the files
//! that prove it; as long as those exist nothing is searched again, and a warm run costs a few `stat` calls.

mod debian;
pub(crate) mod native;
mod upstream;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::workspace::{self, Workspace};
use crate::{process, ui};

/// The target that plugins are compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The variable that allows one way only.
const CHOICE: &str = "DEVCONNECT_GUEST_TOOLCHAIN";

/// `rustup` may have to reach a server that this machine cannot reach; it would wait for minutes.
const RUSTUP_LIMIT: Duration = Duration::from_secs(20);

/// A way to get a compiler for plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// The Rust in use has the target.
    Installed,
    /// `rustup` adds it.
    Rustup,
    /// Debian's own Rust, a different version, which compiles the standard library together with the plugins.
    Debian,
}

/// In the order in which they are tried.
const WAYS: [Way; 3] = [Way::Installed, Way::Rustup, Way::Debian];

/// A compiler for plugins that was seen to be complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Toolchain {
    way: Way,
    /// The cargo that searched: another one may belong to another Rust, with other targets.
    found_by: PathBuf,
    /// Files that were there when it was found. One is gone: search again.
    proof: Vec<PathBuf>,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Installed => "installed",
            Way::Rustup => "rustup",
            Way::Debian => "debian",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        WAYS.into_iter().find(|way| way.name() == text).ok_or_else(|| {
            anyhow!(
                "{CHOICE}={text} names no way to build plugins: use installed, rustup or debian, or leave it out to have \
                 all three tried"
            )
        })
    }

    /// Looks for a complete compiler, installing what this way may install. An error is a sentence for the user.
    fn find(self, workspace: &Workspace) -> Result<Vec<PathBuf>> {
        match self {
            Way::Installed => upstream::installed(workspace),
            Way::Rustup => upstream::add_target(workspace, RUSTUP_LIMIT),
            Way::Debian => debian::install(workspace),
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.way {
            Way::Installed => "the Rust that is installed, which has the target wasm32-wasip2",
            Way::Rustup => "the Rust that is installed, to which rustup added the target wasm32-wasip2",
            Way::Debian => "Debian's Rust, which compiles the standard library with them",
        })
    }
}

impl Toolchain {
    /// `cargo build` for plugins, with nothing of the caller's environment that could change what it builds.
    ///
    /// Each change of flags compiles the standard library again (a minute and a half), so they are fixed here.
    pub(crate) fn build(&self, workspace: &Workspace) -> Command {
        let mut command = match self.way {
            Way::Installed | Way::Rustup => workspace.cargo(),
            Way::Debian => debian::cargo(workspace),
        };
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            command.env_remove(name);
        }
        command.args(["build", "--profile", "plugin", "--target", TARGET]);
        command.args(workspace::locked());
        if self.way == Way::Debian {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command.arg("--target-dir").arg(workspace.target.join("guests"));
        command
    }

    /// Whether what was found earlier still stands, for this cargo and this choice.
    fn holds(&self, cargo: &Path, choice: Option<Way>) -> bool {
        self.found_by == cargo
            && choice.is_none_or(|way| way == self.way)
            && !self.proof.is_empty()
            && self.proof.iter().all(|file| file.exists())
    }
}

/// The toolchain found earlier, if it still stands; else searches.
pub(crate) fn ensure(workspace: &Workspace) -> Result<Toolchain> {
    let choice = choice()?;
    match remembered(&memory(workspace)) {
        Some(toolchain) if toolchain.holds(&cargo(), choice) => Ok(toolchain),
        _ => search(workspace),
    }
}

/// Tries the ways in order and remembers the first that works.
pub(crate) fn search(workspace: &Workspace) -> Result<Toolchain> {
    let choice = choice()?;
    let ways = match choice {
        Some(way) => vec![way],
        None => WAYS.to_vec(),
    };
    ui::step("looking for a compiler that turns plugins into WebAssembly (done once)");
    let mut reasons = Vec::new();
    for (number, way) in ways.iter().enumerate() {
        ui::note(&format!("{}. {}", number + 1, describe(*way)));
        let started = Instant::now();
        match way.find(workspace) {
            Ok(proof) => {
                ui::note(&format!("   found ({:.1} s)", started.elapsed().as_secs_f32()));
                let toolchain = Toolchain { way: *way, found_by: cargo(), proof };
                remember(&memory(workspace), &toolchain)?;
                return Ok(toolchain);
            }
            Err(reason) => {
                ui::note(&format!("   no: {reason}"));
                reasons.push(format!("  {}: {reason}", way.name()));
            }
        }
    }
    bail!(
        "no compiler for plugins: none of the ways to get one worked{}.\n{}\n\n\
         One of them is enough. With a connection to Rust's own servers it is:\n    rustup target add {TARGET}\n\
         On Debian, as root:\n    {}",
        match choice {
            Some(way) => format!(" ({CHOICE}={} allows this one only)", way.name()),
            None => String::new(),
        },
        reasons.join("\n"),
        debian::advice(),
    )
}

fn describe(way: Way) -> &'static str {
    match way {
        Way::Installed => "is the target wasm32-wasip2 part of the Rust that is installed?",
        Way::Rustup => "can rustup add it? (at most 20 s; it needs a connection to Rust's own servers)",
        Way::Debian => "can Debian's packages do it? (170 MB to fetch when they are missing)",
    }
}

fn choice() -> Result<Option<Way>> {
    match std::env::var(CHOICE) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Way::parse(&text).map(Some),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(anyhow!("{CHOICE}: {error}")),
    }
}

/// The cargo that started this program.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

fn memory(workspace: &Workspace) -> PathBuf {
    workspace.state().join("toolchain.json")
}

/// A file that is missing, damaged or of an older form is the same as nothing remembered.
fn remembered(file: &Path) -> Option<Toolchain> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn remember(file: &Path, toolchain: &Toolchain) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let text = serde_json::to_vec_pretty(toolchain).context("cannot describe the toolchain")?;
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The standard library for the target in a Rust that is installed upstream's way, as a proof that it is there.
fn standard_library(command: &mut Command) -> Option<PathBuf> {
    let folder = process::output(command.args(["--print", "target-libdir", "--target", TARGET]))?;
    let mut files = std::fs::read_dir(folder.trim()).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libstd-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(way: Way, proof: &Path) -> Toolchain {
        Toolchain { way, found_by: "/bin/cargo".into(), proof: vec![proof.to_owned()] }
    }

    #[test]
    fn every_way_is_named_as_it_is_chosen() {
        for way in WAYS {
            assert_eq!(Way::parse(way.name()).unwrap(), way);
        }
        let error = Way::parse("docker").unwrap_err().to_string();
        assert!(error.contains("installed, rustup or debian"), "{error}");
    }

    #[test]
    fn what_was_found_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/toolchain.json");
        assert_eq!(remembered(&file), None);
        let found = toolchain(Way::Debian, folder.path());
        remember(&file, &found).unwrap();
        assert_eq!(remembered(&file), Some(found));
        std::fs::write(&file, "{").unwrap();
        assert_eq!(remembered(&file), None);
    }

    #[test]
    fn a_memory_holds_while_its_proof_its_cargo_and_the_choice_do() {
        let folder = tempfile::tempdir().unwrap();
        let proof = folder.path().join("libstd.rlib");
        std::fs::write(&proof, "").unwrap();
        let found = toolchain(Way::Debian, &proof);
        let cargo = Path::new("/bin/cargo");
        assert!(found.holds(cargo, None));
        assert!(found.holds(cargo, Some(Way::Debian)));
        assert!(!found.holds(cargo, Some(Way::Installed)));
        assert!(!found.holds(Path::new("/other/cargo"), None));
        std::fs::remove_file(&proof).unwrap();
        assert!(!found.holds(cargo, None));
        assert!(!Toolchain { proof: Vec::new(), ..found }.holds(cargo, None));
    }
}
