//! Topics are made when they are first written to, as the embedded log makes them.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::super::embedded::partition::PARTITIONS;
use super::config::MOST_MESSAGE_BYTES;
use super::contact::Callbacks;
use crate::capabilities::error::{Error, Result};

/// When another try to make a topic may help.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// As many replicas as the brokers make by default.
const DEFAULT_REPLICATION: i32 = -1;

/// The topics that are known to be there.
#[derive(Debug, Default)]
pub(super) struct Topics {
    known: RwLock<HashSet<String>>,
    /// Those of which it has to be asked whether they still are.
    doubted: Mutex<BTreeSet<String>>,
    /// One topic is made at a time, and by one caller.
    making: tokio::sync::Mutex<()>,
}

impl Topics {
    /// Whether the topic is known to be there.
    pub(super) fn knows(&self, topic: &str) -> bool {
        self.known.read().contains(topic)
    }

    /// Makes the topic, within the time given, unless it is known to be there.
    ///
    /// It is made without looking first: looking would have a broker make it, with the wrong number of partitions, where
    /// `auto.create.topics.enable` is on.
    pub(super) async fn ensure(&self, admin: &AdminClient<Callbacks>, topic: &str, within: Duration) -> Result<()> {
        let _making = self.making.lock().await;
        // Another caller may have made it meanwhile.
        if self.knows(topic) {
            return Ok(());
        }
        let limit = MOST_MESSAGE_BYTES.to_string();
        let partitions = i32::try_from(PARTITIONS).unwrap_or(1);
        // The default limit is a little less than the largest value of an event.
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(DEFAULT_REPLICATION))
            .set("max.message.bytes", &limit);
        let options = AdminOptions::new().request_timeout(Some(within)).operation_timeout(Some(within));
        let answers = admin.create_topics([&new], &options).await;
        let outcome = match answers.map(|mut answers| answers.pop()) {
            Ok(Some(Ok(_))) => Ok(()),
            Ok(Some(Err((_, code)))) => Err(code),
            Ok(None) => Err(Code::Unknown),
            Err(KafkaError::AdminOp(code)) => Err(code),
            Err(_) => Err(Code::Unknown),
        };
        match outcome {
            Ok(()) => tracing::info!(target: "kafka", topic, partitions, "made a topic"),
            Err(Code::TopicAlreadyExists) => {}
            // Whether it is there, and may be written to, is for the broker to say when it is.
            Err(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed | Code::UnsupportedFeature) => {
                tracing::debug!(target: "kafka", topic, "this host may or can not make topics in Kafka");
            }
            Err(code) => return Err(refused(code)),
        }
        self.known.write().insert(topic.to_owned());
        Ok(())
    }

    /// The topic is gone.
    pub(super) fn forget(&self, topic: &str) {
        self.known.write().remove(topic);
    }

    /// The topic may be gone: it has taken a record and acknowledged nothing.
    ///
    /// Forgetting it at once would have each late acknowledgement of busy brokers followed by a request to make the topic.
    pub(super) fn doubt(&self, topic: &str) {
        self.doubted.lock().insert(topic.to_owned());
    }

    /// One that is doubted.
    pub(super) fn doubtful(&self) -> Option<String> {
        self.doubted.lock().first().cloned()
    }

    /// The brokers have said whether a doubted topic is there.
    pub(super) fn settle(&self, topic: &str, there: bool) {
        self.doubted.lock().remove(topic);
        if !there {
            self.forget(topic);
        }
    }

    /// Spares the admin call, which the mock brokers do not have.
    #[cfg(test)]
    pub(super) fn know(&self, topic: &str) {
        self.known.write().insert(topic.to_owned());
    }

    /// One that is there, if any is known.
    pub(super) fn any(&self) -> Option<String> {
        self.known.read().iter().next().cloned()
    }
}

/// Why a topic was not made. Nothing was sent to it.
fn refused(code: Code) -> Error {
    match code {
        Code::InvalidTopic => Error::invalid("Kafka does not accept the topic's name"),
        Code::PolicyViolation | Code::InvalidConfig => {
            Error::invalid("Kafka's rules do not let this host make the topic; make it yourself")
        }
        Code::InvalidReplicationFactor => Error::unavailable(
            "the topic cannot be made: Kafka has fewer brokers than default.replication.factor asks for",
        ),
        _ => Error::unavailable("Kafka did not make the topic in time; nothing was sent").retry_after(RETRY_AFTER),
    }
}
