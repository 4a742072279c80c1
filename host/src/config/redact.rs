//! Blanks secrets out of the text of a file before its lines are shown in errors.
//!
//! Better one value too many than one too few: a misspelled key must not show the secret that it holds.

use std::ops::Range;

use super::document::{Node, Origin, Table, Value};

/// Words that make every value below a key a secret, wherever the key is.
const WORDS: &[&str] = &["secret", "password", "passwd", "token", "credential"];

/// The source with the same length and lines, stars in place of secrets.
pub(super) fn redact(source: &str, table: &Table, has_syntax_errors: bool) -> String {
    let mut hidden = Vec::new();
    walk(source, table, false, &mut hidden);
    if has_syntax_errors {
        // What the parser gave up on is not in the tree.
        by_line(source, &mut hidden);
    }
    let mut bytes = source.as_bytes().to_vec();
    for range in hidden {
        for byte in bytes.get_mut(range).into_iter().flatten() {
            if !matches!(*byte, b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    // Only whole values are replaced, and ASCII by ASCII: this cannot fail, and if it did nothing would be shown.
    String::from_utf8(bytes).unwrap_or_default()
}

fn walk(source: &str, table: &Table, inside: bool, hidden: &mut Vec<Range<usize>>) {
    for entry in &table.entries {
        let key = entry.key.to_ascii_lowercase();
        if key == "grants" {
            // `tokens = true` is a grant; there is no secret in here.
            continue;
        }
        // The name of a variable, a file or a key is what the operator must see to mend it.
        let is_text = matches!(entry.node.value, Value::Text(_));
        let names_one = is_text && matches!(key.as_str(), "env" | "file" | "kid");
        let secret = !names_one && (inside || WORDS.iter().any(|word| key.contains(word)));
        visit(source, &entry.node, secret, hidden);
    }
}

fn visit(source: &str, node: &Node, secret: bool, hidden: &mut Vec<Range<usize>>) {
    match (&node.value, &node.origin) {
        (Value::Table(table), _) => walk(source, table, secret, hidden),
        (Value::List(items), _) => items.iter().for_each(|item| visit(source, item, secret, hidden)),
        (Value::Flag(_), _) => {}
        (_, Origin::File(span)) if secret => hidden.push(span.clone()),
        (Value::Text(_), Origin::File(span)) => userinfo(source, span, hidden),
        _ => {}
    }
}

/// `user:password@` of a URL.
fn userinfo(source: &str, span: &Range<usize>, hidden: &mut Vec<Range<usize>>) {
    let text = source.get(span.clone()).unwrap_or_default();
    if let Some(scheme) = text.find("://")
        && let Some(at) = text.rfind('@')
        && scheme + 3 < at
    {
        hidden.push(span.start + scheme + 3..span.start + at);
    }
}

/// Hides what follows `=` in each line that may be about a secret, and the lines that continue it.
fn by_line(source: &str, hidden: &mut Vec<Range<usize>>) {
    let mut section_is_secret = false;
    let mut continues = false;
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let lower = line.to_ascii_lowercase();
        let is_secret = WORDS.iter().any(|word| lower.contains(word)) || lower.contains('@');
        let assignment = line.split_once('=').filter(|(key, _)| key.trim().chars().all(is_key));
        if lower.trim_start().starts_with('[') && lower.trim_end().ends_with(']') {
            section_is_secret = is_secret;
            continues = false;
        } else if let Some((key, _)) = assignment {
            continues = is_secret || section_is_secret;
            if continues {
                hidden.push(start + key.len() + 1..start + line.len());
            }
        } else if continues || is_secret {
            hidden.push(start..start + line.len());
        }
        start += line.len();
    }
}

fn is_key(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '"' | '\'' | ' ')
}
