//! From a BSON document to a filter.

use bson::{
    RawDocument,
    raw::{RawArray, RawBson, RawBsonRef},
    spec::ElementType,
};

use super::{Clause, Comparison, Filter, Predicate, TypeTest};
use crate::capabilities::documents::query::{
    Invalid, compare,
    order::{Class, Number},
    path::Path,
    pattern::Pattern,
};

const SUPPORTED: &str = "$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $type, $regex, $all, $elemMatch, $size and $not in a field, $and, $or and $nor around them";

pub(super) fn filter(document: &RawDocument) -> Result<Filter, Invalid> {
    let mut clauses = Vec::new();
    for (name, value) in document.iter().flatten() {
        match (name.as_str(), value) {
            ("$and", value) => clauses.push(Clause::All(filters("$and", value)?)),
            ("$or", value) => clauses.push(Clause::Any(filters("$or", value)?)),
            ("$nor", value) => clauses.push(Clause::None(filters("$nor", value)?)),
            (name, _) if name.starts_with('$') => return Err(unknown(name)),
            (name, value) => {
                let path = Path::parse(name)?;
                for predicate in field(&path, value)? {
                    clauses.push(Clause::Field(path.clone(), predicate));
                }
            }
        }
    }
    Ok(Filter { clauses })
}

fn filters(operator: &str, value: RawBsonRef<'_>) -> Result<Vec<Filter>, Invalid> {
    let wrong = || Invalid::new(format!("`{operator}` takes an array of filters, at least one"));
    let filters = value
        .as_array()
        .ok_or_else(wrong)?
        .into_iter()
        .flatten()
        .map(|element| element.as_document().ok_or_else(wrong).and_then(filter))
        .collect::<Result<Vec<_>, _>>()?;
    if filters.is_empty() { Err(wrong()) } else { Ok(filters) }
}

/// What a filter asks of one field: `{a: 1}` or `{a: {$gt: 1, $lt: 5}}`.
fn field(path: &Path, value: RawBsonRef<'_>) -> Result<Vec<Predicate>, Invalid> {
    match value {
        RawBsonRef::Document(document) if has_operators(document) => operators(path, document),
        RawBsonRef::RegularExpression(_) => Ok(vec![pattern(value, None)?]),
        value => Ok(vec![Predicate::Compare(Comparison::Equal, value.into())]),
    }
}

/// Whether the document is made of operators rather than a value to compare with. `$ref`, `$id` and `$db` are the fields
/// of a reference, which is a value.
pub(crate) fn has_operators(document: &RawDocument) -> bool {
    document
        .iter()
        .flatten()
        .next()
        .is_some_and(|(name, _)| name.as_str().starts_with('$') && !matches!(name.as_str(), "$ref" | "$id" | "$db"))
}

fn operators(path: &Path, document: &RawDocument) -> Result<Vec<Predicate>, Invalid> {
    let mut predicates = Vec::new();
    for (name, value) in document.iter().flatten() {
        match name.as_str() {
            "$regex" => predicates.push(pattern(value, option(document)?)?),
            "$options" if document.get("$regex").is_ok_and(|regex| regex.is_some()) => {}
            "$options" => return Err(Invalid::new("`$options` needs a `$regex` beside it")),
            name => operator(path, name, value, &mut predicates)?,
        }
    }
    Ok(predicates)
}

fn operator(path: &Path, name: &str, value: RawBsonRef<'_>, predicates: &mut Vec<Predicate>) -> Result<(), Invalid> {
    let at = path.as_str();
    predicates.push(match name {
        "$eq" => Predicate::Compare(Comparison::Equal, value.into()),
        "$ne" => {
            if let RawBsonRef::RegularExpression(_) = value {
                return Err(unknown("$ne with a regular expression"));
            }
            Predicate::Not(vec![Predicate::Compare(Comparison::Equal, value.into())])
        }
        "$gt" => comparison(name, Comparison::Greater, value)?,
        "$gte" => comparison(name, Comparison::GreaterOrEqual, value)?,
        "$lt" => comparison(name, Comparison::Less, value)?,
        "$lte" => comparison(name, Comparison::LessOrEqual, value)?,
        "$in" => operands(name, value)?,
        "$nin" => Predicate::Not(vec![operands(name, value)?]),
        "$exists" if is_true(value) => Predicate::Exists,
        "$exists" => Predicate::Not(vec![Predicate::Exists]),
        "$type" => Predicate::Type(types(value)?),
        "$size" => Predicate::Size(size(at, value)?),
        "$elemMatch" => element(path, value)?,
        "$all" => return all(path, value, predicates),
        "$not" => match value {
            RawBsonRef::Document(inner) if has_operators(inner) => Predicate::Not(operators(path, inner)?),
            RawBsonRef::RegularExpression(_) => Predicate::Not(vec![pattern(value, None)?]),
            _ => return Err(Invalid::new(format!("`$not` of `{at}` takes a document of operators"))),
        },
        name if name.starts_with('$') => return Err(unknown(name)),
        name => {
            return Err(Invalid::new(format!("the filter of `{at}` mixes operators with the plain field `{name}`")));
        }
    });
    Ok(())
}

