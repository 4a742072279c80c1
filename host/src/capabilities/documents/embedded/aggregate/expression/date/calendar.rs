//! The Gregorian calendar in both directions from 1970.

const DAY: i64 = 86_400_000;

/// A moment, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calendar {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) millisecond: i64,
    /// From 0, which is Sunday.
    pub(super) weekday: i64,
    /// From 1.
    pub(super) day_of_year: i64,
}

/// A period of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// So many milliseconds.
    Fixed(i64),
    Week,
    /// So many months.
    Months(i64),
}

impl Unit {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "millisecond" => Self::Fixed(1),
            "second" => Self::Fixed(1_000),
            "minute" => Self::Fixed(60_000),
            "hour" => Self::Fixed(3_600_000),
            "day" => Self::Fixed(DAY),
            "week" => Self::Week,
            "month" => Self::Months(1),
            "quarter" => Self::Months(3),
            "year" => Self::Months(12),
            _ => return None,
        })
    }
}

/// From 0, which is Sunday.
pub(super) fn weekday(name: &str) -> Option<i64> {
    let name = name.to_ascii_lowercase();
    let days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    (0..).zip(days).find(|(_, day)| *day == name || day.get(..3) == Some(name.as_str())).map(|(number, _)| number)
}

impl Calendar {
    pub(super) fn of(millis: i64) -> Self {
        let days = millis.div_euclid(DAY);
        let rest = millis.rem_euclid(DAY);
        let (year, month, day) = civil(days);
        Self {
            year,
            month,
            day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1_000 % 60,
            millisecond: rest % 1_000,
            // The first day was a Thursday.
            weekday: (days + 4).rem_euclid(7),
            day_of_year: days - days_before(year, 1) + 1,
        }
    }

    /// The week of the year from 0; a Sunday begins the next.
    pub(super) fn week(&self) -> i64 {
        (self.day_of_year - 1 + 7 - self.weekday) / 7
    }

    /// Year and week after ISO 8601: a week belongs to the year that has its Thursday.
    pub(super) fn iso_week(&self) -> (i64, i64) {
        let since_monday = (self.weekday + 6) % 7;
        let thursday = days_before(self.year, 1) + self.day_of_year - 1 - since_monday + 3;
        let (year, ..) = civil(thursday);
        (year, (thursday - days_before(year, 1)) / 7 + 1)
    }
}

/// The days from 1970 to the first of a month. After Howard Hinnant's `days_from_civil`.
fn days_before(year: i64, month: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day; the reverse.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The beginning of the period that a moment is in. Periods of several units are counted from 2000, weeks from the first
/// day `first` in it. `None` beyond what a date can hold.
pub(super) fn floor(millis: i64, unit: Unit, size: i64, first: i64) -> Option<i64> {
    let origin = days_before(2000, 1) * DAY;
    let fixed = |origin: i64, length: i64| {
        let length = length.checked_mul(size)?;
        millis.checked_sub(millis.checked_sub(origin)?.rem_euclid(length))
    };
    match unit {
        Unit::Fixed(length) => fixed(origin, length),
        // 2000 began with a Saturday.
        Unit::Week => fixed(origin + (first + 1).rem_euclid(7) * DAY, 7 * DAY),
        Unit::Months(months) => {
            let at = Calendar::of(millis);
            let count = (at.year - 2000) * 12 + at.month - 1;
            let start = count.checked_sub(count.rem_euclid(months.checked_mul(size)?))?;
            days_before(2000 + start.div_euclid(12), start.rem_euclid(12) + 1).checked_mul(DAY)
        }
    }
}
