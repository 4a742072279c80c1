//! Every capability, in memory.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cache::Cache;
use super::documents::Documents;
use super::host;
use crate::bindings::devconnect::platform::errors::{Error as WireError, Failure};
use crate::bindings::devconnect::platform::events::Event as WireEvent;
use crate::bindings::devconnect::platform::http_types::Identity;
use crate::bson::Uuid;
use crate::consumer::Delivery;
use crate::log::Level;
use crate::time::DateTime;

/// A platform in memory, empty at first. Clones are the same platform.
#[derive(Clone, Debug, Default)]
pub struct Platform(pub(super) Rc<State>);

/// A store that can be taken away, to see what a plugin does without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// The cache.
    Cache,
    /// Documents.
    Documents,
    /// The broker: `publish` fails, while `publish_later` and transactions go on.
    Events,
}

/// An event that was published, by whichever way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its topic.
    pub topic: String,
    /// Its key.
    pub key: Option<String>,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// When, by the platform's clock.
    pub at: DateTime,
}

impl Published {
    /// The value, read as JSON.
    ///
    /// # Panics
    /// It is none: this is for tests.
    #[allow(clippy::expect_used, reason = "a test's way to fail")]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.value).expect("the event's value is JSON")
    }

    /// The event as a consumer gets it, the first time: to deliver one twice, keep what this answers. Where the plugin chose no
    /// `event-id`, it has a fresh one, as the host would give it.
    #[must_use]
    pub fn delivered(&self) -> Delivery {
        let mut headers = self.headers.clone();
        if !headers.iter().any(|(name, _)| name == EVENT_ID) {
            headers.push((EVENT_ID.to_owned(), Uuid::new().to_string()));
        }
        let event_id = headers.iter().find(|(name, _)| name == EVENT_ID).map(|(_, id)| id.clone());
        Delivery {
            topic: self.topic.clone(),
            partition: 0,
            offset: 0,
            key: self.key.clone().map(String::into_bytes),
            value: self.value.clone(),
            headers: headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect(),
            timestamp: self.at,
            event_id: event_id.unwrap_or_default(),
            attempt: 1,
        }
    }
}

const EVENT_ID: &str = "event-id";

/// A line that was logged.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its level.
    pub level: Level,
    /// Its text.
    pub message: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) fixed_ms: Cell<Option<i64>>,
    pub(super) offset_ms: Cell<i64>,
    pub(super) settings: RefCell<HashMap<String, String>>,
    pub(super) secrets: RefCell<HashMap<String, String>>,
    pub(super) cache: RefCell<Cache>,
    pub(super) documents: RefCell<Documents>,
    pub(super) events: RefCell<Vec<Published>>,
    pub(super) lines: RefCell<Vec<Line>>,
    pub(super) counts: RefCell<HashMap<String, u64>>,
    pub(super) away: RefCell<HashSet<Store>>,
    pub(super) asked: RefCell<HashMap<Store, u64>>,
    pub(super) call: RefCell<Call>,
}

/// What `incoming` tells of the call that is being served.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) identity: Option<Identity>,
    pub(super) remote_address: String,
    pub(super) request_id: String,
}

impl State {
    pub(super) fn now_ms(&self) -> i64 {
        self.fixed_ms.get().unwrap_or_else(host::system_ms) + self.offset_ms.get()
    }

    pub(super) fn check(&self, store: Store) -> Result<(), WireError> {
        *self.asked.borrow_mut().entry(store).or_default() += 1;
        if self.away.borrow().contains(&store) {
            return Err(WireError::Unavailable(Failure {
                message: format!("the test took {store:?} away"),
                retry_after_ms: Some(1_000),
            }));
        }
        Ok(())
    }

    pub(super) fn record(&self, event: &WireEvent) {
        self.events.borrow_mut().push(Published {
            topic: event.topic.clone(),
            key: event.key.clone(),
            value: event.value.clone(),
            headers: event.headers.clone(),
            at: DateTime::from_millis(self.now_ms()),
        });
    }
}

