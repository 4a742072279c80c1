//! Operators on strings.

use bson::RawBson;

use super::{Operator, Value, is_nullish};
use crate::capabilities::documents::embedded::watch::Meter;
use crate::capabilities::error::Result;

pub(super) fn apply(operator: Operator, values: &[Value], meter: &Meter<'_>) -> Result<Value> {
    if operator == Operator::Concat {
        return concat(values, meter);
    }
    let value = values.first().and_then(Option::as_ref);
    let text = match value {
        Some(RawBson::String(text)) => text.as_str(),
        value if is_nullish(value) => "",
        value => return Err(operator.needs("a string: the embedded store does not convert others", value)),
    };
    // MongoDB turns the letters of ASCII only.
    let turned = if operator == Operator::ToLower { text.to_ascii_lowercase() } else { text.to_ascii_uppercase() };
    Ok(Some(RawBson::String(turned)))
}

fn concat(values: &[Value], meter: &Meter<'_>) -> Result<Value> {
    let mut whole = String::new();
    for value in values {
        // The others were refused when they were evaluated.
        if let Some(RawBson::String(text)) = value {
            meter.take(text.len())?;
            whole.push_str(text);
        }
    }
    Ok(Some(RawBson::String(whole)))
}
