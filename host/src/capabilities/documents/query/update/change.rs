//! What one operator does at one place.

use std::cmp::Ordering;

use bson::Bson;

use super::{
    array::{Pull, Push, add_to_set, pop, pull_all},
    identical, order, type_name,
};
use crate::capabilities::documents::query::{Invalid, path::Path};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    Set(Bson),
    SetOnInsert(Bson),
    Unset,
    /// The time of the update, as a timestamp or as a date; a `Set` once that is known.
    CurrentDate {
        timestamp: bool,
    },
    Increment(Amount),
    Multiply(Amount),
    Min(Bson),
    Max(Bson),
    Push(Push),
    AddToSet(Vec<Bson>),
    Pull(Pull),
    PullAll(Vec<Bson>),
    Pop(End),
    /// To this path; what holds it is the path it comes from.
    Rename(Path),
}

/// A number to calculate with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Amount {
    Int(i32),
    Long(i64),
    Double(f64),
}

/// Which end of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

impl Change {
    /// The operator's name, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Set(_) => "$set",
            Self::SetOnInsert(_) => "$setOnInsert",
            Self::Unset => "$unset",
            Self::CurrentDate { .. } => "$currentDate",
            Self::Increment(_) => "$inc",
            Self::Multiply(_) => "$mul",
            Self::Min(_) => "$min",
            Self::Max(_) => "$max",
            Self::Push(_) => "$push",
            Self::AddToSet(_) => "$addToSet",
            Self::Pull(_) => "$pull",
            Self::PullAll(_) => "$pullAll",
            Self::Pop(_) => "$pop",
            Self::Rename(_) => "$rename",
        }
    }

    /// The value it puts where there is none.
    pub(super) fn create(&self, path: &str) -> Result<Option<Bson>, Invalid> {
        let mut array = Bson::Array(Vec::new());
        Ok(Some(match self {
            Self::Set(value) | Self::SetOnInsert(value) | Self::Min(value) | Self::Max(value) => value.clone(),
            Self::Increment(amount) => amount.bson(),
            Self::Multiply(amount) => amount.zero().bson(),
            Self::Push(_) | Self::AddToSet(_) => {
                self.apply(path, &mut array)?;
                array
            }
            Self::Unset
            | Self::CurrentDate { .. }
            | Self::Pull(_)
            | Self::PullAll(_)
            | Self::Pop(_)
            | Self::Rename(_) => return Ok(None),
        }))
    }

    /// Changes a value that is there; whether it is different now.
    pub(super) fn apply(&self, path: &str, value: &mut Bson) -> Result<bool, Invalid> {
        match self {
            Self::Set(new) | Self::SetOnInsert(new) => Ok(put(value, new.clone())),
            Self::Min(new) if order(new, value)? == Ordering::Less => Ok(put(value, new.clone())),
            Self::Max(new) if order(new, value)? == Ordering::Greater => Ok(put(value, new.clone())),
            // Unset and rename are done by whoever holds the value.
            Self::Min(_) | Self::Max(_) | Self::Unset | Self::Rename(_) | Self::CurrentDate { .. } => Ok(false),
            Self::Increment(amount) => self.calculate(path, value, *amount),
            Self::Multiply(amount) => self.calculate(path, value, *amount),
            Self::Push(push) => push.apply(self.array(path, value)?),
            Self::AddToSet(new) => add_to_set(self.array(path, value)?, new),
            Self::Pull(pull) => pull.apply(self.array(path, value)?),
            Self::PullAll(values) => pull_all(self.array(path, value)?, values),
            Self::Pop(end) => Ok(pop(self.array(path, value)?, *end)),
        }
    }

    fn array<'v>(&self, path: &str, value: &'v mut Bson) -> Result<&'v mut Vec<Bson>, Invalid> {
        match value {
            Bson::Array(array) => Ok(array),
            other => Err(Invalid::new(format!(
                "`{}` needs an array, but `{path}` is of type {}",
                self.name(),
                type_name(other)
            ))),
        }
    }

    fn calculate(&self, path: &str, value: &mut Bson, amount: Amount) -> Result<bool, Invalid> {
        let name = self.name();
        let current = Amount::of(value).ok_or_else(|| {
            Invalid::new(format!("`{name}` needs a number, but `{path}` is of type {}", type_name(value)))
        })?;
        let result = match self {
            Self::Multiply(_) => current.multiply(amount),
            _ => current.add(amount),
        };
        let result =
            result.ok_or_else(|| Invalid::new(format!("`{name}` of `{path}` passes the range of an int64")))?;
        Ok(put(value, result.bson()))
    }
}

fn put(value: &mut Bson, new: Bson) -> bool {
    let different = !identical(value, &new);
    if different {
        *value = new;
    }
    different
}

impl Amount {
    pub(super) fn of(value: &Bson) -> Option<Self> {
        match value {
            Bson::Int32(value) => Some(Self::Int(*value)),
            Bson::Int64(value) => Some(Self::Long(*value)),
            Bson::Double(value) => Some(Self::Double(*value)),
            _ => None,
        }
    }

    fn bson(self) -> Bson {
        match self {
            Self::Int(value) => Bson::Int32(value),
            Self::Long(value) => Bson::Int64(value),
            Self::Double(value) => Bson::Double(value),
        }
    }

    /// Times zero, which keeps the sign, and is no number for infinity.
    fn zero(self) -> Self {
        match self {
            Self::Int(_) => Self::Int(0),
            Self::Long(_) => Self::Long(0),
            Self::Double(value) => Self::Double(value * 0.0),
        }
    }

    fn add(self, other: Self) -> Option<Self> {
        self.combine(other, i64::checked_add, |left, right| left + right)
    }

    fn multiply(self, other: Self) -> Option<Self> {
        self.combine(other, i64::checked_mul, |left, right| left * right)
    }

    /// Two int32 become an int64 rather than overflow, an int64 fails rather than round, a double makes a double.
    fn combine(
        self,
        other: Self,
        whole: impl FnOnce(i64, i64) -> Option<i64>,
        real: impl FnOnce(f64, f64) -> f64,
    ) -> Option<Self> {
        if let (Some(left), Some(right)) = (self.long(), other.long()) {
            let result = whole(left, right)?;
            let short = matches!((self, other), (Self::Int(_), Self::Int(_)));
            return Some(match i32::try_from(result) {
                Ok(result) if short => Self::Int(result),
                _ => Self::Long(result),
            });
        }
        Some(Self::Double(real(self.double(), other.double())))
    }

    fn long(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value.into()),
            Self::Long(value) => Some(value),
            Self::Double(_) => None,
        }
    }

    fn double(self) -> f64 {
        match self {
            Self::Int(value) => value.into(),
            #[expect(clippy::cast_precision_loss, reason = "a double was asked for; MongoDB rounds the same way")]
            Self::Long(value) => value as f64,
            Self::Double(value) => value,
        }
    }
}
