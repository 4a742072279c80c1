//! `cargo xtask layout`: the host's imports go down only, and files stay short enough to be read at one go.
//!
//! The rules are data (`xtask/layout.toml`). Imports are found in the source text itself (see [`paths`]): every path that
//! begins with `crate::` or leads out of its module by `super::`, in `use` or anywhere else. Code under `#[cfg(test)]` may
//! import what it likes.

mod paths;
mod rules;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use self::rules::Rules;
use crate::ui;

/// One place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    /// Relative to the repository's root.
    file: PathBuf,
    line: usize,
    /// What is wrong, and what would mend it.
    text: String,
}

/// What a check of the repository found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    failures: Vec<Violation>,
    warnings: Vec<Violation>,
    files: usize,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file.display(), self.line, self.text)
    }
}

/// Checks the repository and prints what was found.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let report = check(root)?;
    for warning in &report.warnings {
        ui::warn(&warning.to_string());
    }
    for failure in &report.failures {
        println!("{failure}");
    }
    if report.failures.is_empty() {
        ui::done(&format!("{} source files follow the layout", report.files));
        return Ok(ExitCode::SUCCESS);
    }
    bail!("the layout is broken in the places above ({} in all; the rules: xtask/layout.toml)", report.failures.len())
}

fn check(root: &Path) -> Result<Report> {
    let rules = Rules::read(&root.join("xtask/layout.toml"))?;
    let host = Path::new("host/src");
    let mut report = Report::default();
    let mut imports = Vec::new();
    for file in sources(root)? {
        let text =
            std::fs::read_to_string(root.join(&file)).with_context(|| format!("cannot read {}", file.display()))?;
        report.files += 1;
        rules.length(&file, text.lines().count(), &mut report);
        if let Ok(inside) = file.strip_prefix(host)
            && let Some(module) = paths::module_of(inside)
        {
            imports.extend(paths::imports(&module, &text).into_iter().map(|import| (file.clone(), import)));
        }
    }
    rules.imports(&imports, &mut report);
    rules.unused(root, &imports, &mut report);
    report.failures.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    Ok(report)
}

/// Every Rust file of the repository, relative to its root, sorted.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries = std::fs::read_dir(&path).with_context(|| format!("cannot read the folder {}", path.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read the folder {}", path.display()))?;
            let name = entry.file_name();
            let kind = entry.file_type().with_context(|| format!("cannot look at {}", entry.path().display()))?;
            let hidden = name.to_string_lossy().starts_with('.');
            if kind.is_dir() && !hidden && name != "target" && name != "node_modules" {
                folders.push(folder.join(name));
            } else if kind.is_file() && Path::new(&name).extension().is_some_and(|kind| kind == "rs") {
                found.push(folder.join(name));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
