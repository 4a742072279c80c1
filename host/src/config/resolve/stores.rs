//! `[stores]`: which stores, and how to reach them.

use super::super::Secret;
use super::super::document::Value;
use super::super::reader::{Fault, Section};
use super::super::resolved::{GroupProtocol, Kafka, KafkaSasl, KafkaTls, MongoDb, NearCache, Redis, Stores};
use super::required_secret;

pub(super) fn stores(section: &Section<'_>) -> Stores {
    Stores {
        data: section.path("data").unwrap_or_default(),
        cache_size: section.size("cache-size"),
        event_retention: section.duration("event-retention"),
        event_retention_size: section.size("event-retention-size"),
        redis: redis(section),
        kafka: kafka(section),
        mongodb: url(section, "mongodb", &["mongodb://", "mongodb+srv://"]).map(|url| MongoDb { url }),
        near_cache: near_cache(&section.table("near-cache")),
    }
}

fn redis(section: &Section<'_>) -> Option<Redis> {
    let schemes = ["redis://", "rediss://", "redis+cluster://", "rediss+cluster://"];
    let ca = inner(section, "redis").path("ca");
    Some(Redis { url: url(section, "redis", &schemes)?, ca })
}

/// A store's URL, as a text or in a table. It may hold a password: no message repeats it.
fn url(section: &Section<'_>, key: &str, schemes: &[&str]) -> Option<Secret> {
    let url = match &section.node(key)?.value {
        Value::Text(text) => Secret::new(text.clone()),
        Value::Table(_) => required_secret(&section.table(key), "url")?,
        other => {
            let fix = format!("write a URL that begins with {}", schemes.join(" or "));
            section.problem(key, Fault::new(format!("cannot be {}", other.kind()), fix));
            return None;
        }
    };
    if !schemes.iter().any(|scheme| url.expose().starts_with(scheme)) {
        let fix = format!("write a URL that begins with {}", schemes.join(" or "));
        section.problem(key, Fault::new("is no URL of this store", fix));
        return None;
    }
    Some(url)
}

fn kafka(section: &Section<'_>) -> Option<Kafka> {
    let brokers = match &section.node("kafka")?.value {
        Value::Text(text) => text.clone(),
        Value::Table(_) => section.table("kafka").text("brokers").unwrap_or_default(),
        other => {
            let fix = "write the brokers as \"host:9092\", or a table with them";
            section.problem("kafka", Fault::new(format!("cannot be {}", other.kind()), fix));
            return None;
        }
    };
    let table = inner(section, "kafka");
    let brokers: Vec<String> =
        brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty()).map(str::to_owned).collect();
    if let Some(broker) = brokers.iter().find(|broker| !is_broker(broker)) {
        let fix = "write host:port, several with commas: \"one:9092,two:9092\"";
        section.problem("kafka", Fault::new(format!("names no broker with \"{}\"", broker.escape_debug()), fix));
    }
    Some(Kafka {
        brokers,
        client_id: table.text("client-id").unwrap_or_default(),
        group_id: table.text("group-id").unwrap_or_default(),
        group_protocol: match table.text("group-protocol").as_deref() {
            Some("consumer") => GroupProtocol::Consumer,
            _ => GroupProtocol::Classic,
        },
        tls: kafka_tls(&table),
        sasl: kafka_sasl(&table),
    })
}

fn kafka_tls(table: &Section<'_>) -> Option<KafkaTls> {
    let (on, ca) = (table.flag("tls"), table.path("ca"));
    let identity = match (table.path("certificate"), table.path("key")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            table.problem("certificate", Fault::new("has no key", "name the PEM file of its key in `key`"));
            None
        }
        (None, Some(_)) => {
            table.problem("key", Fault::new("has no certificate", "name its PEM file in `certificate`"));
            None
        }
    };
    if !on {
        let unused = if ca.is_some() { Some("ca") } else { identity.is_some().then_some("certificate") };
        if let Some(key) = unused {
            table.problem(key, Fault::new("is not used without TLS", "add `tls = true`"));
        }
        return None;
    }
    Some(KafkaTls { ca, identity })
}

fn kafka_sasl(table: &Section<'_>) -> Option<KafkaSasl> {
    let mechanism = table.text("mechanism").unwrap_or_default();
    match (table.text("username"), table.node("password").is_some()) {
        (Some(username), true) => {
            Some(KafkaSasl { mechanism, username, password: required_secret(table, "password")? })
        }
        (None, false) => None,
        (Some(_), false) => {
            table.problem("username", Fault::new("has no password", "add `password = { env = \"…\" }`"));
            None
        }
        (None, true) => {
            table.problem("password", Fault::new("has no user", "add `username`"));
            None
        }
    }
}

fn near_cache(table: &Section<'_>) -> NearCache {
    let patterns = table.list("patterns", |pattern| {
        let prefix = pattern.strip_suffix('*').unwrap_or(pattern);
        if pattern.is_empty() || prefix.contains('*') {
            return Err(Fault::new("is no pattern", "write a key, or a beginning of keys with `*` at the end"));
        }
        Ok(pattern.to_owned())
    });
    NearCache { patterns, size: table.size("size") }
}

/// The table of a store, also where the store is a text: for the defaults.
fn inner<'a>(section: &Section<'a>, key: &str) -> Section<'a> {
    match section.node(key).map(|node| &node.value) {
        Some(Value::Table(_)) => section.table(key),
        _ => section.empty(key),
    }
}

fn is_broker(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok())
}
