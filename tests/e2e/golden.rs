//! What others build on, kept in files: a change of them is meant, or it is a mistake.
//!
//! `UPDATE_GOLDEN=1` writes them anew.

use crate::harness::{component, golden, repository};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use wasmparser::{ComponentExternalKind, Parser, Payload};

/// The declarations of a WIT file, without comments and blank lines.
fn declarations(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim_end());
    lines.filter(|line| !line.is_empty()).fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn the_wit_package_is_as_it_was_promised() {
    let folder = repository().join("wit");
    let mut resolve = wit_parser::Resolve::default();
    resolve.push_path(&folder).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wit"));
    files.sort();
    let mut all = String::new();
    for file in files {
        write!(all, "-- {}\n{}", file.file_name().unwrap().to_string_lossy(), declarations(&file)).unwrap();
    }
    golden("platform.wit.txt", &all);
}

/// The interfaces that a component imports and exports, without `wasi:*`, which the toolchain decides.
fn surface(bytes: &[u8]) -> String {
    let mut names = BTreeSet::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.insert(format!("import {}", import.unwrap().name.name));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.unwrap();
                    if export.kind == ComponentExternalKind::Instance {
                        names.insert(format!("export {}", export.name.name));
                    }
                }
            }
            _ => {}
        }
    }
    names.into_iter().filter(|name| !name.contains(" wasi:")).fold(String::new(), |all, name| all + &name + "\n")
}

#[test]
fn each_plugin_imports_what_it_did() {
    for plugin in ["auth", "connections", "analytics", "hello"] {
        golden(&format!("{plugin}.imports.txt"), &surface(&component(&format!("{plugin}.wasm"))));
    }
}

#[test]
fn a_guest_that_includes_one_capability_imports_one() {
    for name in ["cache", "documents", "events", "tokens", "passwords", "metrics"] {
        let found = surface(&component(&format!("denied-{name}.wasm")));
        assert!(found.contains(&format!("import devconnect:platform/{name}@0.1.0")), "{found}");
        let others: Vec<_> = found
            .lines()
            .filter(|line| line.starts_with("import"))
            .filter(|line| {
                !["incoming", "http-types", "errors", name].iter().any(|own| line.contains(&format!("/{own}@")))
            })
            // `documents` takes events into its transactions: it uses their type, and none of their functions.
            .filter(|line| !(name == "documents" && line.contains("/events@")))
            .collect();
        assert!(others.is_empty(), "{name}: {others:?}");
    }
}

#[test]
fn a_plain_component_knows_nothing_of_this_host() {
    assert_eq!(surface(&component("proxy.wasm")), "");
}
