//! The rules of `xtask/layout.toml`, and what breaks them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::paths::Import;
use super::{Report, Violation};

const FILE: &str = "xtask/layout.toml";

/// The rules as they are written down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// Highest first.
    layers: Vec<Vec<String>>,
    shared: Vec<String>,
    #[serde(default)]
    upward: Vec<Upward>,
    lines: Lines,
    #[serde(default)]
    longer: Vec<Longer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    wanted: usize,
    most: usize,
}

/// An import that goes up and cannot be otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Upward {
    from: String,
    to: String,
    reason: String,
}

/// A file that cannot be shorter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Longer {
    file: PathBuf,
    reason: String,
}

impl Rules {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not understood", file.display()))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let rules: Self = toml::from_str(text)?;
        let mut seen = BTreeSet::new();
        for module in rules.layers.iter().flatten().chain(&rules.shared) {
            if !seen.insert(module) {
                bail!("the module `{module}` is listed twice");
            }
        }
        if let Some(longer) = rules.longer.iter().find(|longer| longer.reason.trim().is_empty()) {
            bail!("{} may only be longer with a reason", longer.file.display());
        }
        if let Some(upward) = rules.upward.iter().find(|upward| upward.reason.trim().is_empty()) {
            bail!("`{}` may only import `{}` with a reason", upward.from, upward.to);
        }
        Ok(rules)
    }

    /// Checks the length of one file.
    pub(super) fn length(&self, file: &Path, lines: usize, report: &mut Report) {
        let allowed = self.longer.iter().any(|longer| longer.file == file);
        let violation = |limit: usize, fix: &str| Violation {
            file: file.to_owned(),
            line: limit + 1,
            text: format!("{lines} lines, {limit} are enough to be read at one go: {fix}"),
        };
        if allowed {
            return;
        }
        if lines > self.lines.most {
            report.failures.push(violation(
                self.lines.most,
                &format!("move a part of its own into `<name>/<part>.rs`, or list the file in {FILE} with the reason"),
            ));
        } else if lines > self.lines.wanted {
            report.warnings.push(violation(self.lines.wanted, "is there a part that stands by itself?"));
        }
    }

    /// Checks that every import goes down, or sideways without a circle.
    pub(super) fn imports(&self, imports: &[(PathBuf, Import)], report: &mut Report) {
        let mut sideways: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (file, import) in imports {
            let place = |module: &str| self.layer(module);
            let text = match (place(&import.from), place(&import.to)) {
                (Some(from), Some(to)) if from < to => continue,
                (Some(from), Some(to)) if from == to => {
                    sideways.entry(&import.from).or_default().insert(&import.to);
                    continue;
                }
                (Some(_), Some(_)) if self.excepted(import) => continue,
                (Some(_), Some(_)) => format!(
                    "`{}` imports `{}`, which is above it; imports go down only ({}). Move what both need into the lower \
                     one, or hand it in from above as a trait or a value",
                    import.from,
                    import.to,
                    self.picture()
                ),
                // Not a module: a macro, a constant or a type at the crate's root, which `lib.rs` is not meant to have.
                (_, None) => format!(
                    "`crate::{}` has no layer: give the module a place in {FILE}, or move the item out of lib.rs",
                    import.to
                ),
                (None, _) => format!("the module `{}` has no layer: give it a place in {FILE}", import.from),
            };
            report.failures.push(Violation { file: file.clone(), line: import.line, text });
        }
        for (file, import) in imports {
            let beside = sideways.get(import.from.as_str()).is_some_and(|modules| modules.contains(import.to.as_str()));
            if beside && reaches(&sideways, &import.to, &import.from) {
                report.failures.push(Violation {
                    file: file.clone(),
                    line: import.line,
                    text: format!(
                        "`{}` imports `{}`, which imports it in turn; modules of one layer may not go in a circle. Let one \
                         direction go through `app`, or move what both need one layer down",
                        import.from, import.to
                    ),
                });
            }
        }
    }

    /// Exceptions that allow nothing any more.
    pub(super) fn unused(&self, root: &Path, imports: &[(PathBuf, Import)], report: &mut Report) {
        for upward in &self.upward {
            if !imports.iter().any(|(_, import)| import.from == upward.from && import.to == upward.to) {
                report.failures.push(Violation {
                    file: FILE.into(),
                    line: 1,
                    text: format!("`{}` does not import `{}`: remove the exception", upward.from, upward.to),
                });
            }
        }
        for longer in &self.longer {
            let lines = std::fs::read_to_string(root.join(&longer.file)).map(|text| text.lines().count());
            if lines.is_ok_and(|lines| lines > self.lines.most) {
                continue;
            }
            report.failures.push(Violation {
                file: FILE.into(),
                line: 1,
                text: format!("{} needs no exception (any more): remove its entry", longer.file.display()),
            });
        }
    }

    fn excepted(&self, import: &Import) -> bool {
        self.upward.iter().any(|upward| upward.from == import.from && upward.to == import.to)
    }

    /// The number of a module's layer, 0 at the top; the shared modules are in the lowest.
    fn layer(&self, module: &str) -> Option<usize> {
        let layer = self.layers.iter().position(|layer| layer.iter().any(|name| name == module));
        layer.or_else(|| {
            let shared = self.shared.iter().any(|name| name == module);
            if shared { self.layers.len().checked_sub(1) } else { None }
        })
    }

    fn picture(&self) -> String {
        let layer = |modules: &Vec<String>| match modules.as_slice() {
            [one] => one.clone(),
            several => format!("{{{}}}", several.join(", ")),
        };
        self.layers.iter().map(layer).collect::<Vec<_>>().join(" → ")
    }
}

/// Whether `from` leads to `to` along the given edges.
fn reaches(edges: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            open.extend(edges.get(module).into_iter().flatten());
        }
    }
    false
}
