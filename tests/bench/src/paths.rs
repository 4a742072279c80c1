//! Where the build puts what is measured.

use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let root = manifest.parent().and_then(Path::parent);
    root.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// The binary to measure.
pub(crate) fn host(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let path = named.unwrap_or_else(|| repository().join("target/release/devconnect"));
    ensure!(path.exists(), "{} is not there: `cargo xtask bench` builds it", path.display());
    Ok(path)
}

/// A plugin's component.
pub(crate) fn plugin(name: &str) -> anyhow::Result<PathBuf> {
    let path = repository().join("target/plugins").join(format!("{name}.wasm"));
    ensure!(path.exists(), "{} is not there: `cargo xtask bench` builds it", path.display());
    Ok(path)
}

/// A guest of the tests.
pub(crate) fn guest(name: &str) -> PathBuf {
    repository().join("target/guests-test").join(format!("{name}.wasm"))
}

/// What the benchmarks keep from run to run.
pub(crate) fn kept() -> PathBuf {
    repository().join("target/bench")
}

/// This program.
pub(crate) fn own() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of this program")
}