impl Platform {
    /// An empty platform.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs something that calls capabilities; within it they are this platform's.
    pub fn run<R>(&self, something: impl FnOnce() -> R) -> R {
        host::within(&self.0, something)
    }

    /// Sets a setting.
    ///
    /// # Panics
    /// The value cannot be written as JSON: this is for tests.
    #[allow(clippy::expect_used, reason = "a test's way to fail")]
    pub fn set_setting(&self, name: &str, value: impl Serialize) {
        let json = serde_json::to_string(&value).expect("the setting can be written as JSON");
        self.0.settings.borrow_mut().insert(name.to_owned(), json);
    }

    /// Sets a secret.
    pub fn set_secret(&self, name: &str, value: &str) {
        self.0.secrets.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// Now, by the platform's clock.
    #[must_use]
    pub fn now(&self) -> DateTime {
        DateTime::from_millis(self.0.now_ms())
    }

    /// Stops the clock at this moment.
    pub fn set_time(&self, moment: DateTime) {
        self.0.fixed_ms.set(Some(moment.millis()));
        self.0.offset_ms.set(0);
    }

    /// Moves the clock on; lives in the cache and of tokens run out with it.
    pub fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.0.offset_ms.set(self.0.offset_ms.get().saturating_add(millis));
    }

    /// Takes a store away: its calls answer `Unavailable`.
    pub fn take_away(&self, store: Store) {
        self.0.away.borrow_mut().insert(store);
    }

    /// Brings a store back, with what it held.
    pub fn bring_back(&self, store: Store) {
        self.0.away.borrow_mut().remove(&store);
    }

    /// How often a store was asked for something: the trips that a plugin makes.
    #[must_use]
    pub fn trips(&self, store: Store) -> u64 {
        self.0.asked.borrow().get(&store).copied().unwrap_or_default()
    }

    /// All that was published, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Published> {
        self.0.events.borrow().clone()
    }

    /// What was published to a topic.
    #[must_use]
    pub fn events_of(&self, topic: &str) -> Vec<Published> {
        self.0.events.borrow().iter().filter(|event| event.topic == topic).cloned().collect()
    }

    /// All that was logged.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.0.lines.borrow().clone()
    }

    /// The sum of a counter of `metrics`, over all labels.
    #[must_use]
    pub fn counted(&self, name: &str) -> u64 {
        self.0.counts.borrow().get(name).copied().unwrap_or(0)
    }

    /// The documents of a collection, in the order of their insertion.
    #[must_use]
    pub fn documents(&self, collection: &str) -> Vec<bson::Document> {
        self.0.documents.borrow().all(collection)
    }

    /// Puts documents into a collection as they are, as an older version may have left them.
    ///
    /// # Panics
    /// A unique index forbids it: this is for tests.
    #[allow(clippy::panic, reason = "a test's way to fail")]
    pub fn put_documents(&self, collection: &str, documents: impl IntoIterator<Item = bson::Document>) {
        let documents: Vec<_> = documents.into_iter().collect();
        if let Err(error) = self.0.documents.borrow_mut().insert(collection, documents) {
            panic!("{error:?}");
        }
    }

    /// The value of a key of the cache, read as JSON.
    #[must_use]
    pub fn cached<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = self.0.cache.borrow_mut().get(key, self.0.now_ms()).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// The keys of the cache, sorted.
    #[must_use]
    pub fn cached_keys(&self) -> Vec<String> {
        self.0.cache.borrow().keys(self.0.now_ms())
    }

    /// Empties the cache, as an eviction or a restart may.
    pub fn clear_cache(&self) {
        *self.0.cache.borrow_mut() = Cache::default();
    }

    /// A hash of the password as an older system would have stored it: `passwords::verify` answers `MatchesOutdated`.
    #[must_use]
    pub fn outdated_hash(password: &str) -> String {
        host::outdated_hash(password)
    }
}
