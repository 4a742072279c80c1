//! Adding a capability touches five places (`host/src/capabilities.rs`): what is missing in one of them is named.

use std::path::Path;

use wit_parser::{Resolve, WorldItem};

use crate::harness::repository;

/// Declared in the WIT, and not served yet.
const LATER: [&str; 1] = ["realtime"];
/// Given to every plugin: there is nothing to deny.
const ALWAYS: [&str; 3] = ["incoming", "settings", "logging"];
/// Types alone.
const TYPES: [&str; 2] = ["errors", "http-types"];

/// The platform's interfaces that the world `all` imports, and the worlds of the package.
fn package() -> (Vec<String>, Vec<String>) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(repository().join("wit")).unwrap();
    let worlds = resolve.packages[package].worlds.keys().cloned().collect();
    let all = resolve.packages[package].worlds["all"];
    let imports = resolve.worlds[all].imports.values().filter_map(|item| match item {
        WorldItem::Interface { id, .. } if resolve.interfaces[*id].package == Some(package) => {
            resolve.interfaces[*id].name.clone()
        }
        _ => None,
    });
    (imports.collect(), worlds)
}

/// Whether one of the Rust files below `folder` has this text.
fn is_mentioned(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_mentioned(&path, text);
        }
        path.extension().is_some_and(|extension| extension == "rs")
            && std::fs::read_to_string(&path).unwrap().contains(text)
    })
}

/// What the capability lacks, place by place.
fn missing(root: &Path, name: &str, worlds: &[String]) -> Vec<String> {
    let mut missing = Vec::new();
    let mut require = |there: bool, what: String| {
        if !there {
            missing.push(format!("`{name}` lacks {what}"));
        }
    };
    let module = name.replace('-', "_");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();

    // `incoming` comes with the worlds of what is called.
    let own_world = format!("with-{name}");
    require(name == "incoming" || worlds.contains(&own_world), format!("the world `{own_world}` in wit/worlds.wit"));

    let file = format!("host/src/capabilities/{module}.rs");
    let glue = std::fs::read_to_string(root.join(&file)).unwrap_or_default();
    require(glue.contains("Host for Ctx"), format!("its `Host` implementation in {file}"));

    let list = read("host/src/capabilities.rs");
    require(list.contains(&format!("mod {module};")), format!("`mod {module};` in host/src/capabilities.rs"));
    let line = format!("wit::{module}::add_to_linker");
    require(list.contains(&line), format!("its line `{line}` in host/src/capabilities.rs"));

    let imported = format!("platform::{module}");
    require(is_mentioned(&root.join("sdk/src"), &imported), format!("a use of `{imported}` in the SDK (sdk/src)"));

    if !ALWAYS.contains(&name) {
        let guest = format!("tests/guests/denied-{name}");
        require(root.join(&guest).join("Cargo.toml").exists(), format!("the guest {guest}"));
        let tested = read("tests/e2e/grants.rs").contains(&format!("name: \"{name}\""));
        require(tested, "its entry in CAPABILITIES of tests/e2e/grants.rs".to_owned());
    }
    missing
}

#[test]
fn every_import_of_the_world_all_has_its_five_places() {
    let root = repository();
    let (imports, worlds) = package();
    let capabilities: Vec<_> = imports.iter().map(String::as_str).filter(|name| !TYPES.contains(name)).collect();
    assert!(capabilities.len() >= 10, "the world `all` imports {capabilities:?}");
    let missing: Vec<_> = capabilities
        .iter()
        .filter(|name| !LATER.contains(name))
        .flat_map(|name| missing(&root, name, &worlds))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));

    // An exception that is none any more goes.
    for name in LATER {
        let served = root.join(format!("host/src/capabilities/{name}.rs")).exists();
        assert!(capabilities.contains(&name) && !served, "`{name}` is served: take it out of LATER");
    }
}

#[test]
fn a_capability_that_is_not_there_is_missed_in_each_place() {
    let missing = missing(&repository(), "teleport", &[]);
    assert_eq!(missing.len(), 7, "{missing:?}");
}
