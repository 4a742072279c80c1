//! Dates: their parts, their beginning of a period, their text. Without a library: the calendar is small, and zones by name
//! would need a database.

mod calendar;

use bson::raw::RawBsonRef;
use bson::{DateTime, RawBson};

use super::parse::{arguments, expression, named, required};
use super::{Expression, Scope, Value, is_nullish, kind};
use crate::capabilities::error::{Error, Result};
use calendar::{Calendar, Unit, floor};

type Read = fn(&Calendar) -> i64;

/// What is read of a date.
const PARTS: [(&str, Read); 12] = [
    ("$year", |at| at.year),
    ("$month", |at| at.month),
    ("$dayOfMonth", |at| at.day),
    ("$hour", |at| at.hour),
    ("$minute", |at| at.minute),
    ("$second", |at| at.second),
    ("$millisecond", |at| at.millisecond),
    ("$dayOfWeek", |at| at.weekday + 1),
    ("$dayOfYear", |at| at.day_of_year),
    ("$week", Calendar::week),
    ("$isoWeek", |at| at.iso_week().1),
    ("$isoDayOfWeek", |at| if at.weekday == 0 { 7 } else { at.weekday }),
];

/// The operators of this module.
pub(super) fn names() -> String {
    PARTS.map(|(name, _)| name).join(" ")
}

/// What is asked of a date.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Question {
    date: Expression,
    /// Milliseconds east of Greenwich.
    offset: i64,
    asked: Asked,
}

#[derive(Debug, Clone, PartialEq)]
enum Asked {
    /// Its place in [`PARTS`].
    Part(usize),
    Trunc {
        unit: Unit,
        size: i64,
        first: i64,
    },
    Text {
        format: Vec<Piece>,
        otherwise: Option<Expression>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Part(char),
}

impl Question {
    /// `None` if the operator is not one of this module's.
    pub(super) fn parse(name: &str, operand: RawBsonRef<'_>, names: &[&str]) -> Result<Option<Self>> {
        match name {
            "$dateTrunc" => trunc(operand, names).map(Some),
            "$dateToString" => text(operand, names).map(Some),
            name => match PARTS.iter().position(|(known, _)| *known == name) {
                Some(place) => part(name, place, operand, names).map(Some),
                None => Ok(None),
            },
        }
    }

    pub(super) fn answer(&self, scope: &Scope<'_>) -> Result<Value> {
        let value = self.date.evaluate(scope)?;
        let at = match &value {
            Some(RawBson::DateTime(date)) => date.timestamp_millis(),
            Some(RawBson::ObjectId(id)) => id.timestamp().timestamp_millis(),
            Some(RawBson::Timestamp(at)) => i64::from(at.time) * 1_000,
            value if is_nullish(value.as_ref()) => {
                return match &self.asked {
                    Asked::Text { otherwise: Some(otherwise), .. } => otherwise.evaluate(scope),
                    _ => Ok(Some(RawBson::Null)),
                };
            }
            value => {
                let kind = value.as_ref().map_or("missing", |value| kind(value.as_raw_bson_ref()));
                return Err(Error::invalid(format!("a value of type {kind} is no date")));
            }
        };
        let local = at.checked_add(self.offset).ok_or_else(|| Error::invalid("the date is out of range"))?;
        Ok(Some(match &self.asked {
            Asked::Part(place) => {
                let at = Calendar::of(local);
                let part = PARTS.get(*place).map_or(0, |(_, read)| read(&at));
                i32::try_from(part).map_or(RawBson::Int64(part), RawBson::Int32)
            }
            Asked::Trunc { unit, size, first } => {
                let start = floor(local, *unit, *size, *first);
                let start = start.and_then(|start| start.checked_sub(self.offset));
                RawBson::DateTime(DateTime::from_millis(
                    start.ok_or_else(|| Error::invalid("the date that $dateTrunc makes is out of range"))?,
                ))
            }
            Asked::Text { format, .. } => RawBson::String(self.write(format, &Calendar::of(local))?),
        }))
    }

    fn write(&self, format: &[Piece], at: &Calendar) -> Result<String> {
        if !(0..=9_999).contains(&at.year) {
            return Err(Error::invalid("$dateToString writes the years 0 to 9999"));
        }
        let mut text = String::new();
        for piece in format {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Part(part) => text.push_str(&match part {
                    'Y' => format!("{:04}", at.year),
                    'G' => format!("{:04}", at.iso_week().0),
                    'm' => format!("{:02}", at.month),
                    'd' => format!("{:02}", at.day),
                    'H' => format!("{:02}", at.hour),
                    'M' => format!("{:02}", at.minute),
                    'S' => format!("{:02}", at.second),
                    'L' => format!("{:03}", at.millisecond),
                    'j' => format!("{:03}", at.day_of_year),
                    'w' => (at.weekday + 1).to_string(),
                    'u' => (if at.weekday == 0 { 7 } else { at.weekday }).to_string(),
                    'U' => format!("{:02}", at.week()),
                    'V' => format!("{:02}", at.iso_week().1),
                    // The only other one that a format is let through with.
                    _ => {
                        let minutes = self.offset / 60_000;
                        let sign = if minutes < 0 { '-' } else { '+' };
                        format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
                    }
                }),
            }
        }
        Ok(text)
    }
}

