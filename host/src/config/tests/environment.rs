//! Variables over the file.

use std::time::Duration;

use super::super::reference::reference;
use super::super::{Environment, Place, Row};
use super::{PLUGIN, problems, read, with_plugin};

#[test]
fn variables_follow_the_rule() {
    let table = [
        ("server.body-limit", Some("DEVCONNECT_SERVER_BODY_LIMIT")),
        ("stores.data", Some("DEVCONNECT_STORES_DATA")),
        ("stores.kafka.brokers", Some("DEVCONNECT_STORES__KAFKA__BROKERS")),
        ("plugins.<name>.source", Some("DEVCONNECT_PLUGINS__<NAME>__SOURCE")),
        ("plugins.<name>.limits.reuse", Some("DEVCONNECT_PLUGINS__<NAME>__LIMITS__REUSE")),
        ("static[].mount", None),
    ];
    for (key, variable) in table {
        let row = reference().iter().find(|row| row.key == key).unwrap();
        assert_eq!(row.variable().as_deref(), variable, "{key}");
    }
}

#[test]
fn each_kind_is_taken_over_the_file() {
    let source = with_plugin(
        "grants = { cache = [\"a:*\"] }\nsettings = { per-minute = 1, name = \"x\" }\n[server]\nbody-limit = \"2MiB\"\n",
    );
    let list = [
        ("DEVCONNECT_SERVER_BODY_LIMIT", "3MiB"),
        ("DEVCONNECT_SERVER_WORKERS", "7"),
        ("DEVCONNECT_SERVER_ORIGINS", "https://a.example, https://b.example"),
        ("DEVCONNECT_SERVER_TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        ("DEVCONNECT_SERVER_SHUTDOWN_GRACE", "1s"),
        ("DEVCONNECT_SOCKETS_ANONYMOUS", "true"),
        ("DEVCONNECT_STORES_DATA", "elsewhere"),
        ("DEVCONNECT_TOKENS_SECRET", "from the environment"),
        ("DEVCONNECT_TOKENS_PREVIOUS", "[{ kid = \"old\", secret = \"older than that\" }]"),
        ("DEVCONNECT_PLUGINS__SHOP__LIMITS__QUEUE_WAIT", "2s"),
        ("DEVCONNECT_PLUGINS__SHOP__GRANTS__CACHE", "b:*,c:*"),
        ("DEVCONNECT_PLUGINS__SHOP__GRANTS__TOKENS", "true"),
        ("DEVCONNECT_PLUGINS__SHOP__SETTINGS__PER_MINUTE", "5"),
        ("DEVCONNECT_PLUGINS__SHOP__SETTINGS__NAME", "5"),
        ("DEVCONNECT_PLUGINS__SHOP__SETTINGS__ADDED_ONE", "[1, 2]"),
        ("DEVCONNECT_PLUGINS__SHOP__SECRETS__SMTP", "{ not TOML"),
    ];
    let resolved = read(&source, &list).unwrap();
    let server = &resolved.server;
    assert_eq!((server.body_limit, server.workers), (3 << 20, 7));
    assert_eq!(server.origins, ["https://a.example", "https://b.example"]);
    assert_eq!(server.trusted_proxies[0].to_string(), "10.0.0.0/8");
    assert_eq!(server.shutdown_grace, Duration::from_secs(1));
    assert!(resolved.sockets.anonymous);
    assert_eq!(resolved.stores.data.to_str(), Some("/nowhere/elsewhere"));
    assert_eq!(resolved.tokens.current.as_ref().unwrap().secret.expose(), "from the environment");
    assert_eq!(resolved.tokens.previous[0].kid, "old");
    let plugin = resolved.plugin("shop").unwrap();
    assert_eq!(plugin.limits.queue_wait, Duration::from_secs(2));
    assert!(plugin.grants.cache_key("b:1").is_ok() && plugin.grants.cache_key("a:1").is_err());
    assert!(plugin.grants.tokens().is_ok());
    let settings = serde_json::json!({ "per-minute": 5, "name": "5", "added-one": [1, 2] });
    assert_eq!(serde_json::Value::Object(plugin.settings.clone()), settings, "a text stays a text");
    assert_eq!(plugin.secrets["smtp"].expose(), "{ not TOML");
}

/// Every variable of the reference is taken: one with a wrong value is refused by name.
#[test]
fn every_variable_reaches_its_key() {
    for row in reference() {
        let Some(variable) = row.variable() else { continue };
        let variable = variable.replace("<NAME>", "SHOP").replace("<KEY>", "FREE");
        let found = read(PLUGIN, &[(&variable, "\u{1}")]);
        let Err(found) = found else {
            // Texts take anything.
            assert!(
                row.kind.to_string().starts_with("text") || row.key.contains("<key>") || takes_any(row),
                "{variable}"
            );
            continue;
        };
        for problem in &found {
            assert!(!problem.message.contains("sets nothing"), "{variable}:\n{found}");
        }
    }
}

fn takes_any(row: &Row) -> bool {
    use super::super::Kind;
    matches!(row.kind, Kind::Path | Kind::Secret | Kind::List)
}

#[test]
fn what_sets_nothing_is_an_error_with_a_suggestion() {
    let table = [
        ("DEVCONNECT_SERVER_LISTN", "did you mean DEVCONNECT_SERVER_LISTEN?"),
        ("DEVCONNECT_SERVER__LISTEN", "did you mean DEVCONNECT_SERVER_LISTEN?"),
        ("DEVCONNECT_PLUGINS__SHPO__LIMITS__REUSE", "did you mean DEVCONNECT_PLUGINS__SHOP__LIMITS__REUSE?"),
        ("DEVCONNECT_PLUGINS_SHOP_LIMITS_REUSE", "did you mean DEVCONNECT_PLUGINS__SHOP__LIMITS__REUSE?"),
        ("DEVCONNECT_CONFIGG", "did you mean DEVCONNECT_CONFIG?"),
        ("DEVCONNECT_X", "unset it; docs/configuration.md lists all variables"),
        ("DEVCONNECT_", "unset it; docs/configuration.md lists all variables"),
        ("DEVCONNECT_PLUGINS__SHOP__SETTINGS__", "unset it; docs/configuration.md lists all variables"),
    ];
    for (variable, fix) in table {
        let found = problems(PLUGIN, &[(variable, "1")]);
        assert_eq!(found.len(), 1, "{variable}: {found:?}");
        assert!(found[0].starts_with(&format!("the variable {variable} sets nothing")), "{found:?}");
        if !variable.ends_with('_') {
            assert!(found[0].ends_with(&format!("({fix})")), "{found:?}");
        }
    }
}

#[test]
fn variables_about_services_are_not_ours() {
    let list = [
        ("DEVCONNECT_SERVICE_HOST", "10.0.0.1"),
        ("DEVCONNECT_SERVICE_PORT", "3000"),
        ("DEVCONNECT_SERVICE_PORT_HTTP", "3000"),
        ("DEVCONNECT_PORT", "tcp://10.0.0.1:3000"),
        ("DEVCONNECT_PORT_3000_TCP", "tcp://10.0.0.1:3000"),
        ("DEVCONNECT_PORT_3000_TCP_ADDR", "10.0.0.1"),
        ("DEVCONNECT_REDIS_PORT_6379_TCP_PROTO", "tcp"),
        ("DEVCONNECT_CONFIG", "devconnect.toml"),
        ("DEVCONNECT_GUEST_TOOLCHAIN", "installed"),
        ("HOME", "/root"),
    ];
    assert_eq!(problems("", &list), Vec::<String>::new());
    assert_eq!(problems("", &[("DEVCONNECT_PORT", "3000")]).len(), 1);
}

#[test]
fn a_wrong_value_names_its_variable() {
    let found = read("", &[("DEVCONNECT_SERVER_WORKERS", "many")]).unwrap_err();
    let problem = found.iter().next().unwrap();
    assert_eq!((problem.key.as_str(), problem.message.as_str()), ("server.workers", "cannot be \"many\""));
    assert_eq!(problem.place, Place::Variable("DEVCONNECT_SERVER_WORKERS".into()));
    assert!(found.render(false).contains("it comes from the environment variable DEVCONNECT_SERVER_WORKERS"));
}

#[test]
fn former_names_keep_working() {
    let source = "[server]\nlisten = \"0.0.0.0:8080\"\norigins = [\"http://localhost:5173\"]\n";
    let list = [
        ("PORT", "0"),
        ("FRONTEND_URL", "https://app.example.com/home, http://localhost:5173"),
        ("NODE_ENV", "production"),
        ("JWT_SECRET", "sixteen bytes or more"),
        ("REDIS_URL", ""),
        ("KAFKA_CLIENT_ID", "nobody"),
    ];
    let resolved = read(source, &list).unwrap();
    assert_eq!(resolved.server.listen.to_string(), "0.0.0.0:0");
    assert_eq!(resolved.server.origins, ["http://localhost:5173", "https://app.example.com"]);
    assert_eq!(resolved.server.environment, Environment::Production);
    assert_eq!(resolved.tokens.current.unwrap().secret.expose(), "sixteen bytes or more");
    assert_eq!(resolved.stores.kafka, None, "a client's name alone is no store");
    assert_eq!(read("", &[("NODE_ENV", "test")]).unwrap().server.environment, Environment::Development);
}

#[test]
fn ours_are_stronger_than_the_former_names() {
    let list = [("NODE_ENV", "production"), ("DEVCONNECT_SERVER_ENVIRONMENT", "development")];
    assert_eq!(read("", &list).unwrap().server.environment, Environment::Development);
    let list = [("JWT_SECRET", "former"), ("DEVCONNECT_TOKENS_SECRET", "ours")];
    assert_eq!(read("", &list).unwrap().tokens.current.unwrap().secret.expose(), "ours");
}

#[test]
fn the_files_token_secret_is_stronger_than_the_former_name() {
    let source = "[tokens]\nsecret = { env = \"MINE\" }\n";
    let resolved = read(source, &[("JWT_SECRET", "former"), ("MINE", "mine")]).unwrap();
    assert_eq!(resolved.tokens.current.unwrap().secret.expose(), "mine");
}

#[test]
fn former_names_choose_the_real_stores() {
    let list = [
        ("REDIS_URL", "redis://user:hunter2@localhost"),
        ("KAFKA_BROKERS", "one:9092, two:9092"),
        ("KAFKA_CLIENT_ID", "me"),
        ("KAFKA_GROUP_ID", "us"),
        ("MONGODB_URI", "mongodb://localhost/devconnect"),
    ];
    let stores = read("", &list).unwrap().stores;
    assert_eq!(stores.redis.unwrap().url.expose(), "redis://user:hunter2@localhost");
    assert_eq!(stores.mongodb.unwrap().url.expose(), "mongodb://localhost/devconnect");
    let kafka = stores.kafka.unwrap();
    assert_eq!((kafka.brokers.join(" ").as_str(), kafka.client_id.as_str()), ("one:9092 two:9092", "me"));
    assert_eq!((kafka.group_id.as_str(), kafka.tls, kafka.sasl), ("us", None, None));
}

#[test]
fn a_wrong_address_of_a_store_is_named_without_its_password() {
    let found = problems("", &[("REDIS_URL", "http://user:hunter2@localhost"), ("KAFKA_BROKERS", "localhost")]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(!found.concat().contains("hunter2"));
}

#[test]
fn half_of_a_pair_is_named() {
    for (half, other) in [("certificate", "key"), ("key", "certificate"), ("username", "password"), ("ca", "tls")] {
        let source = format!("[stores.kafka]\nbrokers = \"one:9092\"\n{half} = \"x\"\n");
        let found = problems(&source, &[]).concat();
        assert!(found.contains(half) && found.contains(other), "{half}: {found}");
    }
}

#[test]
fn the_near_cache_needs_redis() {
    let near = "[stores.near-cache]\npatterns = [\"session:*\"]\n";
    assert!(problems(near, &[]).concat().contains("no `stores.redis`"));
    let resolved = read(near, &[("REDIS_URL", "redis://localhost")]).unwrap();
    assert_eq!(resolved.stores.near_cache.patterns, ["session:*"]);
    let wrong = "[stores.near-cache]\npatterns = [\"a*b\"]\n";
    assert!(problems(wrong, &[("REDIS_URL", "redis://localhost")]).concat().contains("is no pattern"));
}

#[test]
fn wrong_former_names_are_named() {
    for (variable, value) in
        [("PORT", "65536"), ("PORT", "http"), ("NODE_ENV", "staging"), ("FRONTEND_URL", "localhost")]
    {
        let found = read("", &[(variable, value)]).unwrap_err();
        let places: Vec<&Place> = found.iter().map(|problem| &problem.place).collect();
        assert_eq!(places, [&Place::Variable(variable.into())], "{variable}={value}:\n{found}");
    }
}
