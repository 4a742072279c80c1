//! Tries every pattern, then takes the most specific one.

/// The best of the patterns that match, with its parameters' values.
pub(super) fn best<'a>(patterns: impl Iterator<Item = &'a str>, path: &'a str) -> Option<(&'a str, Vec<&'a str>)> {
    patterns
        .filter_map(|pattern| Some((pattern, matches(pattern, path)?)))
        .min_by_key(|(pattern, _)| pattern.split('/').map(kind).collect::<Vec<_>>())
}

fn matches<'p>(pattern: &str, path: &'p str) -> Option<Vec<&'p str>> {
    let mut values = Vec::new();
    let mut left = path;
    for segment in pattern.split('/').skip(1) {
        left = left.strip_prefix('/')?;
        let end = if kind(segment) == 2 { left.len() } else { left.find('/').unwrap_or(left.len()) };
        let (value, behind) = left.split_at(end);
        match kind(segment) {
            0 if value != segment => return None,
            1 | 2 if value.is_empty() => return None,
            0 => {}
            _ => values.push(value),
        }
        left = behind;
    }
    left.is_empty().then_some(values)
}

/// The more specific, the less.
fn kind(segment: &str) -> u8 {
    if segment.starts_with("{*") {
        2
    } else if segment.starts_with('{') {
        1
    } else {
        0
    }
}
