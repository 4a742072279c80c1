//! Tests of the build tool from outside, and of the files that no other crate answers for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at its first surprise"
)]

mod compose;
mod dockerfile;
mod environment;
mod proxy;
mod real;

use std::path::PathBuf;

/// A file of the repository.
fn file(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The repository's root.
fn repository() -> PathBuf {
    // Set by cargo when it runs the tests: the tree that they run in, not the one that they were compiled in.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().unwrap().to_owned()
}
