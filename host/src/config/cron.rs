//! Cron entries, in UTC.

use std::fmt;
use std::str::FromStr as _;
use std::time::SystemTime;

use jiff::tz::TimeZone;

/// When something is to happen: minute, hour, day of the month, month and day of the week, with seconds in front if there are six
/// fields. In UTC, so that nothing happens twice or never when clocks change.
#[derive(Clone)]
pub struct Cron {
    text: String,
    parsed: croner::Cron,
}

impl Cron {
    /// What to write in its place.
    pub const FIX: &'static str = "write `minute hour day month weekday`, in UTC, such as \"0 9 * * MON\", or \"off\"";

    /// The entry that the text says.
    ///
    /// # Errors
    /// Why it says none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = croner::Cron::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), parsed })
    }

    /// The first moment after `time` that it means; `None` if there is none.
    #[must_use]
    pub fn after(&self, time: SystemTime) -> Option<SystemTime> {
        let time = jiff::Timestamp::try_from(time).ok()?.to_zoned(TimeZone::UTC);
        let next = self.parsed.find_next_occurrence(&time, false).ok()?;
        Some(next.timestamp().into())
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl fmt::Display for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_next_monday_morning_is_in_utc() {
        // The first of January 1970 was a Thursday.
        let monday = UNIX_EPOCH + Duration::from_hours(4 * 24 + 9);
        let cron = Cron::parse("0 9 * * MON").unwrap();
        assert_eq!(cron.after(UNIX_EPOCH), Some(monday));
        assert_eq!(cron.after(monday), Some(monday + Duration::from_hours(7 * 24)));
        assert_eq!(Cron::parse("*/5 * * * * *").unwrap().after(UNIX_EPOCH), Some(UNIX_EPOCH + Duration::from_secs(5)));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["", "every day", "61 * * * *", "* * *"] {
            assert!(Cron::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Cron::parse("0 0 31 2 *").unwrap().after(UNIX_EPOCH), None);
    }
}
