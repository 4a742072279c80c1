//! What an answer of Kafka means to a caller.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::super::outbox::Refusal;
use crate::capabilities::error::Error;

/// Why a record was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The topic is not there. Nothing was written.
    NoTopic,
    /// The producer cannot go on and has to be made anew. The record may have been written.
    Fatal,
    /// Anything else, as the caller is to hear it; `lasting` if the same record will fail each time.
    Other { error: Error, lasting: bool },
}

impl Failure {
    /// What librdkafka says of a record, handed over or not. What it does not know for certain not to have been written is a
    /// timeout: it may still arrive.
    pub(super) fn of(error: &KafkaError) -> Self {
        let (for_now, for_good) = (Self::for_now, Self::for_good);
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => Self::NoTopic,
            Some(Code::Fatal) => Self::Fatal,
            Some(Code::QueueFull) => for_now(busy()),
            Some(Code::PurgeQueue) => for_now(closing()),
            Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => {
                for_good(Error::too_large("the event is larger than the topic allows (max.message.bytes)"))
            }
            Some(Code::TopicAuthorizationFailed) => for_good(Error::denied(
                "Kafka does not let this host write to the topic; give its user the right WRITE on it",
            )),
            Some(Code::InvalidTopic) => for_good(Error::invalid("Kafka does not accept the topic's name")),
            Some(Code::InvalidRecord | Code::PolicyViolation | Code::UnsupportedForMessageFormat) => {
                for_good(Error::invalid("the topic's rules do not allow the event (a compacted topic wants a key)"))
            }
            Some(Code::ClusterAuthorizationFailed) => for_now(Error::denied(
                "Kafka does not let this host publish; give its user the right IDEMPOTENT_WRITE on the cluster",
            )),
            // Said before anything was appended; librdkafka has tried again until the record's time was over.
            Some(Code::NotEnoughReplicas) => {
                for_now(Error::unavailable("too few of the topic's replicas are in sync (min.insync.replicas)"))
            }
            _ => Self::late(),
        }
    }

    /// The topic could not be made, and nothing was sent to it. What Kafka's rules forbid they will forbid each time.
    pub(super) fn of_topic(error: Error) -> Self {
        let lasting = matches!(error, Error::Invalid(_));
        Self::Other { error, lasting }
    }

    /// There is no answer, or one that leaves open what was done.
    pub(super) fn late() -> Self {
        Self::for_now(Error::timeout("Kafka did not acknowledge the event in time; it may still arrive"))
    }

    /// The same event will fail each time.
    pub(super) const fn for_good(error: Error) -> Self {
        Self::Other { error, lasting: true }
    }

    /// The same event may succeed another time.
    pub(super) const fn for_now(error: Error) -> Self {
        Self::Other { error, lasting: false }
    }

    /// What a guest is told.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::NoTopic => {
                Error::not_found("there is no such topic, and Kafka does not let this host make it; make it yourself")
            }
            Self::Fatal => Error::timeout("Kafka's producer had to be started anew; the event may still arrive"),
            Self::Other { error, .. } => error,
        }
    }

    /// What the outbox is told.
    pub(super) fn into_refusal(self) -> Refusal {
        match self {
            Self::Other { error, lasting: true } => Refusal::Never(error.message().to_owned()),
            other => Refusal::Later(other.into_error()),
        }
    }
}

/// The answer while librdkafka's queue is full.
fn busy() -> Error {
    Error::unavailable("too many events wait for Kafka").retry_after(std::time::Duration::from_millis(100))
}

/// The answer once the host is closing.
pub(super) fn closing() -> Error {
    Error::unavailable("the connection to Kafka is closing")
}
