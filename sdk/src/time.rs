//! Moments in time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bson::Bson;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A moment, in milliseconds: a date in documents, RFC 3339 in UTC with milliseconds in JSON
/// (`2026-11-24T09:30:00.000Z`), so that one type serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

impl DateTime {
    /// Now; in native tests the platform's clock.
    pub fn now() -> Self {
        Self(now_ms())
    }

    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// That much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(millis(duration)))
    }

    /// That much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(millis(duration)))
    }

    /// How long after `earlier` it is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The day in UTC: `2026-11-24`.
    #[must_use]
    pub fn day(self) -> String {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        format!("{year:04}-{month:02}-{day:02}")
    }
}

const DAY: i64 = 86_400_000;

/// A duration in the WIT's unit; the longest stands for all that are longer.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Time since a moment that stays the same while this instance lives. It never goes back, whatever is done to the
/// machine's clock; in native tests it is the platform's clock.
#[must_use]
pub fn monotonic() -> Duration {
    #[cfg(not(target_arch = "wasm32"))]
    if let Some(now) = crate::test::host::now_ms() {
        return Duration::from_millis(u64::try_from(now).unwrap_or(0));
    }
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// Waits; the time counts against the call's deadline. In native tests the platform's clock moves on instead.
pub fn sleep(duration: Duration) {
    #[cfg(not(target_arch = "wasm32"))]
    if crate::test::host::advance(duration) {
        return;
    }
    std::thread::sleep(duration);
}

#[cfg(target_arch = "wasm32")]
fn now_ms() -> i64 {
    system_ms()
}

#[cfg(not(target_arch = "wasm32"))]
fn now_ms() -> i64 {
    crate::test::host::now_ms().unwrap_or_else(system_ms)
}

fn system_ms() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Year, month, day of a number of days since the epoch (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// The inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl fmt::Display for DateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let rest = self.0.rem_euclid(DAY);
        let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
        let (second, milli) = (rest / 1_000 % 60, rest % 1_000);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// A text that is no moment in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADateTime;

impl fmt::Display for NotADateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("must be a date and time like 2026-11-24T09:30:00Z")
    }
}

impl std::error::Error for NotADateTime {}

impl FromStr for DateTime {
    type Err = NotADateTime;

    /// RFC 3339, with any offset; what is finer than a millisecond is cut.
    fn from_str(text: &str) -> Result<Self, NotADateTime> {
        parse(text).map(Self).ok_or(NotADateTime)
    }
}

/// Once in a component, not once for each type that holds a moment.
#[inline(never)]
fn parse(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let is = |at: usize, wanted: &[u8]| text.as_bytes().get(at).is_some_and(|byte| wanted.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let whole_days = days(year, month, day);
    if civil(whole_days) != (year, month, day) || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60
    {
        return None;
    }

    let mut rest = text.get(19..)?;
    let mut milli = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let padded = format!("{:0<3}", fraction.get(..digits.min(3))?);
        milli = padded.parse::<i64>().ok().filter(|_| digits > 0)?;
        rest = fraction.get(digits..)?;
    }
    let offset = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            if hours.len() != 2 || minutes.len() != 2 {
                return None;
            }
            sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
        }
    };
    Some(whole_days * DAY + (hour * 60 + minute - offset) * 60_000 + second * 1_000 + milli)
}

impl From<DateTime> for bson::DateTime {
    fn from(moment: DateTime) -> Self {
        Self::from_millis(moment.0)
    }
}

impl From<bson::DateTime> for DateTime {
    fn from(moment: bson::DateTime) -> Self {
        Self(moment.timestamp_millis())
    }
}

impl From<DateTime> for Bson {
    fn from(moment: DateTime) -> Self {
        Self::DateTime(moment.into())
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            bson::DateTime::from(*self).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Moment { millis: false })
        } else {
            deserializer.deserialize_i64(Moment { millis: true })
        }
    }
}

struct Moment {
    /// Numbers are milliseconds, in documents alone.
    millis: bool,
}

impl<'de> Visitor<'de> for Moment {
    type Value = DateTime;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a date and time like 2026-11-24T09:30:00Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<DateTime, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, millis: i64) -> Result<DateTime, E> {
        if self.millis { Ok(DateTime(millis)) } else { Err(E::invalid_type(de::Unexpected::Signed(millis), &self)) }
    }

    /// What serde made of it where it had to keep it first (flattened structs, untagged enums).
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DateTime, A::Error> {
        #[derive(Deserialize)]
        struct Number {
            #[serde(rename = "$numberLong")]
            number: String,
        }
        match map.next_entry::<String, Number>()? {
            Some((name, Number { number })) if name == "$date" => {
                number.parse().map(DateTime).map_err(|_| de::Error::custom(NotADateTime))
            }
            _ => Err(de::Error::custom(NotADateTime)),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for DateTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DateTime".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_512_600_123, "2026-11-24T09:30:00.123Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(DateTime(millis).to_string(), text);
            assert_eq!(text.parse(), Ok(DateTime(millis)));
        }
        assert_eq!("2026-11-24T10:10:00.1239+02:00".parse(), Ok(DateTime(1_795_507_800_123)));
        for bad in [
            "",
            "2026-11-24",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T00:00:00",
            "2026-11-24T00:00:00.Z",
            "+026-11-24T00:00:00Z",
        ] {
            assert_eq!(bad.parse::<DateTime>(), Err(NotADateTime), "{bad}");
        }
    }

    #[test]
    fn one_type_serves_json_and_documents() {
        let moment = DateTime(1_795_512_600_123);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2026-11-24T09:30:00.123Z\"");
        assert_eq!(serde_json::from_str::<DateTime>("\"2026-11-24T09:30:00.123Z\"").unwrap(), moment);

        #[derive(Debug, Deserialize, PartialEq, Serialize)]
        struct Row {
            at: DateTime,
        }
        let bytes = bson::serialize_to_vec(&Row { at: moment }).unwrap();
        let document = bson::deserialize_from_slice::<bson::Document>(&bytes).unwrap();
        assert_eq!(document, bson::doc! { "at": bson::DateTime::from_millis(1_795_512_600_123) });
        assert_eq!(bson::deserialize_from_slice::<Row>(&bytes).unwrap(), Row { at: moment });
    }
}
