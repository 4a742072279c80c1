//! Reads values out of the tree by their rows, and writes down what is wrong instead of stopping at it.

mod convert;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Secret;
use super::document::{self, Node, Origin, Table, Value};
use super::problem::Problems;
use super::reference::{self, Absent, Row};

/// What every section needs.
pub(super) struct Context<'a> {
    /// Relative paths start here.
    pub(super) folder: &'a Path,
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) problems: RefCell<Problems>,
}

impl Context<'_> {
    pub(super) fn problem(&self, key: &str, fault: Fault, origin: &Origin) {
        let origin = fault.origin.as_ref().unwrap_or(origin);
        self.problems.borrow_mut().push(key, fault.message, fault.fix, origin);
    }

    /// A variable that is set and not empty: composed environments pass empty ones for what they do not set.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Why a value cannot be used; the message continues after the key.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) fix: String,
    /// A part of the value, where the fault is in it.
    pub(super) origin: Option<Origin>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { message: message.into(), fix: fix.into(), origin: None }
    }

    fn kind(node: &Node, fix: &str) -> Self {
        Self::new(format!("cannot be {}", node.value.kind()), fix)
    }
}

/// A table, there or not, with its name in the file and in the reference.
#[derive(Clone)]
pub(super) struct Section<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) table: Option<&'a Table>,
    /// As the operator wrote it: `plugins.auth.limits`.
    pub(super) path: String,
    /// As the reference has it: `plugins.<name>.limits`.
    row: String,
    keyed: bool,
    /// Where the table begins, for what is missing in it.
    pub(super) origin: Origin,
}

impl<'a> Section<'a> {
    pub(super) fn root(context: &'a Context<'a>, table: &'a Table) -> Self {
        Self {
            context,
            table: Some(table),
            path: String::new(),
            row: String::new(),
            keyed: false,
            origin: Origin::Default,
        }
    }

    /// The table `key` in this one.
    pub(super) fn table(&self, key: &str) -> Self {
        self.child(key, key)
    }

    /// The entries of a table whose keys the operator chooses, in file order.
    pub(super) fn named(&self, key: &str) -> Vec<(String, Self)> {
        let parent = self.table(key);
        let entries = parent.table.map(|table| table.entries.as_slice()).unwrap_or_default();
        entries.iter().map(|entry| (entry.key.clone(), parent.child(&entry.key, "<name>"))).collect()
    }

    /// The tables of a list.
    pub(super) fn tables(&self, key: &str) -> Vec<Self> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let path = join(&self.path, key);
        let fix = format!("write `[[{path}]]` above its keys");
        let Value::List(items) = &node.value else {
            self.context.problem(&path, Fault::kind(node, &fix), &node.origin);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items {
            let Value::Table(table) = &item.value else {
                self.context.problem(&path, Fault::kind(item, &fix), &item.origin);
                continue;
            };
            sections.push(Self {
                context: self.context,
                table: Some(table),
                path: path.clone(),
                row: format!("{}[]", join(&self.row, key)),
                keyed: false,
                origin: item.origin.clone(),
            });
        }
        sections
    }

    /// The table `key` as if nothing were in it.
    pub(super) fn empty(&self, key: &str) -> Self {
        Self { table: None, path: join(&self.path, key), row: join(&self.row, key), ..self.clone() }
    }

    /// The same table, its keys chosen by the operator.
    pub(super) fn keyed(&self) -> Self {
        Self { keyed: true, ..self.clone() }
    }

    fn child(&self, key: &str, row: &str) -> Self {
        let path = join(&self.path, key);
        let entry = self.table.and_then(|table| table.entry(key));
        let table = entry.and_then(|entry| match &entry.node.value {
            Value::Table(table) => Some(table),
            _ => {
                let fix = format!("write `[{path}]` above its keys");
                self.context.problem(&path, Fault::kind(&entry.node, &fix), &entry.node.origin);
                None
            }
        });
        let origin = entry.map_or(Origin::Default, |entry| entry.key_origin.clone());
        Self { context: self.context, table, path, row: join(&self.row, row), keyed: false, origin }
    }

    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        self.table.and_then(|table| table.get(key))
    }

    /// Where `key` is written, or else where its table is.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.node(key).map_or_else(|| self.origin.clone(), |node| node.origin.clone())
    }

    /// Notes a problem with `key`.
    pub(super) fn problem(&self, key: &str, fault: Fault) {
        self.context.problem(&join(&self.path, key), fault, &self.origin(key));
    }

    /// The value of `key`, or its default; `None` where neither is there, or it is wrong and that is noted.
    pub(super) fn read<T>(&self, key: &str, make: impl Fn(&Node, &Row) -> Result<T, Fault>) -> Option<T> {
        let row = self.row(key)?;
        if let Some(node) = self.node(key) {
            match make(node, row) {
                Ok(value) => return Some(value),
                Err(fault) => self.context.problem(&join(&self.path, key), fault, &node.origin),
            }
        } else if row.default == Absent::Required && self.table.is_some() {
            self.problem(key, Fault::new("is missing", format!("write it as {}", row.kind)));
        }
        // A wrong value is noted; going on with the default keeps it from causing further problems.
        let Absent::Value(value) = row.default else { return None };
        document::parse_value(value, &Origin::Default).and_then(|node| make(&node, row).ok())
    }

    fn row(&self, key: &str) -> Option<&'static Row> {
        let key = join(&self.row, if self.keyed { "<key>" } else { key });
        let row = reference::row(&key);
        debug_assert!(row.is_some(), "{key} has no row");
        row
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.read(key, convert::text)
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.read(key, convert::flag).unwrap_or_default()
    }

    pub(super) fn number<T: TryFrom<u64> + Default>(&self, key: &str) -> T {
        self.optional_number(key).unwrap_or_default()
    }

    /// The rows bound each number to what its type holds.
    pub(super) fn optional_number<T: TryFrom<u64>>(&self, key: &str) -> Option<T> {
        self.read(key, convert::number).and_then(|number| T::try_from(number).ok())
    }

    pub(super) fn size<T: TryFrom<u64> + Default>(&self, key: &str) -> T {
        self.read(key, convert::size).and_then(|size| T::try_from(size).ok()).unwrap_or_default()
    }

    pub(super) fn duration(&self, key: &str) -> Duration {
        self.read(key, convert::duration).unwrap_or_default()
    }

    pub(super) fn address(&self, key: &str) -> Option<SocketAddr> {
        self.read(key, convert::address)
    }

    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        self.read(key, convert::text).map(|path| self.context.folder.join(path))
    }

    /// A list whose items `convert` makes; those that it cannot make are noted one by one.
    pub(super) fn list<T>(&self, key: &str, convert: impl Fn(&str) -> Result<T, Fault>) -> Vec<T> {
        let mut list = Vec::new();
        for item in self.read(key, convert::items).unwrap_or_default() {
            let made = match &item.value {
                Value::Text(text) => convert(text),
                _ => Err(Fault::kind(&item, "write each entry as a text in quotes")),
            };
            match made {
                Ok(value) => list.push(value),
                Err(fault) => self.context.problem(&join(&self.path, key), fault, &item.origin),
            }
        }
        list
    }

    /// A secret, or the name of the variable that should hold it.
    pub(super) fn secret(&self, key: &str) -> Option<SecretSource> {
        self.read(key, |node, _| convert::secret(node, self.context))
    }
}

/// Where a secret was found, or was not.
pub(super) enum SecretSource {
    Found(Secret),
    /// This variable should hold it and is not set.
    Unset(String),
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
