//! Regular expressions: MongoDB's are PCRE's, run here by the `regex` crate in time linear to the text.
//!
//! A pattern is read and written anew for the crate, so that what both know means here what it means in PCRE: `\d`, `\w`,
//! `\s` and `\b` are about ASCII, `$` may stand before a last line break, `x` leaves the spaces in classes, and `[[a]` is a
//! class of two. What the crate cannot do is refused by name: look-around, back references, atomic groups, possessive
//! quantifiers, conditions, recursion, verbs, `\Q…\E`, `\Z`, `\G`, `\K`, `\R`, `\X`, `\h`, `\p{…}`, octal escapes; and by
//! intent `$` elsewhere than at the end, inline flags but `i` and `s`, more than 4 KiB, or what compiles to more than 256 KiB.
//! One difference is left: with `m`, `^` also stands behind a line break that ends the text.

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
mod translate;

use bson::raw::{RawBson, RawBsonRef};
use regex::{Regex, RegexBuilder};

use super::Invalid;
use translate::Flags;

/// A regular expression, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// As it was given: a stored expression that is the same is found, too.
    source: RawBson,
    regex: Regex,
    /// What every text that matches begins with, and the least text above all that begin so.
    prefix: Option<(RawBson, Option<RawBson>)>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    const MOST_BYTES: usize = 4 << 10;
    const MOST_COMPILED: usize = 256 << 10;

    pub(crate) fn parse(pattern: &str, options: &str) -> Result<Self, Invalid> {
        if pattern.len() > Self::MOST_BYTES {
            return Err(Invalid::new(format!(
                "the regular expression has {} bytes; the embedded store does not take more than {}",
                pattern.len(),
                Self::MOST_BYTES
            )));
        }
        let mut sorted: Vec<char> = options.chars().collect();
        sorted.sort_unstable();
        if let Some(other) = sorted.iter().find(|option| !"imsx".contains(**option)) {
            return Err(Invalid::new(format!(
                "a regular expression does not know the option `{other}`, only i, m, s and x"
            )));
        }
        let flags = Flags {
            ignore_case: sorted.contains(&'i'),
            lines: sorted.contains(&'m'),
            all: sorted.contains(&'s'),
            extended: sorted.contains(&'x'),
        };
        let translated = translate::translate(pattern, flags)?;
        let regex = RegexBuilder::new(&translated)
            .case_insensitive(flags.ignore_case)
            .dot_matches_new_line(flags.all)
            .size_limit(Self::MOST_COMPILED)
            .dfa_size_limit(Self::MOST_COMPILED)
            .nest_limit(50)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(most) => Invalid::new(format!(
                    "the regular expression compiles to more than {} KiB, which the embedded store does not run; repeat less",
                    most >> 10
                )),
                _ => Invalid::new("the regular expression is malformed, or nests too deep"),
            })?;
        let source =
            bson::Regex { pattern: cstring(pattern)?, options: cstring(&sorted.into_iter().collect::<String>())? };
        let prefix = translate::prefix(pattern, flags).map(|prefix| {
            let above = above(&prefix).map(RawBson::String);
            (RawBson::String(prefix), above)
        });
        Ok(Self { source: RawBson::RegularExpression(source), regex, prefix })
    }

    /// Whether a text matches, or is the expression itself.
    pub(super) fn matches(&self, value: RawBsonRef<'_>) -> bool {
        match value {
            RawBsonRef::String(text) | RawBsonRef::Symbol(text) => self.regex.is_match(text),
            RawBsonRef::RegularExpression(_) => super::compare(self.source.as_raw_bson_ref(), value).is_eq(),
            _ => false,
        }
    }

    pub(super) fn source(&self) -> RawBsonRef<'_> {
        self.source.as_raw_bson_ref()
    }

    /// From which text on, and before which, all texts that match are.
    pub(super) fn range(&self) -> Option<(RawBsonRef<'_>, Option<RawBsonRef<'_>>)> {
        let (from, to) = self.prefix.as_ref()?;
        Some((from.as_raw_bson_ref(), to.as_ref().map(RawBson::as_raw_bson_ref)))
    }
}

fn cstring(text: &str) -> Result<bson::raw::CString, Invalid> {
    bson::raw::CString::try_from(text).map_err(|_| Invalid::new("a regular expression cannot hold a zero byte"))
}

/// The least text above all that begin with `prefix`.
fn above(prefix: &str) -> Option<String> {
    let mut above = prefix.to_owned();
    while let Some(last) = above.pop() {
        // Between the two is what no text has.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            above.push(next);
            return Some(above);
        }
    }
    None
}
