//! The stages of a pipeline, and how a document passes them.

use std::borrow::Cow;

use bson::raw::RawBsonRef;
use bson::{RawBson, RawDocument};

use super::super::super::query::{Filter, Sort};
use super::super::scan::{Flow, document as stored};
use super::super::select::Sorter;
use super::super::watch::Meter;
use super::expression::{Expression, Scope, expression, kind};
use super::group::{Group, Groups};
use super::shape::Shape;
use super::unwind::Unwind;
use super::{Answer, Ledger};
use crate::capabilities::documents::stages;
use crate::capabilities::error::{Error, Result};

pub(super) const SUPPORTED: &str = "$match $group $sort $skip $limit $project $addFields $set $unset $unwind $count $sortByCount $replaceRoot $replaceWith";

/// What is done to the documents.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    Match(Filter),
    /// The most that are wanted of the order.
    Sort(Sort, Option<usize>),
    Skip(usize),
    Limit(usize),
    Shape(Shape),
    Replace(Expression),
    Unwind(Unwind),
    Group(Group),
}

/// A stage while documents pass it.
pub(super) enum State<'p> {
    /// It remembers nothing.
    Plain(&'p Stage),
    Skip(usize),
    Limit(usize),
    Sort(&'p Sort, Sorter),
    Group(&'p Group, Groups),
}

/// What all stages share.
pub(super) struct Run<'m> {
    pub(super) meter: &'m Meter<'m>,
    pub(super) ledger: Ledger,
    pub(super) answer: Answer,
}

impl Stage {
    /// Reads `{$match: …}`; some are two.
    pub(super) fn parse(spec: &RawDocument) -> Result<Vec<Self>> {
        let mut fields = spec.iter().flatten();
        let (Some((name, operand)), None) = (fields.next(), fields.next()) else {
            return Err(Error::invalid("a stage of a pipeline has one field, such as $match"));
        };
        let name = name.as_str();
        stages::stays_within(name)?;
        let document =
            || operand.as_document().ok_or_else(|| Error::invalid(format!("the stage {name} takes a document")));
        Ok(vec![match name {
            "$match" => Self::Match(Filter::parse(document()?)?),
            "$sort" => {
                let sort = Sort::parse(document()?)?;
                if sort.is_empty() {
                    return Err(Error::invalid("the stage $sort needs at least one field"));
                }
                Self::Sort(sort, None)
            }
            "$skip" => Self::Skip(whole(name, operand, 0)?),
            "$limit" => Self::Limit(whole(name, operand, 1)?),
            "$project" => Self::Shape(Shape::project(document()?)?),
            "$addFields" | "$set" => Self::Shape(Shape::add(document()?)?),
            "$unset" => Self::Shape(unset(operand)?),
            "$unwind" => Self::Unwind(Unwind::parse(operand)?),
            "$group" => Self::Group(Group::parse(document()?)?),
            "$count" => match operand {
                RawBsonRef::String(field) if !field.is_empty() => Self::Group(Group::count(field)?),
                _ => return Err(Error::invalid("the stage $count takes the name of the field for the count")),
            },
            "$sortByCount" => {
                let by = match operand {
                    RawBsonRef::String(path) if path.starts_with('$') => expression(operand, &[])?,
                    RawBsonRef::Document(inner)
                        if inner.iter().flatten().next().is_some_and(|(name, _)| name.as_str().starts_with('$')) =>
                    {
                        expression(operand, &[])?
                    }
                    _ => return Err(Error::invalid("the stage $sortByCount takes a path or an operator")),
                };
                let order = Sort::parse(&bson::rawdoc! { "count": -1 })?;
                return Ok(vec![Self::Group(Group::counted_by(by)?), Self::Sort(order, None)]);
            }
            "$replaceWith" => Self::Replace(expression(operand, &[])?),
            "$replaceRoot" => {
                let root = document()?.get("newRoot").ok().flatten();
                let root = root.filter(|_| document().is_ok_and(|document| document.iter().count() == 1));
                let root = root.ok_or_else(|| Error::invalid("the stage $replaceRoot takes {newRoot: …}"))?;
                Self::Replace(expression(root, &[])?)
            }
            name => {
                return Err(Error::invalid(format!(
                    "the embedded store does not support the stage `{name}`; it supports {SUPPORTED}"
                )));
            }
        }])
    }

    pub(super) fn begin(&self) -> State<'_> {
        match self {
            Self::Skip(count) => State::Skip(*count),
            Self::Limit(count) => State::Limit(*count),
            Self::Sort(sort, most) => State::Sort(sort, Sorter::new(*most)),
            Self::Group(group) => State::Group(group, Groups::default()),
            plain => State::Plain(plain),
        }
    }
}

