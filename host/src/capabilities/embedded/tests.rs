//! The store by itself: its lock, its writer, and what is left after faults.

mod crash;
mod faults;
mod random;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

pub(crate) use random::Random;

use super::{OpenError, Options, Read, Store, Table};
use crate::capabilities::error::{Error, Result};

fn open(folder: &TempDir) -> Arc<Store> {
    Store::open(Options::new(folder.path())).unwrap()
}

/// Keeps the writer busy until the sender is dropped, so that everything asked meanwhile queues up behind it.
async fn hold(store: &Arc<Store>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let held = store.write(0, move |_| {
            let _ = begun.send(());
            let _ = held.recv();
            Ok(())
        });
        held.await
    });
    begins.await.unwrap();
    release
}

fn put(store: &Arc<Store>, key: &str, value: &str) -> tokio::task::JoinHandle<Result<()>> {
    let (store, key, value) = (Arc::clone(store), key.to_owned(), value.to_owned());
    tokio::spawn(
        async move { store.write(1, move |tx| tx.put(Table::Documents, key.as_bytes(), value.as_bytes())).await },
    )
}

fn get(store: &Store, key: &str) -> Option<String> {
    let snapshot = store.snapshot().unwrap();
    let value = snapshot.get(Table::Documents, key.as_bytes()).unwrap();
    value.map(|value| String::from_utf8(value.value().to_vec()).unwrap())
}

/// Lets the spawned tasks run until each has asked the writer for something and waits.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_opening_again() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    put(&store, "a", "1").await.unwrap().unwrap();
    assert_eq!(get(&store, "a").as_deref(), Some("1"));
    drop(store);
    assert_eq!(get(&open(&folder), "a").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_second_host_is_told_who_has_the_folder() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let error = Store::open(Options::new(folder.path())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "another host (pid {}) uses {}; stop it or set stores.data to another folder",
            std::process::id(),
            folder.path().display()
        )
    );
    drop(store);
    open(&folder);
}

#[tokio::test]
async fn a_missing_folder_is_made_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("deep/er");
    let store = Store::open(Options::new(&data)).unwrap();
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::metadata(data.join("devconnect.redb")).unwrap().permissions().mode() & 0o777, 0o600);
    drop(store);
}

#[tokio::test]
async fn a_file_of_a_newer_layout_is_refused() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    store.write(0, |tx| tx.put(Table::Catalogue, super::FORMAT_KEY, &[9])).await.unwrap();
    drop(store);
    let error = Store::open(Options::new(folder.path())).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 9, .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_named() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("devconnect.redb"), vec![7; 8_192]).unwrap();
    let error = Store::open(Options::new(folder.path())).unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error}");
    assert!(error.to_string().contains("devconnect.redb"), "{error}");
}

#[tokio::test]
async fn waiting_writers_share_a_commit() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let release = hold(&store).await;
    let writes: Vec<_> = (0..64).map(|number| put(&store, &number.to_string(), "x")).collect();
    settle().await;
    let before = store.commits();
    drop(release);
    for write in writes {
        write.await.unwrap().unwrap();
    }
    // All of them came while the writer was busy: they join the transaction it has open.
    assert_eq!(store.commits() - before, 1);
}

#[tokio::test]
async fn a_request_that_fails_leaves_nothing_and_disturbs_nobody() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    put(&store, "old", "before").await.unwrap().unwrap();
    let release = hold(&store).await;
    let first = put(&store, "first", "1");
    settle().await;
    let failing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store
                .write(0, |tx| -> Result<()> {
                    tx.put(Table::Documents, b"old", b"changed")?;
                    tx.put(Table::Documents, b"old", b"changed again")?;
                    tx.put(Table::Documents, b"new", b"added")?;
                    tx.remove(Table::Documents, b"first")?;
                    tx.on_commit(Box::new(|| panic!("the request failed")));
                    Err(Error::conflict("no"))
                })
                .await
        })
    };
    settle().await;
    let last = put(&store, "last", "3");
    settle().await;
    drop(release);
    assert_eq!(failing.await.unwrap(), Err(Error::conflict("no")));
    first.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    assert_eq!(get(&store, "old").as_deref(), Some("before"));
    assert_eq!(get(&store, "new"), None);
    assert_eq!(get(&store, "first").as_deref(), Some("1"));
    assert_eq!(get(&store, "last").as_deref(), Some("3"));
}

