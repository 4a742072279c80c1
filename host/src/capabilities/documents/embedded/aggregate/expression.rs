//! Expressions: values computed from a document.
//!
//! A value may be missing (`None`), which is less than null in comparisons and leaves its field out of a document.

mod calculate;
mod date;
mod list;
mod parse;
mod text;

use std::cmp::Ordering;

use bson::raw::{CString, RawBsonRef};
use bson::{RawArrayBuf, RawBson, RawDocument, RawDocumentBuf};

use super::super::super::query::{compare, filter::is_true};
use super::super::watch::Meter;
use crate::capabilities::error::{Error, Result};

pub(super) use calculate::Total;
pub(super) use parse::{checked_name, expression};

/// What is computed: a value, or none.
pub(super) type Value = Option<RawBson>;

/// How a value is computed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Constant(RawBson),
    /// `$a.b`, or `$$name.a.b`; no name stands for the document.
    Field(Option<String>, Vec<String>),
    /// `$$REMOVE`.
    Nothing,
    Document(Vec<(CString, Self)>),
    Array(Vec<Self>),
    Call(Operator, Vec<Self>),
    Switch(Vec<(Self, Self)>, Option<Box<Self>>),
    /// `$filter` keeps the elements for which `each` is true, `$map` replaces each.
    Elements {
        input: Box<Self>,
        name: String,
        each: Box<Self>,
        filter: bool,
    },
    Date(Box<date::Question>),
}

/// What is done with evaluated arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Mod,
    Abs,
    Ceil,
    Floor,
    Round,
    Trunc,
    Compare,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    And,
    Or,
    Not,
    IfNull,
    Concat,
    ToLower,
    ToUpper,
    Size,
    In,
    ArrayElemAt,
    First,
    Last,
    IsArray,
    Type,
    ConcatArrays,
    MergeObjects,
    Sum,
    Avg,
    Min,
    Max,
}

/// What an expression sees.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    root: &'a RawDocument,
    /// The innermost variable.
    variable: Option<(&'a str, &'a RawBson)>,
    outer: Option<&'a Self>,
    meter: &'a Meter<'a>,
}

impl<'a> Scope<'a> {
    pub(super) fn of(root: &'a RawDocument, meter: &'a Meter<'a>) -> Self {
        Self { root, variable: None, outer: None, meter }
    }

    fn find(&self, name: &str) -> Option<RawBsonRef<'a>> {
        match self.variable {
            Some((known, value)) if known == name => Some(value.as_raw_bson_ref()),
            _ => self.outer.and_then(|outer| outer.find(name)),
        }
    }
}

impl Expression {
    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value> {
        scope.meter.step()?;
        let value = match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Nothing => None,
            Self::Field(None, path) => field(RawBsonRef::Document(scope.root), path),
            Self::Field(Some(name), path) => scope.find(name).and_then(|value| field(value, path)),
            Self::Document(fields) => {
                let mut document = RawDocumentBuf::new();
                for (name, expression) in fields {
                    if let Some(value) = expression.evaluate(scope)? {
                        document.append(name, value);
                    }
                }
                Some(RawBson::Document(document))
            }
            Self::Array(elements) => {
                let mut array = RawArrayBuf::new();
                for element in elements {
                    array.push(element.evaluate(scope)?.unwrap_or(RawBson::Null));
                }
                Some(RawBson::Array(array))
            }
            Self::Call(operator, arguments) => operator.call(arguments, scope)?,
            Self::Switch(branches, otherwise) => {
                for (case, then) in branches {
                    if holds(case.evaluate(scope)?.as_ref()) {
                        return then.evaluate(scope);
                    }
                }
                match otherwise {
                    Some(otherwise) => return otherwise.evaluate(scope),
                    None => return Err(Error::invalid("no branch of a $switch was true, and it has no default")),
                }
            }
            Self::Elements { input, name, each, filter } => list::elements(scope, input, name, each, *filter)?,
            Self::Date(question) => question.answer(scope)?,
        };
        // Values that the document holds are no larger than it; they count when they are copied, too.
        scope.meter.take(value.as_ref().map_or(0, weight))?;
        Ok(value)
    }
}

