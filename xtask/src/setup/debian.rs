//! Debian's own packages: a second, complete Rust beside the host's, for machines that reach Debian's servers but not
//! Rust's.
//!
//! Debian ships no compiled standard library for the target, so cargo compiles it from `rust-web-src` (`-Zbuild-std`,
//! which a released compiler accepts under `RUSTC_BOOTSTRAP=1`). Both Rusts share the workspace and its `Cargo.lock`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;
use crate::{apt, process};

/// All six are needed; without the linker `lld-22` the build gets as far as `failed to spawn "wasm-ld"`.
const PACKAGES: [&str; 6] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22", "wasi-libc"];

// By full path: a rustup installation puts its own `cargo` and `rustc` in front of them.
const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";
/// The C library that the standard library is linked with.
const LIBC: &str = "/usr/lib/wasm32-wasi";

/// The oldest Rust that compiles this workspace (`rust-version` in the root Cargo.toml).
const MINIMUM: (u32, u32) = (1, 95);

/// The command that installs everything, for a person to run.
pub(super) fn advice() -> String {
    apt::advice(&PACKAGES)
}

/// Installs the packages that are missing, and checks that the compiler is new enough.
pub(super) fn install(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    apt::ensure(workspace, &PACKAGES)?;
    let version = process::output(Command::new(RUSTC).arg("--version"))
        .with_context(|| format!("`{RUSTC} --version` fails, although the package rustc-web is installed"))?;
    match parse_version(&version) {
        Some(found) if found >= MINIMUM => {}
        _ => bail!(
            "Debian's Rust is too old: `{RUSTC} --version` says {}, and {}.{} is needed; `apt-get update && apt-get \
             install rustc-web cargo-web` fetches the newest that this Debian has",
            version.trim(),
            MINIMUM.0,
            MINIMUM.1
        ),
    }
    let proof = [CARGO, RUSTC, "/usr/bin/lld-22", "/usr/lib/wasm32-wasi/libc.a"].map(PathBuf::from);
    match proof.iter().find(|file| !file.exists()) {
        Some(file) => bail!("{} is missing, although its package is installed", file.display()),
        None => Ok(proof.into()),
    }
}

/// Debian's cargo with Debian's compiler.
pub(super) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(CARGO);
    process::clean(&mut command)
        .current_dir(&workspace.root)
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", format!("-L native={LIBC}"))
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTUP_TOOLCHAIN");
    command
}

/// `rustc 1.96.0 (…)` → `(1, 96)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("rustc ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = parse_version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\n");
        assert_eq!(version, Some((1, 96)));
        assert!(parse_version("rustc 1.63.0") < Some(MINIMUM));
        assert!(parse_version("rustc 2.0.0") > Some(MINIMUM));
        assert_eq!(parse_version("nonsense"), None);
    }

    #[test]
    fn the_workspace_states_the_same_minimum() {
        let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml")).unwrap();
        let line = format!("rust-version = \"{}.{}\"", MINIMUM.0, MINIMUM.1);
        assert!(manifest.contains(&line), "the root Cargo.toml lacks `{line}`");
    }
}
