//! env.example lists the variables that are read, all of them and no other.
//!
//! The host's table of keys has a test of its own there; here it is about everything else: the names that the host, the
//! tools, the tests, their peers, the image and the compose files read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{file, repository};

/// Where the part begins that the host's own test compares, key by key, with what is read.
const KEYS: &str = "# One for each key of devconnect.toml";
/// And where it ends.
const END: &str = "# --- end of variables ---";

/// Set by the system or by cargo for everything that runs: nobody's to set.
const NOT_OURS: [&str; 4] = ["PATH", "CARGO", "CARGO_MANIFEST_DIR", "LD_LIBRARY_PATH"];
/// So begin those that a test sets for its own child.
const OF_TESTS: &str = "DEVCONNECT_TEST_";

/// Places where the name cannot be followed: it is of a table elsewhere in the file.
const BY_VALUE: [(&str, &str, &[&str]); 1] =
    [("xtask/src/services.rs", "self.variable()", &["REDIS_URL", "KAFKA_BROKERS", "MONGODB_URI"])];

/// The names in env.example, but for those that stand for keys of the configuration.
fn listed() -> BTreeSet<String> {
    let text = file("env.example");
    let (before, rest) = text.split_once(KEYS).expect("the keys of the configuration have a part of their own");
    let (_, after) = rest.split_once(END).expect("the part has an end");
    let names = before.lines().chain(after.lines()).filter_map(|line| line.strip_prefix("# ")?.strip_suffix('='));
    let mut listed = BTreeSet::new();
    for name in names.filter(|name| is_name(name)) {
        assert!(listed.insert(name.to_owned()), "{name} is listed twice");
    }
    listed
}

/// The names that are read, each with a file that does.
fn read() -> BTreeMap<String, PathBuf> {
    let mut read = BTreeMap::new();
    for name in former_and_others() {
        read.insert(name, "host/src/config/env.rs".into());
    }
    let mut used = BTreeSet::new();
    for path in sources() {
        let text = file(&path.to_string_lossy());
        for (at, argument) in arguments(&text) {
            let by_value = BY_VALUE.iter().find(|(place, value, _)| Path::new(place) == path && *value == argument);
            if let Some((place, value, names)) = by_value {
                used.insert((*place, *value));
                read.extend(names.iter().map(|&name| (name.to_owned(), path.clone())));
            } else {
                let names = names(&argument, at, &text);
                assert!(
                    !names.is_empty(),
                    "{}: which variable is `{argument}`? Add it to BY_VALUE in this test",
                    path.display()
                );
                read.extend(names.into_iter().map(|name| (name, path.clone())));
            }
        }
        if path.extension().is_some_and(|kind| kind != "rs") {
            read.extend(peer(&text).map(|name| (name, path.clone())));
        }
    }
    assert_eq!(used.len(), BY_VALUE.len(), "an entry of BY_VALUE is needed no more");
    for path in ["docker-compose.yml", "docker-compose.kraft.yml", "Dockerfile"] {
        read.extend(substituted(&file(path)).into_iter().map(|name| (name, path.into())));
    }
    read.retain(|name, _| !NOT_OURS.contains(&name.as_str()) && !name.starts_with(OF_TESTS));
    read
}

/// The two tables of names in the host: what it reads besides keys, and what it read before.
fn former_and_others() -> Vec<String> {
    let text = file("host/src/config/env.rs");
    let mut names = Vec::new();
    for table in ["pub const OTHERS", "pub const FORMER"] {
        let (_, rest) = text.split_once(table).expect("the host has its tables of names");
        let (rows, _) = rest.split_once("];").expect("a table ends");
        // Every second text is a meaning, and none of those is a name.
        names.extend(rows.split('"').filter(|text| is_name(text)).map(str::to_owned));
    }
    assert!(names.len() > 10, "{names:?}");
    names
}

/// All source files, relative to the root, but for this one: it speaks of variables and reads only two.
fn sources() -> Vec<PathBuf> {
    let root = repository();
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = ["host", "plugins", "sdk", "tests", "xtask"].map(|name| root.join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "node_modules"].contains(&name.as_str()) {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|kind| ["rs", "js", "mjs", "cjs", "ts"].iter().any(|one| kind == *one))
            {
                sources.push(path.strip_prefix(&root).unwrap().to_owned());
            }
        }
    }
    sources.retain(|path| path != Path::new("xtask/tests/suite/environment.rs"));
    assert!(sources.len() > 100, "{sources:?}");
    sources
}

/// What `std::env::var` and `var_os` are called with, and where in the text.
fn arguments(text: &str) -> Vec<(usize, String)> {
    ["env::var(", "env::var_os("].into_iter().flat_map(|call| calls(call, text)).collect()
}

