//! Where component files come from.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::Source;
use crate::runtime::compile;

/// What a file looked like when it was last read: a change of content changes this. Its time is that of the inode, which
/// nobody can set: tools that unpack or synchronise give files the time of modification that they had elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// A component file that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The file is not there.
    #[error("{path} does not exist; `cargo xtask build` makes the plugins of this repository")]
    Missing {
        /// The file.
        path: String,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file is too large to be a component.
    #[error("{path} has more than {} MiB", compile::LARGEST >> 20)]
    TooLarge {
        /// The file.
        path: String,
    },
    /// A kind of source that this version does not read.
    #[error("{url}: sources over https are not served yet; download the file and name its path")]
    Remote {
        /// The source.
        url: String,
    },
}

/// The stamp of a source, if it is a file that is there.
pub(super) async fn stamp(source: &Source) -> Option<Stamp> {
    match source {
        Source::File(path) => stamp_of(path).await,
        Source::Https(_) => None,
    }
}

/// The stamp of a file, if it is there.
pub(super) async fn stamp_of(path: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some(Stamp { inode: metadata.ino(), size: metadata.len(), changed: (metadata.ctime(), metadata.ctime_nsec()) })
}

/// The bytes of a source.
pub(super) async fn read(source: &Source) -> Result<Vec<u8>, Error> {
    let path = match source {
        Source::File(path) => path,
        Source::Https(url) => return Err(Error::Remote { url: url.clone() }),
    };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path: shown(path) },
        _ => Error::Io { path: shown(path), source },
    };
    if tokio::fs::metadata(path).await.map_err(failed)?.len() > compile::LARGEST {
        return Err(Error::TooLarge { path: shown(path) });
    }
    tokio::fs::read(path).await.map_err(failed)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
impl Stamp {
    /// One of several stamps, for tests.
    pub(super) const fn example(inode: u64) -> Self {
        Self { inode, size: 1, changed: (0, 0) }
    }
}
