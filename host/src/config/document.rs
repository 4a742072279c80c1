//! The configuration as a tree that remembers where each value came from.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value was written, so that an error can point at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Bytes of the file.
    File(Range<usize>),
    /// The value of this environment variable.
    Variable(Arc<str>),
    /// Nowhere: the default.
    Default,
}

/// A value and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// A TOML value, or an environment variable made into one.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Flag(bool),
    /// Dates have no use here but in a plugin's settings.
    Date(String),
    List(Vec<Node>),
    Table(Table),
}

/// A table, its entries in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_origin: Origin,
    pub(crate) node: Node,
}

impl Value {
    /// What an error calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a decimal number",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// The value as JSON; `None` for numbers that JSON has not.
    pub(crate) fn to_json(&self) -> Option<serde_json::Value> {
        Some(match self {
            Self::Text(text) | Self::Date(text) => text.clone().into(),
            Self::Integer(number) => match i64::try_from(*number) {
                Ok(number) => number.into(),
                Err(_) => u64::try_from(*number).ok()?.into(),
            },
            Self::Float(number) => serde_json::Number::from_f64(*number)?.into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect::<Option<Vec<_>>>()?.into(),
            Self::Table(table) => table
                .entries
                .iter()
                .map(|entry| Some((entry.key.clone(), entry.node.value.to_json()?)))
                .collect::<Option<serde_json::Map<_, _>>>()?
                .into(),
        })
    }
}

impl Table {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The node at `key`, which an environment variable is about to set: an empty table where nothing was.
    pub(crate) fn slot(&mut self, key: &str, origin: &Origin) -> Option<&mut Node> {
        if self.get(key).is_none() {
            let node = Node { value: Value::Table(Self::default()), origin: origin.clone() };
            self.entries.push(Entry { key: key.to_owned(), key_origin: origin.clone(), node });
        }
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
    }
}

/// Reads a whole document. A table is always there; what could not be read is missing in it and listed beside it.
pub(crate) fn parse(source: &str) -> (Table, Vec<toml::de::Error>) {
    let (table, errors) = DeTable::parse_recoverable(source);
    (convert_table(table.into_inner(), None), errors)
}

/// Reads one TOML value that a variable holds, or a default.
pub(crate) fn parse_value(source: &str, origin: &Origin) -> Option<Node> {
    DeValue::parse(source).ok().map(|value| convert(value, Some(origin)))
}

/// `origin` replaces the spans, which mean nothing outside the file.
fn convert(value: Spanned<DeValue<'_>>, origin: Option<&Origin>) -> Node {
    let place = origin.cloned().unwrap_or_else(|| Origin::File(value.span()));
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        // Out of range for every key, so that the range is what the operator reads about.
        DeValue::Integer(number) => {
            Value::Integer(i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()).unwrap_or(i128::MAX))
        }
        DeValue::Float(number) => Value::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| convert(item, origin)).collect()),
        DeValue::Table(table) => Value::Table(convert_table(table, origin)),
    };
    Node { value, origin: place }
}

fn convert_table(table: DeTable<'_>, origin: Option<&Origin>) -> Table {
    let mut entries: Vec<(usize, Entry)> = table
        .into_iter()
        .map(|(key, value)| {
            let span = key.span();
            let key_origin = origin.cloned().unwrap_or_else(|| Origin::File(span.clone()));
            (span.start, Entry { key: key.into_inner().into_owned(), key_origin, node: convert(value, origin) })
        })
        .collect();
    // The parser sorts by name; plugins are asked in the order of the file.
    entries.sort_by_key(|(start, _)| *start);
    Table { entries: entries.into_iter().map(|(_, entry)| entry).collect() }
}
