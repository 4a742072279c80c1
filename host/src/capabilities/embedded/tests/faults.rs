//! Storage that fails, and storage that loses power.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redb::StorageBackend;
use redb::backends::FileBackend;
use tempfile::TempDir;

use super::super::{Opener, Options, Store};
use super::{get, put, settle};
use crate::capabilities::error::Error;

/// A file whose syncs fail while the switch is on.
#[derive(Debug)]
struct Failing {
    file: FileBackend,
    broken: Arc<AtomicBool>,
}

impl StorageBackend for Failing {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }
}

fn failing(broken: &Arc<AtomicBool>) -> Opener {
    let broken = Arc::clone(broken);
    Box::new(move |builder, path| {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
        builder.create_with_backend(Failing { file: FileBackend::new(file)?, broken: Arc::clone(&broken) })
    })
}

#[tokio::test]
async fn a_commit_that_fails_acknowledges_nothing_and_the_store_recovers() {
    let folder = TempDir::new().unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let store = Store::open_with(Options::new(folder.path()), failing(&broken)).unwrap();
    put(&store, "kept", "1").await.unwrap().unwrap();

    broken.store(true, Ordering::SeqCst);
    let release = super::hold(&store).await;
    let writes: Vec<_> = (0..8).map(|number| put(&store, &format!("lost{number}"), "x")).collect();
    settle().await;
    drop(release);
    for write in writes {
        let error = write.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
    }
    // Still broken: refused again, and the writer lives.
    assert!(matches!(put(&store, "again", "x").await.unwrap(), Err(Error::Unavailable(_))));

    broken.store(false, Ordering::SeqCst);
    // The first one may only find that the file has to be opened again.
    let _ = put(&store, "wakes", "x").await.unwrap();
    put(&store, "after", "2").await.unwrap().unwrap();
    assert_eq!(get(&store, "kept").as_deref(), Some("1"));
    assert_eq!(get(&store, "after").as_deref(), Some("2"));
}

/// Storage as a disk keeps it: what was written since the last sync is there after a power cut, or not, in any mixture.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Image>>);

#[derive(Debug, Default)]
struct Image {
    /// What reads see.
    current: Vec<u8>,
    synced: Vec<u8>,
    /// Sectors written since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
}

const SECTOR: usize = 512;

impl Disk {
    /// The bytes after power was cut now: each pending sector reached the disk or did not.
    fn after_power_cut(&self, mut coin: impl FnMut() -> bool) -> Self {
        let image = self.0.lock();
        let mut left = image.synced.clone();
        left.resize(image.current.len(), 0);
        for (offset, data) in &image.pending {
            if coin() {
                left[*offset..*offset + data.len()].copy_from_slice(data);
            }
        }
        Self(Arc::new(Mutex::new(Image { current: left.clone(), synced: left, pending: Vec::new() })))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let offset = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.lock().current[offset..offset + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut image = self.0.lock();
        let len = usize::try_from(len).unwrap();
        image.current.resize(len, 0);
        image.pending.retain(|(offset, data)| offset + data.len() <= len);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut image = self.0.lock();
        image.synced = image.current.clone();
        image.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut image = self.0.lock();
        let offset = usize::try_from(offset).unwrap();
        image.current[offset..offset + data.len()].copy_from_slice(data);
        let sectors = data.chunks(SECTOR).enumerate();
        image.pending.extend(sectors.map(|(index, sector)| (offset + index * SECTOR, sector.to_vec())));
        Ok(())
    }
}

fn on_disk(disk: &Disk) -> Opener {
    let disk = disk.clone();
    Box::new(move |builder, _| builder.create_with_backend(disk.clone()))
}

/// The store acknowledges after the sync, never before it: whatever a power cut does to unsynced sectors, what had been
/// acknowledged by then is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let mut random = super::Random::new(seed);
    for round in 0..20 {
        let disk = Disk::default();
        let folder = TempDir::new().unwrap();
        let store = Store::open_with(Options::new(folder.path()), on_disk(&disk)).unwrap();
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (store, acknowledged) = (Arc::clone(&store), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    for number in 0.. {
                        let key = format!("{writer}-{number}");
                        if put(&store, &key, &"x".repeat(200)).await.unwrap().is_err() {
                            return;
                        }
                        acknowledged.lock().push(key);
                    }
                })
            })
            .collect();
        let enough = 1 + random.below(60);
        while acknowledged.lock().len() < enough {
            tokio::task::yield_now().await;
        }
        // The list first: what is acknowledged after this look need not be there.
        let promised = acknowledged.lock().clone();
        let left = disk.after_power_cut(|| random.below(2) == 0);
        store.close();
        for writer in writers {
            writer.await.unwrap();
        }
        drop(store);

        let folder = TempDir::new().unwrap();
        let store = Store::open_with(Options::new(folder.path()), on_disk(&left)).unwrap();
        for key in promised {
            assert!(get(&store, &key).is_some(), "seed {seed}, round {round}: {key} was acknowledged and is gone");
        }
    }
}
