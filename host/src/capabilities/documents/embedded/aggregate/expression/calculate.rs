//! Arithmetic, as MongoDB has it: two int32 make an int32 or, where it does not fit, an int64, what passes an int64 a
//! double, and a double among them a double.

use std::cmp::Ordering;

use bson::raw::RawBsonRef;
use bson::{DateTime, RawBson};

use super::{Operator, Value, is_nullish, order};
use crate::capabilities::error::{Error, Result};

/// The widest type among numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Int,
    Long,
    Double,
}

/// A sum that neither overflows nor rounds on its way.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Total {
    width: Width,
    whole: i128,
    /// The sum of the doubles, and what it lost by rounding.
    real: f64,
    lost: f64,
    /// The plain sum, right where there are infinities or NaN.
    plain: f64,
    count: u64,
}

impl Total {
    pub(in super::super) fn new() -> Self {
        Self { width: Width::Int, whole: 0, real: 0.0, lost: 0.0, plain: 0.0, count: 0 }
    }

    /// Adds a number; whether it is one.
    pub(in super::super) fn add(&mut self, value: RawBsonRef<'_>) -> bool {
        match value {
            RawBsonRef::Int32(value) => self.whole += i128::from(value),
            RawBsonRef::Int64(value) => {
                self.width = self.width.max(Width::Long);
                self.whole += i128::from(value);
            }
            RawBsonRef::Double(value) => {
                self.width = Width::Double;
                self.plain += value;
                self.add_double(value);
            }
            _ => return false,
        }
        self.count += 1;
        true
    }

    fn add_double(&mut self, value: f64) {
        let sum = self.real + value;
        let part = sum - self.real;
        self.lost += (self.real - (sum - part)) + (value - part);
        self.real = sum;
    }

    fn double(&self) -> f64 {
        let mut exact = *self;
        // Each half is exact as a double.
        let high = (self.whole >> 32) << 32;
        exact.add_double(as_double(self.whole - high));
        exact.add_double(as_double(high));
        let sum = exact.real + exact.lost;
        if sum.is_nan() || !self.plain.is_finite() { self.plain + as_double(self.whole) } else { sum }
    }

    pub(in super::super) fn sum(&self) -> RawBson {
        match (self.width, i64::try_from(self.whole)) {
            (Width::Int, Ok(sum)) => int_or_long(sum),
            (Width::Long, Ok(sum)) => RawBson::Int64(sum),
            _ => RawBson::Double(self.double()),
        }
    }