fn part(name: &str, place: usize, operand: RawBsonRef<'_>, names: &[&str]) -> Result<Question> {
    let whole = operand.as_document().filter(|document| document.get("date").is_ok_and(|date| date.is_some()));
    let (date, offset) = if whole.is_some() {
        let [date, zone] = named(name, operand, ["date", "timezone"])?;
        (expression(required(name, "date", date)?, names)?, self::offset(zone)?)
    } else {
        match <[Expression; 1]>::try_from(arguments(operand, names)?) {
            Ok([date]) => (date, 0),
            Err(_) => return Err(Error::invalid(format!("{name} takes one argument"))),
        }
    };
    Ok(Question { date, offset, asked: Asked::Part(place) })
}

fn trunc(operand: RawBsonRef<'_>, names: &[&str]) -> Result<Question> {
    let wanted = ["date", "unit", "binSize", "timezone", "startOfWeek"];
    let [date, unit, size, zone, first] = named("$dateTrunc", operand, wanted)?;
    let date = expression(required("$dateTrunc", "date", date)?, names)?;
    let unit = required("$dateTrunc", "unit", unit)?.as_str().and_then(Unit::named).ok_or_else(|| {
        Error::invalid("`unit` of $dateTrunc is one of year quarter month week day hour minute second millisecond, as a constant: the embedded store does not compute it")
    })?;
    let size = match size {
        None => 1,
        Some(RawBsonRef::Int32(size)) if size > 0 => size.into(),
        Some(RawBsonRef::Int64(size)) if (1..=100_000_000_000).contains(&size) => size,
        Some(_) => {
            return Err(Error::invalid(
                "`binSize` of $dateTrunc is a whole number above 0, as a constant: the embedded store does not compute it",
            ));
        }
    };
    let first = match first {
        None => 0,
        Some(first) => first.as_str().and_then(calendar::weekday).ok_or_else(|| {
            Error::invalid("`startOfWeek` of $dateTrunc is the name of a day, as a constant: the embedded store does not compute it")
        })?,
    };
    Ok(Question { date, offset: offset(zone)?, asked: Asked::Trunc { unit, size, first } })
}

fn text(operand: RawBsonRef<'_>, names: &[&str]) -> Result<Question> {
    let [date, format, zone, otherwise] = named("$dateToString", operand, ["date", "format", "timezone", "onNull"])?;
    let date = expression(required("$dateToString", "date", date)?, names)?;
    let otherwise = otherwise.map(|otherwise| expression(otherwise, names)).transpose()?;
    let offset = offset(zone)?;
    let format = match format {
        // With a Z in every zone, as MongoDB has it.
        None => pieces("%Y-%m-%dT%H:%M:%S.%LZ")?,
        Some(format) => pieces(format.as_str().filter(|format| !format.starts_with('$')).ok_or_else(|| {
            Error::invalid("`format` of $dateToString is a constant string: the embedded store does not compute it")
        })?)?,
    };
    Ok(Question { date, offset, asked: Asked::Text { format, otherwise } })
}

fn pieces(format: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('%') => plain.push('%'),
            Some(part) if "YGmdHMSLjwuUVz".contains(part) => {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                pieces.push(Piece::Part(part));
            }
            other => {
                let other = other.map(String::from).unwrap_or_default();
                return Err(Error::invalid(format!(
                    "the embedded store does not support `%{other}` in the format of $dateToString; it supports %Y %G %m %d %H %M %S %L %j %w %u %U %V %z %%"
                )));
            }
        }
    }
    pieces.push(Piece::Plain(plain));
    Ok(pieces)
}

/// A zone as milliseconds: `UTC`, or an offset such as `+05:30`.
fn offset(zone: Option<RawBsonRef<'_>>) -> Result<i64> {
    let refused = || {
        Error::invalid(
            "`timezone` is UTC, GMT or an offset such as \"+05:30\": the embedded store does not know zones by name, nor computes them",
        )
    };
    let zone = match zone {
        None => return Ok(0),
        Some(zone) => zone.as_str().ok_or_else(refused)?,
    };
    if matches!(zone, "UTC" | "GMT" | "Z") {
        return Ok(0);
    }
    let (sign, digits) = match zone.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return Err(refused()),
    };
    let digits = digits.replacen(':', "", 1);
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let number: i64 = format!("{digits:0<4}").parse().map_err(|_| refused())?;
    Ok(sign * ((number / 100) * 60 + number % 100) * 60_000)
}
