//! Which documents a filter means. What is not known is refused by name, never ignored.

use std::cmp::Ordering;

use bson::{Bson, Document};

use super::host::invalid;
use super::order::{compare, equal, same_type, whole};
use crate::bindings::devconnect::platform::errors::Error;

pub(super) fn matches(filter: &Document, document: &Document) -> Result<bool, Error> {
    for (name, wanted) in filter {
        let holds = match name.as_str() {
            "$and" => clauses(name, wanted)?.try_fold(true, |all, clause| Ok(all && matches(clause?, document)?))?,
            "$or" => clauses(name, wanted)?.try_fold(false, |any, clause| Ok(any || matches(clause?, document)?))?,
            "$nor" => !clauses(name, wanted)?.try_fold(false, |any, clause| Ok(any || matches(clause?, document)?))?,
            _ if name.starts_with('$') => return Err(unknown(name)),
            path => field(&values(document, path), wanted)?,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn clauses<'a>(name: &str, wanted: &'a Bson) -> Result<impl Iterator<Item = Result<&'a Document, Error>>, Error> {
    let list = wanted.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| invalid(format!("documents: {name} wants a list of filters")))?;
    Ok(list.iter().map(|clause| clause.as_document().ok_or_else(|| invalid("documents: a clause is no filter"))))
}

/// True if the values at a path are what is wanted: a value, or a document of operators.
fn field(found: &[&Bson], wanted: &Bson) -> Result<bool, Error> {
    let operators = wanted.as_document().filter(|wanted| wanted.keys().any(|name| name.starts_with('$')));
    let Some(operators) = operators else { return Ok(is(found, wanted)) };
    for (name, operand) in operators {
        if !operator(found, name, operand)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn operator(found: &[&Bson], name: &str, operand: &Bson) -> Result<bool, Error> {
    let ordered = |wanted: fn(Ordering) -> bool| {
        each(found).any(|value| same_type(value, operand) && wanted(compare(value, operand)))
    };
    Ok(match name {
        "$eq" => is(found, operand),
        "$ne" => !is(found, operand),
        "$gt" => ordered(Ordering::is_gt),
        "$gte" => ordered(Ordering::is_ge),
        "$lt" => ordered(Ordering::is_lt),
        "$lte" => ordered(Ordering::is_le),
        "$in" => list(name, operand)?.iter().any(|wanted| is(found, wanted)),
        "$nin" => !list(name, operand)?.iter().any(|wanted| is(found, wanted)),
        "$all" => list(name, operand)?.iter().all(|wanted| is(found, wanted)),
        "$exists" => found.is_empty() != truthy(operand),
        "$not" => !field(found, operand)?,
        "$size" => found.iter().any(|value| value.as_array().map(|list| list.len() as i64) == whole(operand)),
        "$elemMatch" => {
            let filter = operand.as_document().ok_or_else(|| invalid("documents: $elemMatch wants a filter"))?;
            let elements = found.iter().filter_map(|value| value.as_array()).flatten();
            let is_operators = filter.keys().any(|name| name.starts_with('$'));
            elements
                .map(|element| match element.as_document() {
                    _ if is_operators => field(&[element], operand),
                    Some(element) => matches(filter, element),
                    None => Ok(false),
                })
                .try_fold(false, |any, holds| Ok(any || holds?))?
        }
        "$type" => {
            let wanted = operand.as_str().unwrap_or_default();
            found.iter().any(|value| {
                matches!(
                    (wanted, value),
                    ("string", Bson::String(_))
                        | ("objectId", Bson::ObjectId(_))
                        | ("bool", Bson::Boolean(_))
                        | ("date", Bson::DateTime(_))
                        | ("array", Bson::Array(_))
                        | ("object", Bson::Document(_))
                        | ("null", Bson::Null)
                        | ("number", Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_))
                )
            })
        }
        _ => return Err(unknown(name)),
    })
}

fn list<'a>(name: &str, operand: &'a Bson) -> Result<&'a Vec<Bson>, Error> {
    operand.as_array().ok_or_else(|| invalid(format!("documents: {name} wants a list")))
}

fn truthy(value: &Bson) -> bool {
    !matches!(value, Bson::Boolean(false) | Bson::Null | Bson::Int32(0) | Bson::Int64(0))
}

/// Null is what is not there, and a list is also each of its elements.
fn is(found: &[&Bson], wanted: &Bson) -> bool {
    (found.is_empty() && *wanted == Bson::Null) || each(found).any(|value| equal(value, wanted))
}

fn each<'a>(found: &'a [&'a Bson]) -> impl Iterator<Item = &'a Bson> {
    found.iter().flat_map(|value| std::iter::once(*value).chain(value.as_array().into_iter().flatten()))
}

/// All values at a dotted path, through lists too.
pub(super) fn values<'a>(document: &'a Document, path: &str) -> Vec<&'a Bson> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (document.get(first), rest) {
        (None, _) => Vec::new(),
        (Some(value), None) => vec![value],
        (Some(value), Some(rest)) => inside(value, rest),
    }
}

fn inside<'a>(value: &'a Bson, path: &str) -> Vec<&'a Bson> {
    match value {
        Bson::Document(document) => values(document, path),
        Bson::Array(list) => {
            let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
            let by_index = first.parse::<usize>().ok().and_then(|index| list.get(index));
            let mut found = match (by_index, rest) {
                (Some(value), None) => vec![value],
                (Some(value), Some(rest)) => inside(value, rest),
                (None, _) => Vec::new(),
            };
            found.extend(list.iter().filter_map(Bson::as_document).flat_map(|element| values(element, path)));
            found
        }
        _ => Vec::new(),
    }
}

fn unknown(name: &str) -> Error {
    invalid(format!("documents: the test platform does not know the operator {name}"))
}
