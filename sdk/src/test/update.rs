//! What update operators do to a document.

use bson::{Bson, Document, doc};

use super::host::invalid;
use super::matcher::{matches, values};
use super::order::{compare, equal, real, whole};
use crate::bindings::devconnect::platform::errors::Error;

/// Applies an update; `inserting` is true for the document of an upsert.
pub(super) fn apply(document: &mut Document, update: &Document, inserting: bool, now_ms: i64) -> Result<(), Error> {
    if update.is_empty() || update.keys().any(|name| !name.starts_with('$')) {
        return Err(invalid("documents: an update consists of operators like $set"));
    }
    for (operator, fields) in update {
        let fields = fields.as_document().ok_or_else(|| invalid(format!("documents: {operator} wants fields")))?;
        for (path, operand) in fields {
            if path == "_id" && operator != "$setOnInsert" && !inserting {
                return Err(invalid("documents: an update cannot change _id"));
            }
            field(document, operator, path, operand, inserting, now_ms)?;
        }
    }
    Ok(())
}

fn field(
    document: &mut Document,
    operator: &str,
    path: &str,
    operand: &Bson,
    inserting: bool,
    now_ms: i64,
) -> Result<(), Error> {
    let before = values(document, path).first().map(|value| (*value).clone());
    match operator {
        "$set" => set(document, path, operand.clone()),
        "$setOnInsert" if inserting => set(document, path, operand.clone()),
        "$setOnInsert" => Ok(()),
        "$unset" => {
            unset(document, path);
            Ok(())
        }
        "$inc" => set(document, path, add(path, before.as_ref(), operand)?),
        "$min" if before.as_ref().is_some_and(|value| compare(value, operand).is_le()) => Ok(()),
        "$max" if before.as_ref().is_some_and(|value| compare(value, operand).is_ge()) => Ok(()),
        "$min" | "$max" => set(document, path, operand.clone()),
        "$currentDate" => set(document, path, Bson::DateTime(bson::DateTime::from_millis(now_ms))),
        "$push" | "$addToSet" | "$pull" => {
            let mut list = match before {
                None if operator == "$pull" => return Ok(()),
                None => Vec::new(),
                Some(Bson::Array(list)) => list,
                Some(_) => return Err(invalid(format!("documents: {operator} {path}: it is no list"))),
            };
            change_list(&mut list, operator, operand)?;
            set(document, path, Bson::Array(list))
        }
        _ => Err(invalid(format!("documents: the test platform does not know the operator {operator}"))),
    }
}

fn change_list(list: &mut Vec<Bson>, operator: &str, operand: &Bson) -> Result<(), Error> {
    if operator == "$pull" {
        let mut kept = Vec::new();
        for element in list.drain(..) {
            let pulled = match (operand, &element) {
                (Bson::Document(filter), _) if filter.keys().any(|name| name.starts_with('$')) => {
                    matches(&doc! { "element": filter.clone() }, &doc! { "element": element.clone() })?
                }
                (Bson::Document(filter), Bson::Document(element)) => matches(filter, element)?,
                _ => equal(operand, &element),
            };
            if !pulled {
                kept.push(element);
            }
        }
        *list = kept;
        return Ok(());
    }
    let modifiers = operand.as_document().filter(|operand| operand.contains_key("$each"));
    let added = match modifiers {
        None => vec![operand.clone()],
        Some(modifiers) => {
            if let Some(name) = modifiers.keys().find(|name| !["$each", "$slice"].contains(&name.as_str())) {
                return Err(invalid(format!("documents: the test platform does not know {name} of {operator}")));
            }
            modifiers.get_array("$each").map_err(|_| invalid("documents: $each wants a list"))?.clone()
        }
    };
    for value in added {
        if operator == "$push" || !list.iter().any(|known| equal(known, &value)) {
            list.push(value);
        }
    }
    if let Some(slice) = modifiers.and_then(|modifiers| modifiers.get("$slice")).and_then(whole) {
        let keep = usize::try_from(slice.unsigned_abs()).unwrap_or(usize::MAX);
        if slice < 0 {
            list.drain(..list.len().saturating_sub(keep));
        } else {
            list.truncate(keep);
        }
    }
    Ok(())
}

fn add(path: &str, before: Option<&Bson>, by: &Bson) -> Result<Bson, Error> {
    let is_number = |value: &Bson| matches!(value, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_));
    let zero = Bson::Int32(0);
    let before = before.unwrap_or(&zero);
    if !is_number(before) || !is_number(by) {
        return Err(invalid(format!("documents: $inc {path}: it is no number")));
    }
    Ok(match (before, by) {
        (Bson::Int32(left), Bson::Int32(right)) if left.checked_add(*right).is_some() => Bson::Int32(left + right),
        _ => match (whole(before), whole(by)) {
            (Some(left), Some(right)) => {
                let sum = left.checked_add(right);
                Bson::Int64(sum.ok_or_else(|| invalid(format!("documents: $inc {path}: it leaves 64 bits")))?)
            }
            _ => Bson::Double(real(before) + real(by)),
        },
    })
}

/// Puts a value at a dotted path, and makes the documents on the way.
pub(super) fn set(document: &mut Document, path: &str, value: Bson) -> Result<(), Error> {
    let Some((first, rest)) = path.split_once('.') else {
        document.insert(path, value);
        return Ok(());
    };
    let next = document.entry(first.to_owned()).or_insert_with(|| Bson::Document(Document::new()));
    set_inside(next, path, rest, value)
}

fn set_inside(target: &mut Bson, whole_path: &str, path: &str, value: Bson) -> Result<(), Error> {
    match target {
        Bson::Document(document) => set(document, path, value),
        Bson::Array(list) => {
            let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
            let element = first.parse::<usize>().ok().and_then(|index| list.get_mut(index));
            match (element, rest) {
                (Some(element), None) => {
                    *element = value;
                    Ok(())
                }
                (Some(element), Some(rest)) => set_inside(element, whole_path, rest, value),
                (None, _) => Err(invalid(format!("documents: {whole_path} names no element that is there"))),
            }
        }
        _ => Err(invalid(format!("documents: {whole_path} leads through a value that is no document"))),
    }
}

fn unset(document: &mut Document, path: &str) {
    match path.split_once('.') {
        None => {
            document.remove(path);
        }
        Some((first, rest)) => {
            if let Some(Bson::Document(inner)) = document.get_mut(first) {
                unset(inner, rest);
            }
        }
    }
}
