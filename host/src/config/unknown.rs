//! Keys that nothing reads: most often a typing error, so a suggestion comes with each.

use super::document::{Table, Value};
use super::problem::Problems;
use super::reader::join;
use super::reference::{self, Kind};

/// Reports every key of the document that has no row.
pub(super) fn report(document: &Table, problems: &mut Problems) {
    walk(document, "", "", problems);
}

fn walk(table: &Table, path: &str, row: &str, problems: &mut Problems) {
    let names = reference::names(row);
    for entry in &table.entries {
        let here = join(path, &entry.key);
        let below = match names.as_slice() {
            // A table whose keys the operator chooses.
            [free] if free.starts_with('<') => join(row, free),
            names if names.contains(&entry.key.as_str()) => join(row, &entry.key),
            names => {
                let (message, fix) = suggestion(&entry.key, path, row, names);
                problems.push(&here, message, fix, &entry.key_origin);
                continue;
            }
        };
        match &entry.node.value {
            _ if reference::row(&below).is_some_and(|row| matches!(row.kind, Kind::Any | Kind::Secret)) => {}
            Value::Table(inner) => walk(inner, &here, &below, problems),
            Value::List(items) => {
                for item in items {
                    if let Value::Table(inner) = &item.value {
                        walk(inner, &here, &format!("{below}[]"), problems);
                    }
                }
            }
            _ => {}
        }
    }
}

fn suggestion(key: &str, path: &str, row: &str, names: &[&str]) -> (String, String) {
    let message = "is not known".to_owned();
    if names.is_empty() {
        return (message, "take the line out: there are no keys here".to_owned());
    }
    let named = names.iter().copied().filter(|name| !name.starts_with('<'));
    if let Some(name) = super::nearest(&key.replace('_', "-"), named.clone()) {
        return (message, format!("did you mean `{name}`?"));
    }
    // A key of a table further down or next to it, put into the wrong one.
    let elsewhere = reference::reference().iter().find(|candidate| candidate.key.rsplit('.').next() == Some(key));
    if let Some(elsewhere) = elsewhere
        && let Some((table, _)) = elsewhere.key.rsplit_once('.')
    {
        let shared = table.strip_prefix(row).map_or_else(|| table.to_owned(), |rest| format!("{path}{rest}"));
        return (message, format!("it belongs in [{}]", shared.trim_start_matches('.')));
    }
    (message, format!("known here: {}", named.collect::<Vec<_>>().join(", ")))
}
