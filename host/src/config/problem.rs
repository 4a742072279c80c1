//! What is wrong with a configuration: all of it, each with its place and its fix.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::document::Origin;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The key, dotted (`server.listen`); empty where it is about the whole file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
    /// Where it is.
    pub place: Place,
    /// Found in what the configuration names, not in the configuration.
    found: bool,
}

impl Problem {
    /// Whether the configuration itself is wrong, and not what it names.
    pub(super) const fn is_of_the_file(&self) -> bool {
        !self.found
    }

    /// Its line in the file.
    pub(super) fn line(&self) -> Option<usize> {
        match self.place {
            Place::File { line, .. } => Some(line),
            _ => None,
        }
    }
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// These bytes of the file.
    File {
        /// First byte, and the one after the last.
        span: Range<usize>,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
    /// An environment variable.
    Variable(Arc<str>),
    /// Nowhere in particular: something is missing.
    Nowhere,
}

/// All that is wrong with one configuration.
#[derive(Clone, Debug)]
pub struct Problems {
    file: PathBuf,
    /// The text of the file, secrets blanked out, for the lines that are shown.
    source: String,
    list: Vec<Problem>,
    unreadable: bool,
}

impl Problems {
    /// Starts an empty list. `source` must not hold secrets any more: its lines are shown.
    pub(super) fn new(file: &Path, source: String) -> Self {
        Self { file: file.to_owned(), source, list: Vec::new(), unreadable: false }
    }

    /// The file itself cannot be read.
    pub(super) fn unreadable(file: &Path, message: String, fix: String) -> Self {
        let problem = Problem { key: String::new(), message, fix, place: Place::Nowhere, found: false };
        Self { file: file.to_owned(), source: String::new(), list: vec![problem], unreadable: true }
    }

    /// Each problem, those of the file first, in its order.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True if nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// True if the file was not there or is not text, so that nothing in it was checked.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    pub(super) fn push(&mut self, key: &str, message: impl Into<String>, fix: impl Into<String>, origin: &Origin) {
        self.add(key, message.into(), fix.into(), origin, false);
    }

    /// Notes what was found in something that the configuration names.
    pub(super) fn push_found(
        &mut self,
        key: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
        origin: &Origin,
    ) {
        self.add(key, message.into(), fix.into(), origin, true);
    }

    fn add(&mut self, key: &str, message: String, fix: String, origin: &Origin, found: bool) {
        let place = match origin {
            Origin::File(span) => self.place(span.clone()),
            Origin::Variable(name) => Place::Variable(Arc::clone(name)),
            Origin::Default => Place::Nowhere,
        };
        self.list.push(Problem { key: key.to_owned(), message, fix, place, found });
    }

    /// Drops what follows from lines that could not be parsed, and puts the rest in order.
    pub(super) fn settle(&mut self, broken_lines: &[usize]) {
        if !broken_lines.is_empty() {
            self.list.retain(|problem| match &problem.place {
                Place::File { line, .. } => problem.key.is_empty() || !broken_lines.contains(line),
                Place::Variable(_) => true,
                Place::Nowhere => false,
            });
        }
        // Stable, so that problems of one place stay in the order in which they were found.
        self.list.sort_by_key(|problem| match &problem.place {
            Place::File { span, .. } => (0, span.start),
            Place::Variable(_) => (1, 0),
            Place::Nowhere => (2, 0),
        });
        // A section that is read twice says the same twice.
        let mut seen = HashSet::new();
        self.list.retain(|problem| seen.insert(problem.clone()));
    }

    /// The report for a person, with the lines of the file.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let reports: Vec<String> = self.list.iter().map(|problem| self.report(&renderer, problem)).collect();
        reports.join("\n\n")
    }

    /// The report for a program.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let problems: Vec<serde_json::Value> = self
            .list
            .iter()
            .map(|problem| {
                let (line, column, variable) = match &problem.place {
                    Place::File { line, column, .. } => (Some(line), Some(column), None),
                    Place::Variable(name) => (None, None, Some(&**name)),
                    Place::Nowhere => (None, None, None),
                };
                serde_json::json!({
                    "key": problem.key,
                    "message": problem.message,
                    "fix": problem.fix,
                    "line": line,
                    "column": column,
                    "variable": variable,
                })
            })
            .collect();
        serde_json::json!({ "file": self.file.display().to_string(), "problems": problems })
    }

    fn report(&self, renderer: &Renderer, problem: &Problem) -> String {
        let title = if problem.key.is_empty() {
            problem.message.clone()
        } else {
            format!("`{}` {}", problem.key, problem.message)
        };
        let file = self.file.display().to_string();
        let title = Level::ERROR.primary_title(title);
        let help = Level::HELP.message(problem.fix.as_str());
        let group = match &problem.place {
            Place::File { span, .. } => {
                let mark = AnnotationKind::Primary.span(span.clone());
                title.element(Snippet::source(self.source.as_str()).path(file).annotation(mark)).element(help)
            }
            // A problem without a key is about the variable itself and names it.
            Place::Variable(_) if problem.key.is_empty() => title.element(help),
            Place::Variable(name) => title
                .element(Level::NOTE.message(format!("it comes from the environment variable {name}")))
                .element(help),
            Place::Nowhere if self.unreadable => title.element(help),
            Place::Nowhere => title.element(Level::NOTE.message(format!("in {file}"))).element(help),
        };
        renderer.render(&[group])
    }

    /// Spans are cut to the text, so that no file can make the report fail.
    fn place(&self, span: Range<usize>) -> Place {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end.max(span.start)).max(start);
        let before = self.source.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            span: start..end,
        }
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.source.len());
        while !self.source.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
