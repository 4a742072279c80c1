//! What holds when nothing is said, and that every row says the truth about its key.

use std::time::Duration;

use super::super::reference::{Absent, Kind, reference};
use super::super::{AccessLog, Environment, RouteAccess, Source};
use super::{PLUGIN, problems, read, with_plugin};

#[test]
fn an_empty_file_serves_on_embedded_stores() {
    let resolved = read("", &[]).unwrap();
    assert_eq!(resolved.server.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(resolved.server.environment, Environment::Development);
    assert_eq!(resolved.server.access_log, AccessLog::Errors);
    assert_eq!(resolved.server.body_limit, 1 << 20);
    assert!(resolved.server.workers >= 1);
    assert_eq!(resolved.stores.data.to_str(), Some("/nowhere/data"));
    assert_eq!(resolved.runtime.cache.to_str(), Some("/nowhere/data/compiled"));
    assert_eq!(resolved.sockets.socket_io, "/socket.io/");
    assert!(resolved.stores.redis.is_none() && resolved.stores.kafka.is_none() && resolved.stores.mongodb.is_none());
    assert!(resolved.tokens.current.is_none(), "development asks for a random secret");
    assert!(resolved.plugins.is_empty() && resolved.statics.is_empty());
}

#[test]
fn a_plugin_has_no_grants_and_all_limits() {
    let resolved = read(PLUGIN, &[]).unwrap();
    let plugin = resolved.plugin("shop").unwrap();
    assert_eq!(plugin.source, Source::Https("https://example.com/shop.wasm".to_owned()));
    assert_eq!(plugin.sha256.unwrap()[..4], [0x01, 0x23, 0x45, 0x67]);
    assert_eq!(plugin.grants, crate::access::Grants::none("shop"));
    assert_eq!(plugin.limits.memory, 32 << 20);
    assert_eq!(plugin.limits.reuse, 1000);
    assert_eq!(plugin.limits.deadline, Duration::from_secs(5));
    assert_eq!(plugin.mount, None);
}

#[test]
fn default_limits_give_way_to_what_bounds_them() {
    let resolved = read(
        &with_plugin("limits = { deadline = \"100ms\" }\n[runtime]\nmax-memory = \"8MiB\"\nmax-instances = 4\n"),
        &[],
    )
    .unwrap();
    let limits = &resolved.plugin("shop").unwrap().limits;
    assert_eq!((limits.memory, limits.instances, limits.cpu), (8 << 20, 4, Duration::from_millis(100)));
}

#[test]
fn plugins_keep_the_order_of_the_file() {
    let source = format!("{}{}", PLUGIN.replace("shop", "zebra"), PLUGIN.replace("shop", "ant"));
    let names: Vec<String> = read(&source, &[]).unwrap().plugins.into_iter().map(|plugin| plugin.name).collect();
    assert_eq!(names, ["zebra", "ant"]);
}

#[test]
fn a_mounted_component_gets_whole_patterns() {
    let more = "mount = \"/shop/\"\nroutes = [\"GET /items/{id}\", \"/all\"]\naccess = \"public\"\n";
    let mount = read(&with_plugin(more), &[]).unwrap().plugins.remove(0).mount.unwrap();
    assert_eq!((mount.path.as_str(), &mount.access), ("/shop", &RouteAccess::Public));
    let routes: Vec<(Option<&str>, &str)> =
        mount.routes.iter().map(|route| (route.method.as_deref(), route.pattern.as_str())).collect();
    assert_eq!(routes, [(Some("GET"), "/shop/items/{id}"), (None, "/shop/all")]);
}

#[test]
fn origins_are_as_browsers_write_them() {
    let source =
        "[server]\norigins = [\"HTTPS://App.Example.com:443/\", \"http://localhost:5173\", \"http://[::1]:80\"]\n";
    let origins = read(source, &[]).unwrap().server.origins;
    assert_eq!(origins, ["https://app.example.com", "http://localhost:5173", "http://[::1]"]);
}

#[test]
fn settings_become_json() {
    let more = "[plugins.shop.settings]\nlimit = 3\nratio = 0.5\nnames = [\"a\", \"b\"]\nday = 2026-11-24\non = true\n\
                deep = { a = { b = [1, { c = 2 }] } }\n";
    let settings = read(&with_plugin(more), &[]).unwrap().plugins.remove(0).settings;
    let expected = serde_json::json!({
        "limit": 3, "ratio": 0.5, "names": ["a", "b"], "day": "2026-11-24", "on": true,
        "deep": { "a": { "b": [1, { "c": 2 }] } },
    });
    assert_eq!(serde_json::Value::Object(settings), expected);
    let more = "settings = { limit = nan, large = 99999999999999999999 }\n";
    assert_eq!(problems(&with_plugin(more), &[]).len(), 2);
}

/// Reads a file that gives each row a wrong value, and expects each to be refused: so every row is read, and no row is
/// there for show.
#[test]
fn every_row_is_read() {
    for row in reference() {
        // Freely named keys take anything, and so do texts that may be secrets.
        let wrong = match row.kind {
            Kind::Any => "nan",
            Kind::Secret => "5",
            Kind::Text | Kind::Choice(_) | Kind::Address | Kind::Path | Kind::TextOrTable => "true",
            Kind::Flag | Kind::Number(..) | Kind::Size(..) | Kind::Duration(..) => "[]",
            Kind::List | Kind::Tables => "true",
        };
        let key = row.key.replace("<name>", "shop").replace("<key>", "free");
        let source = match key.split_once("[].") {
            Some((table, key)) => format!("[[{table}]]\n{key} = {wrong}\n"),
            None => format!("{key} = {wrong}\n"),
        };
        let shown = key.replace("[]", "");
        // `routes` and `access` are read where `mount` is.
        let source = if shown.ends_with(".routes") || shown.ends_with(".access") {
            format!("plugins.shop.mount = \"/\"\n{source}")
        } else {
            source
        };
        let found = read(&source, &[]).unwrap_err();
        let refused = |problem: &super::super::Problem| problem.key == shown && problem.message != "is not known";
        assert!(found.iter().any(refused), "{key} takes {wrong}:\n{found}");
    }
}

#[test]
fn every_default_passes_its_own_row() {
    for row in reference() {
        let Absent::Value(value) = row.default else { continue };
        let key = row.key.replace("<name>", "shop").replace("<key>", "free");
        let more = if row.key.starts_with("stores.kafka.") { "stores.kafka.brokers = \"one:9092\"\n" } else { "" };
        let source = format!("{more}{key} = {value}\n{PLUGIN}");
        let source = match row.key.starts_with("plugins.") {
            true => format!("plugins.shop.mount = \"/\"\nplugins.shop.access = \"public\"\n{key} = {value}\n"),
            false => source,
        };
        if let Err(found) = read(&source, &[]) {
            assert!(found.iter().all(|problem| problem.key != key), "{key} = {value}:\n{found}");
        }
    }
}

#[test]
fn bounds_hold_at_their_edges() {
    for row in reference() {
        let (least, most, unit) = match row.kind {
            Kind::Number(least, most) => (least, most, ""),
            Kind::Size(least, most) => (least, most, "B"),
            Kind::Duration(least, most) => (least, most, "ms"),
            _ => continue,
        };
        let key = row.key.replace("<name>", "shop");
        let refused = |number: u64| {
            let value = if unit.is_empty() { number.to_string() } else { format!("\"{number}{unit}\"") };
            let found = read(&format!("{key} = {value}\n"), &[]);
            let wrong = |problem: &super::super::Problem| {
                problem.key == key && (problem.message.starts_with("is less") || problem.message.starts_with("is more"))
            };
            found.is_err_and(|found| found.iter().any(wrong))
        };
        assert!(!refused(least) && !refused(most), "{key} within its bounds");
        assert!(refused(most + 1), "{key} above");
        if let Some(below) = least.checked_sub(1) {
            assert!(refused(below), "{key} below");
        }
    }
}
