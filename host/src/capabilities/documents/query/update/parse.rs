//! From a BSON document to changes.

use bson::{
    Bson, RawDocument,
    raw::{RawBsonRef, RawDocumentBuf, cstr},
};

use super::{
    array::{Order, Pull, Push},
    change::{Amount, Change, End},
};
use crate::capabilities::documents::query::{
    Filter, Invalid, filter::has_operators, index::parse_fields, key::Direction, order::Number, path::Path,
    validate::owned,
};

const SUPPORTED: &str = "$set, $unset, $inc, $mul, $min, $max, $push, $addToSet, $pull, $pullAll, $pop, $rename, $setOnInsert and $currentDate";

pub(super) fn changes(document: &RawDocument) -> Result<Vec<(Path, Change)>, Invalid> {
    let mut changes = Vec::new();
    for (operator, operand) in document.iter().flatten() {
        let operator = operator.as_str();
        if !operator.starts_with('$') {
            return Err(Invalid::new(format!(
                "an update takes operators ({SUPPORTED}), not the plain field `{operator}`; use replace for a whole document"
            )));
        }
        if !SUPPORTED.split([',', ' ']).any(|supported| supported == operator) {
            return Err(Invalid::new(format!(
                "the embedded store does not support {operator} in an update; it supports {SUPPORTED}"
            )));
        }
        let fields =
            operand.as_document().ok_or_else(|| Invalid::new(format!("`{operator}` takes a document of fields")))?;
        for (name, value) in fields.iter().flatten() {
            let path = target(operator, name.as_str())?;
            let change = change(operator, &path, value)?;
            changes.push((path, change));
        }
    }
    if document.is_empty() {
        return Err(Invalid::new(format!("an update takes operators ({SUPPORTED}); use replace for a whole document")));
    }
    no_conflict(&changes)?;
    Ok(changes)
}

/// A path that can be written to.
fn target(operator: &str, text: &str) -> Result<Path, Invalid> {
    let path = Path::parse(text)?;
    for part in path.parts() {
        if part.name.is_empty() {
            return Err(Invalid::new(format!("the path `{text}` in `{operator}` has an empty field name")));
        }
        if part.name.starts_with('$') && !matches!(part.name.as_str(), "$ref" | "$id" | "$db") {
            return Err(Invalid::new(format!(
                "the embedded store does not support `{}` in the path `{text}` of `{operator}`; name the position of the element, or read and replace the array",
                part.name
            )));
        }
    }
    Ok(path)
}

/// Two changes at one place, or at a place and within it, have no order.
fn no_conflict(changes: &[(Path, Change)]) -> Result<(), Invalid> {
    let mut paths: Vec<&Path> = Vec::with_capacity(changes.len());
    for (path, change) in changes {
        paths.push(path);
        if let Change::Rename(to) = change {
            paths.push(to);
        }
    }
    // Sorted by names, whatever lies within a path follows it at once.
    paths.sort_by(|left, right| {
        left.parts().iter().map(|part| &part.name).cmp(right.parts().iter().map(|part| &part.name))
    });
    for pair in paths.windows(2) {
        if let [first, second] = pair
            && first.touches(second)
        {
            return Err(Invalid::new(format!(
                "updating the path `{}` would create a conflict at `{}`",
                second.as_str(),
                first.as_str()
            )));
        }
    }
    Ok(())
}

fn change(operator: &str, path: &Path, value: RawBsonRef<'_>) -> Result<Change, Invalid> {
    let at = path.as_str();
    Ok(match operator {
        "$set" => Change::Set(owned(value)?),
        "$setOnInsert" => Change::SetOnInsert(owned(value)?),
        "$min" => Change::Min(owned(value)?),
        "$max" => Change::Max(owned(value)?),
        "$inc" => Change::Increment(amount(operator, at, value)?),
        "$mul" => Change::Multiply(amount(operator, at, value)?),
        "$push" => Change::Push(push(at, value)?),
        "$addToSet" => Change::AddToSet(match each(operator, at, value)? {
            Some((values, rest)) if rest.is_empty() => values,
            Some((_, rest)) => return Err(unknown_clause(operator, at, &rest)),
            None => vec![owned(value)?],
        }),
        "$currentDate" => Change::CurrentDate { timestamp: is_timestamp(at, value)? },
        "$pull" => Change::Pull(pull(value)?),
        "$pullAll" => Change::PullAll(array(value).ok_or_else(|| takes(operator, at, "an array"))??),
        "$pop" => match whole(value) {
            Some(1) => Change::Pop(End::Last),
            Some(-1) => Change::Pop(End::First),
            _ => return Err(takes(operator, at, "1 (the last element) or -1 (the first)")),
        },
        "$rename" => match value {
            RawBsonRef::String(to) => Change::Rename(target(operator, to)?),
            _ => return Err(takes(operator, at, "the new name")),
        },
        _ => Change::Unset,
    })
}

