//! Whether the brokers can be reached, so that nobody waits for brokers that are known to be away.
//!
//! A **suspicion** (librdkafka lost all brokers, or an acknowledgement did not come in time) has the watch ask the brokers for
//! metadata. If they do not answer [`FAILURES`] times in a row they are away, and stay so until they answer. Publishing does
//! not probe: a record is not handed over to find out whether it would arrive. Nor is it enough that some records get no
//! answer: with one broker of three frozen, the others go on being served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::Notify;

use crate::capabilities::error::{Error, Result};

/// How long the brokers may take to answer a probe.
pub(super) const PROBE: Duration = Duration::from_millis(500);
/// So many probes in a row without an answer, and the brokers are away.
const FAILURES: u32 = 2;
/// Between two probes: the first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What is known of the brokers.
#[derive(Debug, Default)]
pub(super) struct Contact {
    away: AtomicBool,
    suspicion: Notify,
}

impl Contact {
    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Refuses at once while the brokers are away.
    pub(super) fn admit(&self) -> Result<()> {
        if self.is_away() {
            return Err(Error::unavailable("Kafka is away: none of its brokers answers").retry_after(PAUSES.1));
        }
        Ok(())
    }

    /// Has the watch look.
    pub(super) fn suspect(&self) {
        self.suspicion.notify_one();
    }

    /// Looks at each suspicion until it is settled; never ends.
    pub(super) async fn watch<F: Future<Output = bool>>(self: Arc<Self>, probe: impl Fn() -> F) {
        loop {
            self.suspicion.notified().await;
            let (mut failures, mut pause) = (0, PAUSES.0);
            while !probe().await {
                failures += 1;
                if failures >= FAILURES && !self.away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(target: "kafka", "the brokers are away; events of publish-later wait in the outbox");
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
            if self.away.swap(false, Ordering::Relaxed) {
                tracing::info!(target: "kafka", "the brokers are back");
            }
        }
    }
}

/// What librdkafka calls back.
#[derive(Clone, Debug)]
pub(super) struct Callbacks {
    /// Told when all brokers are lost; a reader's own troubles concern nobody else.
    pub(super) contact: Option<Arc<Contact>>,
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(target: "kafka", facility, "{message}");
            }
            RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
                tracing::info!(target: "kafka", facility, "{message}")
            }
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(target: "kafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // Will not pass by itself: the operator has to see it.
            Some(
                RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed | RDKafkaErrorCode::SSL,
            ) => {
                tracing::error!(target: "kafka", reason, "the brokers refuse this host; see the key security of stores.kafka");
            }
            _ => tracing::debug!(target: "kafka", %error, "{reason}"),
        }
        if let Some(contact) = &self.contact
            && error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown)
        {
            contact.suspect();
        }
    }
}

impl rdkafka::consumer::ConsumerContext for Callbacks {}
