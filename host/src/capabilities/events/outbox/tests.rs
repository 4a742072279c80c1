//! The outbox by itself; its drainer is tested beside it, and what a killed host leaves.

mod crash;
mod dead;
mod drain;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::rawdoc;
use tempfile::TempDir;

use super::super::backend::{EVENT_ID, Event, MOST_VALUE_BYTES};
use super::{Limits, Outbox, Which};
use crate::capabilities::documents::backend::{Backend as _, Expectation, Operation, Outcome, Write};
use crate::capabilities::documents::embedded::Documents;
use crate::capabilities::embedded::{Options, Store};
use crate::capabilities::error::Error;

/// How long a condition may take that is sure to come.
const PATIENCE: Duration = Duration::from_secs(20);

fn open(folder: &TempDir, limits: Limits) -> (Arc<Store>, Arc<Outbox>) {
    let store = Store::open(Options::new(folder.path())).unwrap();
    let outbox = Outbox::new(Arc::clone(&store), limits).unwrap();
    (store, Arc::new(outbox))
}

fn event(key: Option<&str>, value: &str) -> Event {
    Event { topic: "t".to_owned(), key: key.map(str::to_owned), value: value.into(), headers: Vec::new() }
}

/// What waits, in order.
async fn waiting(outbox: &Outbox) -> Vec<Event> {
    outbox.load(0, usize::MAX).await.unwrap().into_iter().map(|row| row.event.unwrap()).collect()
}

fn values(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| std::str::from_utf8(&event.value).unwrap()).collect()
}

/// Waits until the condition holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_accepted_is_there_after_opening_again() {
    let folder = TempDir::new().unwrap();
    let (store, outbox) = open(&folder, Limits::default());
    let headers = vec![("a".to_owned(), "ä".to_owned()), ("a".to_owned(), String::new())];
    outbox.accept(vec![Event { headers, ..event(Some("k"), "1") }, event(None, "2")]).await.unwrap();
    let before = waiting(&outbox).await;
    assert_eq!(values(&before), ["1", "2"]);
    assert_eq!(before[0].key.as_deref(), Some("k"));
    assert_eq!(before[0].headers[..2], [("a".to_owned(), "ä".to_owned()), ("a".to_owned(), String::new())]);
    assert!(before.iter().all(|event| event.headers.iter().any(|(name, _)| name == EVENT_ID)));
    let bytes = outbox.bytes();
    drop((store, outbox));

    let (_store, outbox) = open(&folder, Limits::default());
    assert_eq!(waiting(&outbox).await, before);
    assert_eq!((outbox.depth(), outbox.bytes()), (2, bytes));
    assert!(outbox.age().unwrap().is_some());
    // New rows go behind the old ones.
    outbox.accept(vec![event(None, "3")]).await.unwrap();
    assert_eq!(values(&waiting(&outbox).await), ["1", "2", "3"]);
}

#[tokio::test]
async fn an_event_that_no_log_takes_refuses_the_call() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    let large = Event { value: vec![0; MOST_VALUE_BYTES + 1], ..event(Some("k"), "") };
    let refused = outbox.accept(vec![event(Some("k"), "1"), large]).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge(_)), "{refused}");
    let nameless = Event { topic: "no topic".to_owned(), ..event(Some("k"), "1") };
    assert!(matches!(outbox.accept(vec![nameless]).await, Err(Error::Invalid(_))));
    assert_eq!((outbox.depth(), outbox.bytes(), outbox.age().unwrap()), (0, 0, None));
}

#[tokio::test]
async fn a_full_outbox_refuses_and_says_when_to_come_back() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits { rows: 3, ..Limits::default() });
    outbox.accept(vec![event(None, "1"), event(None, "2")]).await.unwrap();
    // All or nothing.
    let refused = outbox.accept(vec![event(None, "3"), event(None, "4")]).await.unwrap_err();
    assert!(matches!(&refused, Error::Unavailable(failure) if failure.retry_after.is_some()), "{refused}");
    assert!(refused.message().contains("the outbox is full: 2 events wait"), "{refused}");
    outbox.accept(vec![event(None, "3")]).await.unwrap();
    assert!(matches!(outbox.accept(vec![event(None, "4")]).await, Err(Error::Unavailable(_))));
    // One that was sent makes room for another.
    outbox.settle(vec![(0, None)]).await.unwrap();
    outbox.accept(vec![event(None, "4")]).await.unwrap();
    assert_eq!(values(&waiting(&outbox).await), ["2", "3", "4"]);
}

#[tokio::test]
async fn bytes_are_limited_too() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits { bytes: 10_000, ..Limits::default() });
    let large = event(None, &"x".repeat(6_000));
    outbox.accept(vec![large.clone()]).await.unwrap();
    assert!(matches!(outbox.accept(vec![large]).await, Err(Error::Unavailable(_))));
    outbox.accept(vec![event(None, "small")]).await.unwrap();
    assert!(outbox.bytes() > 6_000 && outbox.bytes() < 10_000, "{}", outbox.bytes());
}

#[tokio::test]
async fn what_was_set_aside_before_a_restart_is_not_buried_under_what_comes_after() {
    let folder = TempDir::new().unwrap();
    let (store, outbox) = open(&folder, Limits::default());
    outbox.accept(vec![event(Some("k"), "1")]).await.unwrap();
    outbox.settle(vec![(0, Some("denied".to_owned()))]).await.unwrap();
    drop((store, outbox));

    let (_store, outbox) = open(&folder, Limits::default());
    outbox.accept(vec![event(Some("k"), "2")]).await.unwrap();
    outbox.settle(vec![(1, Some("denied".to_owned()))]).await.unwrap();
    assert_eq!((outbox.depth(), outbox.dead_count()), (0, 2));
    assert_eq!(outbox.revive(Which::All).await.unwrap(), 2);
    assert_eq!(values(&waiting(&outbox).await), ["1", "2"]);
}

#[tokio::test]
async fn a_transactions_events_are_there_exactly_if_its_documents_are() {
    let folder = TempDir::new().unwrap();
    let (store, outbox) = open(&folder, Limits { rows: 2, ..Limits::default() });
    let documents = Documents::new(store, Arc::clone(&outbox) as _);
    let insert = |id: i32| {
        let operation = Operation::Insert(rawdoc! { "_id": id }.into_bytes());
        vec![Write { collection: "c".to_owned(), operation }]
    };
    let outcome = documents.transact(insert(1), vec![event(Some("k"), "1")]).await.unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)));

    // A transaction that fails takes its event, and the room that it had, with it.
    let mut unmet = insert(2);
    let operation = Operation::Check { filter: rawdoc! { "_id": 9 }.into_bytes(), expect: Expectation::One };
    unmet.push(Write { collection: "c".to_owned(), operation });
    let outcome = documents.transact(unmet, vec![event(Some("k"), "2")]).await.unwrap();
    assert!(matches!(outcome, Outcome::Unmet(1)), "{outcome:?}");
    assert!(documents.transact(insert(1), vec![event(Some("k"), "2")]).await.is_err());
    assert_eq!(outbox.depth(), 1);

    // And one whose events do not fit is not done.
    let both = vec![event(Some("k"), "2"), event(Some("k"), "3")];
    let refused = documents.transact(insert(3), both).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    assert_eq!(documents.find_one("c", rawdoc! { "_id": 3 }.into_bytes(), None).await.unwrap(), None);
    assert_eq!(values(&waiting(&outbox).await), ["1"]);
    documents.transact(insert(3), vec![event(Some("k"), "2")]).await.unwrap();
    assert_eq!(values(&waiting(&outbox).await), ["1", "2"]);
}
