//! The lock that keeps a second host out of a data folder.
//!
//! The lock is the operating system's, on an open file: it goes with the process, however that ends, so there is no stale
//! lock to clean up. The process id in the file only serves the message. The file stays when the lock is given up:
//! removing it would let two hosts hold locks on two files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::OpenError;

const FILE: &str = "lock";

/// The folder is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder's lock, without waiting.
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Folder { path: folder.to_owned(), source };
        let mut options = OpenOptions::new();
        // Not truncated: until the lock is ours the content is another host's.
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(folder.join(FILE)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(folder, &mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn in_use(folder: &Path, file: &mut File) -> OpenError {
    let mut pid = String::new();
    // The owner may be between taking the lock and writing its id.
    let known = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
    let pid = if known { pid.trim().to_owned() } else { "unknown".to_owned() };
    OpenError::InUse { path: folder.to_owned(), pid }
}
