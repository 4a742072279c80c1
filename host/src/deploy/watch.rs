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
/// Changes that wait to be looked at; more say nothing new.
const WAITING: usize = 64;

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The files, as the events named them.
    pub(crate) files: HashSet<PathBuf>,
}

/// Watches the files of a configuration.
pub(crate) struct Watcher {
    inner: RecommendedWatcher,
    folders: HashSet<PathBuf>,
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
                // Full: the receiver has enough to look at, and it looks at everything.
                let _full = tell.try_send(path);
            }
        })?;
        Ok(Self { inner, folders: HashSet::new(), changed })
    }

    /// Watches what this configuration names. A folder that cannot be watched is logged: SIGHUP still reloads.
    pub(crate) fn follow(&mut self, config: &Resolved) {
        let sources = config.plugins.iter().filter_map(|plugin| match &plugin.source {
            Source::File(path) => Some(path.as_path()),
            Source::Https(_) => None,
        });
        let wanted: HashSet<PathBuf> =
            std::iter::once(config.file.as_path()).chain(sources).flat_map(folders).collect();
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

    /// Waits for the next change, and collects what comes with it.
    pub(crate) async fn next(&mut self) -> Option<Change> {
        let mut files = HashSet::from([self.changed.recv().await?]);
        while let Ok(Some(file)) = tokio::time::timeout(SETTLE, self.changed.recv()).await {
            files.insert(file);
        }
        Some(Change { files })
    }
}

/// The folder of a file, and the folder that it really lies in where it is a link.
fn folders(file: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = file.parent().map(Path::to_owned).into_iter().collect();
    if let Ok(real) = file.canonicalize()
        && let Some(folder) = real.parent()
        && !folders.iter().any(|known| known == folder)
    {
        folders.push(folder.to_owned());
    }
    folders
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
