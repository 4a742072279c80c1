//! Facts told to whom it may concern. Needs the grant `publish` for the topics named.
//!
//! The value of an event is a type of the plugin, written as JSON; whatever envelope an application wants is a field or
//! a struct of that type.
//!
//! ```
//! use devconnect_sdk::prelude::*;
//!
//! #[derive(Serialize, Event)]
//! #[serde(rename_all = "camelCase")]
//! #[event(topic = "user-events", key = user_id)]
//! struct SignedUp {
//!     event_type: &'static str,
//!     user_id: Id,
//!     timestamp: DateTime,
//! }
//!
//! # fn publish(id: Id) -> Result<(), Error> {
//! events::publish_later(&SignedUp { event_type: "USER_SIGNUP", user_id: id, timestamp: DateTime::now() })?;
//! # Ok(())
//! # }
//! ```

use serde::Serialize;

pub use devconnect_sdk_macros::Event;

pub use crate::bindings::devconnect::platform::events::Position;

use crate::bindings::devconnect::platform::events as wire;
use crate::error::Error;
use crate::platform::events;
use crate::trace;

/// An event of one topic. The derive `Event` implements it: `#[event(topic = "…", key = field)]`, the key left out for
/// events whose order does not matter.
pub trait Event: Serialize {
    /// The topic.
    const TOPIC: &'static str;

    /// Events of one key stay in order; `None` spreads them.
    fn key(&self) -> Option<String> {
        None
    }

    /// Headers, beside `event-id` and `traceparent`, which are added.
    fn headers(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Publishes and waits for the broker's acknowledgement, at most 500 ms.
///
/// # Errors
/// `Unavailable`: it was not sent. `Timeout`: it may still arrive.
pub fn publish<E: Event>(event: &E) -> Result<Position, Error> {
    Ok(events::publish(&encode(event)?)?)
}

/// Publishes several at once, at most 1,000, each with its own answer.
///
/// # Errors
/// None was sent.
pub fn publish_all<'a, E: Event + 'a>(
    all: impl IntoIterator<Item = &'a E>,
) -> Result<Vec<Result<Position, Error>>, Error> {
    let all = all.into_iter().map(encode).collect::<Result<Vec<_>, _>>()?;
    let answers = events::publish_batch(&all)?;
    Ok(answers.into_iter().map(|answer| answer.map_err(Error::from)).collect())
}

/// Puts an event into the host's outbox and returns when it is on disk; it reaches its topic from there, however long
/// the broker is away. An event that belongs to a document goes by [`Transaction`](crate::documents::Transaction).
///
/// # Errors
/// `Unavailable` if the outbox is full.
pub fn publish_later<E: Event>(event: &E) -> Result<(), Error> {
    Ok(events::publish_later(&[encode(event)?])?)
}

pub(crate) fn encode<E: Event>(event: &E) -> Result<wire::Event, Error> {
    let value = serde_json::to_vec(event)
        .map_err(|error| Error::invalid(format!("an event for {} cannot be written as JSON: {error}", E::TOPIC)))?;
    let mut headers = event.headers();
    headers.extend(trace::header().filter(|_| !headers.iter().any(|(name, _)| name == trace::HEADER)));
    Ok(wire::Event { topic: E::TOPIC.to_owned(), key: event.key(), value, headers })
}
