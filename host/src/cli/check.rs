//! `devconnect check`: everything that is wrong at once, or what would be served.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::config::{self, Environment, Plugin, Resolved, Source};
use crate::deploy::Finding;

/// Checks `path` with `variables` over it, and with `inspect` the components that it names, and writes the report to
/// `out`, as JSON or for a person.
///
/// The exit code is 0 where all is well, 1 where something is wrong, 2 where the file cannot be read.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn run(
    path: &Path,
    variables: &BTreeMap<String, String>,
    inspect: impl FnOnce(&Resolved) -> Vec<Finding>,
    json: bool,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut examined = config::examine(path, variables);
    for Finding { key, message, fix } in examined.resolved().map(inspect).unwrap_or_default() {
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        examined.note(&key, message, fix);
    }
    match examined.into_result() {
        Ok(resolved) => {
            if json {
                writeln!(out, "{:#}", to_json(&resolved))?;
            } else {
                summary(&resolved, out)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            if json {
                writeln!(out, "{:#}", problems.to_json())?;
            } else {
                // Whoever wraps `out` strips the colours where they are not wanted.
                let count =
                    if problems.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", problems.len()) };
                writeln!(out, "{}\n\n{count}", problems.render(true))?;
            }
            Ok(ExitCode::from(if problems.is_unreadable() { 2 } else { 1 }))
        }
    }
}

fn summary(resolved: &Resolved, out: &mut dyn Write) -> io::Result<()> {
    let server = &resolved.server;
    writeln!(out, "{} is fine. It serves:\n", resolved.file.display())?;
    writeln!(out, "address   http://{} ({})", server.listen, environment(server.environment))?;
    let origins = if server.origins.is_empty() { "its own only".to_owned() } else { server.origins.join(", ") };
    writeln!(out, "origins   {origins}")?;
    writeln!(out, "stores    embedded, in {}", resolved.stores.data.display())?;
    let tokens = match &resolved.tokens.current {
        Some(key) => format!("signed by key {}, {} more verify", key.kid, resolved.tokens.previous.len()),
        None => "signed by a random key: sign-ins end with the process".to_owned(),
    };
    writeln!(out, "tokens    {tokens}")?;
    for files in &resolved.statics {
        writeln!(out, "static    {} from {}", files.mount, files.dir.display())?;
    }
    if resolved.plugins.is_empty() {
        writeln!(out, "plugins   none")?;
    }
    for plugin in &resolved.plugins {
        writeln!(out, "\nplugin {}\n  source   {}", plugin.name, source(plugin))?;
        if !plugin.filters.is_empty() {
            writeln!(out, "  filters  {}", plugin.filters.join(", "))?;
        }
        writeln!(out, "  grants   {}", grants(plugin))?;
        if let Some(mount) = &plugin.mount {
            writeln!(out, "  mount    {}", mount.path)?;
        }
    }
    Ok(())
}

fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Development => "development",
        Environment::Production => "production",
    }
}

fn source(plugin: &Plugin) -> String {
    match &plugin.source {
        Source::File(path) => path.display().to_string(),
        Source::Https(address) => address.clone(),
    }
}

/// `cache session:*, user:*; documents users; tokens`
fn grants(plugin: &Plugin) -> String {
    let grants: Vec<String> = listed(plugin)
        .into_iter()
        .filter(|(_, targets)| !targets.is_empty())
        .map(|(name, targets)| format!("{name} {}", targets.join(", ")))
        .chain(flags(plugin).map(str::to_owned))
        .collect();
    if grants.is_empty() { "none".to_owned() } else { grants.join("; ") }
}

fn listed(plugin: &Plugin) -> [(&'static str, Vec<String>); 6] {
    fn texts<T: ToString>(list: &[T]) -> Vec<String> {
        list.iter().map(T::to_string).collect()
    }
    let grants = &plugin.grants;
    [
        ("cache", texts(&grants.cache)),
        ("documents", texts(&grants.documents)),
        ("publish", texts(&grants.publish)),
        ("consume", texts(&grants.consume)),
        ("realtime", grants.realtime.clone()),
        ("http", texts(&grants.http)),
    ]
}

fn flags(plugin: &Plugin) -> impl Iterator<Item = &'static str> {
    let grants = &plugin.grants;
    [
        ("http-private", grants.http_private),
        ("tokens", grants.tokens),
        ("passwords", grants.passwords),
        ("metrics", grants.metrics),
    ]
    .into_iter()
    .filter_map(|(name, granted)| granted.then_some(name))
}

