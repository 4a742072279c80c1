//! Operators on arrays and documents.

use std::cmp::Ordering;

use bson::{RawArrayBuf, RawBson, RawDocumentBuf};

use super::calculate::integer;
use super::{Expression, Operator, Scope, Value, holds, is_nullish, order};
use crate::capabilities::documents::embedded::watch::Meter;
use crate::capabilities::error::{Error, Result};

pub(super) fn apply(operator: Operator, values: &[Value], meter: &Meter<'_>) -> Result<Value> {
    let first = values.first().and_then(Option::as_ref);
    let second = values.get(1).and_then(Option::as_ref);
    match operator {
        Operator::IsArray => Ok(Some(RawBson::Boolean(matches!(first, Some(RawBson::Array(_)))))),
        Operator::Size => {
            let count = array(operator, first)?.into_iter().count();
            Ok(Some(RawBson::Int32(i32::try_from(count).unwrap_or(i32::MAX))))
        }
        Operator::In => {
            for element in array(operator, second)?.into_iter().flatten() {
                meter.step()?;
                if order(first, Some(&RawBson::from(element))) == Ordering::Equal {
                    return Ok(Some(RawBson::Boolean(true)));
                }
            }
            Ok(Some(RawBson::Boolean(false)))
        }
        Operator::ArrayElemAt => element_at(first, second),
        Operator::First | Operator::Last => {
            if is_nullish(first) {
                return Ok(Some(RawBson::Null));
            }
            let mut elements = array(operator, first)?.into_iter().flatten();
            let found = if operator == Operator::First { elements.next() } else { elements.last() };
            Ok(found.map(RawBson::from))
        }
        _ => {
            let mut whole = RawArrayBuf::new();
            for value in values {
                let array = array(operator, value.as_ref())?;
                meter.take(array.as_bytes().len())?;
                for element in array.into_iter().flatten() {
                    whole.push(element);
                }
            }
            Ok(Some(RawBson::Array(whole)))
        }
    }
}

fn array(operator: Operator, value: Option<&RawBson>) -> Result<&RawArrayBuf> {
    match value {
        Some(RawBson::Array(array)) => Ok(array),
        value => Err(operator.needs("an array", value)),
    }
}

/// From the end if negative; missing where there is none.
fn element_at(list: Option<&RawBson>, position: Option<&RawBson>) -> Result<Value> {
    if is_nullish(list) || is_nullish(position) {
        return Ok(Some(RawBson::Null));
    }
    let list = array(Operator::ArrayElemAt, list)?;
    let position = position
        .and_then(integer)
        .filter(|position| i32::try_from(*position).is_ok())
        .ok_or_else(|| Operator::ArrayElemAt.needs("a whole number as the position", position))?;
    let mut elements = list.into_iter().flatten();
    let found = if position < 0 {
        let count = i64::try_from(list.into_iter().count()).unwrap_or(i64::MAX);
        usize::try_from(count + position).ok().and_then(|position| elements.nth(position))
    } else {
        usize::try_from(position).ok().and_then(|position| elements.nth(position))
    };
    Ok(found.map(RawBson::from))
}

/// `$filter` and `$map`.
pub(super) fn elements(
    scope: &Scope<'_>,
    input: &Expression,
    name: &str,
    each: &Expression,
    filter: bool,
) -> Result<Value> {
    let list = match input.evaluate(scope)? {
        Some(RawBson::Array(list)) => list,
        value if is_nullish(value.as_ref()) => return Ok(Some(RawBson::Null)),
        _ => {
            let operator = if filter { "$filter" } else { "$map" };
            return Err(Error::invalid(format!("the input of {operator} must be an array")));
        }
    };
    let mut result = RawArrayBuf::new();
    for element in list.into_iter().flatten() {
        let element = RawBson::from(element);
        let inner = Scope { variable: Some((name, &element)), outer: Some(scope), ..*scope };
        let value = each.evaluate(&inner)?;
        if !filter {
            result.push(value.unwrap_or(RawBson::Null));
        } else if holds(value.as_ref()) {
            result.push(element);
        }
    }
    Ok(Some(RawBson::Array(result)))
}

/// The fields of all documents; of a name that several have, the last value at the first place.
pub(in super::super) fn merge(values: &[Value]) -> Result<Value> {
    let mut fields: Vec<(bson::raw::CString, RawBson)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for value in values {
        match value {
            Some(RawBson::Document(document)) => {
                for (name, value) in document.iter().flatten() {
                    let place = *places.entry(name.as_str().to_owned()).or_insert(fields.len());
                    match fields.get_mut(place) {
                        Some((_, known)) => *known = value.into(),
                        None => fields.push((name.to_owned(), value.into())),
                    }
                }
            }
            value if is_nullish(value.as_ref()) => {}
            value => return Err(Operator::MergeObjects.needs("documents", value.as_ref())),
        }
    }
    let mut merged = RawDocumentBuf::new();
    for (name, value) in fields {
        merged.append(name, value);
    }
    Ok(Some(RawBson::Document(merged)))
}
