//! The snapshot that carries the cache over a restart.
//!
//! **Once only.** [`Memory::load`] removes the file before it hands anything out. A host that later crashes starts empty
//! rather than with what was true long ago: a session that was logged out in between must not come back.
//!
//! **Format.** [`MAGIC`], the version, the wall-clock time, entries, an end mark, and the SHA-256 of all before it.
//! Numbers are little-endian. Moments are wall-clock, so that lives go on while the host is down; where the wall clock
//! went back, a life is not made longer by it. A file that is damaged in any way is refused as a whole.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Memory;
use super::shard::NEVER;

mod format;

/// What every snapshot begins with.
pub const MAGIC: &[u8; 8] = b"DVCCACHE";
/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Why a snapshot was not written or not taken in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read, or not be removed after reading.
    #[error("the cache's snapshot {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("the cache's snapshot {path} cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a whole, undamaged snapshot.
    #[error("{path} is not a snapshot of a cache that this host can take in: {damage}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
}

/// What is wrong with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It begins otherwise.
    #[error("it does not begin as one")]
    Magic,
    /// Another version of the host wrote it.
    #[error("its version is {0}, this host reads {VERSION}")]
    Version(u32),
    /// Its bytes are not those that were written.
    #[error("its checksum does not hold")]
    Checksum,
    /// Its checksum holds and its contents make no sense all the same.
    #[error("its contents are malformed")]
    Malformed,
}

/// What a snapshot brought.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Entries that were taken in.
    pub entries: usize,
    /// Entries whose life ended while the host was down.
    pub expired: usize,
}

impl Memory {
    /// Writes all entries to `path`, by a temporary file that only the owner may read and a rename. Blocks: call it off
    /// the async threads. Writes that come meanwhile may or may not be in it.
    ///
    /// # Errors
    /// Where the file system refuses; an older snapshot then stays as it was.
    pub fn save(&self, path: &Path) -> Result<usize, Error> {
        self.write_file(path).map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// Takes in what [`Memory::save`] wrote, and removes the file. No file is no error. Blocks.
    ///
    /// # Errors
    /// Where the file is damaged or cannot be read or removed; then nothing is taken in. The caller logs it and goes on
    /// with an empty cache.
    pub fn load(&self, path: &Path) -> Result<Loaded, Error> {
        let unread = |source| Error::Read { path: path.to_owned(), source };
        let file = match fs::read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Loaded::default()),
            Err(error) => return Err(unread(error)),
        };
        fs::remove_file(path).map_err(unread)?;
        sync_folder(path).map_err(unread)?;
        let snapshot = format::read(&file).map_err(|damage| Error::Damaged { path: path.to_owned(), damage })?;
        Ok(self.take_in(snapshot))
    }

    fn take_in(&self, snapshot: format::Snapshot) -> Loaded {
        let mut loaded = Loaded::default();
        // A wall clock that went back would lengthen lives: count from the later moment.
        let wall = self.clock.unix_ms().max(snapshot.taken);
        for entry in snapshot.entries {
            let left = if entry.expires == NEVER { NEVER } else { entry.expires.saturating_sub(wall) };
            if left == 0 {
                loaded.expired += 1;
                continue;
            }
            loaded.entries += 1;
            self.on(&entry.key, |shard, now| {
                let expires = if left == NEVER { NEVER } else { now.saturating_add(left).min(NEVER - 1) };
                shard.put(&entry.key, entry.value, expires, now.saturating_sub(entry.idle));
            });
        }
        loaded
    }

    fn write_file(&self, path: &Path) -> io::Result<usize> {
        let folder = folder(path);
        fs::create_dir_all(folder)?;
        // Values hold sessions and personal data: tempfile makes it readable for the owner alone.
        let file = tempfile::Builder::new().prefix(".cache-").tempfile_in(folder)?;
        let entries = self.write_entries(file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_folder(path)?;
        Ok(entries)
    }

    fn write_entries(&self, file: &fs::File) -> io::Result<usize> {
        let mut out = Hashing { inner: BufWriter::new(file), digest: Sha256::new() };
        let wall = self.clock.unix_ms();
        format::write_head(&mut out, wall)?;
        let mut entries = 0;
        let mut buffer = Vec::new();
        for shard in self.shards() {
            buffer.clear();
            {
                let shard = shard.lock();
                let now = self.clock.monotonic_ms();
                for slot in shard.slots().iter().filter(|slot| slot.expires > now) {
                    let expires = if slot.expires == NEVER { NEVER } else { wall.saturating_add(slot.expires - now) };
                    format::write_entry(&mut buffer, slot, expires, now.saturating_sub(slot.used));
                    entries += 1;
                }
            }
            // A disk may take its time: not under the lock.
            out.write_all(&buffer)?;
        }
        format::write_end(&mut out)?;
        let Hashing { mut inner, digest } = out;
        inner.write_all(&digest.finalize())?;
        inner.flush()?;
        Ok(entries)
    }
}

/// Makes a rename or removal in the file's folder outlive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Passes bytes on and hashes them.
struct Hashing<W> {
    inner: W,
    digest: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        if let Some(bytes) = bytes.get(..written) {
            self.digest.update(bytes);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
