//! Where the build puts what the tests need.

use std::path::PathBuf;

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    // Set by cargo when it runs the tests: the tree that they run in, not the one that they were compiled in.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().unwrap().to_owned()
}

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("DEVCONNECT_BIN") {
        return path.into();
    }
    let path = repository().join("target/release/devconnect");
    assert!(path.exists(), "{} is not there: `cargo xtask test` builds it", path.display());
    path
}

/// A component, by its file name: of the guests of the tests, else of the plugins, else of those kept as they are.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let root = repository();
    let folders = ["target/guests-test", "tests/fixtures", "target/plugins"];
    let paths = folders.map(|folder| root.join(folder).join(name));
    let path = paths.iter().find(|path| path.exists()).unwrap_or(&paths[2]);
    std::fs::read(path).unwrap_or_else(|error| {
        panic!("{}: {error}: `cargo xtask test` builds it", path.display());
    })
}

/// The folder of compiled components that the hosts of this run share: one for each build of the binary.
pub(super) fn compiled() -> PathBuf {
    let built = std::fs::metadata(binary()).unwrap();
    let age = built.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("compiled-{age}-{}", built.len()))
}
