//! What `services up` started, remembered for `env`, for a second `up` and for `down`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::process::Process;
use crate::ui;

/// A server that was started natively.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) process: Process,
    /// Kept when the process dies: clients know it.
    pub(super) port: u16,
}

/// All that was started.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Contents {
    /// By name.
    #[serde(default)]
    servers: BTreeMap<String, Entry>,
    /// Names of services of docker-compose.yml.
    #[serde(default)]
    containers: BTreeSet<String>,
}

/// The file, held by this program alone until it is dropped.
#[derive(Debug)]
pub(super) struct State {
    file: PathBuf,
    contents: Mutex<Contents>,
    _lock: File,
}

impl State {
    /// Reads the file, after whoever works with it has finished.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = folder.join("lock");
        let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if lock.try_lock().is_err() {
            ui::note("waiting for another `cargo xtask` that starts or stops servers");
            lock.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        let file = folder.join("state.json");
        // Missing or of an older form: nothing is known.
        let contents = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Ok(Self { file, contents: Mutex::new(contents.unwrap_or_default()), _lock: lock })
    }

    pub(super) fn server(&self, name: &str) -> Option<Entry> {
        self.read(|contents| contents.servers.get(name).copied())
    }

    pub(super) fn servers(&self) -> Vec<(String, Entry)> {
        self.read(|contents| contents.servers.iter().map(|(name, entry)| (name.clone(), *entry)).collect())
    }

    pub(super) fn containers(&self) -> Vec<String> {
        self.read(|contents| contents.containers.iter().cloned().collect())
    }

    /// Remembers a server, on disk before anything else happens: it must be found even if this program is killed now.
    pub(super) fn started(&self, name: &str, entry: Entry) -> Result<()> {
        self.change(|contents| contents.servers.extend([(name.to_owned(), entry)]))
    }

    pub(super) fn stopped(&self, name: &str) -> Result<()> {
        self.change(|contents| contents.servers.retain(|one, _| one != name))
    }

    pub(super) fn started_containers(&self, names: &[String]) -> Result<()> {
        self.change(|contents| contents.containers.extend(names.iter().cloned()))
    }

    pub(super) fn stopped_containers(&self, names: &[String]) -> Result<()> {
        self.change(|contents| contents.containers.retain(|name| !names.contains(name)))
    }

    fn read<T>(&self, read: impl FnOnce(&Contents) -> T) -> T {
        read(&self.contents.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<()> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut contents);
        let text = serde_json::to_vec_pretty(&*contents).context("cannot describe the servers")?;
        let fresh = self.file.with_extension("json.new");
        std::fs::write(&fresh, text).with_context(|| format!("cannot write {}", fresh.display()))?;
        std::fs::rename(&fresh, &self.file).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_is_known_to_the_next_program() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry { process: Process::of(std::process::id()).unwrap(), port: 6379 };
        {
            let state = State::open(folder.path()).unwrap();
            assert_eq!(state.server("redis"), None);
            state.started("redis", entry).unwrap();
            state.started_containers(&["kafka".to_owned(), "zookeeper".to_owned()]).unwrap();
        }
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.server("redis"), Some(entry));
        state.stopped("redis").unwrap();
        state.stopped_containers(&["kafka".to_owned()]).unwrap();
        drop(state);
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.servers(), []);
        assert_eq!(state.containers(), ["zookeeper"]);
    }

    #[test]
    fn a_damaged_file_is_the_same_as_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("state.json"), "{").unwrap();
        assert_eq!(State::open(folder.path()).unwrap().servers(), []);
    }
}
