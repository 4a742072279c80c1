//! Kafka: against librdkafka's mock brokers, which fail as the test says, and against real ones.

mod broker;
mod config;
mod mock;
mod real;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::backend::Event;
use super::super::conformance;
use super::super::outbox::{Limits, Outbox, drain};
use super::Kafka;
use crate::capabilities::embedded::{Options, Store};

/// How long a condition may take that is sure to come.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at a condition that another process brings about: it needs the processor for that.
const POLL: Duration = Duration::from_millis(10);

/// A host's side of it.
struct Host {
    kafka: Arc<Kafka>,
    outbox: Arc<Outbox>,
    stop: oneshot::Sender<()>,
    drainer: JoinHandle<()>,
    _folder: TempDir,
}

impl Host {
    fn start(brokers: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(Options::new(folder.path())).unwrap();
        let outbox = Arc::new(Outbox::new(store, Limits::default()).unwrap());
        let kafka = Kafka::open(conformance::config(brokers), Arc::clone(&outbox)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let drainer = tokio::spawn(drain(Arc::clone(&outbox), Arc::clone(&kafka), async {
            let _ = stopped.await;
        }));
        Self { kafka, outbox, stop, drainer, _folder: folder }
    }

    async fn end(self) {
        drop(self.stop);
        self.drainer.await.unwrap();
        self.kafka.close(Duration::from_secs(1)).await;
    }
}

fn event(topic: &str, key: &str, value: &str) -> Event {
    Event { topic: topic.to_owned(), key: Some(key.to_owned()), value: value.into(), headers: Vec::new() }.with_id()
}

/// Waits until the condition holds.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} did not come about");
        tokio::time::sleep(POLL).await;
    }
}

/// The answer, which comes in less than this whatever the brokers do: a guard against hanging, no measurement.
async fn soon<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), answer).await.expect("an answer within its time")
}
