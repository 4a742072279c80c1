//! Aggregation: documents pass the stages of a pipeline one by one; only sorts and groups hold them back.
//!
//! | module | question it answers |
//! | --- | --- |
//! | [`stage`] | what the stages are, and how a document passes them |
//! | [`shape`], [`unwind`] | what a document becomes: `$project`, `$addFields`, `$unset`; `$unwind` |
//! | [`group`], [`accumulate`] | what a group keeps |
//! | [`expression`] | what is computed |
//!
//! `$match`, `$sort`, `$skip` and `$limit` at the front are a query like that of a `find`, on its indexes. Everything runs off
//! the async threads and ends at the call's deadline. What is not supported is refused by name.

mod accumulate;
mod expression;
mod group;
mod shape;
mod stage;
mod unwind;

use std::borrow::Cow;

use bson::RawDocument;
use bson::raw::RawBsonRef;

use super::super::backend::{Document, MOST_ANSWER_BYTES};
use super::super::query::{Filter, Sort};
use super::catalogue::Catalogue;
use super::scan::{Progress, document};
use super::select::{Query, Selection};
use super::watch::{Meter, Watch};
use crate::capabilities::embedded::{Snapshot, Store};
use crate::capabilities::error::{Error, Result};
use stage::{Run, Stage};

/// What groups and sorts may hold in memory together.
const MOST_HELD_BYTES: usize = 32 << 20;
/// How deep stored documents and what a pipeline puts around them may nest; values are walked recursively.
const MOST_LEVELS: usize = 200;
/// The depth of a stored document.
const STORED_LEVELS: usize = 32;

/// A pipeline, checked.
#[derive(Debug)]
pub(super) struct Pipeline {
    front: Query,
    stages: Vec<Stage>,
}

/// What sorts and groups may hold yet.
pub(super) struct Ledger {
    left: usize,
}

/// What comes out.
#[derive(Default)]
pub(super) struct Answer {
    documents: Vec<Document>,
    bytes: usize,
}

impl Ledger {
    fn take(&mut self, bytes: usize) -> Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Error::too_large(format!(
                "the pipeline would hold more than {} MiB; match less, make an index in the order of its $sort, or set a $limit",
                MOST_HELD_BYTES >> 20
            ))
        })?;
        Ok(())
    }

    fn give(&mut self, bytes: usize) {
        self.left += bytes;
    }

    fn change(&mut self, before: usize, after: usize) -> Result<()> {
        self.give(before);
        self.take(after)
    }
}

impl Answer {
    fn add(&mut self, document: Cow<'_, RawDocument>) -> Result<()> {
        self.bytes += document.as_bytes().len();
        if self.bytes > MOST_ANSWER_BYTES {
            return Err(Error::too_large(format!(
                "the answer passes {} MiB; ask for fewer documents or fields",
                MOST_ANSWER_BYTES >> 20
            )));
        }
        self.documents.push(document.into_owned().into_bytes());
        Ok(())
    }
}

impl Pipeline {
    /// Reads the stages; what is wrong with one says which one it is.
    pub(super) fn parse(pipeline: &[Document]) -> Result<Self> {
        let mut stages = Vec::with_capacity(pipeline.len());
        let mut deepest = STORED_LEVELS;
        for (number, spec) in pipeline.iter().enumerate() {
            let parsed = document(spec).and_then(|spec| {
                deepest += levels(spec);
                Stage::parse(spec)
            });
            stages.extend(parsed.map_err(|error| error.within(format_args!("stage {number}")))?);
        }
        if deepest > MOST_LEVELS {
            return Err(Error::invalid(format!(
                "the pipeline could nest documents {deepest} levels deep; at most {MOST_LEVELS} are allowed"
            )));
        }
        let (front, rest) = front(stages)?;
        Ok(Self { front, stages: limited(rest) })
    }

    /// Runs it on a snapshot. Blocks.
    pub(super) fn run(self, store: &Store, catalogue: &Catalogue, name: &str, watch: &Watch) -> Result<Vec<Document>> {
        watch.check()?;
        let snapshot: Snapshot = store.snapshot()?;
        let collection = catalogue.find(&snapshot, name)?;
        let mut selection = Selection::new(collection, self.front);
        let meter = Meter::new(watch);
        let mut run = Run { meter: &meter, ledger: Ledger { left: MOST_HELD_BYTES }, answer: Answer::default() };
        let mut states: Vec<_> = self.stages.iter().map(Stage::begin).collect();
        loop {
            let progress = selection.run(&snapshot, watch.slice()?, &mut |_, document| {
                stage::push(&mut states, Cow::Borrowed(document), &mut run)
            })?;
            if progress != Progress::Paused {
                break;
            }
        }
        stage::finish(&mut states, &mut run)?;
        Ok(run.answer.documents)
    }
}

/// Takes what the store itself can do from the front: filters and an order, then how many.
fn front(stages: Vec<Stage>) -> Result<(Query, Vec<Stage>)> {
    let mut query = Query::all(Filter::parse(&bson::RawDocumentBuf::new())?);
    let mut rest = stages.into_iter().peekable();
    let mut sort: Option<Sort> = None;
    loop {
        match rest.peek() {
            Some(Stage::Match(_)) => {}
            Some(Stage::Sort(..)) if sort.is_none() => {}
            _ => break,
        }
        match rest.next() {
            // A filter before an order and one behind it leave the same documents.
            Some(Stage::Match(filter)) => query.filter.and(filter),
            Some(Stage::Sort(order, _)) => sort = Some(order),
            _ => break,
        }
    }
    query.sort = sort;
    if let Some(Stage::Skip(count)) = rest.peek() {
        query.skip = *count;
        rest.next();
    }
    if let Some(Stage::Limit(count)) = rest.peek() {
        query.limit = Some(*count);
        rest.next();
    }
    Ok((query, rest.collect()))
}

/// A sort before a limit need not hold more than that.
fn limited(mut stages: Vec<Stage>) -> Vec<Stage> {
    let most: Vec<Option<usize>> = (1..=stages.len())
        .map(|next| match stages.get(next..) {
            Some([Stage::Limit(limit), ..]) => Some(*limit),
            Some([Stage::Skip(skip), Stage::Limit(limit), ..]) => Some(limit.saturating_add(*skip)),
            _ => None,
        })
        .collect();
    for (stage, wanted) in stages.iter_mut().zip(most) {
        if let Stage::Sort(_, most) = stage {
            *most = wanted;
        }
    }
    stages
}

/// How many levels a stage can put around a value: those of its own document, and of the paths in it.
fn levels(spec: &RawDocument) -> usize {
    let of = |value: RawBsonRef<'_>| match value {
        RawBsonRef::Document(inner) => levels(inner),
        RawBsonRef::Array(inner) => RawDocument::from_bytes(inner.as_bytes()).map_or(0, levels),
        _ => 0,
    };
    let fields = spec.iter().flatten().map(|(name, value)| name.as_str().split('.').count() + of(value));
    fields.max().unwrap_or(1)
}