#[tokio::test]
async fn a_request_that_panics_fails_alone() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let panicking = store.write(0, |tx| -> Result<()> {
        tx.put(Table::Documents, b"half", b"done")?;
        panic!("a bug")
    });
    assert!(matches!(panicking.await, Err(Error::Unavailable(_))));
    assert_eq!(get(&store, "half"), None);
    put(&store, "a", "1").await.unwrap().unwrap();
}

#[tokio::test]
async fn nothing_is_committed_for_a_request_that_changed_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let before = store.commits();
    store.write(0, |tx| tx.get(Table::Documents, b"a").map(|value| value.is_some())).await.unwrap();
    assert_eq!(store.commits(), before);
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_done() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let release = hold(&store).await;
    let write = put(&store, "a", "1");
    settle().await;
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    drop(release);
    // Whatever is answered later was applied later.
    put(&store, "b", "2").await.unwrap().unwrap();
    assert_eq!(get(&store, "a").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_full_queue_refuses_and_recovers() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(Options { queue: 2, ..Options::new(folder.path()) }).unwrap();
    let release = hold(&store).await;
    let waiting = [put(&store, "a", "1"), put(&store, "b", "2")];
    settle().await;
    let refused = put(&store, "c", "3").await.unwrap().unwrap_err();
    assert!(matches!(&refused, Error::Unavailable(failure) if failure.retry_after.is_some()), "{refused}");
    drop(release);
    for write in waiting {
        write.await.unwrap().unwrap();
    }
    put(&store, "c", "3").await.unwrap().unwrap();
}

#[tokio::test]
async fn waiting_bytes_are_limited_but_a_single_request_is_not() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(Options { queue_bytes: 100, ..Options::new(folder.path()) }).unwrap();
    let release = hold(&store).await;
    let large = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.write(1_000, |tx| tx.put(Table::Documents, b"l", b"1")).await })
    };
    settle().await;
    assert!(matches!(put(&store, "a", "1").await.unwrap(), Err(Error::Unavailable(_))));
    drop(release);
    large.await.unwrap().unwrap();
    put(&store, "a", "1").await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_answers_what_was_accepted_and_refuses_the_rest() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let release = hold(&store).await;
    let writes: Vec<_> = (0..10)
        .map(|number| store.writer.submit(1, move |tx| tx.put(Table::Documents, &[number], b"x")).unwrap())
        .collect();
    drop(release);
    tokio::task::spawn_blocking({
        let store = Arc::clone(&store);
        move || store.close()
    })
    .await
    .unwrap();
    for write in writes {
        write.await.unwrap().unwrap();
    }
    assert!(matches!(put(&store, "late", "x").await.unwrap(), Err(Error::Unavailable(_))));
    assert_eq!(get(&store, "late"), None);
}

#[tokio::test]
async fn a_chore_in_pieces_is_run_to_its_end() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let mut left = 5_u8;
    store.every(
        Duration::from_hours(1),
        Box::new(move |tx| {
            left -= 1;
            tx.put(Table::Documents, b"left", left.to_string().as_bytes())?;
            Ok(left > 0)
        }),
    );
    store.run_chores().await.unwrap();
    assert_eq!(get(&store, "left").as_deref(), Some("0"));
}

#[tokio::test]
async fn hooks_run_when_the_commit_is_on_disk() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder);
    let (done, ran) = tokio::sync::oneshot::channel();
    let weak = Arc::downgrade(&store);
    store
        .write(0, move |tx| {
            tx.put(Table::Documents, b"a", b"1")?;
            tx.on_commit(Box::new(move || {
                let seen = weak.upgrade().and_then(|store| get(&store, "a"));
                let _ = done.send(seen);
            }));
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(ran.await.unwrap().as_deref(), Some("1"));
}
