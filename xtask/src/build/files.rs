//! Leaving files where other programs look for them, so that nobody ever sees half of one.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Writes `bytes` to `file` by a rename, unless it holds them already. Tells whether it changed.
///
/// A host that is running watches these files, and swaps the plugin whenever one is renamed into place.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> Result<bool> {
    if std::fs::read(file).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    // A name that no watcher takes for a plugin, in the same folder, because a rename does not cross file systems.
    let unfinished = file.with_extension(format!("wasm.{}.tmp", std::process::id()));
    std::fs::write(&unfinished, bytes).with_context(|| format!("cannot write {}", unfinished.display()))?;
    std::fs::rename(&unfinished, file).with_context(|| format!("cannot put {} in place", file.display()))?;
    Ok(true)
}

/// Makes `link` point to `file`, also when something else is there.
pub(super) fn link(link: &Path, file: &Path) -> Result<()> {
    if std::fs::read_link(link).is_ok_and(|old| old == file) {
        return Ok(());
    }
    if let Some(folder) = link.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let unfinished = link.with_extension(format!("{}.tmp", std::process::id()));
    symlink(file, &unfinished).with_context(|| format!("cannot link {}", unfinished.display()))?;
    std::fs::rename(&unfinished, link).with_context(|| format!("cannot put the link {} in place", link.display()))
}

/// Removes `.wasm` files of plugins that no longer exist: `devconnect.toml` or a test might still load one.
pub(super) fn keep_only(folder: &Path, names: &[&str]) -> Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read the folder {}", folder.display())),
    };
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?.path();
        let is_component = path.extension().is_some_and(|kind| kind == "wasm");
        let known = path.file_stem().is_some_and(|stem| names.iter().any(|name| stem == *name));
        if is_component && !known {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn symlink(file: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(file, link)
}

#[cfg(not(unix))]
fn symlink(file: &Path, link: &Path) -> std::io::Result<()> {
    std::fs::copy(file, link).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_its_content_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("auth.wasm");
        assert!(replace(&file, b"one").unwrap());
        let before = std::fs::metadata(&file).unwrap().modified().unwrap();
        assert!(!replace(&file, b"one").unwrap());
        assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), before);
        assert!(replace(&file, b"two").unwrap());
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn plugins_that_are_gone_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["auth.wasm", "old.wasm", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        keep_only(folder.path(), &["auth"]).unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["auth.wasm", "notes.txt"]);
        keep_only(&folder.path().join("missing"), &[]).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_takes_the_place_of_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (target, place) = (folder.path().join("built"), folder.path().join("target/release/devconnect"));
        std::fs::write(&target, "new").unwrap();
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, "old").unwrap();
        link(&place, &target).unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"new");
        link(&place, &target).unwrap();
        assert_eq!(std::fs::read_link(&place).unwrap(), target);
    }
}
