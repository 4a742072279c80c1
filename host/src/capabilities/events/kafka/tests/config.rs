//! What is told to librdkafka.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::super::super::conformance;
use super::super::super::outbox::{Limits, Outbox};
use super::super::{Config, Identity, Kafka, Mechanism, Sasl, Security, Tls};
use crate::capabilities::embedded::{Options, Store};
use crate::config::Secret;

fn secured(tls: Option<Tls>, sasl: bool) -> Config {
    let sasl = sasl.then(|| Sasl {
        mechanism: Mechanism::ScramSha512,
        username: "app".to_owned(),
        password: Secret::new("app-secret".to_owned()),
    });
    Config { security: Security { tls, sasl }, ..conformance::config("127.0.0.1:1") }
}

#[test]
fn security_is_said_in_librdkafkas_words() {
    let told = |config: &Config, property: &str| config.producer().get(property).map(str::to_owned);
    let protocols = [(false, false), (true, false), (false, true), (true, true)]
        .map(|(tls, sasl)| told(&secured(tls.then(Tls::default), sasl), "security.protocol").unwrap());
    assert_eq!(protocols, ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]);
    let identity = Identity { certificate: PathBuf::from("/c.pem"), key: PathBuf::from("/k.pem") };
    let config = secured(Some(Tls { ca: Some(PathBuf::from("/ca.pem")), identity: Some(identity) }), true);
    for (property, value) in [
        ("ssl.ca.location", "/ca.pem"),
        ("ssl.certificate.location", "/c.pem"),
        ("ssl.key.location", "/k.pem"),
        ("ssl.endpoint.identification.algorithm", "https"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", "app"),
        ("sasl.password", "app-secret"),
    ] {
        assert_eq!(told(&config, property).as_deref(), Some(value), "{property}");
    }
    assert!(!format!("{config:?}").contains("app-secret"));
}

#[test]
fn mechanisms_have_their_names() {
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512] {
        assert_eq!(Mechanism::parse(mechanism.name()), Some(mechanism));
    }
    assert_eq!(Mechanism::parse("GSSAPI"), None);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named_at_the_start() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(Options::new(folder.path())).unwrap();
    let outbox = Arc::new(Outbox::new(store, Limits::default()).unwrap());
    let config = secured(Some(Tls { ca: Some(PathBuf::from("/nowhere/ca.pem")), identity: None }), true);
    let error = Kafka::open(config, outbox).unwrap_err().to_string();
    assert!(error.starts_with("cannot use Kafka as configured: "), "{error}");
    assert!(error.contains("ssl.ca.location") && error.contains("stores.kafka"), "{error}");
    assert!(!error.contains("app-secret"), "{error}");
}
