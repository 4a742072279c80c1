//! Texts that are kept in files, so that a change of them is seen.

use super::repository;

/// Compares with `tests/golden/<name>`; `UPDATE_GOLDEN=1` writes it anew.
#[track_caller]
pub(crate) fn golden(name: &str, found: &str) {
    let path = repository().join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(found.lines()).find(|(kept, found)| kept != found);
    assert!(
        kept == found,
        "{} is not what was found (first difference: {differs:?}). If the change is meant: UPDATE_GOLDEN=1, and a line in \
         the changelog of those who read it. Found:\n{found}",
        path.display()
    );
}
