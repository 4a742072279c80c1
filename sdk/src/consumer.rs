//! Events that arrive. Needs the grant `consume` for the topics named.
//!
//! ```
//! # mod plugin {
//! use std::time::Duration;
//!
//! use devconnect_sdk::prelude::*;
//!
//! devconnect_sdk::plugin! { consumer: consumer }
//!
//! fn consumer() -> Consumer {
//!     Consumer::new().on("user-events", seen)
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "camelCase")]
//! struct UserEvent {
//!     event_type: String,
//!     user_id: Id,
//! }
//!
//! const LAST_LOGIN: Key<DateTime> = Key::new("user:{}:last_login", Duration::from_secs(24 * 60 * 60));
//!
//! fn seen(delivery: &Delivery) -> Result<(), Failure> {
//!     let event: UserEvent = delivery.json()?;
//!     if event.event_type == "USER_LOGIN" {
//!         LAST_LOGIN.set(event.user_id, &delivery.timestamp)?;
//!     }
//!     Ok(())
//! }
//! # }
//! # fn main() {}
//! ```
//!
//! **An event comes at least once**, the events of one key in their order. What must not happen twice is tied to
//! [`Delivery::event_id`], which is the same however often the event is delivered: [`Transaction::once`] does it for documents.
//!
//! [`Transaction::once`]: crate::documents::Transaction::once

use std::fmt;

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};
use crate::time::DateTime;
use crate::trace;

type One = fn(&Delivery) -> Result<(), Failure>;
type Many = fn(&[Delivery]) -> Vec<Result<(), Failure>>;

/// The topics that a plugin consumes, and which function handles which.
#[derive(Debug, Default)]
pub struct Consumer {
    handlers: Vec<(&'static str, Handler)>,
}

#[derive(Clone, Copy, Debug)]
enum Handler {
    One(One),
    Many(Many),
}

/// An event that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where from.
    pub topic: String,
    /// Where it stands in its topic.
    pub partition: u32,
    /// Where it stands in its partition.
    pub offset: u64,
    /// Its key: bytes, because others than this host may have written it.
    pub key: Option<Vec<u8>>,
    /// What it says.
    pub value: Vec<u8>,
    /// Beside the value.
    pub headers: Vec<(String, Vec<u8>)>,
    /// When it was written.
    pub timestamp: DateTime,
    /// The same for every delivery of the event.
    pub event_id: String,
    /// 1 for the first try.
    pub attempt: u32,
}

/// Why an event was not handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may work later: the event comes again, and those of its key wait for it. After five tries it is given up.
    Retry(String),
    /// It will never work: the event goes to the topic `<topic>.dead.<plugin>` with this reason.
    Reject(String),
}

impl Consumer {
    /// Consumes nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { handlers: Vec::new() }
    }

    /// Has each event of a topic handled by itself.
    #[must_use]
    pub fn on(mut self, topic: &'static str, handler: One) -> Self {
        self.handlers.push((topic, Handler::One(handler)));
        self
    }

    /// Has the events of some topics handled many at a time, for what is cheaper so. The function is given what came
    /// together from one topic, in order, and answers with one result for each.
    #[must_use]
    pub fn batches(mut self, topics: &[&'static str], handler: Many) -> Self {
        self.handlers.extend(topics.iter().map(|topic| (*topic, Handler::Many(handler))));
        self
    }

    /// The topics.
    pub fn topics(&self) -> impl Iterator<Item = &'static str> {
        self.handlers.iter().map(|(topic, _)| *topic)
    }

    /// Handles events; one result for each, in order. Called by the host, and by tests.
    ///
    /// Once an event of a key has failed for now, those behind it are not handled: they would overtake it.
    #[must_use]
    pub fn handle(&self, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
        let mut results = Vec::with_capacity(deliveries.len());
        for together in deliveries.chunk_by(|one, next| one.topic == next.topic) {
            let topic = together.first().map_or("", |first| &first.topic);
            let handler = self.handlers.iter().find(|(known, _)| *known == topic);
            match handler.map(|(_, handler)| *handler) {
                Some(Handler::One(handler)) => results.extend(one_by_one(together, handler)),
                Some(Handler::Many(handler)) => results.extend(trace::during(together.first(), || handler(together))),
                None => {
                    results.extend(together.iter().map(|_| Err(Failure::Reject(format!("{topic} is not consumed")))))
                }
            }
        }
        results
    }
}

fn one_by_one(deliveries: &[Delivery], handler: One) -> Vec<Result<(), Failure>> {
    let mut results: Vec<Result<(), Failure>> = Vec::with_capacity(deliveries.len());
    for (index, delivery) in deliveries.iter().enumerate() {
        let before = deliveries.iter().take(index).zip(&results);
        let held_back = delivery.key.is_some()
            && before
                .into_iter()
                .any(|(earlier, result)| matches!(result, Err(Failure::Retry(_))) && earlier.key == delivery.key);
        results.push(if held_back {
            Err(Failure::Retry("an event of its key before it has to be tried again".to_owned()))
        } else {
            trace::during(Some(delivery), || handler(delivery))
        });
    }
    results
}

impl Delivery {
    /// The value, read as JSON.
    ///
    /// # Errors
    /// [`Failure::Reject`]: it does not fit the type, and never will.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.value).map_err(|error| Failure::Reject(format!("its value: {error}")))
    }

    /// The key as text; `None` if there is none, or it is not UTF-8.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref().and_then(|key| std::str::from_utf8(key).ok())
    }

    /// The first header with this name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(known, _)| known == name);
        named.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Retry(reason) | Self::Reject(reason)) = self;
        formatter.write_str(reason)
    }
}

impl std::error::Error for Failure {}

/// A store that is away, or another writer that was first: later. All else would fail again.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Conflict => Self::Retry(error.to_string()),
            ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::TooLarge => {
                Self::Reject(error.to_string())
            }
        }
    }
}
