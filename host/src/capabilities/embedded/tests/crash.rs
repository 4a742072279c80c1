//! A host that is killed: the test starts itself as a child, which writes and says what was acknowledged, and kills it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bson::{RawDocument, rawdoc};
use tempfile::TempDir;

use super::{Options, Random, Store};
use crate::capabilities::documents::backend::{
    Backend as _, Expectation, FindOptions, IndexOptions, Operation, Outcome, UpdateOptions, Write,
};
use crate::capabilities::documents::embedded::Documents;
use crate::capabilities::events::backend::{Backend as _, Event};
use crate::capabilities::events::embedded::{Log, Retention};

const FOLDER: &str = "DEVCONNECT_TEST_CRASH_FOLDER";
const FIRST: &str = "DEVCONNECT_TEST_CRASH_FIRST";
const ROUNDS: usize = 12;
const WRITERS: i64 = 8;

fn open(folder: &std::path::Path) -> (Documents, Log) {
    let store = Store::open(Options::new(folder)).unwrap();
    let log = Log::new(Arc::clone(&store), Retention::default());
    let documents = Documents::new(store, log.sink());
    (documents, log)
}

fn event(number: i64) -> Event {
    Event {
        topic: "numbers".to_owned(),
        key: Some(number.to_string()),
        value: number.to_string().into(),
        headers: Vec::new(),
    }
}

/// One number: a document with its event, and a counter that all writers share.
async fn write(documents: &Documents, number: i64) {
    let insert = Operation::Insert(rawdoc! { "_id": number, "unique": number.to_string() }.into_bytes());
    let count = Operation::Update {
        filter: rawdoc! { "_id": "counter" }.into_bytes(),
        update: rawdoc! { "$inc": { "count": 1 } }.into_bytes(),
        options: UpdateOptions { many: false, upsert: true },
        expect: Expectation::Anything,
    };
    let writes = [insert, count].map(|operation| Write { collection: "numbers".to_owned(), operation });
    let outcome = documents.transact(writes.into(), vec![event(number)]).await.unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
}

/// The child. By itself it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by a_killed_host_keeps_what_it_acknowledged"]
async fn child() {
    let folder = std::env::var_os(FOLDER).expect("the parent sets the folder");
    let first: i64 = std::env::var(FIRST).expect("the parent sets the first number").parse().unwrap();
    let (documents, _log) = open(std::path::Path::new(&folder));
    let unique = IndexOptions { unique: true, ..IndexOptions::default() };
    documents.ensure_index("numbers", rawdoc! { "unique": 1 }.into_bytes(), unique).await.unwrap();
    let documents = Arc::new(documents);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let documents = Arc::clone(&documents);
            tokio::spawn(async move {
                for number in (first + writer..).step_by(usize::try_from(WRITERS).unwrap()) {
                    write(&documents, number).await;
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "ack {number}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Runs the child until it has acknowledged `enough` numbers, kills it, and answers all that it acknowledged.
fn run_and_kill(folder: &TempDir, first: i64, enough: usize) -> Vec<i64> {
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", &format!("{module}::child")])
        .env(FOLDER, folder.path())
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, number)) = line.rsplit_once("ack ") {
            acknowledged.push(number.parse().unwrap());
        }
        if acknowledged.len() == enough {
            // SIGKILL. What the pipe holds beyond it is read too: that was acknowledged as well.
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(acknowledged.len() >= enough, "the child ended by itself: {status}");
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_host_keeps_what_it_acknowledged() {
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let mut random = Random::new(seed);
    let folder = TempDir::new().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let first = i64::try_from(round).unwrap() * 1_000_000;
        acknowledged.extend(run_and_kill(&folder, first, 1 + random.below(150)));

        let (documents, log) = open(folder.path());
        let context = format!("seed {seed}, round {round}");
        let mut stored = BTreeSet::new();
        let everything = rawdoc! { "unique": { "$exists": true } }.into_bytes();
        let mut cursor = documents.open("numbers", everything, FindOptions::default()).await.unwrap();
        loop {
            let piece = cursor.next(1_000).await.unwrap();
            if piece.is_empty() {
                break;
            }
            stored.extend(piece.iter().map(|found| RawDocument::from_bytes(found).unwrap().get_i64("_id").unwrap()));
        }
        assert!(acknowledged.is_subset(&stored), "{context}: acknowledged and gone");

        for number in &stored {
            let filter = rawdoc! { "unique": number.to_string() }.into_bytes();
            let found = documents.find("numbers", filter, FindOptions::default()).await.unwrap();
            assert_eq!(found.len(), 1, "{context}: the unique index has lost or doubled {number}");
        }
        let counter =
            documents.find_one("numbers", rawdoc! { "_id": "counter" }.into_bytes(), None).await.unwrap().unwrap();
        let count = RawDocument::from_bytes(&counter).unwrap().get_i32("count").unwrap();
        assert_eq!(usize::try_from(count).unwrap(), stored.len(), "{context}: a transaction was halved");

        let mut told = BTreeSet::new();
        let [topic] = log.topics().await.unwrap().try_into().unwrap();
        for (partition, kept) in (0..).zip(topic.partitions) {
            let mut offset = 0;
            while offset < kept.end {
                for record in log.read("numbers", partition, offset, 1_000).await.unwrap() {
                    assert_eq!(record.position.offset, offset, "{context}: a hole in the log");
                    offset += 1;
                    let number = std::str::from_utf8(&record.value).unwrap().parse::<i64>().unwrap();
                    assert!(told.insert(number), "{context}: {number} is told twice");
                }
            }
        }
        assert_eq!(told, stored, "{context}: events and documents differ");
    }
}
