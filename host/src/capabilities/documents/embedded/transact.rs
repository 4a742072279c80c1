//! Transactions: several writes and the events that tell of them, in one commit.

use super::super::backend::{Document, Expectation, Operation, Outcome, UpdateOptions, UpdateResult, Write};
use super::super::query::Filter;
use super::catalogue::Catalogue;
use super::change::{Edit, Rewrite};
use super::scan::document;
use super::watch::Watch;
use super::{parse_filter, parse_replacement, parse_update};
use crate::capabilities::embedded::{Sink, Tx};
use crate::capabilities::error::{Error, Result};
use crate::capabilities::events::backend::Event;

/// A write, parsed.
pub(super) struct Step {
    collection: String,
    action: Action,
    expect: Expectation,
}

enum Action {
    Insert(Document),
    Rewrite(Filter, Rewrite, UpdateOptions),
    Delete(Filter, bool),
    Check(Filter),
}

/// About how many bytes a write holds.
pub(super) fn weight(write: &Write) -> usize {
    let own = match &write.operation {
        Operation::Insert(document) => document.len(),
        Operation::Update { filter, update, .. } => filter.len() + update.len(),
        Operation::Replace { filter, replacement, .. } => filter.len() + replacement.len(),
        Operation::Delete { filter, .. } | Operation::Check { filter, .. } => filter.len(),
    };
    own + 256
}

/// Parses the writes, before the writer is troubled with them.
pub(super) fn parse(writes: Vec<Write>) -> Result<Vec<Step>> {
    writes
        .into_iter()
        .enumerate()
        .map(|(index, Write { collection, operation })| {
            let parsed = parse_operation(operation);
            let (action, expect) = parsed.map_err(|error| within(error, index, &collection))?;
            Ok(Step { collection, action, expect })
        })
        .collect()
}

fn parse_operation(operation: Operation) -> Result<(Action, Expectation)> {
    Ok(match operation {
        Operation::Insert(document) => (Action::Insert(document), Expectation::Anything),
        Operation::Update { filter, update, options, expect } => {
            (Action::Rewrite(parse_filter(&filter)?, parse_update(&update)?, options), expect)
        }
        Operation::Replace { filter, replacement, upsert, expect } => {
            let options = UpdateOptions { many: false, upsert };
            (Action::Rewrite(parse_filter(&filter)?, parse_replacement(&replacement)?, options), expect)
        }
        Operation::Delete { filter, many, expect } => (Action::Delete(parse_filter(&filter)?, many), expect),
        Operation::Check { filter, expect } => (Action::Check(parse_filter(&filter)?), expect),
    })
}

/// Runs the writes, each seeing what those before it did, and hands over the events.
pub(super) fn run(
    tx: &mut Tx<'_>,
    catalogue: &Catalogue,
    steps: Vec<Step>,
    sink: &dyn Sink,
    events: &[Event],
    watch: &Watch,
) -> Result<Outcome> {
    let mut results = Vec::with_capacity(steps.len());
    for (index, step) in steps.into_iter().enumerate() {
        let result = write(tx, catalogue, &step.collection, step.action, step.expect, watch);
        let result = result.map_err(|error| within(error, index, &step.collection))?;
        if !step.expect.holds(result.matched) {
            // Not an error, so the writer would keep what the writes before this one did.
            tx.undo()?;
            return Ok(Outcome::Unmet(u32::try_from(index).unwrap_or(u32::MAX)));
        }
        results.push(result);
    }
    sink.take(tx, events).map_err(|error| error.within("transact"))?;
    Ok(Outcome::Committed(results))
}

fn write(
    tx: &mut Tx<'_>,
    catalogue: &Catalogue,
    collection: &str,
    action: Action,
    expect: Expectation,
    watch: &Watch,
) -> Result<UpdateResult> {
    let mut edit = Edit::begin(tx, catalogue, collection, watch)?;
    match action {
        Action::Insert(inserted) => {
            let id = edit.insert(document(&inserted)?)?;
            Ok(UpdateResult { upserted: Some(id), ..UpdateResult::default() })
        }
        Action::Rewrite(filter, rewrite, options) => edit.rewrite(filter, &rewrite, options),
        Action::Delete(filter, many) => {
            Ok(UpdateResult { matched: edit.delete(filter, many)?, ..UpdateResult::default() })
        }
        Action::Check(filter) => {
            // Enough to tell none, one and several apart, unless the answer is all that is wanted.
            let limit = if expect == Expectation::Anything { usize::MAX } else { 2 };
            Ok(UpdateResult { matched: edit.count(filter, limit)?, ..UpdateResult::default() })
        }
    }
}

fn within(error: Error, index: usize, collection: &str) -> Error {
    error.within(format_args!("transact, write {index} on {collection}"))
}