/// The first arguments of all calls that begin so.
fn calls<'a>(call: &'a str, text: &'a str) -> impl Iterator<Item = (usize, String)> + use<'a> {
    text.match_indices(call).map(|(at, found)| {
        let rest = &text[at + found.len()..];
        let mut depth = 0;
        let end = rest.find(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth < 0 || (depth == 0 && character == ',')
        });
        (at, rest[..end.unwrap_or(rest.len())].trim().to_owned())
    })
}

/// The names that an argument stands for: a text, a constant of the same file, or a parameter of the function or closure
/// around it, which then is called with one of the former.
fn names(argument: &str, at: usize, text: &str) -> Vec<String> {
    if let Some(name) = name(argument, text) {
        return vec![name];
    }
    let before = &text[..at];
    let function = before.rfind("fn ").map(|at| at + "fn ".len());
    let closure =
        before.rfind(&format!("|{argument}")).and_then(|at| before[..at].rfind("let ")).map(|at| at + "let ".len());
    let Some(start) = function.max(closure) else { return Vec::new() };
    let called: String =
        text[start..].chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
    calls(&format!("{called}("), text).filter_map(|(_, argument)| name(&argument, text)).collect()
}

/// The name that a text or a constant stands for.
fn name(argument: &str, text: &str) -> Option<String> {
    let literal = |text: &str| Some(text.strip_prefix('"')?.split('"').next()?.to_owned());
    literal(argument).or_else(|| {
        let (_, rest) = text.split_once(&format!("const {argument}: &str = "))?;
        literal(rest)
    })
}

/// The names that a program of Node reads.
fn peer(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("process.env.").map(|(at, found)| {
        let rest = &text[at + found.len()..];
        rest[..rest.find(|character: char| !is_part(character)).unwrap_or(rest.len())].to_owned()
    })
}

/// The names that a compose file or a Dockerfile takes from outside: `$NAME`, `${NAME…}`, and `NAME:` without a value.
fn substituted(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        for (at, _) in line.match_indices('$') {
            let rest = line[at + 1..].trim_start_matches('{');
            names.push(rest[..rest.find(|character| !is_part(character)).unwrap_or(rest.len())].to_owned());
        }
        names.extend(line.strip_suffix(':').map(str::to_owned));
    }
    names.retain(|name| is_name(name));
    names
}

fn is_part(character: char) -> bool {
    character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_'
}

fn is_name(text: &str) -> bool {
    text.len() > 1 && text.starts_with(|character: char| character.is_ascii_uppercase()) && text.chars().all(is_part)
}

#[test]
fn every_variable_that_is_read_is_listed() {
    let listed = listed();
    for (name, reader) in read() {
        assert!(listed.contains(&name), "{} reads {name}, and env.example does not list it", reader.display());
    }
}

#[test]
fn every_variable_that_is_listed_is_read() {
    let read = read();
    for name in listed() {
        assert!(read.contains_key(&name), "env.example lists {name}, which nothing reads");
    }
}

#[test]
fn reading_is_noticed_in_each_of_its_forms() {
    let text =
        "const HERE: &str = \"GIVEN\";\nstd::env::var(\"PLAIN\"); env::var_os(HERE); std::env::var(self.name(1))";
    let found: Vec<String> = arguments(text).into_iter().map(|(_, argument)| argument).collect();
    assert_eq!(found, ["\"PLAIN\"", "self.name(1)", "HERE"]);
    assert_eq!(names("\"PLAIN\"", 0, text), ["PLAIN"]);
    assert_eq!(names("HERE", 0, text), ["GIVEN"]);
    assert!(names("self.name(1)", 0, text).is_empty());
    for text in [
        "let number = |name: &str| env::var(name).ok();\nnumber(\"ONE\"); number(\"TWO\")",
        "const B: &str = \"TWO\"; f(\"ONE\", 1); f(B, 2); fn f(name: &str, x: u8) { env::var(name) }",
    ] {
        let [(at, argument)] = &arguments(text)[..] else { panic!("{text}") };
        assert_eq!(names(argument, *at, text), ["ONE", "TWO"]);
    }
    assert_eq!(peer("process.env.PORT ?? process.env.REDIS_URL").collect::<Vec<_>>(), ["PORT", "REDIS_URL"]);
    let compose = "image: a:${TAG:-1}\nenvironment:\n  JWT_SECRET:\n  # $NOT\n  TEXT: \"$OTHER/x\"";
    assert_eq!(substituted(compose), ["TAG", "JWT_SECRET", "OTHER"]);
}
