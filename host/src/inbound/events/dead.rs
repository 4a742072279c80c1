//! The topic of the dead: `<topic>.dead.<plugin>` has the events that a plugin did not handle, as they were, with why.
//!
//! An event counts as finished only when it is there: a log that is away holds it, and its key, until it is back.

use std::sync::Arc;
use std::time::Duration;

use super::window::Dead;
use crate::capabilities::events::Backend;
use crate::capabilities::events::backend::{EVENT_ID, Event, MOST_VALUE_BYTES, Record, Refusal};
use crate::telemetry::one_line;

/// The first pause after a log that did not take an event, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Longest reason that a header carries.
const REASON: usize = 1_000;

/// Publishes a dead event, however long that takes.
pub(super) async fn bury(log: Arc<dyn Backend>, plugin: Arc<str>, dead: Dead) {
    let Dead { record, reason, tries } = dead;
    let reason: String = one_line(&reason).chars().take(REASON).collect();
    let topic = format!("{}.dead.{plugin}", record.topic);
    let (partition, offset) = (record.position.partition, record.position.offset);
    tracing::error!(
        target: "events",
        plugin = &*plugin,
        topic = record.topic,
        partition,
        offset,
        event = record.event_id(),
        tries,
        "given up and put into {topic}: {reason}"
    );
    let event = event(&record, topic, &reason, tries);
    let mut pause = PAUSES.0;
    let mut told = false;
    loop {
        // As an outbox does: nobody waits for this but the event's key, and brokers may be slow.
        let answer = match log.deliver(vec![event.clone()]).await {
            Ok(mut answers) => {
                answers.pop().unwrap_or_else(|| Err(Refusal::Never("the log gave no answer".to_owned())))
            }
            Err(error) => Err(error.into()),
        };
        match answer {
            Ok(_) => return,
            // Nothing that waiting would change. It stays where it was read from: the line above says where.
            Err(Refusal::Never(reason)) => {
                tracing::error!(target: "events", plugin = &*plugin, partition, offset, "it is not taken: {reason}");
                return;
            }
            // It holds back its key, and the committed offset: the operator should know.
            Err(Refusal::Later(error)) if pause == PAUSES.1 && !told => {
                told = true;
                tracing::warn!(target: "events", plugin = &*plugin, partition, offset, "a dead event waits: {error}");
            }
            Err(Refusal::Later(error)) => {
                tracing::debug!(target: "events", plugin = &*plugin, "a dead event waits: {error}");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// The record as an event, with where it comes from and why. What is no text is written in hexadecimal digits, by a name of its
/// own: others than this host may have published it.
fn event(record: &Record, topic: String, reason: &str, tries: u32) -> Event {
    let mut headers = vec![(EVENT_ID.to_owned(), record.event_id())];
    for (name, value) in record.headers.iter().filter(|(name, _)| name != EVENT_ID) {
        headers.push(text(name, value));
    }
    let key = record.key.as_ref().map(|key| std::str::from_utf8(key).map(str::to_owned).map_err(|_| key));
    let key = match key {
        Some(Ok(key)) => Some(key),
        Some(Err(bytes)) => {
            headers.push(text("dead-key", bytes));
            None
        }
        None => None,
    };
    let mut value = record.value.clone();
    if value.len() > MOST_VALUE_BYTES {
        headers.push(("dead-value-bytes".to_owned(), value.len().to_string()));
        value.clear();
    }
    headers.extend([
        ("dead-reason".to_owned(), reason.to_owned()),
        ("dead-topic".to_owned(), record.topic.clone()),
        ("dead-partition".to_owned(), record.position.partition.to_string()),
        ("dead-offset".to_owned(), record.position.offset.to_string()),
        ("dead-tries".to_owned(), tries.to_string()),
    ]);
    Event { topic, key, value, headers }
}

fn text(name: &str, value: &[u8]) -> (String, String) {
    match std::str::from_utf8(value) {
        Ok(value) => (name.to_owned(), value.to_owned()),
        Err(_) => {
            let digits = value.iter().map(|byte| format!("{byte:02x}"));
            (format!("{name}.hex"), digits.collect())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::capabilities::events::backend::Position;

    fn record(key: &[u8], value: Vec<u8>) -> Record {
        Record {
            topic: "user-events".to_owned(),
            position: Position { partition: 2, offset: 7 },
            timestamp_ms: 0,
            key: Some(key.to_vec()),
            value,
            headers: vec![("event-id".to_owned(), b"1".to_vec()), ("odd".to_owned(), vec![0xff])],
        }
    }

    fn header<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
        event.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_dead_event_is_as_it_was_and_says_why() {
        let event = event(&record(b"ada", b"{".to_vec()), "user-events.dead.chat".to_owned(), "no JSON", 1);
        assert_eq!((event.key.as_deref(), event.value.as_slice()), (Some("ada"), b"{".as_slice()));
        for (name, value) in [
            ("event-id", "1"),
            ("odd.hex", "ff"),
            ("dead-reason", "no JSON"),
            ("dead-topic", "user-events"),
            ("dead-partition", "2"),
            ("dead-offset", "7"),
            ("dead-tries", "1"),
        ] {
            assert_eq!(header(&event, name), Some(value), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_written_as_it_is_is_told() {
        let event = event(&record(&[0xfe], vec![0; MOST_VALUE_BYTES + 1]), "t".to_owned(), "", 5);
        assert_eq!((event.key.as_deref(), event.value.len()), (None, 0));
        assert_eq!(header(&event, "dead-key.hex"), Some("fe"));
        assert_eq!(header(&event, "dead-value-bytes"), Some("1048577"));
    }
}
