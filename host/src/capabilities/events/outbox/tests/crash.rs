//! A host that is killed: the test starts itself as a child, which accepts events and drains them into a file, and kills it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use tempfile::TempDir;

use super::super::super::backend::Event;
use super::super::{Limits, Outbox, Refusal, Sender, drain};
use super::until;
use crate::capabilities::embedded::tests::Random;
use crate::capabilities::embedded::{Options, Store};

const FOLDER: &str = "DEVCONNECT_TEST_OUTBOX_FOLDER";
const FIRST: &str = "DEVCONNECT_TEST_OUTBOX_FIRST";
const ROUNDS: u64 = 10;
const KEYS: u64 = 8;

/// A log that is a file with a line for each event. What was written is there after a SIGKILL.
struct Lines(Mutex<File>);

impl Lines {
    fn open(folder: &Path) -> Arc<Self> {
        let file = OpenOptions::new().create(true).append(true).open(folder.join("lines")).unwrap();
        Arc::new(Self(Mutex::new(file)))
    }
}

impl Sender for Lines {
    async fn send(&self, event: Event) -> Result<(), Refusal> {
        let line = format!("{} {}\n", event.key.unwrap(), String::from_utf8(event.value).unwrap());
        self.0.lock().write_all(line.as_bytes()).unwrap();
        Ok(())
    }
}

fn open(folder: &Path) -> Arc<Outbox> {
    let store = Store::open(Options::new(folder)).unwrap();
    Arc::new(Outbox::new(store, Limits::default()).unwrap())
}

/// The child. By itself it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by a_killed_host_delivers_what_it_accepted"]
async fn child() {
    let folder = std::env::var_os(FOLDER).expect("the parent sets the folder");
    let first: u64 = std::env::var(FIRST).expect("the parent sets the first number").parse().unwrap();
    let outbox = open(Path::new(&folder));
    tokio::spawn(drain(Arc::clone(&outbox), Lines::open(Path::new(&folder)), std::future::pending()));
    let keys: Vec<_> = (0..KEYS)
        .map(|key| {
            let outbox = Arc::clone(&outbox);
            tokio::spawn(async move {
                for number in first.. {
                    let (topic, value) = ("t".to_owned(), number.to_string().into());
                    let event = Event { topic, key: Some(key.to_string()), value, headers: Vec::new() };
                    outbox.accept(vec![event]).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "ack {key} {number}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    for key in keys {
        key.await.unwrap();
    }
}

/// Runs the child until it has accepted `enough` events, kills it, and answers the last number of each key that it told.
fn run_and_kill(folder: &TempDir, first: u64, enough: usize) -> BTreeMap<u64, u64> {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", &format!("{module}::child")])
        .env(FOLDER, folder.path())
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let (mut last, mut told) = (BTreeMap::new(), 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some((_, ack)) = line.rsplit_once("ack ") else { continue };
        let (key, number) = ack.split_once(' ').unwrap();
        last.insert(key.parse().unwrap(), number.parse().unwrap());
        told += 1;
        if told == enough {
            // SIGKILL. What the pipe holds beyond it is read too: that was acknowledged as well.
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(told >= enough, "the child ended by itself: {status}");
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_host_delivers_what_it_accepted() {
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let mut random = Random::new(seed);
    let folder = TempDir::new().unwrap();
    let mut promised: BTreeSet<(u64, u64)> = BTreeSet::new();
    for round in 0..ROUNDS {
        let first = round * 1_000_000;
        for (key, last) in run_and_kill(&folder, first, 1 + random.below(200)) {
            promised.extend((first..=last).map(|number| (key, number)));
        }
    }
    let outbox = open(folder.path());
    let draining = tokio::spawn(drain(Arc::clone(&outbox), Lines::open(folder.path()), std::future::pending()));
    until("an empty outbox", || outbox.depth() == 0).await;
    draining.abort();

    let mut delivered: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in BufReader::new(File::open(folder.path().join("lines")).unwrap()).lines() {
        let line = line.unwrap();
        let (key, number) = line.split_once(' ').unwrap();
        let (key, number) = (key.parse().unwrap(), number.parse().unwrap());
        if seen.insert((key, number)) {
            delivered.entry(key).or_default().push(number);
        }
    }
    let lost: Vec<_> = promised.difference(&seen).collect();
    assert!(lost.is_empty(), "seed {seed}: of {} accepted these are lost: {lost:?}", promised.len());
    for (key, numbers) in delivered {
        assert!(numbers.is_sorted(), "seed {seed}: the events of key {key} are out of order: {numbers:?}");
    }
}
