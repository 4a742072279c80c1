//! Which keys are held: exactly named ones, and prefixes.

use std::collections::HashSet;

/// The patterns as the operator typed them, sorted out.
pub(super) struct Patterns {
    exact: HashSet<Box<str>>,
    prefixes: Vec<Box<str>>,
}

impl Patterns {
    pub(super) fn new(patterns: &[String]) -> Self {
        let (prefixes, exact): (Vec<&String>, Vec<&String>) =
            patterns.iter().partition(|pattern| pattern.ends_with('*'));
        let mut prefixes: Vec<&str> = prefixes.iter().filter_map(|pattern| pattern.strip_suffix('*')).collect();
        disjoint(&mut prefixes);
        Self {
            exact: exact.into_iter().map(|key| key.as_str().into()).collect(),
            prefixes: prefixes.into_iter().map(Into::into).collect(),
        }
    }

    pub(super) fn match_key(&self, key: &str) -> bool {
        self.prefixes.iter().any(|prefix| key.starts_with(&**prefix)) || self.exact.contains(key)
    }

    /// What Redis is to tell of: prefixes that cover all patterns, none of which covers another, because Redis refuses
    /// such. Those of exact keys also cover longer keys, which are told of in vain.
    pub(super) fn prefixes(&self) -> Vec<String> {
        let mut all: Vec<&str> = self.exact.iter().chain(&self.prefixes).map(AsRef::as_ref).collect();
        disjoint(&mut all);
        all.into_iter().map(Into::into).collect()
    }
}

/// Drops what another one covers.
fn disjoint(prefixes: &mut Vec<&str>) {
    prefixes.sort_unstable();
    // Sorted, what a prefix covers follows right behind it.
    prefixes.dedup_by(|later, kept| later.starts_with(*kept));
}
