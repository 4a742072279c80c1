//! When to look again: the configuration or a component file changed.
//!
//! Folders are watched, not files: editors and build tools write aside and rename, and a watch on a file would stay with
//! the old one. Only a finished write counts (closed after writing, or renamed into place).
//!
//! A watch can miss a change: its folder is replaced, or the file system tells nothing of what others write. So the
//! [lookout](super::lookout) compares the files now and then as well.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::config::{Resolved, Source};

/// How long changes are collected: a build that replaces four plugins is one change.
const SETTLE: Duration = Duration::from_millis(20);

/// Watches the files of a configuration.
pub(super) struct Watcher {
    inner: RecommendedWatcher,
    /// Folders with a watch.
    folders: HashSet<PathBuf>,
    /// Folders that could not have one, so that each is told of once.
    unwatched: HashSet<PathBuf>,
    /// What counts, for the watcher's own thread.
    paths: Arc<Mutex<HashSet<PathBuf>>>,
    /// Holds no more than that something changed: however much does, nothing is lost and nobody waits.
    change: watch::Receiver<()>,
}

impl Watcher {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The system has no more watches to give (`fs.inotify.max_user_instances`).
    pub(super) fn new() -> notify::Result<Self> {
        let (tell, change) = watch::channel(());
        let paths = Arc::new(Mutex::new(HashSet::new()));
        let known = Arc::clone(&paths);
        let inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| counts(&event, &known.lock())) {
                tell.send_replace(());
            }
        })?;
        Ok(Self { inner, folders: HashSet::new(), unwatched: HashSet::new(), paths, change })
    }

    /// Watches what this configuration names.
    pub(super) fn follow(&mut self, config: &Resolved) {
        let sources = config.plugins.iter().filter_map(|plugin| match &plugin.source {
            Source::File(path) => Some(path.as_path()),
            Source::Https(_) => None,
        });
        let files: HashSet<PathBuf> = std::iter::once(config.file.as_path()).chain(sources).flat_map(names).collect();
        let wanted: HashSet<PathBuf> = files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect();
        for folder in self.folders.difference(&wanted) {
            let _gone = self.inner.unwatch(folder);
        }
        // A folder counts itself: when it goes or is moved, its watch goes with it.
        *self.paths.lock() = files.into_iter().chain(wanted.iter().cloned()).collect();
        // Also where there is a watch already: the folder may be another one of the same name.
        let (mut watched, mut unwatched) = (HashSet::new(), HashSet::new());
        for folder in wanted {
            match self.inner.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    watched.insert(folder);
                }
                Err(error) => {
                    if !self.unwatched.contains(&folder) {
                        tracing::warn!(folder = %folder.display(), "not watched, a change there is seen later: {error}");
                    }
                    unwatched.insert(folder);
                }
            }
        }
        (self.folders, self.unwatched) = (watched, unwatched);
    }

    /// Waits for the next change that counts. Whoever stops waiting loses none.
    pub(super) async fn changed(&mut self) {
        if self.change.changed().await.is_err() {
            // The watcher's thread has ended.
            std::future::pending().await
        }
    }

    /// Waits for what comes with a change, and takes it as one.
    pub(super) async fn settle(&mut self) {
        tokio::time::sleep(SETTLE).await;
        self.change.mark_unchanged();
    }
}

/// Other files in the same folders change as they like. `..data` is the link by which a ConfigMap of Kubernetes replaces
/// all its files at once. After an overflow of its queue the system does not say what changed.
fn counts(event: &notify::Event, paths: &HashSet<PathBuf>) -> bool {
    let is_meant = |path: &PathBuf| paths.contains(path) || path.file_name().is_some_and(|name| name == "..data");
    event.need_rescan() || (is_finished(event.kind) && event.paths.iter().any(is_meant))
}

/// The names by which a file may change: as written, and as what it really is where it is a link.
fn names(file: &Path) -> Vec<PathBuf> {
    let mut names = vec![file.to_owned()];
    names.extend(file.canonicalize().ok().filter(|real| real != file));
    names
}

const fn is_finished(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Create(_)
            | EventKind::Remove(_)
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
