//! A configuration and what is wrong with it, for somebody who finds more.

use std::path::Path;

use super::document::{Origin, Table, Value};
use super::problem::Problems;
use super::resolved::Resolved;

/// What can be made out of a configuration, beside all that is wrong with it.
#[derive(Debug)]
pub struct Examined {
    resolved: Option<Resolved>,
    problems: Problems,
    document: Table,
}

impl Examined {
    pub(super) const fn new(resolved: Option<Resolved>, problems: Problems, document: Table) -> Self {
        Self { resolved, problems, document }
    }

    pub(super) fn unreadable(file: &Path, message: String, fix: &str) -> Self {
        Self::new(None, Problems::unreadable(file, message, fix.to_owned()), Table::default())
    }

    /// What the configuration says, defaults in the place of what is wrong; `None` where the file cannot be read as TOML.
    #[must_use]
    pub const fn resolved(&self) -> Option<&Resolved> {
        self.resolved.as_ref()
    }

    /// Notes one more thing that is wrong, at `key`, or at the table that would have it.
    ///
    /// Where the configuration has a problem with that key (or with a table around it) already, this one comes of it, and
    /// is not noted.
    pub fn note(&mut self, key: &[&str], message: impl Into<String>, fix: impl Into<String>) {
        let path = key.join(".");
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let known = |problem: &super::Problem| !problem.key.is_empty() && within(&path, &problem.key);
        if !self.problems.iter().any(|problem| problem.is_of_the_file() && known(problem)) {
            let origin = self.origin(key);
            self.problems.push_found(&path, message, fix, &origin);
        }
    }

    /// The configuration, if nothing is wrong.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn into_result(mut self) -> Result<Resolved, Problems> {
        self.problems.settle(&[]);
        match self.resolved {
            Some(resolved) if self.problems.is_empty() => Ok(resolved),
            _ => Err(self.problems),
        }
    }

    /// Where the key is written, or else where the innermost table around it begins.
    fn origin(&self, key: &[&str]) -> Origin {
        let mut origin = Origin::Default;
        let mut table = Some(&self.document);
        for (depth, name) in key.iter().enumerate() {
            let Some(entry) = table.and_then(|table| table.entry(name)) else { break };
            origin = if depth + 1 == key.len() { entry.node.origin.clone() } else { entry.key_origin.clone() };
            table = match &entry.node.value {
                Value::Table(table) => Some(table),
                _ => None,
            };
        }
        origin
    }
}
