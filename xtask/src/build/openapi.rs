//! The OpenAPI document of each plugin, as its native build writes it.
//!
//! A component carries no schemas; the types that it is compiled from do. `devconnect_sdk::plugin!` gives each plugin a test
//! that checks its routes and writes the document to the file that a variable names. Building and running that one test
//! takes the development profile: nothing here runs long enough to be worth optimising.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::artifacts::{self, Kind};
use crate::process;
use crate::workspace::{self, Guest, Workspace};

/// The test that `devconnect_sdk::plugin!` adds.
const TEST: &str = "devconnect_plugin::openapi";
/// Tells the test where to write.
const VARIABLE: &str = "DEVCONNECT_OPENAPI";

/// The documents by plugin. One without routes of the SDK (a filter, another library's component) has none.
pub(super) fn documents(workspace: &Workspace, plugins: &[Guest]) -> Result<HashMap<String, String>> {
    if plugins.is_empty() {
        return Ok(HashMap::new());
    }
    let mut command = workspace.cargo();
    command.args(["test", "--no-run", "--lib"]).args(workspace::locked());
    for plugin in plugins {
        command.args(["--package", &plugin.package]);
    }
    let programs = artifacts::build(&mut command, Kind::Program)?;
    let folder = workspace.state().join("openapi");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut documents = HashMap::new();
    for plugin in plugins {
        let Some(program) = programs.get(&plugin.library) else { continue };
        let mut program = Command::new(program);
        process::clean(&mut program).current_dir(workspace.root.join(&plugin.folder));
        let file = folder.join(format!("{}.json", plugin.name));
        if let Some(document) = document(&plugin.name, &mut program, &file)? {
            documents.insert(plugin.name.clone(), document);
        }
    }
    Ok(documents)
}

/// Runs one plugin's test and reads what it wrote to `file`.
fn document(plugin: &str, program: &mut Command, file: &Path) -> Result<Option<String>> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", file.display()));
        }
        _ => {}
    }
    program.args([TEST, "--exact"]).env(VARIABLE, file).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    let output = program.output().with_context(|| format!("cannot start `{}`", process::line(program)))?;
    if !output.status.success() {
        bail!(
            "the routes of plugin {plugin} are not right; its test `{TEST}` says:\n{}",
            String::from_utf8_lossy(&output.stdout).trim()
        );
    }
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let document: serde_json::Value = serde_json::from_str(&text)
                .with_context(|| format!("what plugin {plugin} wrote to {} is not JSON", file.display()))?;
            // Without the spaces that were for people.
            Ok(Some(document.to_string()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a test program that does this.
    fn outcome(script: &str) -> Result<Option<String>> {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Command::new("sh");
        program.args(["-c", script, "test"]);
        document("notes", &mut program, &folder.path().join("notes.json"))
    }

    #[test]
    fn the_document_is_what_the_test_writes() {
        let script = format!("test \"$1\" = {TEST} && printf '{{\"paths\":\\n {{ }}}}' > \"${VARIABLE}\"");
        assert_eq!(outcome(&script).unwrap().unwrap(), r#"{"paths":{}}"#);
    }

    #[test]
    fn a_plugin_whose_test_writes_nothing_has_none() {
        assert_eq!(outcome("true").unwrap(), None);
    }

    #[test]
    fn a_test_that_fails_is_quoted() {
        let error = outcome("echo 'GET notes: a pattern starts with /'; exit 101").unwrap_err().to_string();
        assert!(error.contains("plugin notes") && error.contains("a pattern starts with /"), "{error}");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let error = outcome(&format!("echo nonsense > \"${VARIABLE}\"")).unwrap_err().to_string();
        assert!(error.contains("is not JSON"), "{error}");
    }
}
