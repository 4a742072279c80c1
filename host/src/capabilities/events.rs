//! `events`: records for whom it may concern, in Kafka or in the host's own log.

pub mod backend;
pub mod embedded;
pub mod kafka;
pub mod outbox;
mod quota;
mod trace;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod conformance;

pub use backend::Backend;
pub use quota::Quota;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{Error, Result as Checked};
use super::host_error::lower;
use super::{Ctx, HostError};
use crate::bindings::devconnect::platform::events::{self as wit, Host};

/// Longest topic, as Kafka has it; longest key; most headers and their bytes together.
const TOPIC: usize = 249;
const KEY: usize = 1024;
const HEADERS: usize = 64;
/// How long an acknowledgement may take: the WIT's promise.
const ACKNOWLEDGEMENT: Duration = Duration::from_millis(500);
const HEADER_BYTES: usize = 16 * 1024;

impl Ctx {
    /// Events of a guest: granted, within the limits of the interface and the plugin's quota, each with its id.
    pub(super) fn events(&mut self, events: Vec<wit::Event>) -> Result<Vec<backend::Event>, HostError> {
        if events.len() > backend::MOST_EVENTS {
            let message = format!("{} events in one call; the most is {}", events.len(), backend::MOST_EVENTS);
            return Err(Error::too_large(message).into());
        }
        for event in &events {
            self.plugin.grants.publish(&event.topic)?;
            check(event)?;
        }
        self.plugin.publishing.take(events.len())?;
        let parent = trace::of(&self.call);
        Ok(events.into_iter().map(|event| raise(event, parent.as_deref())).collect())
    }
}

/// Waits for the broker's acknowledgement, but not past its time or the call's.
async fn within<T>(function: &str, deadline: Instant, answer: impl Future<Output = Checked<T>>) -> Checked<T> {
    let most = ACKNOWLEDGEMENT.min(deadline.saturating_duration_since(Instant::now()));
    tokio::time::timeout(most, answer).await.unwrap_or_else(|_| {
        let ms = most.as_millis();
        Err(Error::timeout(format!("{function}: no acknowledgement within {ms} ms; it may still arrive")))
    })
}

fn check(event: &wit::Event) -> Checked<()> {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if event.topic.is_empty() || event.topic.len() > TOPIC || !event.topic.bytes().all(name) {
        return Err(Error::invalid(format!(
            "topic \"{}\": a topic has 1 to {TOPIC} of the characters a-z A-Z 0-9 . _ -",
            event.topic.escape_debug().take(TOPIC).collect::<String>()
        )));
    }
    if event.value.len() > backend::MOST_VALUE_BYTES {
        return Err(Error::too_large(format!(
            "an event for {} has {} bytes; the most is {}",
            event.topic,
            event.value.len(),
            backend::MOST_VALUE_BYTES
        )));
    }
    if event.key.as_ref().is_some_and(|key| key.len() > KEY) {
        return Err(Error::invalid(format!("the key of an event for {} has more than {KEY} bytes", event.topic)));
    }
    let headers: usize = event.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if event.headers.len() > HEADERS || headers > HEADER_BYTES {
        return Err(Error::too_large(format!(
            "an event for {} has {} headers of {headers} bytes; the most is {HEADERS} of {HEADER_BYTES}",
            event.topic,
            event.headers.len()
        )));
    }
    Ok(())
}

fn raise(event: wit::Event, parent: Option<&str>) -> backend::Event {
    let wit::Event { topic, key, value, mut headers } = event;
    if let Some(parent) = parent.filter(|_| !headers.iter().any(|(name, _)| name == trace::HEADER)) {
        headers.push((trace::HEADER.to_owned(), parent.to_owned()));
    }
    backend::Event { topic, key, value, headers }.with_id()
}

const fn position(position: backend::Position) -> wit::Position {
    wit::Position { partition: position.partition, offset: position.offset }
}

impl Host for Ctx {
    async fn publish(&mut self, event: wit::Event) -> Result<wit::Position, HostError> {
        self.enter()?;
        let Some(event) = self.events(vec![event])?.pop() else {
            return Err(Error::invalid("no event").into());
        };
        let log = Arc::clone(&self.plugin.services.events);
        Ok(position(within("publish", self.call.deadline, log.publish(event)).await?))
    }

    async fn publish_batch(
        &mut self,
        events: Vec<wit::Event>,
    ) -> Result<Vec<Result<wit::Position, wit::Error>>, HostError> {
        self.enter()?;
        let events = self.events(events)?;
        let log = Arc::clone(&self.plugin.services.events);
        let answers = within("publish-batch", self.call.deadline, log.publish_batch(events)).await?;
        Ok(answers.into_iter().map(|answer| answer.map(position).map_err(lower)).collect())
    }

    async fn publish_later(&mut self, events: Vec<wit::Event>) -> Result<(), HostError> {
        self.enter()?;
        let events = self.events(events)?;
        let log = Arc::clone(&self.plugin.services.events);
        Ok(log.publish_later(events).await?)
    }
}
