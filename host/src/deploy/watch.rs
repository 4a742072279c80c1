//! When to look again: the configuration or a component file changed.
//!
//! Folders are watched, not files: editors and build tools write aside and rename, and a watch on a file would stay with
//! the old one. Only a finished write counts (closed after writing, or renamed into place).

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::config::{Resolved, Source};

/// How long changes are collected: a build that replaces four plugins is one change.
const SETTLE: Duration = Duration::from_millis(20);
/// Changes that wait to be looked at.
const WAITING: usize = 1024;

/// Watches the files of a configuration.
pub(crate) struct Watcher {
    inner: RecommendedWatcher,
    folders: HashSet<PathBuf>,
    files: HashSet<PathBuf>,
    changed: mpsc::Receiver<PathBuf>,
}

impl Watcher {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The system has no more watches to give (`fs.inotify.max_user_instances`).
    pub(crate) fn new() -> notify::Result<Self> {
        let (tell, changed) = mpsc::channel(WAITING);
        let inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if !is_finished(event.kind) {
                return;
            }
            for path in event.paths {
                // Waits where the receiver is behind: this is the watcher's own thread, and no event may be lost.
                let _closed = tell.blocking_send(path);
            }
        })?;
        Ok(Self { inner, folders: HashSet::new(), files: HashSet::new(), changed })
    }

    /// Watches what this configuration names. A folder that cannot be watched is logged: SIGHUP still reloads.
    pub(crate) fn follow(&mut self, config: &Resolved) {
        let sources = config.plugins.iter().filter_map(|plugin| match &plugin.source {
            Source::File(path) => Some(path.as_path()),
            Source::Https(_) => None,
        });
        self.files = std::iter::once(config.file.as_path()).chain(sources).flat_map(names).collect();
        let wanted: HashSet<PathBuf> = self.files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect();
        for folder in self.folders.difference(&wanted) {
            let _gone = self.inner.unwatch(folder);
        }
        for folder in wanted.difference(&self.folders) {
            if let Err(error) = self.inner.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), "not watched, send SIGHUP after a change: {error}");
            }
        }
        self.folders = wanted;
    }

    /// Waits for the next change of a file that counts, and for what comes with it. False if there will be none.
    pub(crate) async fn changed(&mut self) -> bool {
        loop {
            let Some(file) = self.changed.recv().await else { return false };
            if self.counts(&file) {
                break;
            }
        }
        let settled = tokio::time::Instant::now() + SETTLE;
        while let Ok(Some(_)) = tokio::time::timeout_at(settled, self.changed.recv()).await {}
        true
    }

    /// Other files in the same folders change as they like. `..data` is the link by which a ConfigMap of Kubernetes
    /// replaces all its files at once.
    fn counts(&self, file: &Path) -> bool {
        self.files.contains(file) || file.file_name().is_some_and(|name| name == "..data")
    }
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
            | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both | RenameMode::Any))
            | EventKind::Create(_)
            | EventKind::Remove(_)
    )
}
