//! What is wrong with the components: the same that a host would refuse, all at once and before it starts.

use crate::harness::{Site, golden};

/// What `check` says about a configuration with something wrong in it, compared with the file of this name.
#[track_caller]
fn told(name: &str, config: &str) {
    let site = Site::new(config);
    compare(name, &site);
}

#[track_caller]
fn compare(name: &str, site: &Site) {
    let (code, text) = site.run(&["check"]);
    assert_eq!(code, Some(1), "{text}");
    let folder = site.path().display().to_string();
    golden(&format!("check/{name}.txt"), &text.replace(&folder, "FOLDER"));
}

#[test]
fn every_import_without_a_grant_is_told_with_the_line_to_add() {
    let capabilities = ["cache", "documents", "events", "tokens", "passwords", "metrics"];
    let plugins: Vec<String> =
        capabilities.iter().map(|name| format!("[plugins.{name}]\nsource = \"denied-{name}.wasm\"\n")).collect();
    told("grants", &plugins.join("\n"));
}

#[test]
fn routes_that_clash_are_told_with_both_owners() {
    told(
        "clash",
        "[plugins.first]\nsource = \"faults.wasm\"\ngrants = { passwords = true }\n\n\
         [plugins.second]\nsource = \"clash.wasm\"\n\n[plugins.third]\nsource = \"clash.wasm\"\n",
    );
}

#[test]
fn filters_that_are_none_or_do_not_run_are_told() {
    told(
        "filters",
        "[plugins.version]\nsource = \"version.wasm\"\n\n[plugins.plain]\nsource = \"proxy.wasm\"\n\n\
         [plugins.guarded]\nsource = \"guarded.wasm\"\nfilters = [\"version\", \"plain\"]\n",
    );
}

#[test]
fn routes_that_nobody_guards_are_told() {
    told("unguarded", "[plugins.guarded]\nsource = \"guarded.wasm\"\n");
}

#[test]
fn a_plain_component_without_a_place_is_told() {
    told("mount", "[plugins.plain]\nsource = \"proxy.wasm\"\n");
}

#[test]
fn a_smoke_path_that_leads_nowhere_is_told() {
    told("smoke", "[plugins.version]\nsource = \"version.wasm\"\nsmoke = \"/elsewhere\"\n");
}

#[test]
fn sources_that_are_no_components_are_told() {
    let site = Site::new("[plugins.text]\nsource = \"version.wasm\"\n");
    site.place("text.wasm", b"not a component\n\0");
    site.place("module.wasm", b"\0asm\x01\0\0\0");
    site.place("empty.wasm", b"");
    let plugins: Vec<String> = ["text", "module", "empty", "missing"]
        .iter()
        .map(|name| format!("[plugins.{name}]\nsource = \"{name}.wasm\"\n"))
        .collect();
    site.place("devconnect.toml", plugins.join("\n").as_bytes());
    compare("sources", &site);
}

#[test]
fn another_file_than_the_one_that_is_meant_is_told() {
    let site = Site::new("[plugins.text]\nsource = \"version.wasm\"\n");
    // Not the component: its digest changes with the compiler.
    site.place("other.wasm", b"another file");
    let digest = "0".repeat(64);
    site.place(
        "devconnect.toml",
        format!("[plugins.pinned]\nsource = \"other.wasm\"\nsha256 = \"{digest}\"\n").as_bytes(),
    );
    compare("digest", &site);
}

#[test]
fn what_is_wrong_with_the_file_and_with_the_components_is_told_together() {
    told(
        "together",
        "[server]\nlistn = \"127.0.0.1:3000\"\n\n\
         [plugins.cache]\nsource = \"denied-cache.wasm\"\ngrants = { cash = [\"a\"] }\n\n\
         [plugins.tokens]\nsource = \"denied-tokens.wasm\"\ngrants = { tokens = \"yes\" }\n\n\
         [plugins.guarded]\nsource = \"guarded.wasm\"\nfilters = [\"nobody\"]\nlimits = { reuse = 0 }\n",
    );
}

#[test]
fn programs_get_the_key_and_the_line() {
    let site = Site::new("[plugins.shop]\nsource = \"denied-cache.wasm\"\n");
    let (code, text) = site.run(&["check", "--json"]);
    assert_eq!(code, Some(1), "{text}");
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let problems = told["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{text}");
    assert_eq!((&problems[0]["key"], &problems[0]["line"]), (&"plugins.shop.grants.cache".into(), &1.into()), "{text}");
}

const GOOD: &str = "[plugins.version]\nsource = \"version.wasm\"\n";

/// Everything in the folder, with sizes.
fn files(site: &Site) -> Vec<(std::path::PathBuf, u64)> {
    let mut folders = vec![site.path().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let (path, metadata) = entry.map(|entry| (entry.path(), entry.metadata().unwrap())).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            files.push((path, metadata.len()));
        }
    }
    files.sort();
    files
}

#[test]
fn nothing_is_written_and_no_store_is_opened() {
    let site = Site::cold(GOOD);
    let before = files(&site);
    let (code, text) = site.run(&["check"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(files(&site), before);
}

#[test]
fn it_runs_beside_a_host_on_the_same_folder() {
    let host = Site::cold(GOOD).start();
    let (code, text) = host.site.run(&["check"]);
    assert_eq!(code, Some(0), "{text}");
    host.client().get("/version").expect(200);
}
