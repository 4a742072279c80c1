//! `[plugins.<name>]`

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::document::{Entry, Value};
use super::super::reader::{Fault, Section, join};
use super::super::resolved::{Limits, Mount, Plugin, Route, RouteAccess, Runtime, Source};
use super::super::{Cron, Secret};
use super::{check_path, required_secret};
use crate::access::{Endpoint, Grants, Pattern};

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

pub(super) fn plugin(name: &str, section: &Section<'_>, runtime: &Runtime) -> Plugin {
    check_name(name, section);
    let sha256 = section.text("sha256").and_then(|text| {
        let digest = digest(&text);
        if digest.is_none() {
            let fix = "write the 64 hexadecimal digits that `sha256sum` prints";
            section.problem("sha256", Fault::new("is no SHA-256 digest", fix));
        }
        digest
    });
    let smoke = section.text("smoke");
    if let Some(Err(fault)) = smoke.as_deref().map(|path| check_path(path.split('?').next().unwrap_or(path))) {
        section.problem("smoke", fault);
    }
    Plugin {
        name: name.to_owned(),
        source: source(section),
        sha256,
        filters: section.list("filters", |name| Ok(name.to_owned())),
        grants: grants(name, &section.table("grants")),
        limits: limits(&section.table("limits"), runtime),
        settings: settings(&section.table("settings")),
        secrets: secrets(&section.table("secrets")),
        schedules: schedules(&section.table("schedules")),
        mount: mount(section),
        smoke,
    }
}

/// The name stands in metrics, topics and variables.
fn check_name(name: &str, section: &Section<'_>) {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts_well = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if !starts_well || name.len() > 40 || !name.bytes().all(letters) || name.contains("--") || name.ends_with('-') {
        let fix = "write a lower-case letter, then letters, digits and single hyphens, at most 40 together";
        section.context.problem(&section.path, Fault::new("is no name for a plugin", fix), &section.origin);
    }
}

fn source(section: &Section<'_>) -> Source {
    let Some(text) = section.text("source") else { return Source::File(PathBuf::new()) };
    if text.starts_with("https://") {
        if section.node("sha256").is_none() {
            let fix = format!("add to [{}]: sha256 = \"…\", the digest of the file that you mean", section.path);
            section.problem("source", Fault::new("is a download without a digest", fix));
        }
        return Source::Https(text);
    }
    let path = section.context.folder.join(&text);
    if text.contains("://") {
        let fix = "write a path, or an https:// address with sha256 beside it";
        section.problem("source", Fault::new("is neither a path nor an https:// address", fix));
    } else if !path.is_file() {
        let message = format!("is not there: {}", path.display());
        section.problem("source", Fault::new(message, "run `cargo xtask build`, or correct the path"));
    }
    Source::File(path)
}

/// 64 hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    bytes.try_into().ok()
}

fn grants(plugin: &str, section: &Section<'_>) -> Grants {
    let patterns = |key: &str| {
        section.list(key, |text| {
            Pattern::parse(text).map_err(|why| {
                let message = format!("has \"{}\": {why}", text.escape_debug());
                Fault::new(message, "write a whole name, or its beginning and `*`")
            })
        })
    };
    let mut grants = Grants::none(plugin);
    grants.cache = patterns("cache");
    grants.documents = patterns("documents");
    grants.publish = patterns("publish");
    grants.consume = patterns("consume");
    grants.realtime = section.list("realtime", |namespace| {
        if namespace.starts_with('/') && !namespace.contains('*') {
            return Ok(namespace.to_owned());
        }
        let message = format!("has \"{}\", which is no socket namespace", namespace.escape_debug());
        Err(Fault::new(message, "write each namespace with its `/`; the default one is \"/\""))
    });
    grants.http = section.list("http", |text| {
        Endpoint::parse(text).map_err(|why| {
            let message = format!("has \"{}\": {why}", text.escape_debug());
            Fault::new(message, "write \"api.example.com\" or \"api.example.com:8443\"")
        })
    });
    grants.http_private = section.flag("http-private");
    grants.tokens = section.flag("tokens");
    grants.passwords = section.flag("passwords");
    grants.metrics = section.flag("metrics");
    grants
}

/// Defaults give way to what bounds them; what was written is judged in `checks`.
fn limits(section: &Section<'_>, runtime: &Runtime) -> Limits {
    let written = |key: &str| section.node(key).is_some();
    let mut limits = read_limits(section);
    if !written("memory") {
        limits.memory = limits.memory.min(runtime.max_memory);
    }
    if !written("instances") {
        limits.instances = limits.instances.min(runtime.max_instances as usize);
    }
    if !written("cpu") {
        limits.cpu = limits.cpu.min(limits.deadline);
    }
    limits
}

