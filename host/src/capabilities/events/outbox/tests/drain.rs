//! The drainer against a log that does what the test says.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::super::backend::{EVENT_ID, Event};
use super::super::drain::MOST_AT_HAND;
use super::super::{Limits, Outbox, Refusal, Sender, Which, drain};
use super::{event, open, until, values, waiting};
use crate::capabilities::embedded::tests::Random;
use crate::capabilities::error::Error;

/// A log that keeps what it took.
#[derive(Default)]
struct Book {
    taken: Mutex<Vec<Event>>,
    /// Everything that was tried.
    tried: Mutex<Vec<Event>>,
    /// Keys that get no answer, those that are refused for now, and those that are refused for good.
    stuck: Mutex<HashSet<String>>,
    failing: Mutex<HashSet<String>>,
    hopeless: Mutex<HashSet<String>>,
    /// Answers late and at random, and loses some: the event was taken, and the drainer is told that it was not.
    random: Option<Mutex<Random>>,
    under_way: Mutex<HashMap<Option<String>, usize>>,
    most_under_way: Mutex<usize>,
}

impl Sender for Book {
    async fn send(&self, event: Event) -> Result<(), Refusal> {
        let key = event.key.clone();
        {
            let mut under_way = self.under_way.lock();
            *under_way.entry(key.clone()).or_default() += 1;
            assert!(key.is_none() || under_way[&key] == 1, "two events of {key:?} are under way");
            let all: usize = under_way.values().sum();
            let mut most = self.most_under_way.lock();
            *most = all.max(*most);
        }
        self.tried.lock().push(event.clone());
        let outcome = self.answer(event).await;
        *self.under_way.lock().get_mut(&key).unwrap() -= 1;
        outcome
    }
}

impl Book {
    async fn answer(&self, event: Event) -> Result<(), Refusal> {
        let key = event.key.clone().unwrap_or_default();
        while self.stuck.lock().contains(&key) {
            tokio::task::yield_now().await;
        }
        if self.failing.lock().contains(&key) {
            return Err(Refusal::Later(Error::unavailable("away")));
        }
        if self.hopeless.lock().contains(&key) {
            return Err(Refusal::Never("never".to_owned()));
        }
        let Some(random) = &self.random else {
            self.taken.lock().push(event);
            return Ok(());
        };
        let turns = random.lock().below(20);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let luck = random.lock().below(10);
        if luck != 0 {
            self.taken.lock().push(event);
        }
        if luck < 2 { Err(Refusal::Later(Error::timeout("no answer"))) } else { Ok(()) }
    }

    fn of_key(&self, key: &str) -> Vec<String> {
        let taken = self.taken.lock();
        let of_key = taken.iter().filter(|event| event.key.as_deref() == Some(key));
        of_key.map(|event| String::from_utf8(event.value.clone()).unwrap()).collect()
    }

    /// The values that were tried of a key, each try.
    fn tries(&self, key: &str) -> Vec<String> {
        let tried = self.tried.lock();
        let of_key = tried.iter().filter(|event| event.key.as_deref() == Some(key));
        of_key.map(|event| String::from_utf8(event.value.clone()).unwrap()).collect()
    }
}

fn start(outbox: &Arc<Outbox>, book: &Arc<Book>) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let drained = drain(Arc::clone(outbox), Arc::clone(book), async {
        let _ = stopped.await;
    });
    (stop, tokio::spawn(drained))
}

fn numbers(end: usize) -> Vec<String> {
    (0..end).map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn what_waits_and_what_comes_is_sent_and_goes() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    outbox.accept(vec![event(Some("a"), "1"), event(None, "2")]).await.unwrap();
    let sent = waiting(&outbox).await;
    let book = Arc::new(Book::default());
    let (stop, task) = start(&outbox, &book);
    until("an empty outbox", || outbox.depth() == 0).await;
    outbox.accept(vec![event(Some("a"), "3")]).await.unwrap();
    until("an empty outbox", || outbox.depth() == 0).await;
    assert_eq!(values(&book.taken.lock()), ["1", "2", "3"]);
    assert_eq!(book.taken.lock()[..2], sent);
    assert_eq!((outbox.bytes(), outbox.age().unwrap()), (0, None));
    drop(stop);
    task.await.unwrap();
}

