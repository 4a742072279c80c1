//! Every key there is: the one table from which the reader takes its defaults and bounds, unknown keys and variables
//! their suggestions, and `docs/configuration.md` its rows.

mod rows;

use std::fmt;

use super::units;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The key, dotted. `<name>` and `<key>` stand for what the operator calls it, `[]` for each entry of a list.
    pub key: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds without it.
    pub default: Absent,
    /// What it means, for the operator.
    pub meaning: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number within these bounds.
    Number(u64, u64),
    /// Bytes, within these bounds.
    Size(u64, u64),
    /// A duration, within these bounds in milliseconds.
    Duration(u64, u64),
    /// IP address and port.
    Address,
    /// A path, from the configuration's folder if it is relative.
    Path,
    /// A list of texts.
    List,
    /// A text, or `{ env = "…" }` or `{ file = "…" }`.
    Secret,
    /// A text, or a table with the keys below it.
    TextOrTable,
    /// A list of tables with the keys below it.
    Tables,
    /// Anything.
    Any,
}

/// What holds without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// This value, as TOML.
    Value(&'static str),
    /// What these words say.
    Words(&'static str),
    /// Nothing: it must be there.
    Required,
}

/// All keys, in the order of the documentation.
#[must_use]
pub fn reference() -> &'static [Row] {
    &rows::ROWS
}

/// The row with this key.
pub(super) fn row(key: &str) -> Option<&'static Row> {
    rows::ROWS.iter().find(|row| row.key == key)
}

/// The names of the keys and tables directly in this table (`""` is the whole file).
pub(super) fn names(table: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for row in rows::ROWS.iter() {
        let rest = if table.is_empty() {
            Some(row.key)
        } else {
            row.key.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'))
        };
        let Some(name) = rest.and_then(|rest| rest.split('.').next()) else { continue };
        let name = name.trim_end_matches("[]");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl Row {
    /// The environment variable that overrides it; `None` for entries of lists, which no variable reaches.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        if self.key.contains("[]") {
            return None;
        }
        let parts: Vec<String> = self.key.split('.').map(in_variable).collect();
        let separator = if parts.len() > 2 { "__" } else { "_" };
        (parts.len() > 1).then(|| format!("{}{}", super::env::PREFIX, parts.join(separator)))
    }
}

/// How a part of a key is written in a variable's name.
pub(super) fn in_variable(part: &str) -> String {
    part.replace('-', "_").to_ascii_uppercase()
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => formatter.write_str("text"),
            Self::Choice(choices) => {
                let quoted: Vec<String> = choices.iter().map(|choice| format!("\"{choice}\"")).collect();
                formatter.write_str(&quoted.join(" or "))
            }
            Self::Flag => formatter.write_str("true or false"),
            Self::Number(least, most) => write!(formatter, "number, {least} to {most}"),
            Self::Size(least, most) => {
                write!(formatter, "size, {} to {}", units::show_size(*least), units::show_size(*most))
            }
            Self::Duration(least, most) => {
                let show = |millis: &u64| units::show_duration(std::time::Duration::from_millis(*millis));
                write!(formatter, "duration, {} to {}", show(least), show(most))
            }
            Self::Address => formatter.write_str("address with port"),
            Self::Path => formatter.write_str("path"),
            Self::List => formatter.write_str("list of texts"),
            Self::Secret => formatter.write_str("secret"),
            Self::TextOrTable => formatter.write_str("text or table"),
            Self::Tables => formatter.write_str("list of tables"),
            Self::Any => formatter.write_str("anything"),
        }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(formatter, "`{value}`"),
            Self::Words(words) => formatter.write_str(words),
            Self::Required => formatter.write_str("required"),
        }
    }
}