/// The options beside a `$regex`.
fn option(document: &RawDocument) -> Result<Option<&str>, Invalid> {
    match document.get("$options").ok().flatten() {
        None => Ok(None),
        Some(RawBsonRef::String(options)) => Ok(Some(options)),
        Some(_) => Err(Invalid::new("`$options` takes a string of i, m, s and x")),
    }
}

fn pattern(value: RawBsonRef<'_>, options: Option<&str>) -> Result<Predicate, Invalid> {
    let pattern = match value {
        RawBsonRef::String(pattern) => Pattern::parse(pattern, options.unwrap_or_default()),
        RawBsonRef::RegularExpression(regex) => {
            if options.is_some() && !regex.options.as_str().is_empty() {
                return Err(Invalid::new("options are given both in the regular expression and in `$options`"));
            }
            Pattern::parse(regex.pattern.as_str(), options.unwrap_or(regex.options.as_str()))
        }
        _ => Err(Invalid::new("`$regex` takes a string or a regular expression")),
    };
    Ok(Predicate::Match(Box::new(pattern?)))
}

/// How many regular expressions there may be, before any is compiled.
pub(super) fn patterns(document: &RawDocument) -> usize {
    let of = |name: &str, value: RawBsonRef<'_>| match value {
        RawBsonRef::RegularExpression(_) => 1,
        RawBsonRef::Document(inner) => patterns(inner),
        RawBsonRef::Array(inner) => RawDocument::from_bytes(inner.as_bytes()).map_or(0, patterns),
        _ => usize::from(name == "$regex"),
    };
    document.iter().flatten().map(|(name, value)| of(name.as_str(), value)).sum()
}

fn comparison(name: &str, comparison: Comparison, value: RawBsonRef<'_>) -> Result<Predicate, Invalid> {
    match value {
        RawBsonRef::RegularExpression(_) => Err(unknown(&format!("{name} with a regular expression"))),
        value => Ok(Predicate::Compare(comparison, value.into())),
    }
}

fn elements<'a>(name: &str, value: RawBsonRef<'a>) -> Result<&'a RawArray, Invalid> {
    value.as_array().ok_or_else(|| Invalid::new(format!("`{name}` takes an array")))
}

fn operands(name: &str, value: RawBsonRef<'_>) -> Result<Predicate, Invalid> {
    let (mut operands, mut patterns) = (Vec::new(), Vec::new());
    for element in elements(name, value)?.into_iter().flatten() {
        match element {
            RawBsonRef::RegularExpression(_) => patterns.push(pattern(element, None)?),
            RawBsonRef::Document(document) if has_operators(document) => {
                return Err(Invalid::new(format!("`{name}` takes values, not operators")));
            }
            element => operands.push(RawBson::from(element)),
        }
    }
    operands.sort_by(|left, right| compare(left.as_raw_bson_ref(), right.as_raw_bson_ref()));
    operands.dedup_by(|left, right| compare(left.as_raw_bson_ref(), right.as_raw_bson_ref()).is_eq());
    if patterns.is_empty() {
        return Ok(Predicate::In(operands));
    }
    patterns.push(Predicate::In(operands));
    Ok(Predicate::Any(patterns))
}