/// `true`, or `{$type: "date" | "timestamp"}`.
fn is_timestamp(path: &str, value: RawBsonRef<'_>) -> Result<bool, Invalid> {
    let kind = match value {
        RawBsonRef::Boolean(_) => return Ok(false),
        RawBsonRef::Document(document) => match (document.iter().count(), document.get("$type").ok().flatten()) {
            (1, Some(RawBsonRef::String(kind))) => kind,
            _ => "",
        },
        _ => "",
    };
    match kind {
        "date" => Ok(false),
        "timestamp" => Ok(true),
        _ => Err(takes("$currentDate", path, "true, or {$type: \"date\"} or {$type: \"timestamp\"}")),
    }
}

fn takes(operator: &str, path: &str, what: &str) -> Invalid {
    Invalid::new(format!("`{operator}` of `{path}` takes {what}"))
}

fn amount(operator: &str, path: &str, value: RawBsonRef<'_>) -> Result<Amount, Invalid> {
    Amount::of(&owned(value)?).ok_or_else(|| takes(operator, path, "a number"))
}

fn whole(value: RawBsonRef<'_>) -> Option<i64> {
    Number::of(value).and_then(Number::whole)
}

fn array(value: RawBsonRef<'_>) -> Option<Result<Vec<Bson>, Invalid>> {
    value.as_array().map(|array| array.into_iter().flatten().map(owned).collect())
}

type Clauses<'a> = Vec<(&'a str, RawBsonRef<'a>)>;

/// The values of `{$each: […], …}` and the clauses beside it; `None` if the operand is a value itself.
fn each<'a>(operator: &str, path: &str, value: RawBsonRef<'a>) -> Result<Option<(Vec<Bson>, Clauses<'a>)>, Invalid> {
    let RawBsonRef::Document(document) = value else { return Ok(None) };
    let clauses: Clauses<'a> = document.iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
    match clauses.iter().find(|(name, _)| *name == "$each") {
        Some((_, values)) => {
            let values = array(*values).ok_or_else(|| takes(operator, path, "an array in $each"))??;
            Ok(Some((values, clauses.into_iter().filter(|(name, _)| *name != "$each").collect())))
        }
        None if has_operators(document) => {
            Err(Invalid::new(format!("`{operator}` of `{path}` has modifiers without `$each`")))
        }
        None => Ok(None),
    }
}

fn unknown_clause(operator: &str, path: &str, clauses: &Clauses<'_>) -> Invalid {
    let name = clauses.first().map_or("", |(name, _)| name);
    Invalid::new(format!("`{operator}` of `{path}` does not know `{name}`"))
}

fn push(path: &str, value: RawBsonRef<'_>) -> Result<Push, Invalid> {
    let Some((values, clauses)) = each("$push", path, value)? else {
        return Ok(Push { values: vec![owned(value)?], position: None, sort: None, slice: None });
    };
    let mut push = Push { values, position: None, sort: None, slice: None };
    for clause in clauses {
        match clause {
            ("$slice", value) => {
                push.slice = Some(whole(value).ok_or_else(|| takes("$push", path, "a whole number in $slice"))?);
            }
            ("$position", value) => {
                push.position = Some(whole(value).ok_or_else(|| takes("$push", path, "a whole number in $position"))?);
            }
            ("$sort", RawBsonRef::Document(fields)) if !fields.is_empty() => {
                push.sort = Some(Order::Fields(parse_fields("the `$sort` of a `$push`", fields)?));
            }
            ("$sort", value) => {
                push.sort = Some(Order::Whole(match whole(value) {
                    Some(1) => Direction::Ascending,
                    Some(-1) => Direction::Descending,
                    _ => return Err(takes("$push", path, "1, -1 or a document of fields in $sort")),
                }));
            }
            clause => return Err(unknown_clause("$push", path, &vec![clause])),
        }
    }
    Ok(push)
}

fn pull(value: RawBsonRef<'_>) -> Result<Pull, Invalid> {
    Ok(match value {
        RawBsonRef::Document(document) if !has_operators(document) => Pull::Document(Filter::parse(document)?),
        RawBsonRef::Document(document)
            if document.iter().flatten().next().is_some_and(|(name, _)| name.as_str() == "$not") =>
        {
            return Err(Invalid::new("`$pull` does not begin with $not; use $nor, or the opposite operator"));
        }
        RawBsonRef::Document(_) | RawBsonRef::RegularExpression(_) => {
            let mut wrapped = RawDocumentBuf::new();
            wrapped.append(cstr!(""), value);
            Pull::Value(Filter::parse(&wrapped)?)
        }
        value => Pull::Equal(owned(value)?),
    })
}
