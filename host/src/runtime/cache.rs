//! Compiled components on disk, so that a start or a swap of a known file costs a mapping and no compilation.
//!
//! Loading machine code is trusting it. So only what this host wrote is loaded: the folder belongs to the host's user and
//! nobody else may write to it, files appear whole (written aside, synced, renamed), and their names bind the component's
//! digest to the engine's settings and version, and a checksum beside them tells a damaged one. A file that is damaged, or
//! that wasmtime refuses, is removed and compiled again.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use wasmtime::component::Component;

use super::Engine;
use super::component::Description;

/// Files that are kept, three a component: enough for a hundred plugins and some versions back.
const KEPT: usize = 512;
/// Bits of a folder's mode that let others write.
const OTHERS_WRITE: u32 = 0o022;

/// The folder of compiled components.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    engine: u64,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be made or read.
    #[error("the folder of compiled components, {}: {source}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could put code into it.
    #[error(
        "the folder of compiled components, {}, can be written by others, and what it holds is executed: \
         `chmod go-w` it, or set runtime.cache to a folder of the host's own", folder.display()
    )]
    Writable {
        /// The folder.
        folder: PathBuf,
    },
}

impl Cache {
    /// Opens the folder, makes it (for this user alone) if it is missing.
    ///
    /// # Errors
    /// It cannot be made, or others may write to it.
    pub fn open(folder: &Path, engine: &Engine) -> Result<Self, Error> {
        let io = |source| Error::Io { folder: folder.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
        let metadata = fs::metadata(folder).map_err(io)?;
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & OTHERS_WRITE != 0 {
            return Err(Error::Writable { folder: folder.to_owned() });
        }
        let mut hasher = DefaultHasher::new();
        engine.inner().precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder: folder.to_owned(), engine: hasher.finish() })
    }

    /// The same for a folder that is not made where it is missing: `None` there, and where it cannot be used.
    #[must_use]
    pub fn existing(folder: &Path, engine: &Engine) -> Option<Self> {
        folder.is_dir().then(|| Self::open(folder, engine).ok()).flatten()
    }

    /// The component with this digest, if it is there and still good.
    #[allow(unsafe_code, reason = "wasmtime maps machine code from a file; see SAFETY")]
    pub(super) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(digest, "cwasm");
        let code = fs::read(&path).ok()?;
        let whole = fs::read_to_string(self.path(digest, "sha256")).is_ok_and(|sum| sum == Digest::of(&code).hex());
        drop(code);
        if !whole {
            tracing::warn!(file = %path.display(), "a compiled component is damaged and is made again");
            let _gone = fs::remove_file(&path);
            return None;
        }
        // SAFETY: the file was written by `store` of this module, for this engine and this version of wasmtime (its name
        // binds both), into a folder that no other user may write to (checked in `open`); it appeared there whole and its
        // bytes are those that were written (checked above).
        match unsafe { Component::deserialize_file(engine.inner(), &path) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(file = %path.display(), "a compiled component is not usable and is made again: {error:#}");
                let _gone = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps compiled code under the component's digest.
    pub(super) fn store(&self, digest: &Digest, code: &[u8]) -> io::Result<()> {
        self.write(&self.path(digest, "sha256"), Digest::of(code).hex().as_bytes())?;
        self.write(&self.path(digest, "cwasm"), code)?;
        self.prune();
        Ok(())
    }

    /// What the component said of itself when it was first loaded.
    pub(super) fn description(&self, digest: &Digest) -> Option<Description> {
        let text = fs::read(self.path(digest, "json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps what a component says of itself.
    pub(super) fn describe(&self, digest: &Digest, description: &Description) -> io::Result<()> {
        self.write(&self.path(digest, "json"), &serde_json::to_vec(description)?)
    }

    /// Removes the oldest files beyond those worth keeping. One that is mapped by a running version lives on without a name.
    fn prune(&self) {
        let Ok(folder) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<_> = folder
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
            })
            .collect();
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(KEPT)) {
            let _gone = fs::remove_file(path);
        }
    }

    fn path(&self, digest: &Digest, extension: &str) -> PathBuf {
        self.folder.join(format!("{}-{:016x}.{extension}", digest.hex(), self.engine))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// The SHA-256 of a component file.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// As the operator writes it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Sixty-four hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first eight digits: enough to tell versions apart in logs.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.short())
    }
}
