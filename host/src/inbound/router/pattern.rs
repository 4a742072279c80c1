//! What a plugin may write as a route's pattern.

use super::MAX_PARAMETERS;

/// The longest pattern. It bounds the depth of the trie, which is searched by recursion.
const LONGEST: usize = 1024;

/// A pattern that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

/// A segment of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment<'p> {
    /// These very bytes.
    Literal(&'p str),
    /// Any one segment that is not empty.
    Parameter(&'p str),
    /// What is left of the path, at least one byte.
    Rest(&'p str),
}

impl Pattern {
    /// Checks a pattern; the error says what is wrong and what would be right.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('/') {
            return Err("a pattern starts with `/`");
        }
        if text.len() > LONGEST {
            return Err("a pattern has at most 1024 bytes");
        }
        let pattern = Self(text.to_owned());
        let mut names = Vec::new();
        let mut ended = false;
        let last = pattern.segments().count().saturating_sub(1);
        for (index, segment) in pattern.segments().enumerate() {
            if ended {
                return Err("`{*name}` stands only at the end");
            }
            match segment {
                Segment::Literal("") if index < last => return Err("`//` matches no path that a client means"),
                Segment::Literal(literal) => check_literal(literal)?,
                Segment::Parameter(name) | Segment::Rest(name) => {
                    check_name(name)?;
                    if names.contains(&name) {
                        return Err("each parameter needs a name of its own");
                    }
                    names.push(name);
                    ended = matches!(segment, Segment::Rest(_));
                }
            }
        }
        if names.len() > MAX_PARAMETERS {
            return Err("a pattern has at most six parameters; put the others into the query");
        }
        Ok(pattern)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, from the left. `/` has one, which is empty.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.0.split('/').skip(1).map(|segment| {
            let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                return Segment::Literal(segment);
            };
            match name.strip_prefix('*') {
                Some(name) => Segment::Rest(name),
                None => Segment::Parameter(name),
            }
        })
    }
}

fn check_literal(literal: &str) -> Result<(), &'static str> {
    if matches!(literal, "." | "..") {
        return Err("`.` and `..` never arrive: clients resolve them");
    }
    if literal.contains(['{', '}']) {
        return Err("a parameter takes a whole segment: `/{name}` or, at the end, `/{*name}`");
    }
    if literal.starts_with(':') {
        return Err("a parameter is written `{name}`, not `:name`");
    }
    if literal.contains(['?', '#']) {
        return Err("a pattern is a path, without query and fragment");
    }
    if !literal.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a path arrives percent-encoded: write spaces and other than ASCII characters as `%20`");
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a parameter needs a name: `{name}` or `{*name}`");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Err("a parameter's name is made of letters, digits, `_` and `-`, and takes a whole segment");
    }
    Ok(())
}
