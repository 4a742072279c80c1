//! Environment variables over the file: `DEVCONNECT_<TABLE>_<KEY>`, and the names of the former system.
//!
//! `-` is written `_`; tables below the first are set off by `__`: `DEVCONNECT_SERVER_BODY_LIMIT`,
//! `DEVCONNECT_PLUGINS__AUTH__LIMITS__REUSE`. The stronger wins: `DEVCONNECT_…`, then the former names, then the file
//! (but `JWT_SECRET` counts only where the file says nothing).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{self, Node, Origin, Table, Value};
use super::problem::Problems;
use super::reference::{self, Kind, Row};

/// How the variables of the configuration begin.
pub(super) const PREFIX: &str = "DEVCONNECT_";

/// Variables that are read elsewhere, and what for.
pub const OTHERS: &[(&str, &str)] = &[
    ("DEVCONNECT_CONFIG", "The configuration file, where `--config` does not name one."),
    ("DEVCONNECT_LOG", "`json` writes the log as one JSON object a line."),
    (
        "RUST_LOG",
        "Which log lines are written: `info` (the default), `debug`, or by module `info,devconnect_host=debug`.",
    ),
    ("DEVCONNECT_GUEST_TOOLCHAIN", "How `cargo xtask` builds plugins: `installed`, `rustup` or `debian`."),
    ("DEVCONNECT_OPENAPI", "The file that a plugin's tests write its OpenAPI document to; set by `cargo xtask build`."),
    ("DEVCONNECT_BIN", "The program that the end-to-end tests start, where it is not the one just built."),
];

/// The variables of the former system, which keep working.
pub const FORMER: &[(&str, &str)] = &[
    ("PORT", "Port of `server.listen`; 0 takes a free one."),
    ("NODE_ENV", "`server.environment`: `development` or `production`; `test` counts as development."),
    ("FRONTEND_URL", "An address, or several with commas, whose origin is added to `server.origins`."),
    ("JWT_SECRET", "`tokens.secret`, where the file says nothing."),
    ("REDIS_URL", "`stores.redis`."),
    ("KAFKA_BROKERS", "`stores.kafka.brokers`."),
    ("KAFKA_CLIENT_ID", "`stores.kafka.client-id`, where there are brokers."),
    ("KAFKA_GROUP_ID", "`stores.kafka.group-id`, where there are brokers."),
    ("MONGODB_URI", "`stores.mongodb`."),
];

/// The process's environment. Variables that are not UTF-8 are left out: none of ours can be.
#[must_use]
pub fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Puts the variables over the document and reports those that set nothing.
pub(super) fn apply(document: &mut Table, variables: &BTreeMap<String, String>, problems: &mut Problems) {
    former_names(document, variables);
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if OTHERS.iter().any(|(other, _)| other == name) || is_service_link(name, value) {
            continue;
        }
        match find(rest, document) {
            Some((path, row)) => set(document, &path, row.kind, name, value),
            None => {
                let fix = suggestion(name, document);
                problems.push("", format!("the variable {name} sets nothing"), fix, &origin(name));
            }
        }
    }
}

/// `PORT` and `FRONTEND_URL` change a value rather than set it: the reader of `[server]` asks for them.
fn former_names(document: &mut Table, variables: &BTreeMap<String, String>) {
    let given = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    for (name, path) in [("REDIS_URL", "stores.redis"), ("MONGODB_URI", "stores.mongodb")] {
        if let Some(value) = given(name) {
            // It replaces a table of the file too.
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            set(document, &path, Kind::Text, name, value);
        }
    }
    if let Some(brokers) = given("KAFKA_BROKERS") {
        set(document, &["stores".into(), "kafka".into(), "brokers".into()], Kind::Text, "KAFKA_BROKERS", brokers);
    }
    // Without brokers they would name a client of nothing.
    let has_kafka = matches!(document.get("stores"), Some(Node { value: Value::Table(stores), .. }) if stores.get("kafka").is_some());
    for (name, key) in [("KAFKA_CLIENT_ID", "client-id"), ("KAFKA_GROUP_ID", "group-id")] {
        if let Some(value) = given(name).filter(|_| has_kafka) {
            set(document, &["stores".into(), "kafka".into(), key.into()], Kind::Text, name, value);
        }
    }
    if let Some(environment) = given("NODE_ENV") {
        // Node's test runners set it; a test is nearer to development.
        let environment = if environment == "test" { "development" } else { environment };
        set(document, &["server".into(), "environment".into()], Kind::Text, "NODE_ENV", environment);
    }
    let has_secret = matches!(document.get("tokens"), Some(Node { value: Value::Table(tokens), .. }) if tokens.get("secret").is_some());
    if !has_secret && let Some(secret) = variables.get("JWT_SECRET") {
        set(document, &["tokens".into(), "secret".into()], Kind::Secret, "JWT_SECRET", secret);
    }
}