    /// Null without a number.
    pub(in super::super) fn average(&self) -> RawBson {
        if self.count == 0 {
            return RawBson::Null;
        }
        RawBson::Double(self.double() / as_double(i128::from(self.count)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a double was asked for; MongoDB rounds the same way")]
fn as_double(value: i128) -> f64 {
    value as f64
}

fn int_or_long(value: i64) -> RawBson {
    i32::try_from(value).map_or(RawBson::Int64(value), RawBson::Int32)
}

pub(super) fn is_number(value: &RawBson) -> bool {
    matches!(value, RawBson::Int32(_) | RawBson::Int64(_) | RawBson::Double(_))
}

fn long(value: &RawBson) -> Option<i64> {
    match value {
        RawBson::Int32(value) => Some((*value).into()),
        RawBson::Int64(value) => Some(*value),
        _ => None,
    }
}

fn double(value: &RawBson) -> Option<f64> {
    match value {
        RawBson::Double(value) => Some(*value),
        value => long(value).map(|value| as_double(value.into())),
    }
}

/// A whole number, whatever its type.
pub(super) fn integer(value: &RawBson) -> Option<i64> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the range that doubles hold exactly")]
        RawBson::Double(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => Some(*value as i64),
        value => long(value),
    }
}

/// Operators of several numbers.
pub(super) fn many(operator: Operator, values: &[Value]) -> Result<Value> {
    if values.iter().any(|value| is_nullish(value.as_ref())) {
        return Ok(Some(RawBson::Null));
    }
    let known: Vec<&RawBson> = values.iter().flatten().collect();
    let dated = known.iter().any(|value| matches!(value, RawBson::DateTime(_)));
    if dated && matches!(operator, Operator::Add | Operator::Subtract) {
        return with_dates(operator, &known);
    }
    if let Some(other) = known.iter().find(|value| !is_number(value)) {
        return Err(operator.needs("numbers", Some(other)));
    }
    match (operator, known.as_slice()) {
        (Operator::Add, values) => {
            let mut total = Total::new();
            values.iter().for_each(|value| {
                total.add(value.as_raw_bson_ref());
            });
            Ok(Some(total.sum()))
        }
        (Operator::Multiply, values) => Ok(Some(product(values))),
        (_, [left, right]) => two(operator, left, right).map(Some),
        _ => Ok(None),
    }
}

fn product(values: &[&RawBson]) -> RawBson {
    let mut whole = Some(1_i64);
    let mut real = 1.0;
    let mut width = Width::Int;
    for value in values {
        real *= double(value).unwrap_or(f64::NAN);
        match value {
            RawBson::Int32(_) => {}
            RawBson::Int64(_) => width = width.max(Width::Long),
            _ => width = Width::Double,
        }
        whole = whole.zip(long(value)).and_then(|(left, right)| left.checked_mul(right));
    }
    match (width, whole) {
        (Width::Int, Some(product)) => int_or_long(product),
        (Width::Long, Some(product)) => RawBson::Int64(product),
        _ => RawBson::Double(real),
    }
}

fn two(operator: Operator, left: &RawBson, right: &RawBson) -> Result<RawBson> {
    let short = matches!((left, right), (RawBson::Int32(_), RawBson::Int32(_)));
    let wholes = long(left).zip(long(right));
    let (real_left, real_right) = (double(left).unwrap_or(f64::NAN), double(right).unwrap_or(f64::NAN));
    let by_zero = || Err(Error::invalid(format!("{} by zero", operator.name())));
    match operator {
        Operator::Subtract => Ok(match wholes.map(|(left, right)| left.checked_sub(right)) {
            Some(Some(difference)) if short => int_or_long(difference),
            Some(Some(difference)) => RawBson::Int64(difference),
            _ => RawBson::Double(real_left - real_right),
        }),
        Operator::Divide if real_right == 0.0 => by_zero(),
        Operator::Divide => Ok(RawBson::Double(real_left / real_right)),
        _ if real_right == 0.0 => by_zero(),
        _ => Ok(match wholes {
            Some((left, right)) if short => int_or_long(left.wrapping_rem(right)),
            Some((left, right)) => RawBson::Int64(left.wrapping_rem(right)),
            None => RawBson::Double(real_left % real_right),
        }),
    }
}

/// A date and milliseconds make a date, two dates their distance.
fn with_dates(operator: Operator, values: &[&RawBson]) -> Result<Value> {
    let out_of_range = || Error::invalid(format!("{} passes the range of dates", operator.name()));
    if operator == Operator::Add {
        let mut sum = 0_i64;
        for value in values {
            sum = sum.checked_add(milliseconds(operator, value)?).ok_or_else(out_of_range)?;
        }
        return Ok(Some(RawBson::DateTime(DateTime::from_millis(sum))));
    }
    let [left, right] = values else { return Ok(None) };
    if !matches!(left, RawBson::DateTime(_)) {
        return Err(operator.needs("a date before a date", Some(left)));
    }
    let difference =
        milliseconds(operator, left)?.checked_sub(milliseconds(operator, right)?).ok_or_else(out_of_range)?;
    Ok(Some(match right {
        RawBson::DateTime(_) => RawBson::Int64(difference),
        _ => RawBson::DateTime(DateTime::from_millis(difference)),
    }))
}

fn milliseconds(operator: Operator, value: &RawBson) -> Result<i64> {
    match value {
        RawBson::DateTime(date) => Ok(date.timestamp_millis()),
        value => integer(value).ok_or_else(|| {
            operator.needs("whole milliseconds beside a date: the embedded store does not round", Some(value))
        }),
    }
}

/// Operators of one number.
pub(super) fn one(operator: Operator, value: Option<&RawBson>) -> Result<Value> {
    let Some(value) = value.filter(|value| !is_nullish(Some(value))) else { return Ok(Some(RawBson::Null)) };
    Ok(Some(match (operator, value) {
        (Operator::Abs, RawBson::Int32(value)) => int_or_long(i64::from(*value).abs()),
        (Operator::Abs, RawBson::Int64(value)) => {
            RawBson::Int64(value.checked_abs().ok_or_else(|| Error::invalid("$abs passes the range of an int64"))?)
        }
        (_, RawBson::Int32(_) | RawBson::Int64(_)) => value.clone(),
        (Operator::Abs, RawBson::Double(value)) => RawBson::Double(value.abs()),
        (Operator::Ceil, RawBson::Double(value)) => RawBson::Double(value.ceil()),
        (Operator::Floor, RawBson::Double(value)) => RawBson::Double(value.floor()),
        (Operator::Trunc, RawBson::Double(value)) => RawBson::Double(value.trunc()),
        (_, RawBson::Double(value)) => RawBson::Double(value.round_ties_even()),
        (_, value) => return Err(operator.needs("a number", Some(value))),
    }))
}

/// `$sum`, `$avg`, `$min` and `$max` over their arguments, or over the elements of a single one that is an array.
pub(super) fn over(operator: Operator, values: Vec<Value>) -> Value {
    let values: Vec<RawBson> = match <[Value; 1]>::try_from(values) {
        Ok([Some(RawBson::Array(array))]) => array.into_iter().flatten().map(RawBson::from).collect(),
        Ok([single]) => single.into_iter().collect(),
        Err(values) => values.into_iter().flatten().collect(),
    };
    if matches!(operator, Operator::Sum | Operator::Avg) {
        let mut total = Total::new();
        for value in &values {
            total.add(value.as_raw_bson_ref());
        }
        return Some(if operator == Operator::Sum { total.sum() } else { total.average() });
    }
    let wanted = if operator == Operator::Min { Ordering::Less } else { Ordering::Greater };
    let known = values.into_iter().filter(|value| !is_nullish(Some(value)));
    let best = known.reduce(|best, value| if order(Some(&value), Some(&best)) == wanted { value } else { best });
    Some(best.unwrap_or(RawBson::Null))
}
