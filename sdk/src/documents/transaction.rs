//! All or nothing.

use bson::Document;
use serde::{Deserialize, Serialize};

use super::{Collection, Updated, raw, updated, write};
use crate::bindings::devconnect::platform::documents as wire;
use crate::bindings::devconnect::platform::events as wire_events;
use crate::consumer::Delivery;
use crate::error::Error;
use crate::events::{self, Event};
use crate::platform::documents;
use crate::time::DateTime;

/// What must be true of a write for its transaction to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: a write that matches no document is fine.
    Anything,
    /// Exactly one document matched.
    One,
    /// No document matched.
    None,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All of it was done; an answer for each write, in order.
    Committed(Vec<Updated>),
    /// Nothing was done: what was expected of the write with this index did not hold.
    Unmet(usize),
}

/// That an event has been processed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Processed {
    /// [`Delivery::event_id`].
    #[serde(rename = "_id")]
    pub id: String,
    /// When.
    pub at: DateTime,
}

impl Outcome {
    /// True if all of it was done.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        matches!(self, Self::Committed(_))
    }
}

/// Writes and events, all of them or nothing, in one commit: at most 100 of each. The events reach their topics even if
/// the broker is away now.
///
/// ```
/// use devconnect_sdk::prelude::*;
/// # #[derive(Serialize, Deserialize)] struct Request { from: Id, to: Id }
/// # #[derive(Serialize, Event)] #[event(topic = "connection-events", key = from)] struct Asked { from: Id }
/// const REQUESTS: Collection<Request> = Collection::new("connectionrequests");
///
/// # fn example(from: Id, to: Id) -> Result<(), Problem> {
/// let outcome = Transaction::new()
///     .check(&REQUESTS, doc! { "from": to, "to": from }, Expect::None)
///     .insert(&REQUESTS, &Request { from, to })
///     .publish(&Asked { from })
///     .commit()?;
/// if outcome == Outcome::Unmet(0) {
///     return Err(Problem::bad_request("connection request already present"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction {
    writes: Vec<wire::Write>,
    events: Vec<wire_events::Event>,
    /// What could not be encoded, told when it is committed.
    error: Option<Error>,
}

impl Transaction {
    /// A transaction that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Inserts a document.
    pub fn insert<T: Serialize>(mut self, collection: &Collection<T>, document: &T) -> Self {
        if let Some(document) = self.keep(write(collection.name(), document)) {
            self.writes.push(wire::Write::Insert((collection.name().to_owned(), document)));
        }
        self
    }

    /// Changes the first document that matches.
    pub fn update_one<T>(self, collection: &Collection<T>, filter: Document, update: Document, expect: Expect) -> Self {
        self.update(collection, filter, update, wire::UpdateOptions { many: false, upsert: false }, expect)
    }

    /// Changes documents by update operators.
    pub fn update<T>(
        mut self,
        collection: &Collection<T>,
        filter: Document,
        update: Document,
        options: wire::UpdateOptions,
        expect: Expect,
    ) -> Self {
        if let (Some(filter), Some(update)) =
            (self.keep(raw(collection.name(), &filter)), self.keep(raw(collection.name(), &update)))
        {
            let write = (collection.name().to_owned(), filter, update, options, expect.into());
            self.writes.push(wire::Write::Update(write));
        }
        self
    }

    /// Replaces the first document that matches, all but its `_id`.
    pub fn replace<T: Serialize>(
        mut self,
        collection: &Collection<T>,
        filter: Document,
        document: &T,
        expect: Expect,
    ) -> Self {
        if let (Some(filter), Some(document)) =
            (self.keep(raw(collection.name(), &filter)), self.keep(write(collection.name(), document)))
        {
            let write = (collection.name().to_owned(), filter, document, false, expect.into());
            self.writes.push(wire::Write::Replace(write));
        }
        self
    }

    /// Deletes the first document that matches.
    pub fn delete_one<T>(self, collection: &Collection<T>, filter: Document, expect: Expect) -> Self {
        self.delete(collection, filter, false, expect)
    }

    /// Deletes all documents that match.
    pub fn delete_many<T>(self, collection: &Collection<T>, filter: Document, expect: Expect) -> Self {
        self.delete(collection, filter, true, expect)
    }

    /// Writes nothing, and expects something of what is there.
    pub fn check<T>(mut self, collection: &Collection<T>, filter: Document, expect: Expect) -> Self {
        if let Some(filter) = self.keep(raw(collection.name(), &filter)) {
            self.writes.push(wire::Write::Check((collection.name().to_owned(), filter, expect.into())));
        }
        self
    }

    /// Ties the transaction to an event that arrived, in two writes: it commits once, however often the event is delivered. Where
    /// it has done so before, it is [`Unmet`](Outcome::Unmet) at the first of the two. The collection is the plugin's own, with an
    /// index on `at` that lets its documents expire when no delivery is to be expected any more.
    pub fn once(self, collection: &Collection<Processed>, delivery: &Delivery) -> Self {
        let processed = Processed { id: delivery.event_id.clone(), at: DateTime::now() };
        self.check(collection, bson::doc! { "_id": &processed.id }, Expect::None).insert(collection, &processed)
    }

    /// Publishes an event in the same commit.
    pub fn publish<E: Event>(mut self, event: &E) -> Self {
        match events::encode(event) {
            Ok(event) => self.events.push(event),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// Does all of it, or nothing.
    ///
    /// # Errors
    /// `Conflict` if a unique index holds a value already. After `Timeout` it may have been done.
    pub fn commit(self) -> Result<Outcome, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        match documents::transact(&self.writes, &self.events)? {
            wire::Outcome::Committed(results) => {
                results.into_iter().map(updated).collect::<Result<_, _>>().map(Outcome::Committed)
            }
            wire::Outcome::Unmet(index) => Ok(Outcome::Unmet(index as usize)),
        }
    }

    fn delete<T>(mut self, collection: &Collection<T>, filter: Document, many: bool, expect: Expect) -> Self {
        if let Some(filter) = self.keep(raw(collection.name(), &filter)) {
            self.writes.push(wire::Write::Delete((collection.name().to_owned(), filter, many, expect.into())));
        }
        self
    }

    /// The bytes, or `None` and the error kept for the commit.
    fn keep(&mut self, encoded: Result<Vec<u8>, Error>) -> Option<Vec<u8>> {
        encoded.map_err(|error| self.error.get_or_insert(error)).ok()
    }
}

impl From<Expect> for wire::Expectation {
    fn from(expect: Expect) -> Self {
        match expect {
            Expect::Anything => Self::Anything,
            Expect::One => Self::One,
            Expect::None => Self::None,
        }
    }
}