/// About how many bytes a value takes.
pub(super) fn weight(value: &RawBson) -> usize {
    16 + match value {
        RawBson::String(text) | RawBson::Symbol(text) | RawBson::JavaScriptCode(text) => text.len(),
        RawBson::Document(document) => document.as_bytes().len(),
        RawBson::Array(array) => array.as_bytes().len(),
        RawBson::Binary(binary) => binary.bytes.len(),
        RawBson::RegularExpression(regex) => regex.pattern.as_str().len(),
        _ => 0,
    }
}

/// Follows a path; an array on it answers the values in its documents.
fn field(value: RawBsonRef<'_>, path: &[String]) -> Value {
    let Some((name, rest)) = path.split_first() else { return Some(value.into()) };
    match value {
        RawBsonRef::Document(document) => field(document.get(name).ok().flatten()?, rest),
        RawBsonRef::Array(array) => {
            let mut found = RawArrayBuf::new();
            for element in array.into_iter().flatten() {
                // An array in the array is not entered.
                if let RawBsonRef::Document(_) = element
                    && let Some(value) = field(element, path)
                {
                    found.push(value);
                }
            }
            Some(RawBson::Array(found))
        }
        _ => None,
    }
}

pub(super) fn is_nullish(value: Option<&RawBson>) -> bool {
    matches!(value, None | Some(RawBson::Null | RawBson::Undefined))
}

/// Whether a value counts as true.
fn holds(value: Option<&RawBson>) -> bool {
    value.is_some_and(|value| is_true(value.as_raw_bson_ref()))
}

/// The order of two values; a missing one is below null.
pub(super) fn order<'v>(left: Option<&'v RawBson>, right: Option<&'v RawBson>) -> Ordering {
    let known = |value: Option<&'v RawBson>| value.map_or(RawBsonRef::Undefined, RawBson::as_raw_bson_ref);
    compare(known(left), known(right))
}

