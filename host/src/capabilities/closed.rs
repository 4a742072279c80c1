//! The stores of a host that opens none: for one that only looks at plugins, and calls nothing in them that may use a store.

use std::sync::Arc;

use async_trait::async_trait;

use super::cache::memory::{self, Memory};
use super::documents::backend::{self as documents, Document};
use super::error::{Error, Result};
use super::events::backend as events;
use super::passwords::{Hasher, HasherConfig};
use super::tokens::Keyring;
use super::{Services, metrics};
use crate::telemetry::HostMetrics;

/// Services without a file, a connection or a key of the operator's.
///
/// # Errors
/// The system starts no thread, or has no random numbers.
pub(crate) fn services() -> std::io::Result<Services> {
    let keyring = Keyring::random().map_err(|error| std::io::Error::other(error.to_string()))?;
    let one = HasherConfig { threads: std::num::NonZeroUsize::MIN, ..HasherConfig::default() };
    Ok(Services {
        cache: Arc::new(Memory::new(memory::Config::default(), Arc::new(memory::SystemClock::default()))),
        documents: Arc::new(Closed),
        events: Arc::new(Closed),
        tokens: Arc::new(keyring),
        passwords: Arc::new(Hasher::new(one)?),
        metrics: Arc::new(metrics::Registry::new(HostMetrics::PLUGIN_FAMILIES)),
    })
}

/// A store that was never opened.
struct Closed;

fn closed<T>() -> Result<T> {
    Err(Error::unavailable("no store is open here"))
}

#[async_trait]
impl documents::Backend for Closed {
    async fn find(&self, _: &str, _: Document, _: documents::FindOptions) -> Result<Vec<Document>> {
        closed()
    }

    async fn open(&self, _: &str, _: Document, _: documents::FindOptions) -> Result<Box<dyn documents::Cursor>> {
        closed()
    }

    async fn find_one(&self, _: &str, _: Document, _: Option<Document>) -> Result<Option<Document>> {
        closed()
    }

    async fn insert(&self, _: &str, _: Vec<Document>) -> Result<Vec<Document>> {
        closed()
    }

    async fn update(
        &self,
        _: &str,
        _: Document,
        _: Document,
        _: documents::UpdateOptions,
    ) -> Result<documents::UpdateResult> {
        closed()
    }

    async fn replace(&self, _: &str, _: Document, _: Document, _: bool) -> Result<documents::UpdateResult> {
        closed()
    }

    async fn find_one_and_update(
        &self,
        _: &str,
        _: Document,
        _: Document,
        _: documents::FindAndUpdateOptions,
    ) -> Result<Option<Document>> {
        closed()
    }

    async fn delete(&self, _: &str, _: Document, _: bool) -> Result<u64> {
        closed()
    }

    async fn count(&self, _: &str, _: Document, _: u64) -> Result<u64> {
        closed()
    }

    async fn aggregate(&self, _: &str, _: Vec<Document>) -> Result<Vec<Document>> {
        closed()
    }

    async fn ensure_index(&self, _: &str, _: Document, _: documents::IndexOptions) -> Result<()> {
        closed()
    }

    async fn transact(&self, _: Vec<documents::Write>, _: Vec<events::Event>) -> Result<documents::Outcome> {
        closed()
    }
}

#[async_trait]
impl events::Backend for Closed {
    async fn publish(&self, _: events::Event) -> Result<events::Position> {
        closed()
    }

    async fn publish_batch(&self, _: Vec<events::Event>) -> Result<Vec<Result<events::Position>>> {
        closed()
    }

    async fn publish_later(&self, _: Vec<events::Event>) -> Result<()> {
        closed()
    }

    async fn topics(&self) -> Result<Vec<events::Topic>> {
        closed()
    }

    async fn read(&self, _: &str, _: u32, _: u64, _: usize) -> Result<Vec<events::Record>> {
        closed()
    }

    async fn committed(&self, _: &str, _: &str, _: u32) -> Result<Option<u64>> {
        closed()
    }

    async fn commit(&self, _: &str, _: &str, _: Vec<events::Position>) -> Result<()> {
        closed()
    }

    async fn subscribe(&self, _: &str, _: &[Arc<str>]) -> Result<Box<dyn events::Subscription>> {
        closed()
    }

    async fn appended(&self, _: u64) -> u64 {
        std::future::pending().await
    }
}