fn to_json(resolved: &Resolved) -> serde_json::Value {
    let plugins: Vec<serde_json::Value> = resolved
        .plugins
        .iter()
        .map(|plugin| {
            let mut grants: serde_json::Map<String, serde_json::Value> =
                listed(plugin).into_iter().map(|(name, targets)| (name.to_owned(), targets.into())).collect();
            grants.extend(flags(plugin).map(|name| (name.to_owned(), true.into())));
            serde_json::json!({
                "name": plugin.name,
                "source": source(plugin),
                "filters": plugin.filters,
                "grants": grants,
                "mount": plugin.mount.as_ref().map(|mount| &mount.path),
            })
        })
        .collect();
    serde_json::json!({
        "file": resolved.file.display().to_string(),
        "problems": [],
        "serves": {
            "listen": resolved.server.listen.to_string(),
            "environment": environment(resolved.server.environment),
            "origins": resolved.server.origins,
            "data": resolved.stores.data.display().to_string(),
            "static": resolved.statics.iter().map(|files| serde_json::json!({
                "mount": files.mount,
                "dir": files.dir.display().to_string(),
            })).collect::<Vec<_>>(),
            "plugins": plugins,
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn check(source: &str, json: bool) -> (ExitCode, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devconnect.toml");
        std::fs::write(&path, source).unwrap();
        std::fs::write(folder.path().join("shop.wasm"), "").unwrap();
        let mut out = Vec::new();
        let code = run(&path, &BTreeMap::new(), |_| Vec::new(), json, &mut out).unwrap();
        let folder = folder.path().display().to_string();
        (code, String::from_utf8(out).unwrap().replace(&folder, "FOLDER"))
    }

    const FINE: &str = "[server]\norigins = [\"https://app.example.com\"]\n[plugins.shop]\nsource = \"shop.wasm\"\n\
                        grants = { cache = [\"cart:*\", \"user:*\"], documents = [\"carts\"], tokens = true }\n";

    #[test]
    fn what_would_be_served_is_told() {
        let (code, text) = check(FINE, false);
        assert_eq!(code, ExitCode::SUCCESS);
        let expected = "FOLDER/devconnect.toml is fine. It serves:\n\n\
                        address   http://127.0.0.1:3000 (development)\n\
                        origins   https://app.example.com\n\
                        stores    embedded, in FOLDER/data\n\
                        tokens    signed by a random key: sign-ins end with the process\n\n\
                        plugin shop\n  \
                          source   FOLDER/shop.wasm\n  \
                          grants   cache cart:*, user:*; documents carts; tokens\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn problems_are_told_and_counted() {
        let (code, text) = check("[server]\nlisten = 1\nlistn = 2\n", false);
        assert_eq!(code, ExitCode::from(1));
        assert!(text.ends_with("\n\n2 problems\n"), "{text}");
    }

    #[test]
    fn programs_get_json() {
        let (code, text) = check(FINE, true);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &json["serves"]["plugins"][0]["grants"]["tokens"]), (ExitCode::SUCCESS, &true.into()));
        let (code, text) = check("[server]\nlistn = \"x\"\n", true);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!([{
            "key": "server.listn", "message": "is not known", "fix": "did you mean `listen`?",
            "line": 2, "column": 1, "variable": null,
        }]);
        assert_eq!((code, &json["problems"]), (ExitCode::from(1), &expected));
    }

    #[test]
    fn a_missing_file_has_a_code_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let code =
            run(&folder.path().join("none.toml"), &BTreeMap::new(), |_| Vec::new(), false, &mut Vec::new()).unwrap();
        assert_eq!(code, ExitCode::from(2));
    }
}