/// `$all` is the conjunction of equalities, or of `$elemMatch`es.
fn all(path: &Path, value: RawBsonRef<'_>, predicates: &mut Vec<Predicate>) -> Result<(), Invalid> {
    let before = predicates.len();
    for value in elements("$all", value)?.into_iter().flatten() {
        match value {
            RawBsonRef::RegularExpression(_) => predicates.push(pattern(value, None)?),
            RawBsonRef::Document(document) if has_operators(document) => {
                let mut fields = document.iter().flatten();
                match (fields.next(), fields.next()) {
                    (Some((name, value)), None) if name.as_str() == "$elemMatch" => {
                        predicates.push(element(path, value)?);
                    }
                    _ => return Err(Invalid::new("`$all` takes values, or `$elemMatch` alone in each element")),
                }
            }
            value => predicates.push(Predicate::Compare(Comparison::Equal, value.into())),
        }
    }
    if predicates.len() == before {
        predicates.push(Predicate::Never);
    }
    Ok(())
}

fn element(path: &Path, value: RawBsonRef<'_>) -> Result<Predicate, Invalid> {
    let document = value
        .as_document()
        .ok_or_else(|| Invalid::new(format!("`$elemMatch` of `{}` takes a document", path.as_str())))?;
    let logical =
        document.iter().flatten().next().is_some_and(|(name, _)| matches!(name.as_str(), "$and" | "$or" | "$nor"));
    if has_operators(document) && !logical {
        operators(path, document).map(Predicate::ElementValue)
    } else {
        filter(document).map(Predicate::Element)
    }
}

fn size(path: &str, value: RawBsonRef<'_>) -> Result<usize, Invalid> {
    Number::of(value)
        .and_then(Number::whole)
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| Invalid::new(format!("`$size` of `{path}` takes a whole number that is not negative")))
}

fn types(value: RawBsonRef<'_>) -> Result<Vec<TypeTest>, Invalid> {
    match value {
        RawBsonRef::Array(array) => {
            let tests = array.into_iter().flatten().map(type_test).collect::<Result<Vec<_>, _>>()?;
            if tests.is_empty() { Err(Invalid::new("`$type` takes at least one type")) } else { Ok(tests) }
        }
        value => Ok(vec![type_test(value)?]),
    }
}

fn type_test(value: RawBsonRef<'_>) -> Result<TypeTest, Invalid> {
    let kind = match value {
        RawBsonRef::String(alias) => match alias {
            "number" => return Ok(TypeTest::Number),
            "double" => Some(ElementType::Double),
            "string" => Some(ElementType::String),
            "object" => Some(ElementType::EmbeddedDocument),
            "array" => Some(ElementType::Array),
            "binData" => Some(ElementType::Binary),
            "undefined" => Some(ElementType::Undefined),
            "objectId" => Some(ElementType::ObjectId),
            "bool" => Some(ElementType::Boolean),
            "date" => Some(ElementType::DateTime),
            "null" => Some(ElementType::Null),
            "regex" => Some(ElementType::RegularExpression),
            "dbPointer" => Some(ElementType::DbPointer),
            "javascript" => Some(ElementType::JavaScriptCode),
            "symbol" => Some(ElementType::Symbol),
            "javascriptWithScope" => Some(ElementType::JavaScriptCodeWithScope),
            "int" => Some(ElementType::Int32),
            "timestamp" => Some(ElementType::Timestamp),
            "long" => Some(ElementType::Int64),
            "decimal" => Some(ElementType::Decimal128),
            "minKey" => Some(ElementType::MinKey),
            "maxKey" => Some(ElementType::MaxKey),
            _ => None,
        },
        value => match Number::of(value).and_then(Number::whole) {
            Some(-1) => Some(ElementType::MinKey),
            Some(0 | 255) | None => None,
            Some(code) => u8::try_from(code).ok().and_then(ElementType::from),
        },
    };
    kind.map(TypeTest::Exactly).ok_or_else(|| Invalid::new("`$type` takes the number or the alias of a BSON type"))
}

/// Whether a value switches something on.
pub(crate) fn is_true(value: RawBsonRef<'_>) -> bool {
    match value {
        RawBsonRef::Boolean(value) => value,
        RawBsonRef::Null | RawBsonRef::Undefined => false,
        value if Class::of(value) == Class::Number => compare(value, RawBsonRef::Int32(0)).is_ne(),
        _ => true,
    }
}

fn unknown(what: &str) -> Invalid {
    Invalid::new(format!("the embedded store does not support {what} in a filter; it supports {SUPPORTED}"))
}
