//! Allowed, denied, and what a denial says.

use super::{ALWAYS, Endpoint, GRANTED, Grants, Pattern};

fn patterns(list: &[&str]) -> Vec<Pattern> {
    list.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

fn shop() -> Grants {
    let mut grants = Grants::none("shop");
    grants.cache = patterns(&["session:*", "one"]);
    grants.documents = patterns(&["users", "analytics_*"]);
    grants.publish = patterns(&["user-events"]);
    grants.consume = patterns(&["orders"]);
    grants.realtime = vec!["/".to_owned()];
    grants.http = vec![Endpoint::parse("API.example.com").unwrap(), Endpoint::parse("[2001:db8::1]:8443").unwrap()];
    grants.tokens = true;
    grants
}

#[test]
fn what_is_named_is_allowed() {
    let shop = shop();
    for key in ["session:", "session:1", "session:a:b", "one"] {
        assert_eq!(shop.cache_key(key), Ok(()), "{key}");
    }
    assert_eq!(shop.collection("users"), Ok(()));
    assert_eq!(shop.collection("analytics_daily"), Ok(()));
    assert_eq!(shop.publish("user-events"), Ok(()));
    assert_eq!(shop.consume("orders"), Ok(()));
    assert_eq!(shop.realtime("/"), Ok(()));
    assert_eq!(shop.http("api.Example.com", 443), Ok(()));
    assert_eq!(shop.http("api.example.com", 80), Ok(()));
    assert_eq!(shop.http("[2001:DB8::1]", 8443), Ok(()));
    assert_eq!(shop.tokens(), Ok(()));
    let mut all = Grants::none("all");
    all.cache = patterns(&["*"]);
    assert_eq!(all.cache_key(""), Ok(()));
}

#[test]
fn what_is_not_named_is_denied_with_the_line_to_add() {
    let shop = shop();
    let table = [
        (
            shop.cache_key("orders:7"),
            "use the cache key \"orders:7\": add \"orders:*\" to plugins.shop.grants.cache in devconnect.toml",
        ),
        (
            shop.cache_key("session"),
            "use the cache key \"session\": add \"session\" to plugins.shop.grants.cache in devconnect.toml",
        ),
        (
            shop.cache_key("one:more"),
            "use the cache key \"one:more\": add \"one:*\" to plugins.shop.grants.cache in devconnect.toml",
        ),
        (
            shop.cache_key("Session:1"),
            "use the cache key \"Session:1\": add \"Session:*\" to plugins.shop.grants.cache in devconnect.toml",
        ),
        (shop.cache_key(""), "use the cache key \"\": add \"\" to plugins.shop.grants.cache in devconnect.toml"),
        (
            shop.collection("user"),
            "use the collection \"user\": add \"user\" to plugins.shop.grants.documents in devconnect.toml",
        ),
        (
            shop.publish("orders"),
            "publish to the topic \"orders\": add \"orders\" to plugins.shop.grants.publish in devconnect.toml",
        ),
        (
            shop.consume("user-events"),
            "consume the topic \"user-events\": add \"user-events\" to plugins.shop.grants.consume in devconnect.toml",
        ),
        (
            shop.realtime("/admin"),
            "use the socket namespace \"/admin\": add \"/admin\" to plugins.shop.grants.realtime in devconnect.toml",
        ),
        (
            shop.http("evil.example", 443),
            "call the host \"evil.example\": add \"evil.example\" to plugins.shop.grants.http in devconnect.toml",
        ),
        (
            shop.http("api.example.com", 8080),
            "call the host \"api.example.com:8080\": add \"api.example.com:8080\" to plugins.shop.grants.http in devconnect.toml",
        ),
        (
            shop.http("x.api.example.com", 443),
            "call the host \"x.api.example.com\": add \"x.api.example.com\" to plugins.shop.grants.http in devconnect.toml",
        ),
        (
            shop.http("::1", 443),
            "call the host \"[::1]\": add \"[::1]\" to plugins.shop.grants.http in devconnect.toml",
        ),
    ];
    for (answer, message) in table {
        let denied = answer.unwrap_err();
        assert_eq!(denied.to_string(), format!("plugin `shop` may not {message}"));
        assert!(message.ends_with(&denied.fix));
        assert_eq!(&*denied.plugin, "shop");
    }
    assert_eq!(
        shop.passwords().unwrap_err().to_string(),
        "plugin `shop` uses `passwords`, which is not granted: add `passwords = true` to [plugins.shop.grants] in devconnect.toml"
    );
    assert!(shop.metrics().is_err() && Grants::none("shop").tokens().is_err());
}

#[test]
fn a_guests_text_is_cut_and_escaped() {
    let denied = shop().cache_key(&format!("evil\u{1b}[31m\n{}", "é".repeat(500))).unwrap_err().to_string();
    assert!(denied.chars().all(|character| !character.is_control()), "{denied:?}");
    assert!(denied.chars().count() < 320, "{denied}");
}

#[test]
fn interfaces_are_granted_by_their_key() {
    let none = Grants::none("shop");
    let mut granted = shop();
    granted.passwords = true;
    granted.metrics = true;
    for (interface, key) in GRANTED {
        for name in [format!("devconnect:platform/{interface}@0.1.0"), format!("devconnect:platform/{interface}")] {
            assert_eq!(granted.for_interface(&name), Ok(()), "{name}");
            let denied = none.for_interface(&name).unwrap_err();
            assert_eq!(denied.capability, *key);
            let line = format!("add `{key} = ");
            assert!(denied.to_string().contains(&line) && denied.fix.contains("[plugins.shop.grants]"), "{denied}");
        }
    }
    for interface in ALWAYS {
        assert_eq!(none.for_interface(&format!("devconnect:platform/{interface}@0.1.0")), Ok(()), "{interface}");
    }
    for interface in ["wasi:io/streams@0.2.6", "wasi:http/outgoing-handler@0.2.12", "wasi:sockets/tcp@0.2.0"] {
        assert_eq!(none.for_interface(interface), Ok(()), "{interface}");
    }
}

#[test]
fn consuming_alone_does_not_open_events() {
    let mut grants = Grants::none("shop");
    grants.consume = patterns(&["orders"]);
    assert!(grants.for_interface("devconnect:platform/events@0.1.0").is_err());
}

#[test]
fn unknown_interfaces_are_refused_and_say_what_there_is() {
    let shop = shop();
    let denied = shop.for_interface("devconnect:platform/cahce@0.1.0").unwrap_err().to_string();
    assert_eq!(
        denied,
        "plugin `shop` imports `devconnect:platform/cahce@0.1.0`, which this host does not have: \
         did its author mean `devconnect:platform/cache`?"
    );
    for interface in
        ["acme:things/stuff@1.0.0", "devconnect:platform/quantum", "devconnect:other/cash", "", "cache-of-things"]
    {
        let denied = shop.for_interface(interface).unwrap_err().to_string();
        assert!(
            denied.contains("this host offers wasi:* and, of devconnect:platform, cache, documents, events"),
            "{denied}"
        );
    }
}

#[test]
fn patterns_are_read_strictly() {
    for text in ["a", "a*", "*", "session:*", "ünï:*"] {
        assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
    }
    for text in ["", "a*b", "*a", "**", "a**", "a\nb"] {
        assert!(Pattern::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn endpoints_are_read_strictly() {
    for text in ["api.example.com", "api.example.com:8443", "[2001:db8::1]", "[2001:db8::1]:443", "10.0.0.1:80"] {
        assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "",
        ":443",
        "a:",
        "a:0",
        "a:65536",
        "a:b",
        "https://a",
        "a/b",
        "*.a",
        "::1",
        "[::1",
        "[::1]443",
        "a b",
        "[]:443",
        "a\n",
    ] {
        assert!(Endpoint::parse(text).is_err(), "{text:?}");
    }
}

/// Each import of the WIT package's worlds is granted by a key or to everyone, and nothing else is.
#[test]
fn the_table_is_the_packages() {
    let worlds = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/worlds.wit");
    let text = std::fs::read_to_string(worlds).unwrap();
    let imports: std::collections::BTreeSet<&str> =
        text.split("import ").skip(1).filter_map(|rest| rest.split_once(';')).map(|(name, _)| name.trim()).collect();
    assert!(imports.len() > 5, "the worlds import something");
    // Interfaces that are only types are imported by way of others.
    let types = ["errors", "http-types"];
    let known: std::collections::BTreeSet<&str> = Grants::interfaces().filter(|name| !types.contains(name)).collect();
    assert_eq!(imports, known);
}
