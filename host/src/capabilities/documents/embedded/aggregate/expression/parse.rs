//! From BSON to an expression.

use bson::raw::{CString, RawBsonRef};
use bson::{DateTime, RawBson, RawDocument};

use super::{Expression, Operator, date};
use crate::capabilities::error::{Error, Result};

/// Name, what it is, and how many arguments it takes.
pub(super) const OPERATORS: [(&str, Operator, usize, usize); 37] = [
    ("$add", Operator::Add, 0, usize::MAX),
    ("$subtract", Operator::Subtract, 2, 2),
    ("$multiply", Operator::Multiply, 0, usize::MAX),
    ("$divide", Operator::Divide, 2, 2),
    ("$mod", Operator::Mod, 2, 2),
    ("$abs", Operator::Abs, 1, 1),
    ("$ceil", Operator::Ceil, 1, 1),
    ("$floor", Operator::Floor, 1, 1),
    ("$round", Operator::Round, 1, 2),
    ("$trunc", Operator::Trunc, 1, 2),
    ("$cmp", Operator::Compare, 2, 2),
    ("$eq", Operator::Equal, 2, 2),
    ("$ne", Operator::NotEqual, 2, 2),
    ("$gt", Operator::Greater, 2, 2),
    ("$gte", Operator::GreaterOrEqual, 2, 2),
    ("$lt", Operator::Less, 2, 2),
    ("$lte", Operator::LessOrEqual, 2, 2),
    ("$and", Operator::And, 0, usize::MAX),
    ("$or", Operator::Or, 0, usize::MAX),
    ("$not", Operator::Not, 1, 1),
    ("$ifNull", Operator::IfNull, 2, usize::MAX),
    ("$concat", Operator::Concat, 0, usize::MAX),
    ("$toLower", Operator::ToLower, 1, 1),
    ("$toUpper", Operator::ToUpper, 1, 1),
    ("$size", Operator::Size, 1, 1),
    ("$in", Operator::In, 2, 2),
    ("$arrayElemAt", Operator::ArrayElemAt, 2, 2),
    ("$first", Operator::First, 1, 1),
    ("$last", Operator::Last, 1, 1),
    ("$type", Operator::Type, 1, 1),
    ("$isArray", Operator::IsArray, 1, 1),
    ("$concatArrays", Operator::ConcatArrays, 0, usize::MAX),
    ("$mergeObjects", Operator::MergeObjects, 0, usize::MAX),
    ("$sum", Operator::Sum, 0, usize::MAX),
    ("$avg", Operator::Avg, 0, usize::MAX),
    ("$min", Operator::Min, 0, usize::MAX),
    ("$max", Operator::Max, 0, usize::MAX),
];

/// The names that are no functions of their arguments' values.
const OTHERS: &str = "$literal $cond $switch $filter $map $dateTrunc $dateToString";

/// An expression; `names` are the variables around it.
pub(in super::super) fn expression(value: RawBsonRef<'_>, names: &[&str]) -> Result<Expression> {
    Ok(match value {
        RawBsonRef::String(text) => match text.strip_prefix("$$") {
            Some(variable) => self::variable(variable, names)?,
            None => match text.strip_prefix('$') {
                Some(path) => Expression::Field(None, parts(path)?),
                None => Expression::Constant(value.into()),
            },
        },
        RawBsonRef::Document(document) => of_document(document, names)?,
        RawBsonRef::Array(array) => {
            let elements = array.into_iter().flatten().map(|element| expression(element, names));
            Expression::Array(elements.collect::<Result<_>>()?)
        }
        value => Expression::Constant(value.into()),
    })
}

fn variable(text: &str, names: &[&str]) -> Result<Expression> {
    let (name, path) = text.split_once('.').map_or((text, None), |(name, path)| (name, Some(path)));
    let path = path.map(parts).transpose()?.unwrap_or_default();
    match name {
        "ROOT" | "CURRENT" => Ok(Expression::Field(None, path)),
        "REMOVE" if path.is_empty() => Ok(Expression::Nothing),
        "NOW" if path.is_empty() => Ok(Expression::Constant(RawBson::DateTime(DateTime::now()))),
        name if names.contains(&name) => Ok(Expression::Field(Some(name.to_owned()), path)),
        name => Err(Error::invalid(format!(
            "the embedded store does not know the variable `$${name}` here; there are $$ROOT, $$CURRENT, $$NOW, $$REMOVE and those of $filter and $map"
        ))),
    }
}

fn parts(path: &str) -> Result<Vec<String>> {
    path.split('.').map(|part| checked_name(part).map(|_| part.to_owned())).collect()
}

/// A name that a field can be made by.
pub(in super::super) fn checked_name(name: &str) -> Result<CString> {
    if name.is_empty() || name.starts_with('$') || name.contains('.') {
        return Err(Error::invalid(format!(
            "`{name}` is no name of a field here: it is empty, has a `.`, or begins with `$`"
        )));
    }
    CString::try_from(name).map_err(|_| Error::invalid("the name of a field has a zero byte"))
}

fn of_document(document: &RawDocument, names: &[&str]) -> Result<Expression> {
    let mut fields = document.iter().flatten();
    match (fields.next(), fields.next()) {
        (Some((name, operand)), None) if name.as_str().starts_with('$') => operator(name.as_str(), operand, names),
        (Some((name, _)), Some(_)) if name.as_str().starts_with('$') => {
            Err(Error::invalid(format!("`{}` is an operator, which stands alone in its document", name.as_str())))
        }
        _ => {
            let fields = document
                .iter()
                .flatten()
                .map(|(name, value)| Ok((checked_name(name.as_str())?, expression(value, names)?)));
            Ok(Expression::Document(fields.collect::<Result<_>>()?))
        }
    }
}