fn read_limits(section: &Section<'_>) -> Limits {
    Limits {
        memory: section.size("memory"),
        table_elements: section.number("table-elements"),
        handles: section.number("handles"),
        deadline: section.duration("deadline"),
        batch: section.number("batch"),
        batch_deadline: section.duration("batch-deadline"),
        cpu: section.duration("cpu"),
        instances: section.number("instances"),
        queue: section.number("queue"),
        queue_wait: section.duration("queue-wait"),
        reuse: section.number("reuse"),
        response: section.size("response"),
        log_bytes: section.size("log-bytes"),
        log_lines: section.number("log-lines"),
        log_rate: section.number("log-rate"),
        host_calls: section.number("host-calls"),
        stream_idle: section.duration("stream-idle"),
        retained: section.size("retained"),
        publish_rate: section.number("publish-rate"),
    }
}

fn entries<'a>(section: &Section<'a>) -> &'a [Entry] {
    section.table.map(|table| table.entries.as_slice()).unwrap_or_default()
}

fn settings(section: &Section<'_>) -> serde_json::Map<String, serde_json::Value> {
    let mut settings = serde_json::Map::new();
    for entry in entries(section) {
        if let Some(value) = entry.node.value.to_json() {
            settings.insert(entry.key.clone(), value);
        } else {
            let fix = "write a number within 64 bits, not `nan` or `inf`";
            let fault = Fault::new("has a number that JSON cannot write", fix);
            section.context.problem(&join(&section.path, &entry.key), fault, &entry.node.origin);
        }
    }
    settings
}

fn secrets(section: &Section<'_>) -> BTreeMap<String, Secret> {
    let section = section.keyed();
    let secret = |key: &str| Some((key.to_owned(), required_secret(&section, key)?));
    entries(&section).iter().filter_map(|entry| secret(&entry.key)).collect()
}

fn schedules(section: &Section<'_>) -> BTreeMap<String, Option<Cron>> {
    let section = section.keyed();
    let mut schedules = BTreeMap::new();
    for Entry { key, .. } in entries(&section) {
        match section.text(key).as_deref() {
            None => {}
            Some("off") => drop(schedules.insert(key.clone(), None)),
            Some(text) => match Cron::parse(text) {
                Ok(cron) => drop(schedules.insert(key.clone(), Some(cron))),
                Err(why) => section.problem(key, Fault::new(format!("is no cron entry: {why}"), Cron::FIX)),
            },
        }
    }
    schedules
}

fn mount(section: &Section<'_>) -> Option<Mount> {
    let path = section.text("mount");
    let (Some(path), Some(written)) = (path, section.node("mount")) else {
        for key in ["routes", "access"] {
            if section.node(key).is_some() && section.node("mount").is_none() {
                let fix = "add `mount = \"/\"`, or take the line out: a component of the SDK says its routes itself";
                section.problem(key, Fault::new("needs `mount` beside it", fix));
            }
        }
        return None;
    };
    if let Err(fault) = check_path(&path) {
        section.context.problem(&join(&section.path, "mount"), fault, &written.origin);
    }
    let path = super::without_slash(path);
    let routes = section.list("routes", |text| route(&path, text));
    Some(Mount { routes, access: access_of(section), path })
}

fn access_of(section: &Section<'_>) -> RouteAccess {
    let Some(text) = section.text("access") else {
        if section.node("access").is_none() {
            let fix = "add `access = \"session\"`, or \"public\" if everyone may call it";
            section.problem("access", Fault::new("is missing: it says who may call the routes of `mount`", fix));
        }
        return RouteAccess::Public;
    };
    let access = access(&text).unwrap_or_else(|fault| {
        section.problem("access", fault);
        RouteAccess::Public
    });
    let filters = section.node("filters").map(|node| &node.value);
    let unfiltered = filters.is_none_or(|value| matches!(value, Value::List(list) if list.is_empty()));
    if access != RouteAccess::Public && unfiltered {
        let fix = "add `filters = [\"auth\"]`, or say access = \"public\"";
        section.problem("access", Fault::new("is not public, and no filter finds out who is calling", fix));
    }
    access
}

/// `GET /user/{id}`, or a path for all methods.
fn route(mount: &str, text: &str) -> Result<Route, Fault> {
    let (method, path) = match text.split_once(' ') {
        Some((method, path)) => (Some(method), path.trim()),
        None => (None, text),
    };
    if let Some(method) = method.filter(|method| !METHODS.contains(method)) {
        let fix = format!("write one of {} before the path, or the path alone for all", METHODS.join(", "));
        return Err(Fault::new(format!("has the method \"{}\"", method.escape_debug()), fix));
    }
    check_path(path)?;
    let mount = if mount == "/" { "" } else { mount };
    Ok(Route { method: method.map(str::to_owned), pattern: format!("{mount}{path}") })
}

fn access(text: &str) -> Result<RouteAccess, Fault> {
    match text {
        "public" => Ok(RouteAccess::Public),
        "optional" => Ok(RouteAccess::Optional),
        "session" => Ok(RouteAccess::Session),
        _ => match text.strip_prefix("role:").filter(|role| !role.is_empty()) {
            Some(role) => Ok(RouteAccess::Role(role.to_owned())),
            None => Err(Fault::new(
                format!("cannot be \"{}\"", text.escape_debug()),
                "write \"public\", \"optional\", \"session\" or \"role:<name>\"",
            )),
        },
    }
}
