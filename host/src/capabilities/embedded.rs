//! The embedded stores' one file: `<data>/devconnect.redb`, for documents and events together.
//!
//! One file, because a document and the events that belong to it must be one commit. Invariants:
//!
//! - **One host a folder.** A lock file is held from [`Store::open`] until the store is dropped ([`lock`]).
//! - **One writer.** A single OS thread applies every write and syncs once for all that queued meanwhile ([`writer`]).
//!   A write is answered after the sync that made it durable, never before; a request that fails leaves nothing behind
//!   and does not disturb the others that share its commit.
//! - **Readers never wait.** They see the last commit as it was when they began ([`Snapshot`]).
//! - **Keys and values are bytes** that this crate encodes, so that a new version of redb, whose typed encodings may
//!   change, reads the same file ([`tables`]).
//!
//! What is stored is the business of the capabilities: `documents::embedded` and `events::embedded` lay out their own
//! keys and hand this module closures to run in the writer.

pub(crate) mod lock;
pub(crate) mod tables;
pub(crate) mod writer;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::RwLock;
use redb::ReadableDatabase;

use crate::capabilities::error::{Error, Result};
use crate::capabilities::events::backend::Event;

pub(crate) use tables::{Read, Snapshot, Table, Tx};
use writer::{Chore, Writer};

/// The time, injected so that tests own it.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The name of the data file in the data folder.
const FILE: &str = "devconnect.redb";
/// The version of the layout that this host writes; a file of a newer one is refused.
const FORMAT: u8 = 1;
const FORMAT_KEY: &[u8] = b"format";

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// The folder; it is made, for this user alone, where it is missing.
    pub data: PathBuf,
    /// Bytes of the file that are kept in memory.
    pub cache: usize,
    /// The most requests that wait for the writer; beyond it they are refused as `unavailable`.
    pub queue: usize,
    /// The most bytes that wait for the writer, all requests together.
    pub queue_bytes: usize,
    /// Tells the time to TTL indexes, retention and events.
    pub clock: Clock,
}

impl Options {
    /// The defaults for a data folder.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            cache: 32 << 20,
            queue: 4_096,
            queue_bytes: 64 << 20,
            clock: Arc::new(SystemTime::now),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("data", &self.data).field("cache", &self.cache).finish_non_exhaustive()
    }
}

/// Why the embedded stores could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be made or used.
    #[error("cannot use the data folder {}: {source}; set stores.data to a folder this user may write", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another host has the folder.
    #[error("another host (pid {pid}) uses {}; stop it or set stores.data to another folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other host's process id, or `unknown`.
        pid: String,
    },
    /// The data file cannot be opened.
    #[error("cannot open {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the storage engine said.
        reason: String,
    },
    /// The data file comes from a newer host.
    #[error("{} was written by a newer host (layout {found}, this one knows {FORMAT}); start that version, or set stores.data to another folder", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The layout it has.
        found: u8,
    },
    /// The writer's thread could not be started.
    #[error("cannot start the store's writer thread: {0}")]
    Thread(io::Error),
}

/// Takes the events of a documents transaction in that transaction's own commit.
///
/// The embedded log appends them to their topics right there: it is in the same file, so an outbox in between would only
/// write everything twice. With Kafka as the log, an outbox in this file stands here and is drained to the brokers.
pub(crate) trait Sink: Send + Sync {
    /// Takes the events, in order; an error fails the transaction.
    fn take(&self, tx: &mut Tx<'_>, events: &[Event]) -> Result<()>;
}

/// The open file. Dropping it lets the writer finish what it has accepted, closes the file and gives the folder free.
pub struct Store {
    writer: Writer,
    file: Arc<DataFile>,
    // Last, so that the folder is free only when the file is closed.
    _lock: lock::Lock,
}

impl Store {
    /// Opens the folder's file, or makes it.
    ///
    /// Blocks: after a crash the file is checked first, which takes time in proportion to its size.
    ///
    /// # Errors
    /// Another host uses the folder, or the file cannot be opened.
    pub fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        Self::open_with(options, Box::new(|builder, path| builder.create(path)))
    }

