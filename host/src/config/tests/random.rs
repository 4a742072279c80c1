//! Whatever is typed: no panic, and no unknown key goes by.

use std::panic::catch_unwind;

use proptest::prelude::*;

use super::super::reference::{names, reference};
use super::{PLUGIN, read, variables};

/// Pieces of TOML, put together wrongly as often as rightly.
fn piece() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = reference().iter().flat_map(|row| row.key.split('.')).collect();
    prop_oneof![
        4 => prop::sample::select(keys).prop_map(|key| key.replace(['<', '>'], "").replace("[]", "")),
        4 => prop::sample::select(vec![
            " = ", "\n", "[", "]", "[[", "]]\n", "]\n", "{", "}", ", ", ".", "\"", "'", "\"\"\"", "#", "true", "0", "-1", "1e400",
            "\"1MiB\"", "\"10s\"", "9999999999999999999999999999999999999999999", "2026-11-24", "nan", "env", "file",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_never_panics(source in "[ -~\n\u{e9}\u{1f980}]{0,200}") {
        let _ = read(&source, &[]).map_err(|problems| (problems.render(true), problems.to_json()));
    }

    #[test]
    fn nearly_toml_never_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        let source = pieces.concat();
        if let Err(problems) = read(&source, &[]) {
            prop_assert!(!problems.is_empty());
            prop_assert!(!problems.render(false).is_empty());
            prop_assert!(problems.to_json()["problems"].as_array().is_some_and(|list| list.len() == problems.len()));
        }
    }

    #[test]
    fn variables_never_panic(name in "DEVCONNECT_[A-Z_]{0,30}", value in any::<String>()) {
        let _ = super::super::parse(super::FILE.as_ref(), PLUGIN, &variables(&[(&name, &value)]));
    }

    #[test]
    fn unknown_keys_are_always_reported(
        table in prop::sample::select(vec![
            "", "server", "runtime", "stores", "sockets", "tokens", "plugins.shop", "plugins.shop.grants", "plugins.shop.limits",
        ]),
        key in "[a-z][a-z-]{0,12}",
        value in prop::sample::select(vec!["1", "\"x\"", "true", "[]", "{}", "[{ a = 1 }]", "2026-11-24"]),
    ) {
        prop_assume!(!names(&table.replace("shop", "<name>")).contains(&key.as_str()));
        let whole = if table.is_empty() { key.clone() } else { format!("{table}.{key}") };
        let source = format!("{whole} = {value}\n");
        let problems = read(&source, &[]).unwrap_err();
        let found = problems.iter().find(|problem| problem.key == whole);
        prop_assert!(found.is_some_and(|problem| problem.message == "is not known"), "{}", problems);
    }

    #[test]
    fn secrets_are_never_shown(
        key in prop::sample::select(vec![
            "tokens.secret", "tokens.secrte", "tokens.x", "plugins.shop.secrets.smtp", "plugins.shop.secret.smtp", "plugins.shop.secrets",
            "server.password", "secret",
        ]),
        shape in prop::sample::select(vec!["\"S\"", "'S'", "[\"S\"]", "{ value = \"S\" }", "{ env = [\"S\"] }", "\"S", "\"\"\"S", "{ x = \"S\", y", "S", "5 S", "\"x\" S", "\"\"\"\nS\n"]),
    ) {
        let source = format!("{key} = {}\n[server]\nlisten = \"nowhere\"\n", shape.replace('S', "hunter2hunter2"));
        let problems = read(&source, &[]).unwrap_err();
        prop_assert!(!problems.render(false).contains("hunter2"), "{}", problems);
        prop_assert!(!problems.to_json().to_string().contains("hunter2"));
        let debug = format!("{:?}", problems);
        prop_assert!(!debug.contains("hunter2"));
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (open, close) in [("[", "]"), ("{a=", "}")] {
        let source = format!("server.listen = {}1{}\n", open.repeat(5_000), close.repeat(5_000));
        assert!(catch_unwind(|| read(&source, &[])).is_ok_and(|read| read.is_err()));
    }
    let source = format!("server.{}x = 1\n", "a.".repeat(5_000));
    assert!(catch_unwind(|| read(&source, &[])).is_ok_and(|read| read.is_err()));
    let source = format!("[server.{}x]\ny = 1\n", "a.".repeat(5_000));
    assert!(catch_unwind(|| read(&source, &[])).is_ok_and(|read| read.is_err()));
}
