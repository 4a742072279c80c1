//! How much is read before something is sent.

use tempfile::TempDir;

use super::super::Limits;
use super::store::MOST_LOOKED_AT;
use super::*;
use crate::capabilities::embedded::{Options, Store};

/// A log that never answers.
struct Silent;

impl Sender for Silent {
    async fn send(&self, _: Event) -> Result<(), Refusal> {
        std::future::pending().await
    }
}

fn event(key: &str) -> Event {
    Event { topic: "t".to_owned(), key: Some(key.to_owned()), ..Event::default() }
}

#[tokio::test]
async fn a_long_backlog_of_a_key_is_not_read_before_something_is_sent() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(Options::new(folder.path())).unwrap();
    let outbox = Arc::new(Outbox::new(store, Limits::default()).unwrap());
    for _ in 0..5 {
        outbox.accept((0..1_000).map(|_| event("hot")).collect()).await.unwrap();
    }
    outbox.accept(vec![event("other")]).await.unwrap();
    let mut drainer = Drainer::new(Arc::clone(&outbox), Arc::new(Silent));
    drainer.begin();
    let looked = drainer.looking.next().await.unwrap();
    drainer.looked(looked);
    drainer.begin();
    assert_eq!(drainer.under_way.len(), 1);
    assert_eq!(drainer.cursor, MOST_LOOKED_AT as u64);
    // It goes on to the end while that one is under way, and finds the other key behind it.
    while let Some(looked) = drainer.looking.next().await {
        drainer.looked(looked);
        drainer.begin();
    }
    assert_eq!((drainer.cursor, drainer.under_way.len()), (outbox.end(), 2));
}
