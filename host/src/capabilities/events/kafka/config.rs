//! What an operator says about the brokers, and what that means in librdkafka's words.

use std::path::{Path, PathBuf};

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use super::super::backend::MOST_VALUE_BYTES;
use crate::config::Secret;

/// The largest request for one event: the largest value, and room for key, headers and Kafka's own.
pub(super) const MOST_MESSAGE_BYTES: usize = MOST_VALUE_BYTES * 2;
/// How long librdkafka tries to deliver a record; then it belongs to the outbox again.
const DELIVERY_MS: &str = "5000";

/// How the brokers are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `host:port`, several with commas: those that are asked first for all the others.
    pub brokers: String,
    /// The name that the brokers see in their logs and quotas.
    pub client_id: String,
    /// Encryption and who the host is.
    pub security: Security,
    /// How the members of a consumer group agree.
    pub group_protocol: GroupProtocol,
}

/// How the members of a consumer group agree on who reads what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// Among themselves, as all brokers know it; cooperatively.
    #[default]
    Classic,
    /// The broker decides (KIP-848): quicker, and of brokers from 4.0 on.
    Consumer,
}

/// Encryption and authentication; the default has neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Encrypts the connections.
    pub tls: Option<Tls>,
    /// Says who the host is.
    pub sasl: Option<Sasl>,
}

/// Encryption. Host names are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file of the authorities that are trusted; the system's where it is left out.
    pub ca: Option<PathBuf>,
    /// The host's own certificate, for brokers that ask for one.
    pub identity: Option<Identity>,
}

/// A client certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, with those between it and the authority.
    pub certificate: PathBuf,
    /// Its key, without a pass phrase.
    pub key: PathBuf,
}

/// A user name and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sasl {
    /// How they are proved.
    pub mechanism: Mechanism,
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// How a password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The password itself is sent: only with TLS.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// Its name in configuration and protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    /// The mechanism of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Plain, Self::ScramSha256, Self::ScramSha512].into_iter().find(|mechanism| mechanism.name() == name)
    }
}

impl Config {
    /// What every client of these brokers has in common.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client_id)
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            // A broker that hangs is left after this time; the defaults are a minute and half a minute.
            .set("socket.timeout.ms", DELIVERY_MS)
            .set("socket.connection.setup.timeout.ms", DELIVERY_MS)
            // A broker that comes back is found soon; the default grows to ten seconds.
            .set("reconnect.backoff.max.ms", "1000")
            .set("log.connection.close", "false")
            .set("statistics.interval.ms", "0")
            .set_log_level(RDKafkaLogLevel::Info);
        self.security.apply(&mut client);
        client
    }

    /// The producer's. `acks=all` and idempotence: what is acknowledged is on every replica in sync, once and in order.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut client = self.client();
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Batches form by themselves while requests are under way; waiting for them costs a lone caller 5 ms.
            .set("linger.ms", "0")
            // Where the Java clients and the embedded log put a key.
            .set("partitioner", "murmur2_random")
            .set("delivery.timeout.ms", DELIVERY_MS)
            .set("queue.buffering.max.kbytes", "65536")
            .set("message.max.bytes", MOST_MESSAGE_BYTES.to_string())
            // A topic that was deleted is made anew after this time; the default is half a minute.
            .set("topic.metadata.propagation.max.ms", "1000");
        client
    }

    /// A reader's, which never joins its group: it says itself which partitions it reads.
    pub(super) fn reader(&self, group: &str) -> ClientConfig {
        let mut client = self.client();
        client
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .set("queued.min.messages", "1000")
            .set("queued.max.messages.kbytes", "8192");
        client
    }

    /// A member's of a consumer group, which is given its partitions.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut client = self.reader(group);
        client
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "false")
            // Longer than a batch, and what a rebalance waits for it.
            .set("max.poll.interval.ms", "300000")
            // Partitions that are added to a topic are found.
            .set("topic.metadata.refresh.interval.ms", "30000");
        match self.group_protocol {
            GroupProtocol::Classic => {
                client
                    // What a rebalance does not move goes on meanwhile.
                    .set("partition.assignment.strategy", "cooperative-sticky")
                    .set("heartbeat.interval.ms", "1000")
                    // A host that died is noticed after this time.
                    .set("session.timeout.ms", "10000");
            }
            GroupProtocol::Consumer => {
                client.set("group.protocol", "consumer");
            }
        }
        client
    }
}

impl Security {
    fn apply(&self, client: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        client.set("security.protocol", protocol);
        if let Some(Tls { ca, identity }) = &self.tls {
            client.set("ssl.endpoint.identification.algorithm", "https");
            if let Some(ca) = ca {
                client.set("ssl.ca.location", text(ca));
            }
            if let Some(Identity { certificate, key }) = identity {
                client.set("ssl.certificate.location", text(certificate)).set("ssl.key.location", text(key));
            }
        }
        if let Some(Sasl { mechanism, username, password }) = &self.sasl {
            client
                .set("sasl.mechanisms", mechanism.name())
                .set("sasl.username", username)
                .set("sasl.password", password.expose());
        }
    }
}

/// Why librdkafka refuses a configuration, without the values of it: one of them may be the password.
pub(super) fn reason(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, property, _) => format!("librdkafka does not accept the value of {property}"),
        KafkaError::ClientCreation(reason) => reason.clone(),
        _ => "librdkafka cannot start".to_owned(),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
