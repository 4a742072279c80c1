//! Several writes, and the events that tell of them, in one commit.
//!
//! Another's write to the same documents makes MongoDB undo a transaction; then it is run again from the start, until it
//! goes through, an expectation does not hold, or the call's time is over.

use std::time::{Duration, Instant};

use bson::{Document as Parsed, RawDocumentBuf};
use mongodb::action::Action as _;
use mongodb::error::{Error as DriverError, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::ReadConcern;
use mongodb::{Client, ClientSession, Collection, Database};

use super::fault::{Fault, is_duplicate};
use super::{input, outbox};
use crate::capabilities::documents::backend::{
    Document, Expectation, Operation, Outcome, UpdateOptions, UpdateResult, Write,
};
use crate::capabilities::error::{Error, Result};
use crate::capabilities::events::backend::Event;

/// The first pause before a transaction is run again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));
/// How often an upsert that met another's insert is run again. The second time it finds what was inserted, unless the
/// value belongs to a document that its filter does not match.
const UPSERTS: u32 = 2;

/// A write, parsed.
pub(super) struct Step {
    collection: String,
    action: Action,
    expect: Expectation,
    /// Its place among the writes of a guest's transaction, for errors; none where a call is one write.
    index: Option<usize>,
}

/// What a write does.
pub(super) enum Action {
    Insert(Vec<RawDocumentBuf>),
    Update { filter: Parsed, update: Parsed, options: UpdateOptions },
    Replace { filter: Parsed, replacement: RawDocumentBuf, upsert: bool },
    Delete { filter: Parsed, many: bool },
    Check { filter: Parsed, limit: Option<u64> },
}

impl Step {
    /// The one write of a call.
    pub(super) fn alone(collection: &str, action: Action) -> Self {
        Self { collection: collection.to_owned(), action, expect: Expectation::Anything, index: None }
    }

    fn within(&self, error: Error) -> Error {
        match self.index {
            Some(index) => within(error, index, &self.collection),
            None => error,
        }
    }
}

/// Parses the writes, before the server is troubled with them.
pub(super) fn parse(writes: Vec<Write>) -> Result<Vec<Step>> {
    writes
        .into_iter()
        .enumerate()
        .map(|(index, Write { collection, operation })| {
            let (action, expect) = operation_of(operation).map_err(|error| within(error, index, &collection))?;
            Ok(Step { collection, action, expect, index: Some(index) })
        })
        .collect()
}

fn operation_of(operation: Operation) -> Result<(Action, Expectation)> {
    Ok(match operation {
        Operation::Insert(document) => (Action::Insert(vec![input::inserted(&document)?.0]), Expectation::Anything),
        Operation::Update { filter, update, options, expect } => (Action::update(&filter, &update, options)?, expect),
        Operation::Replace { filter, replacement, upsert, expect } => {
            (Action::replace(&filter, replacement, upsert)?, expect)
        }
        Operation::Delete { filter, many, expect } => (Action::delete(&filter, many)?, expect),
        Operation::Check { filter, expect } => {
            // Enough to tell none, one and several apart, unless the answer is all that is wanted.
            let limit = (expect != Expectation::Anything).then_some(2);
            (Action::Check { filter: input::filter(&filter)?, limit }, expect)
        }
    })
}

fn within(error: Error, index: usize, collection: &str) -> Error {
    error.within(format_args!("transact, write {index} on {collection}"))
}

impl Action {
    pub(super) fn update(filter: &[u8], update: &[u8], options: UpdateOptions) -> Result<Self> {
        Ok(Self::Update { filter: input::filter(filter)?, update: input::update(update)?, options })
    }

    pub(super) fn replace(filter: &[u8], replacement: Document, upsert: bool) -> Result<Self> {
        Ok(Self::Replace { filter: input::filter(filter)?, replacement: input::replacement(replacement)?, upsert })
    }

    pub(super) fn delete(filter: &[u8], many: bool) -> Result<Self> {
        Ok(Self::Delete { filter: input::filter(filter)?, many })
    }

    const fn upserts(&self) -> bool {
        matches!(
            self,
            Self::Update { options: UpdateOptions { upsert: true, .. }, .. } | Self::Replace { upsert: true, .. }
        )
    }

    /// Does it, in a transaction where there is a session.
    pub(super) async fn apply(
        &self,
        to: &Collection<RawDocumentBuf>,
        session: Option<&mut ClientSession>,
    ) -> Result<UpdateResult, DriverError> {
        match self {
            Self::Insert(documents) => {
                match (documents.as_slice(), session) {
                    ([one], None) => drop(to.insert_one(one).await?),
                    ([one], Some(session)) => drop(to.insert_one(one).session(session).await?),
                    (many, None) => drop(to.insert_many(many).await?),
                    (many, Some(session)) => drop(to.insert_many(many).session(session).await?),
                }
                let id = documents.first().and_then(|first| first.get("_id").ok().flatten());
                let id = id.map(|id| {
                    let mut answer = RawDocumentBuf::new();
                    answer.append(bson::raw::cstr!("_id"), id);
                    answer.into_bytes()
                });
                Ok(UpdateResult { upserted: id, ..UpdateResult::default() })
            }
            Self::Update { filter, update, options } => {
                let (filter, update) = (filter.clone(), update.clone());
                let action = if options.many { to.update_many(filter, update) } else { to.update_one(filter, update) };
                let action = action.upsert(options.upsert);
                updated(match session {
                    Some(session) => action.session(session).await?,
                    None => action.await?,
                })
            }
            Self::Replace { filter, replacement, upsert } => {
                let action = to.replace_one(filter.clone(), replacement).upsert(*upsert);
                updated(match session {
                    Some(session) => action.session(session).await?,
                    None => action.await?,
                })
            }
            Self::Delete { filter, many } => {
                let filter = filter.clone();
                let action = if *many { to.delete_many(filter) } else { to.delete_one(filter) };
                let deleted = match session {
                    Some(session) => action.session(session).await?,
                    None => action.await?,
                };
                Ok(UpdateResult { matched: deleted.deleted_count, ..UpdateResult::default() })
            }
            Self::Check { filter, limit } => {
                let action = to.count_documents(filter.clone()).optional(*limit, |action, limit| action.limit(limit));
                let matched = match session {
                    Some(session) => action.session(session).await?,
                    None => action.await?,
                };
                Ok(UpdateResult { matched, ..UpdateResult::default() })
            }
        }
    }
}

fn updated(result: mongodb::results::UpdateResult) -> Result<UpdateResult, DriverError> {
    let upserted = result.upserted_id.map(|id| {
        let mut answer = Parsed::new();
        answer.insert("_id", id);
        answer
    });
    let upserted = upserted.map(|answer| answer.to_vec()).transpose()?;
    Ok(UpdateResult { matched: result.matched_count, modified: result.modified_count, upserted })
}

/// How one try ended without a commit.
enum Stopped {
    /// Another try may go through.
    Again(Fault),
    /// An upsert met a value that another inserted.
    Raced(Fault),
    For(Fault),
}

/// Runs the writes, each seeing what those before it did, and puts the events into the outbox.
pub(super) async fn run(
    client: &Client,
    database: &Database,
    steps: &[Step],
    events: &[Event],
    deadline: Instant,
) -> Result<Outcome, Fault> {
    if steps.is_empty() && events.is_empty() {
        return Ok(Outcome::Committed(Vec::new()));
    }
    let rows = outbox::rows(events)?;
    let (mut pause, mut raced) = (PAUSES.0, 0);
    loop {
        // Each try has its own: one whose connection broke is of no use to the next.
        let mut session = client.start_session().await?;
        let fault = match attempt(&mut session, database, steps, &rows, deadline).await {
            Ok(outcome) => return Ok(outcome),
            Err(Stopped::For(fault)) => return Err(fault),
            Err(Stopped::Raced(fault)) => {
                raced += 1;
                if raced > UPSERTS {
                    return Err(fault);
                }
                fault
            }
            Err(Stopped::Again(fault)) => fault,
        };
        if Instant::now() + pause >= deadline {
            return Err(fault);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn attempt(
    session: &mut ClientSession,
    database: &Database,
    steps: &[Step],
    rows: &[RawDocumentBuf],
    deadline: Instant,
) -> Result<Outcome, Stopped> {
    let begin = session.start_transaction().read_concern(ReadConcern::snapshot());
    begin.await.map_err(|error| Stopped::For(error.into()))?;
    let written = write(session, database, steps, rows).await;
    match written {
        Ok(Outcome::Committed(results)) => {
            commit(session, deadline).await?;
            Ok(Outcome::Committed(results))
        }
        Ok(unmet) => {
            abort(session).await;
            Ok(unmet)
        }
        Err(stopped) => {
            // A server that did not answer would not answer this either. The session, dropped, tells it when it is back.
            let (Stopped::Again(fault) | Stopped::Raced(fault) | Stopped::For(fault)) = &stopped;
            if !fault.away {
                abort(session).await;
            }
            Err(stopped)
        }
    }
}

async fn write(
    session: &mut ClientSession,
    database: &Database,
    steps: &[Step],
    rows: &[RawDocumentBuf],
) -> Result<Outcome, Stopped> {
    let mut results = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let result = step.action.apply(&database.collection(&step.collection), Some(&mut *session)).await;
        let result = result.map_err(|error| stopped(error, step))?;
        if !step.expect.holds(result.matched) {
            return Ok(Outcome::Unmet(u32::try_from(index).unwrap_or(u32::MAX)));
        }
        results.push(result);
    }
    if !rows.is_empty() {
        let inserted = outbox::collection(database).insert_many(rows).session(&mut *session).await;
        inserted.map_err(|error| {
            let again = error.contains_label(TRANSIENT_TRANSACTION_ERROR);
            let fault = Fault::from(error);
            let fault = Fault { error: fault.error.within("transact, its events"), ..fault };
            if again { Stopped::Again(fault) } else { Stopped::For(fault) }
        })?;
    }
    Ok(Outcome::Committed(results))
}

fn stopped(error: DriverError, step: &Step) -> Stopped {
    let again = error.contains_label(TRANSIENT_TRANSACTION_ERROR);
    let raced = step.action.upserts() && is_duplicate(&error);
    let fault = Fault::from(error);
    let fault = Fault { error: step.within(fault.error), ..fault };
    match (again, raced) {
        (true, _) => Stopped::Again(fault),
        (false, true) => Stopped::Raced(fault),
        (false, false) => Stopped::For(fault),
    }
}

/// Commits, and asks again while the answer is lost: the session makes sure that it is done once.
async fn commit(session: &mut ClientSession, deadline: Instant) -> Result<(), Stopped> {
    let mut pause = PAUSES.0;
    loop {
        let Err(error) = session.commit_transaction().await else { return Ok(()) };
        let unknown = error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT);
        let again = error.contains_label(TRANSIENT_TRANSACTION_ERROR);
        let fault = Fault::from(error);
        if unknown && Instant::now() + pause < deadline {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            continue;
        }
        return Err(match (unknown, again) {
            (true, _) => {
                let error = Error::timeout("MongoDB did not say whether it committed; it may or may not be done");
                Stopped::For(Fault { error, away: fault.away })
            }
            (false, true) => Stopped::Again(fault),
            (false, false) => Stopped::For(fault),
        });
    }
}

/// Lets go of what the transaction holds. The server undoes by itself what is not committed.
async fn abort(session: &mut ClientSession) {
    if let Err(error) = session.abort_transaction().await {
        tracing::debug!(%error, "a transaction that was given up could not be aborted");
    }
}