#[tokio::test]
async fn a_failing_key_stops_alone_and_goes_on_with_its_first() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    let book = Arc::new(Book::default());
    book.failing.lock().insert("bad".to_owned());
    let (stop, task) = start(&outbox, &book);
    for value in numbers(50) {
        outbox.accept(vec![event(Some("bad"), &value), event(Some("good"), &value)]).await.unwrap();
    }
    until("the good key's events", || book.of_key("good").len() == 50).await;
    until("a second try", || book.tries("bad").len() > 1).await;
    until("the good key's rows to go", || outbox.depth() == 50).await;
    // Nothing but the first was tried.
    assert!(book.tries("bad").iter().all(|value| value == "0"));
    book.failing.lock().clear();
    until("an empty outbox", || outbox.depth() == 0).await;
    assert_eq!(book.of_key("bad"), numbers(50));
    assert_eq!(book.of_key("good"), numbers(50));
    drop(stop);
    task.await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_away_is_not_asked_by_every_key_and_gets_everything_when_it_is_back() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    let book = Arc::new(Book::default());
    let keys: Vec<String> = (0..2_000).map(|key| format!("k{key}")).collect();
    book.failing.lock().extend(keys.iter().cloned());
    for some in keys.chunks(500) {
        outbox.accept(some.iter().map(|key| event(Some(key), "0")).collect()).await.unwrap();
    }
    let (stop, task) = start(&outbox, &book);
    until("some tries", || book.tried.lock().len() >= 100).await;
    // The first pause began before all keys had their turn.
    assert!(book.tried.lock().len() < 2_000);
    book.failing.lock().clear();
    until("an empty outbox", || outbox.depth() == 0).await;
    assert!(keys.iter().all(|key| book.of_key(key) == ["0"]));
    drop(stop);
    task.await.unwrap();
}

#[tokio::test]
async fn many_keys_are_under_way_at_once_but_no_key_twice() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    let book = Arc::new(Book::default());
    let keys: Vec<String> = (0..300).map(|key| format!("k{key}")).collect();
    book.stuck.lock().extend(keys.iter().cloned());
    let (stop, task) = start(&outbox, &book);
    for round in numbers(3) {
        outbox.accept(keys.iter().map(|key| event(Some(key), &round)).collect()).await.unwrap();
    }
    until("all keys under way", || *book.most_under_way.lock() == 300).await;
    book.stuck.lock().clear();
    until("an empty outbox", || outbox.depth() == 0).await;
    assert_eq!(*book.most_under_way.lock(), 300);
    assert!(keys.iter().all(|key| book.of_key(key) == numbers(3)));
    drop(stop);
    task.await.unwrap();
}

#[tokio::test]
async fn large_events_are_not_all_in_memory_at_once() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    let book = Arc::new(Book::default());
    let keys: Vec<String> = (0..40).map(|key| format!("k{key}")).collect();
    book.stuck.lock().extend(keys.iter().cloned());
    for some in keys.chunks(10) {
        let large = "x".repeat(1_000_000);
        outbox.accept(some.iter().map(|key| event(Some(key), &large)).collect()).await.unwrap();
    }
    let (stop, task) = start(&outbox, &book);
    until("as many as fit", || *book.most_under_way.lock() >= 16).await;
    book.stuck.lock().clear();
    until("an empty outbox", || outbox.depth() == 0).await;
    let most = *book.most_under_way.lock();
    assert!(most < 20, "{most} events of 1 MB under way");
    drop(stop);
    task.await.unwrap();
}

#[tokio::test]
async fn an_event_that_can_never_be_sent_is_set_aside_and_its_key_goes_on() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    let book = Arc::new(Book::default());
    book.hopeless.lock().insert("k".to_owned());
    let (stop, task) = start(&outbox, &book);
    outbox.accept(vec![event(Some("k"), "1"), event(Some("other"), "2")]).await.unwrap();
    until("one set aside", || outbox.dead_count() == 1 && outbox.depth() == 0).await;
    book.hopeless.lock().clear();
    outbox.accept(vec![event(Some("k"), "3")]).await.unwrap();
    until("an empty outbox", || outbox.depth() == 0).await;
    assert_eq!(book.of_key("k"), ["3"]);
    let [dead] = outbox.dead(None, 10).await.unwrap().try_into().unwrap();
    assert_eq!((dead.reason.as_str(), dead.event.unwrap().value.as_slice()), ("never", b"1".as_slice()));
    // Mended, it is put back and sent.
    assert_eq!(outbox.revive(Which::All).await.unwrap(), 1);
    until("an empty outbox", || outbox.depth() == 0).await;
    assert_eq!(book.of_key("k"), ["3", "1"]);
    assert_eq!((outbox.dead_count(), outbox.bytes()), (0, 0));
    drop(stop);
    task.await.unwrap();
}

