//! Real stores for a measurement, private and on the core of the load: what is measured has its core to itself.

use crate::cores::{Core, on_cpu};
use anyhow::Context as _;
use tempfile::TempDir;
use xtask::services::{mongodb, redis};

/// A folder for the data of stores, in memory where the system has such files: what is measured is not the disk, which
/// stands still for seconds when others write.
pub(crate) fn folder() -> std::io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// Redis and MongoDB; gone when the value is dropped.
pub(crate) struct Stores {
    redis: redis::Server,
    mongodb: mongodb::Server,
    _folder: TempDir,
}

/// Nanoseconds that the stores have been on a core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) redis: u64,
    pub(crate) mongodb: u64,
}

impl Stores {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = folder()?;
        let redis = redis::Server::start_with(&folder.path().join("redis"), &["--appendonly", "no"])?;
        let mongodb = mongodb::Server::start(&folder.path().join("mongodb"))?;
        for process in [redis.pid(), mongodb.pid()] {
            Core::Load.pin(process.context("a store that runs")?)?;
        }
        Ok(Self { redis, mongodb, _folder: folder })
    }

    pub(crate) fn redis_url(&self) -> String {
        self.redis.url()
    }

    pub(crate) fn mongodb_url(&self) -> String {
        self.mongodb.url()
    }

    pub(crate) fn used(&self) -> Used {
        let of = |process: Option<u32>| process.map_or(0, on_cpu);
        Used { redis: of(self.redis.pid()), mongodb: of(self.mongodb.pid()) }
    }
}

impl Used {
    /// What was used since `before`. A thread of theirs that ended meanwhile takes its time with it.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { redis: self.redis.saturating_sub(before.redis), mongodb: self.mongodb.saturating_sub(before.mongodb) }
    }
}