fn whole(name: &str, operand: RawBsonRef<'_>, least: i64) -> Result<usize> {
    let count = match operand {
        RawBsonRef::Int32(count) => Some(count.into()),
        RawBsonRef::Int64(count) => Some(count),
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the range that doubles hold exactly")]
        RawBsonRef::Double(count) if count.fract() == 0.0 && count.abs() < 9e15 => Some(count as i64),
        _ => None,
    };
    let count = count.filter(|count| *count >= least);
    let count =
        count.ok_or_else(|| Error::invalid(format!("the stage {name} takes a whole number from {least} on")))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn unset(operand: RawBsonRef<'_>) -> Result<Shape> {
    let wrong = || Error::invalid("the stage $unset takes the path of a field, or an array of them");
    match operand {
        RawBsonRef::String(path) => Shape::unset([path]),
        RawBsonRef::Array(paths) if !paths.is_empty() => {
            let paths = paths.into_iter().flatten().map(|path| path.as_str().ok_or_else(wrong));
            Shape::unset(paths.collect::<Result<Vec<_>>>()?)
        }
        _ => Err(wrong()),
    }
}

/// Lets a document pass the stages; stop when the first of them wants no more.
pub(super) fn push(states: &mut [State<'_>], document: Cow<'_, RawDocument>, run: &mut Run<'_>) -> Result<Flow> {
    run.meter.step()?;
    run.meter.next();
    let Some((state, rest)) = states.split_first_mut() else {
        run.answer.add(document)?;
        return Ok(Flow::Continue);
    };
    match state {
        State::Skip(left) if *left > 0 => {
            *left -= 1;
            Ok(Flow::Continue)
        }
        State::Skip(_) => push(rest, document, run),
        State::Limit(0) => Ok(Flow::Stop),
        State::Limit(left) => {
            *left -= 1;
            let last = *left == 0;
            let flow = push(rest, document, run)?;
            Ok(if last { Flow::Stop } else { flow })
        }
        State::Sort(sort, sorter) => {
            let before = sorter.bytes();
            sorter.add(Some(sort), &[], &document)?;
            run.ledger.change(before, sorter.bytes())?;
            Ok(Flow::Continue)
        }
        State::Group(group, groups) => {
            group.add(groups, &document, run.meter, &mut run.ledger)?;
            Ok(Flow::Continue)
        }
        State::Plain(Stage::Match(filter)) => {
            if filter.matches(&document) {
                push(rest, document, run)
            } else {
                Ok(Flow::Continue)
            }
        }
        State::Plain(Stage::Shape(shape)) => {
            let shaped = shape.apply(&Scope::of(&document, run.meter), &document)?;
            push(rest, Cow::Owned(shaped), run)
        }
        State::Plain(Stage::Replace(by)) => match by.evaluate(&Scope::of(&document, run.meter))? {
            Some(RawBson::Document(document)) => push(rest, Cow::Owned(document), run),
            other => {
                let kind = other.as_ref().map_or("missing", |other| kind(other.as_raw_bson_ref()));
                Err(Error::invalid(format!("a document is replaced by another, not by a value of type {kind}")))
            }
        },
        State::Plain(Stage::Unwind(unwind)) => unwind.run(&document, &mut |one| push(rest, Cow::Owned(one), run)),
        // The others have a state of their own.
        State::Plain(_) => push(rest, document, run),
    }
}

/// No more documents come: what was held back passes the rest.
pub(super) fn finish(states: &mut [State<'_>], run: &mut Run<'_>) -> Result<()> {
    let Some((state, rest)) = states.split_first_mut() else { return Ok(()) };
    match state {
        State::Sort(_, sorter) => {
            for held in sorter.take() {
                run.ledger.give(held.weight());
                if push(rest, Cow::Borrowed(stored(held.document())?), run)? == Flow::Stop {
                    break;
                }
            }
        }
        State::Group(group, groups) => {
            for document in group.end(groups) {
                if push(rest, Cow::Owned(document), run)? == Flow::Stop {
                    break;
                }
            }
        }
        _ => {}
    }
    finish(rest, run)
}