/// Kubernetes and Docker links put variables like `DEVCONNECT_PORT_3000_TCP` into every container beside a service
/// called `devconnect`: they are about the service, not for us.
fn is_service_link(name: &str, value: &str) -> bool {
    let about_port = |rest: &str| {
        let mut parts = rest.splitn(3, '_');
        parts.next().is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
            && parts.next().is_some_and(|protocol| matches!(protocol, "TCP" | "UDP" | "SCTP"))
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.match_indices("_PORT_").any(|(at, found)| name.get(at + found.len()..).is_some_and(about_port))
}

/// The key that a variable (without the prefix) sets. Names that the operator chose must be in the file already, except
/// for settings and secrets.
fn find(variable: &str, document: &Table) -> Option<(Vec<String>, &'static Row)> {
    let parts: Vec<&str> = match variable.split_once("__") {
        Some(_) => variable.split("__").collect(),
        None => variable.split_once('_').map(|(table, key)| vec![table, key])?,
    };
    if parts.len() == 2 && variable.contains("__") {
        return None;
    }
    reference::reference().iter().filter(|row| !row.key.contains("[]")).find_map(|row| {
        let names: Vec<&str> = row.key.split('.').collect();
        if names.len() != parts.len() {
            return None;
        }
        let mut table = Some(document);
        let mut path = Vec::new();
        for (name, part) in names.iter().zip(&parts) {
            let key = match *name {
                "<name>" => written(table, part)?,
                "<key>" if part.is_empty() => return None,
                "<key>" => written(table, part).unwrap_or_else(|| part.to_ascii_lowercase().replace('_', "-")),
                name if reference::in_variable(name) == *part => name.to_owned(),
                _ => return None,
            };
            table = table.and_then(|table| table.get(&key)).and_then(|node| match &node.value {
                Value::Table(table) => Some(table),
                _ => None,
            });
            path.push(key);
        }
        Some((path, row))
    })
}

/// The key of the table that is written so in a variable.
fn written(table: Option<&Table>, part: &str) -> Option<String> {
    table?.entries.iter().map(|entry| &entry.key).find(|key| reference::in_variable(key) == part).cloned()
}

fn set(document: &mut Table, path: &[String], kind: Kind, name: &str, value: &str) {
    let origin = origin(name);
    let [tables @ .., key] = path else { return };
    let mut table = document;
    for (depth, part) in tables.iter().enumerate() {
        let Some(node) = table.slot(part, &origin) else { return };
        if !matches!(node.value, Value::Table(_)) {
            let short = std::mem::replace(&mut node.value, Value::Table(Table::default()));
            // `kafka = "broker:9092"` is short for its table, which now gets a second key.
            if let (Value::Table(table), true) = (&mut node.value, depth == 1 && part == "kafka")
                && let Some(brokers) = table.slot("brokers", &node.origin)
            {
                brokers.value = short;
            }
        }
        let Value::Table(inner) = &mut node.value else { return };
        table = inner;
    }
    let Some(node) = table.slot(key, &origin) else { return };
    let was_text = matches!((&node.value, &node.origin), (Value::Text(_), Origin::File(_)));
    *node = Node { value: typed(kind, value, was_text, &origin), origin: origin.clone() };
}

/// A variable's text as the kind of value that its key wants. What does not fit stays a text, for the reader to refuse
/// by the key's name.
fn typed(kind: Kind, value: &str, was_text: bool, origin: &Origin) -> Value {
    let text = || Value::Text(value.to_owned());
    let toml = || document::parse_value(value, origin).map(|node| node.value);
    match kind {
        Kind::Number(..) => value.trim().parse().map_or_else(|_| text(), Value::Integer),
        Kind::Flag => match value.trim() {
            "true" | "1" => Value::Flag(true),
            "false" | "0" => Value::Flag(false),
            _ => text(),
        },
        Kind::List if !value.trim_start().starts_with('[') => Value::List(
            value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Node { value: Value::Text(item.to_owned()), origin: origin.clone() })
                .collect(),
        ),
        Kind::List | Kind::Tables => toml().unwrap_or_else(text),
        Kind::Any if was_text => text(),
        Kind::Any => toml().unwrap_or_else(text),
        _ => text(),
    }
}

fn suggestion(name: &str, document: &Table) -> String {
    let plugins: Vec<String> = match document.get("plugins") {
        Some(Node { value: Value::Table(plugins), .. }) => {
            plugins.entries.iter().map(|entry| reference::in_variable(&entry.key)).collect()
        }
        _ => Vec::new(),
    };
    let mut known: Vec<String> = OTHERS.iter().map(|(other, _)| (*other).to_owned()).collect();
    for variable in reference::reference().iter().filter_map(Row::variable).filter(|name| !name.contains("<KEY>")) {
        if variable.contains("<NAME>") {
            known.extend(plugins.iter().map(|plugin| variable.replace("<NAME>", plugin)));
        } else {
            known.push(variable);
        }
    }
    // Without the prefix, which would make all of them alike.
    let bare = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let known: Vec<String> = known.iter().map(|known| bare(known)).collect();
    match super::nearest(&bare(name), known.iter().map(String::as_str)) {
        Some(known) => format!("did you mean {PREFIX}{known}?"),
        None => "unset it; docs/configuration.md lists all variables".to_owned(),
    }
}

fn origin(name: &str) -> Origin {
    Origin::Variable(Arc::from(name))
}