fn operator(name: &str, operand: RawBsonRef<'_>, names: &[&str]) -> Result<Expression> {
    match name {
        "$literal" => return Ok(Expression::Constant(operand.into())),
        "$cond" => return cond(operand, names),
        "$switch" => return switch(operand, names),
        "$filter" | "$map" => return elements(name, operand, names),
        _ => {}
    }
    if let Some(question) = date::Question::parse(name, operand, names)? {
        return Ok(Expression::Date(Box::new(question)));
    }
    let known = OPERATORS.iter().find(|(known, ..)| *known == name);
    let Some((_, operator, least, most)) = known else {
        let known: Vec<&str> = OPERATORS.iter().map(|(name, ..)| *name).collect();
        return Err(Error::invalid(format!(
            "the embedded store does not support {name} in an expression; it supports {} {OTHERS} {}",
            known.join(" "),
            date::names()
        )));
    };
    let mut arguments = arguments(operand, names)?;
    if arguments.len() < *least || arguments.len() > *most {
        let wanted = if least == most { least.to_string() } else { format!("at least {least}") };
        return Err(Error::invalid(format!("{name} takes {wanted} arguments, not {}", arguments.len())));
    }
    if matches!(operator, Operator::Round | Operator::Trunc) && arguments.len() == 2 {
        // To whole numbers only: to decimal places MongoDB rounds in decimal.
        if arguments.pop() != Some(Expression::Constant(RawBson::Int32(0))) {
            return Err(Error::invalid(format!("the embedded store does not support a place in {name}, only 0")));
        }
    }
    Ok(Expression::Call(*operator, arguments))
}

/// `[a, b]`, or the only one as it is.
pub(super) fn arguments(operand: RawBsonRef<'_>, names: &[&str]) -> Result<Vec<Expression>> {
    match operand {
        RawBsonRef::Array(array) => array.into_iter().flatten().map(|argument| expression(argument, names)).collect(),
        operand => Ok(vec![expression(operand, names)?]),
    }
}

/// The named arguments of an operator, each at most once; others are refused.
pub(super) fn named<'a, const N: usize>(
    operator: &str,
    operand: RawBsonRef<'a>,
    wanted: [&str; N],
) -> Result<[Option<RawBsonRef<'a>>; N]> {
    let RawBsonRef::Document(document) = operand else {
        return Err(Error::invalid(format!("{operator} takes a document with {}", wanted.join(", "))));
    };
    let mut found = [None; N];
    for (name, value) in document.iter().flatten() {
        let place = wanted.iter().position(|wanted| *wanted == name.as_str());
        match place.and_then(|place| found.get_mut(place)) {
            Some(slot) => *slot = Some(value),
            None => {
                return Err(Error::invalid(format!(
                    "the embedded store does not support `{}` in {operator}; it supports {}",
                    name.as_str(),
                    wanted.join(", ")
                )));
            }
        }
    }
    Ok(found)
}

pub(super) fn required<'a>(operator: &str, name: &str, value: Option<RawBsonRef<'a>>) -> Result<RawBsonRef<'a>> {
    value.ok_or_else(|| Error::invalid(format!("{operator} needs `{name}`")))
}

fn cond(operand: RawBsonRef<'_>, names: &[&str]) -> Result<Expression> {
    let (case, then, otherwise) = if let RawBsonRef::Array(_) = operand {
        match <[Expression; 3]>::try_from(arguments(operand, names)?) {
            Ok([case, then, otherwise]) => (case, then, otherwise),
            Err(_) => return Err(Error::invalid("$cond takes 3 arguments: if, then, else")),
        }
    } else {
        let [case, then, otherwise] = named("$cond", operand, ["if", "then", "else"])?;
        let part = |name, value| expression(required("$cond", name, value)?, names);
        (part("if", case)?, part("then", then)?, part("else", otherwise)?)
    };
    Ok(Expression::Switch(vec![(case, then)], Some(Box::new(otherwise))))
}

fn switch(operand: RawBsonRef<'_>, names: &[&str]) -> Result<Expression> {
    let [branches, otherwise] = named("$switch", operand, ["branches", "default"])?;
    let RawBsonRef::Array(branches) = required("$switch", "branches", branches)? else {
        return Err(Error::invalid("$switch takes an array of branches"));
    };
    let branches = branches.into_iter().flatten().map(|branch| {
        let [case, then] = named("a branch of $switch", branch, ["case", "then"])?;
        let part = |name, value| expression(required("a branch of $switch", name, value)?, names);
        Ok((part("case", case)?, part("then", then)?))
    });
    let branches = branches.collect::<Result<Vec<_>>>()?;
    if branches.is_empty() {
        return Err(Error::invalid("$switch needs at least one branch"));
    }
    let otherwise = otherwise.map(|otherwise| expression(otherwise, names).map(Box::new)).transpose()?;
    Ok(Expression::Switch(branches, otherwise))
}

fn elements(operator: &str, operand: RawBsonRef<'_>, names: &[&str]) -> Result<Expression> {
    let filter = operator == "$filter";
    let body = if filter { "cond" } else { "in" };
    let [input, name, each] = named(operator, operand, ["input", "as", body])?;
    let name = match name {
        None => "this",
        Some(RawBsonRef::String(name)) if is_variable(name) => name,
        Some(_) => {
            return Err(Error::invalid(format!(
                "`as` of {operator} is a name that begins with a small letter and has letters, digits and _"
            )));
        }
    };
    let input = expression(required(operator, "input", input)?, names)?;
    let inner: Vec<&str> = names.iter().copied().chain([name]).collect();
    let each = expression(required(operator, body, each)?, &inner)?;
    Ok(Expression::Elements { input: Box::new(input), name: name.to_owned(), each: Box::new(each), filter })
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
