//! Sizes and durations as operators write them.

use std::fmt;
use std::time::Duration;

/// Units of sizes, the longest suffix first so that `MiB` is not read as `B`.
const SIZES: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
    ("", 1),
];

/// Units of durations in milliseconds.
const TIMES: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Why a text is no size or duration; a clause that follows its quotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitError {
    /// Does not start with a number.
    Number,
    /// The number has no unit, and needs one.
    NoUnit,
    /// The unit is not known.
    Unit,
    /// The result does not fit.
    Large,
}

impl fmt::Display for UnitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Number => "does not start with a number",
            Self::NoUnit => "has no unit",
            Self::Unit => "has a unit that is not known",
            Self::Large => "is too large",
        })
    }
}

/// Reads `1MiB`, `256 KiB`, `1MB`, `512`: bytes.
pub(crate) fn size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text)?;
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Unit)?;
    number.checked_mul(*factor).ok_or(UnitError::Large)
}

/// Reads `250ms`, `10s`, `2m`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return Err(UnitError::NoUnit);
    }
    let (_, factor) = TIMES.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Unit)?;
    number.checked_mul(*factor).map(Duration::from_millis).ok_or(UnitError::Large)
}

/// Digits (with `_` between them), spaces, a unit.
fn split(text: &str) -> Result<(u64, &str), UnitError> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if !digits.starts_with(|character: char| character.is_ascii_digit()) {
        return Err(UnitError::Number);
    }
    let number = digits.replace('_', "").parse().map_err(|_| UnitError::Large)?;
    Ok((number, unit.trim_start()))
}

/// Writes bytes in the largest binary unit that leaves a whole number.
pub(crate) fn show_size(bytes: u64) -> String {
    let units = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor)) {
        Some((name, factor)) => format!("{}{name}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

/// Writes a duration in the largest unit that leaves a whole number.
pub(crate) fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match TIMES.iter().rev().find(|(name, factor)| *name != "w" && millis >= *factor && millis.is_multiple_of(*factor))
    {
        Some((name, factor)) => format!("{}{name}", millis / factor),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("1KiB", 1024),
            ("256KiB", 262_144),
            ("1 MiB", 1_048_576),
            ("1MB", 1_000_000),
            ("1kB", 1_000),
            ("2GiB", 2_147_483_648),
            ("10_000", 10_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for (text, error) in [
            ("", UnitError::Number),
            ("MiB", UnitError::Number),
            ("-1", UnitError::Number),
            ("_1", UnitError::Number),
            ("1Mib", UnitError::Unit),
            ("1.5MiB", UnitError::Unit),
            ("99999999999999999999", UnitError::Large),
            ("99999999TiB", UnitError::Large),
        ] {
            assert_eq!(size(text), Err(error), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in [("250ms", 250), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("7d", 604_800_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, error) in [
            ("", UnitError::Number),
            ("s", UnitError::Number),
            ("10", UnitError::NoUnit),
            ("10 sec", UnitError::Unit),
            ("99999999999999999999s", UnitError::Large),
            ("18446744073709551615d", UnitError::Large),
        ] {
            assert_eq!(duration(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for bytes in [0, 1, 1023, 1024, 1_000_000, 1 << 20, 3 << 30, 5 << 40] {
            assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }
        for millis in [0, 1, 999, 1_000, 90_000, 3_600_000, 604_800_000] {
            let duration_in = Duration::from_millis(millis);
            assert_eq!(duration(&show_duration(duration_in)), Ok(duration_in));
        }
    }
}