    /// The same with another way to get at the bytes of the file.
    fn open_with(options: Options, opener: Opener) -> Result<Arc<Self>, OpenError> {
        let folder = |source| OpenError::Folder { path: options.data.clone(), source };
        make_folder(&options.data).map_err(folder)?;
        let lock = lock::Lock::take(&options.data)?;
        let path = options.data.join(FILE);
        make_file(&path, &options.data).map_err(folder)?;
        let file = Arc::new(DataFile { path, cache: options.cache, opener, database: RwLock::new(None) });
        file.open()?;
        let writer = Writer::start(Arc::clone(&file), &options).map_err(OpenError::Thread)?;
        Ok(Arc::new(Self { writer, file, _lock: lock }))
    }

    /// The state of the last commit.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        self.file.snapshot()
    }

    /// Runs `apply` in the writer and answers when what it wrote is on disk. An error of `apply` undoes its writes, and
    /// only its.
    ///
    /// Once this future was polled the request is the writer's: dropping the future neither loses nor halves it. `weight` is
    /// about how many bytes the request holds.
    pub(crate) async fn write<T, F>(&self, weight: usize, apply: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let answer = self.writer.submit(weight, apply)?;
        answer.await.unwrap_or_else(|_| Err(writer::closed()))
    }

    /// Has the writer run `chore` every `period` while the store is open.
    pub(crate) fn every(&self, period: Duration, chore: Chore) {
        self.writer.every(period, chore);
    }

    /// Runs every chore now and answers when they are done: for tests, which own the clock.
    #[cfg(test)]
    pub(crate) async fn run_chores(&self) -> Result<()> {
        self.writer.run_chores()?.await.map_err(|_| writer::closed())
    }

    /// How many commits reached the disk, for metrics.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Refuses further writes and returns when all accepted ones are answered. Reads go on.
    ///
    /// Blocks for about one sync.
    pub fn close(&self) {
        self.writer.close();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.writer.close();
        self.file.close();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.file.path).finish_non_exhaustive()
    }
}

/// Opens the database; tests put storage that fails or loses power in between.
type Opener = Box<dyn Fn(&mut redb::Builder, &Path) -> Result<redb::Database, redb::DatabaseError> + Send + Sync>;

/// The database behind a latch that lets the writer open it anew: after an I/O error redb refuses everything until then.
pub(crate) struct DataFile {
    path: PathBuf,
    cache: usize,
    opener: Opener,
    database: RwLock<Option<redb::Database>>,
}

impl DataFile {
    /// Opens the file in place of what is open now, if anything is.
    fn open(&self) -> Result<(), OpenError> {
        let failed = |reason: String| OpenError::File { path: self.path.clone(), reason };
        let mut slot = self.database.write();
        // Closed first: the file can be open once only.
        drop(slot.take());
        let mut builder = redb::Builder::new();
        builder.set_cache_size(self.cache);
        let (path, said) = (self.path.clone(), AtomicBool::new(false));
        builder.set_repair_callback(move |_| {
            // Called all along the way.
            if !said.swap(true, Ordering::Relaxed) {
                tracing::warn!(file = %path.display(), "the host was not shut down the last time: checking the data file");
            }
        });
        let database = (self.opener)(&mut builder, &self.path).map_err(|error| failed(error.to_string()))?;
        let found =
            tables::prepare(&database, FORMAT_KEY, FORMAT).map_err(|error| failed(error.message().to_owned()))?;
        if found > FORMAT {
            return Err(OpenError::Newer { path: self.path.clone(), found });
        }
        *slot = Some(database);
        Ok(())
    }

    fn close(&self) {
        drop(self.database.write().take());
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let slot = self.database.read();
        let database = slot.as_ref().ok_or_else(away)?;
        Ok(Snapshot::new(database.begin_read().map_err(tables::unavailable)?))
    }

    /// A write transaction; the writer alone asks for one.
    fn begin(&self) -> Result<redb::WriteTransaction> {
        let slot = self.database.read();
        let database = slot.as_ref().ok_or_else(away)?;
        database.begin_write().map_err(tables::unavailable)
    }
}

fn away() -> Error {
    Error::unavailable("the embedded store's file could not be opened again after an error; see the host's log")
        .retry_after(Duration::from_secs(1))
}

fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(parent)?;
    }
    Ok(())
}

/// Makes the data file, readable for this user alone, and makes its name last: a synced file in a folder that was not
/// synced may be gone after a power cut.
fn make_file(path: &Path, folder: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => sync_folder(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
pub(crate) mod tests;
