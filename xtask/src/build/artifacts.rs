//! Running a cargo build and learning from it which files it made.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::process;

/// The part of cargo's messages that is of interest.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// What a build is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Components.
    Component,
    /// Programs, test programs among them.
    Program,
}

/// Runs the build and returns the file of each target, by the target's name.
///
/// Cargo's own progress and the compiler's messages go to the terminal as usual; only the list of files is read here.
pub(super) fn build(command: &mut Command, kind: Kind) -> Result<HashMap<String, PathBuf>> {
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let shown = process::line(command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let mut found = HashMap::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.with_context(|| format!("cannot read what `{shown}` prints"))?;
            found.extend(artifact(&line, kind));
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for `{shown}`"))?;
    if !status.success() {
        let fix = match kind {
            Kind::Program => "Mend what the compiler reports above.",
            Kind::Component => {
                "Mend what the compiler reports above. If it says that the target or `std` is missing, `cargo xtask setup \
                 --again` looks for another compiler."
            }
        };
        return Err(process::failure(command, status, "its messages are above", fix));
    }
    Ok(found)
}

/// Name and file, when a line tells of a finished one of this kind. Lines that are no messages (a build script's output)
/// are none.
fn artifact(line: &str, kind: Kind) -> Option<(String, PathBuf)> {
    let message: Message = serde_json::from_str(line).ok()?;
    if message.reason != "compiler-artifact" {
        return None;
    }
    let file = match kind {
        Kind::Program => message.executable?,
        Kind::Component => {
            message.filenames.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "wasm"))?
        }
    };
    Some((message.target?.name, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finished_wasm_files_are_components() {
        let wasm = r#"{"reason":"compiler-artifact","target":{"name":"plugin_auth","kind":["cdylib","rlib"]},
            "filenames":["/t/plugin/plugin_auth.wasm","/t/plugin/libplugin_auth.rlib"],"executable":null}"#;
        let expected = ("plugin_auth".to_owned(), PathBuf::from("/t/plugin/plugin_auth.wasm"));
        assert_eq!(artifact(wasm, Kind::Component), Some(expected));
        assert_eq!(artifact(wasm, Kind::Program), None);
        let rlib = r#"{"reason":"compiler-artifact","target":{"name":"serde"},"filenames":["/t/libserde.rlib"]}"#;
        assert_eq!(artifact(rlib, Kind::Component), None);
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#, Kind::Component), None);
        assert_eq!(artifact("warning from somewhere", Kind::Component), None);
    }

    #[test]
    fn programs_are_what_can_be_started() {
        let test = r#"{"reason":"compiler-artifact","target":{"name":"plugin_auth"},"filenames":["/t/plugin_auth-1"],
            "executable":"/t/plugin_auth-1"}"#;
        let expected = ("plugin_auth".to_owned(), PathBuf::from("/t/plugin_auth-1"));
        assert_eq!(artifact(test, Kind::Program), Some(expected));
    }
}