/// Dead events are not dropped for new ones, and what they hold back is their own key.
#[tokio::test]
async fn with_no_room_aside_an_event_holds_back_its_key_alone() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits { dead_rows: 2, ..Limits::default() });
    let book = Arc::new(Book::default());
    book.hopeless.lock().insert("k".to_owned());
    let (stop, task) = start(&outbox, &book);
    outbox.accept(numbers(4).iter().map(|value| event(Some("k"), value)).collect()).await.unwrap();
    until("two set aside", || outbox.dead_count() == 2).await;
    until("the third is tried again", || book.tries("k").iter().filter(|value| *value == "2").count() > 1).await;
    for value in numbers(40) {
        outbox.accept(vec![event(Some("other"), &value)]).await.unwrap();
    }
    until("the other key's rows to go", || outbox.depth() == 2).await;
    assert_eq!(book.of_key("other"), numbers(40));
    assert!(!book.tries("k").contains(&"3".to_owned()), "the fourth is behind the third");
    assert_eq!(outbox.dead_count(), 2);
    // With room, the third follows the two; mended, the fourth is sent.
    assert_eq!(outbox.discard(Which::These(vec![0])).await.unwrap(), 1);
    until("the third set aside", || outbox.dead_count() == 2 && outbox.depth() == 1).await;
    book.hopeless.lock().clear();
    until("an empty outbox", || outbox.depth() == 0).await;
    assert_eq!(book.of_key("k"), ["3"]);
    drop(stop);
    task.await.unwrap();
}

/// The drainer's own threads never wait for the disk.
#[test]
fn rows_are_read_on_threads_that_may_block() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let folder = TempDir::new().unwrap();
        let (_store, outbox) = open(&folder, Limits::default());
        let book = Arc::new(Book::default());
        book.stuck.lock().insert("a".to_owned());
        let (stop, task) = start(&outbox, &book);
        let all = numbers(1 + MOST_AT_HAND + 5);
        outbox.accept(all.iter().map(|value| event(Some("a"), value)).collect()).await.unwrap();
        until("the first under way", || *book.most_under_way.lock() == 1).await;
        // With the one such thread taken, what is not at hand cannot be read.
        let (release, released) = std::sync::mpsc::channel::<()>();
        let taken = tokio::task::spawn_blocking(move || released.recv());
        book.stuck.lock().clear();
        until("what is at hand sent", || outbox.depth() <= 5).await;
        assert_eq!(book.tries("a"), numbers(1 + MOST_AT_HAND));
        drop(release);
        assert!(taken.await.unwrap().is_err());
        until("an empty outbox", || outbox.depth() == 0).await;
        assert_eq!(book.of_key("a"), all);
        drop(stop);
        task.await.unwrap();
    });
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way_and_another_drainer_goes_on() {
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    let book = Arc::new(Book::default());
    book.stuck.lock().insert("a".to_owned());
    let (stop, task) = start(&outbox, &book);
    outbox.accept(vec![event(Some("a"), "1"), event(Some("a"), "2")]).await.unwrap();
    until("the first under way", || *book.most_under_way.lock() == 1).await;
    drop(stop);
    // The drainer has seen the stop before the answer comes.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    book.stuck.lock().clear();
    task.await.unwrap();
    assert_eq!(book.of_key("a"), ["1"]);
    assert_eq!(values(&waiting(&outbox).await), ["2"]);
    let (stop, task) = start(&outbox, &book);
    until("an empty outbox", || outbox.depth() == 0).await;
    assert_eq!(book.of_key("a"), ["1", "2"]);
    drop(stop);
    task.await.unwrap();
}

/// Lost answers make duplicates; without them (by event id) each key's events are all there, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_least_once_and_in_order_whatever_the_log_does() {
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let folder = TempDir::new().unwrap();
    let (_store, outbox) = open(&folder, Limits::default());
    let book = Arc::new(Book { random: Some(Mutex::new(Random::new(seed))), ..Book::default() });
    let (stop, task) = start(&outbox, &book);
    let producers: Vec<_> = (0..4)
        .map(|producer| {
            let outbox = Arc::clone(&outbox);
            tokio::spawn(async move {
                for number in numbers(40) {
                    let keyed = (0..5).map(|key| event(Some(&format!("{producer}-{key}")), &number));
                    outbox.accept(keyed.chain([event(None, "x")]).collect()).await.unwrap();
                }
            })
        })
        .collect();
    for producer in producers {
        producer.await.unwrap();
    }
    until("an empty outbox", || outbox.depth() == 0).await;
    drop(stop);
    task.await.unwrap();
    let mut seen = HashSet::new();
    let mut of_key: HashMap<Option<String>, Vec<String>> = HashMap::new();
    for event in book.taken.lock().iter() {
        let (_, id) = event.headers.iter().find(|(name, _)| name == EVENT_ID).unwrap();
        if seen.insert(id.clone()) {
            of_key.entry(event.key.clone()).or_default().push(String::from_utf8(event.value.clone()).unwrap());
        }
    }
    assert_eq!(of_key.remove(&None).unwrap().len(), 160, "seed {seed}");
    assert_eq!(of_key.len(), 20);
    for (key, values) in of_key {
        assert_eq!(values, numbers(40), "seed {seed}: {key:?}");
    }
}