impl Operator {
    fn call(self, arguments: &[Expression], scope: &Scope<'_>) -> Result<Value> {
        // What does not look at all of its arguments.
        match self {
            Self::And | Self::Or => {
                for argument in arguments {
                    if holds(argument.evaluate(scope)?.as_ref()) == (self == Self::Or) {
                        return Ok(Some(RawBson::Boolean(self == Self::Or)));
                    }
                }
                return Ok(Some(RawBson::Boolean(self == Self::And)));
            }
            Self::IfNull => {
                let mut last = None;
                for argument in arguments {
                    last = argument.evaluate(scope)?;
                    if !is_nullish(last.as_ref()) {
                        break;
                    }
                }
                return Ok(last);
            }
            Self::Add | Self::Multiply | Self::Concat | Self::ConcatArrays => {
                let mut values: Vec<Value> = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let value = argument.evaluate(scope)?;
                    if is_nullish(value.as_ref()) {
                        return Ok(Some(RawBson::Null));
                    }
                    self.accepts(&values, value.as_ref())?;
                    values.push(value);
                }
                return self.apply(values, scope.meter);
            }
            _ => {}
        }
        let values = arguments.iter().map(|argument| argument.evaluate(scope)).collect::<Result<Vec<Value>>>()?;
        self.apply(values, scope.meter)
    }

    /// Whether a value may follow others as an argument.
    fn accepts(self, before: &[Value], value: Option<&RawBson>) -> Result<()> {
        let (what, fits) = match (self, value) {
            (Self::Concat, value) => ("strings", matches!(value, Some(RawBson::String(_)))),
            (Self::ConcatArrays, value) => ("arrays", matches!(value, Some(RawBson::Array(_)))),
            (Self::Add, Some(RawBson::DateTime(_))) => {
                let first = !before.iter().any(|value| matches!(value, Some(RawBson::DateTime(_))));
                ("at most one date", first)
            }
            (_, value) => ("numbers", value.is_some_and(calculate::is_number)),
        };
        if fits { Ok(()) } else { Err(self.needs(what, value)) }
    }

    fn apply(self, values: Vec<Value>, meter: &Meter<'_>) -> Result<Value> {
        let first = values.first().and_then(Option::as_ref);
        let second = values.get(1).and_then(Option::as_ref);
        let ordered = |wanted: &[Ordering]| Ok(Some(RawBson::Boolean(wanted.contains(&order(first, second)))));
        match self {
            Self::Compare => Ok(Some(RawBson::Int32(order(first, second) as i32))),
            Self::Equal => ordered(&[Ordering::Equal]),
            Self::NotEqual => ordered(&[Ordering::Less, Ordering::Greater]),
            Self::Greater => ordered(&[Ordering::Greater]),
            Self::GreaterOrEqual => ordered(&[Ordering::Greater, Ordering::Equal]),
            Self::Less => ordered(&[Ordering::Less]),
            Self::LessOrEqual => ordered(&[Ordering::Less, Ordering::Equal]),
            Self::Type => {
                let kind = first.map_or("missing", |value| kind(value.as_raw_bson_ref()));
                Ok(Some(RawBson::String(kind.to_owned())))
            }
            Self::Not => Ok(Some(RawBson::Boolean(!holds(first)))),
            Self::And | Self::Or | Self::IfNull => Ok(None),
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::Mod => calculate::many(self, &values),
            Self::Abs | Self::Ceil | Self::Floor | Self::Round | Self::Trunc => calculate::one(self, first),
            Self::Concat | Self::ToLower | Self::ToUpper => text::apply(self, &values, meter),
            Self::Sum | Self::Avg | Self::Min | Self::Max => Ok(calculate::over(self, values)),
            Self::Size
            | Self::In
            | Self::ArrayElemAt
            | Self::First
            | Self::Last
            | Self::IsArray
            | Self::ConcatArrays => list::apply(self, &values, meter),
            Self::MergeObjects => list::merge(&values),
        }
    }

    /// Its name, in messages.
    fn name(self) -> &'static str {
        parse::OPERATORS.iter().find(|(_, operator, ..)| *operator == self).map_or("an operator", |(name, ..)| name)
    }

    /// It got a value of another kind.
    fn needs(self, what: &str, value: Option<&RawBson>) -> Error {
        let kind = value.map_or("missing", |value| kind(value.as_raw_bson_ref()));
        Error::invalid(format!("{} needs {what}, not a value of type {kind}", self.name()))
    }
}

/// The name of a value's type.
pub(super) fn kind(value: RawBsonRef<'_>) -> &'static str {
    match value {
        RawBsonRef::Double(_) => "double",
        RawBsonRef::String(_) => "string",
        RawBsonRef::Array(_) => "array",
        RawBsonRef::Document(_) => "object",
        RawBsonRef::Boolean(_) => "bool",
        RawBsonRef::Null => "null",
        RawBsonRef::Int32(_) => "int",
        RawBsonRef::Int64(_) => "long",
        RawBsonRef::Timestamp(_) => "timestamp",
        RawBsonRef::Binary(_) => "binData",
        RawBsonRef::ObjectId(_) => "objectId",
        RawBsonRef::DateTime(_) => "date",
        RawBsonRef::RegularExpression(_) => "regex",
        RawBsonRef::MinKey => "minKey",
        RawBsonRef::MaxKey => "maxKey",
        RawBsonRef::JavaScriptCode(_) => "javascript",
        RawBsonRef::JavaScriptCodeWithScope(_) => "javascriptWithScope",
        RawBsonRef::Symbol(_) => "symbol",
        // Refused on input.
        RawBsonRef::Decimal128(_) => "decimal",
        RawBsonRef::Undefined => "undefined",
        RawBsonRef::DbPointer(_) => "dbPointer",
    }
}
