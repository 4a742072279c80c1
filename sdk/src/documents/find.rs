//! Queries.

use std::collections::VecDeque;
use std::marker::PhantomData;

use bson::Document;
use serde::de::DeserializeOwned;

use super::{raw, read};
use crate::bindings::devconnect::platform::documents::FindOptions;
use crate::error::Error;
use crate::platform::documents;

/// A query that is not sent yet; [`all`](Find::all), [`first`](Find::first) or [`rows`](Find::rows) send it.
#[derive(Debug)]
#[must_use = "a query does nothing until it is sent"]
pub struct Find<T> {
    collection: &'static str,
    filter: Document,
    sort: Option<Document>,
    projection: Option<Document>,
    skip: u32,
    limit: u32,
    document: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Find<T> {
    pub(super) fn new(collection: &'static str, filter: Document) -> Self {
        Self { collection, filter, sort: None, projection: None, skip: 0, limit: 0, document: PhantomData }
    }

    /// The order: `{field: 1 | -1, …}`.
    pub fn sort(mut self, sort: Document) -> Self {
        self.sort = Some(sort);
        self
    }

    /// Which fields are wanted, or not wanted: `{field: 1, …}` or `{field: 0, …}`.
    pub fn projection(mut self, projection: Document) -> Self {
        self.projection = Some(projection);
        self
    }

    /// How many are left out at the start.
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// The most that are wanted.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// All of them, at most 1,000.
    ///
    /// # Errors
    /// What the store answers; `TooLarge` if they pass 8 MiB.
    pub fn all(self) -> Result<Vec<T>, Error> {
        let (filter, options) = self.encode()?;
        let found = documents::find(self.collection, &filter, &options)?;
        found.iter().map(|bytes| read(self.collection, bytes)).collect()
    }

    /// The first of them.
    ///
    /// # Errors
    /// What the store answers.
    pub fn first(self) -> Result<Option<T>, Error> {
        Ok(self.limit(1).all()?.pop())
    }

    /// One after another, fetched in pieces; here no limit is no limit.
    ///
    /// # Errors
    /// What the store answers.
    pub fn rows(self) -> Result<Rows<T>, Error> {
        let (filter, options) = self.encode()?;
        let cursor = documents::open(self.collection, &filter, &options)?;
        Ok(Rows { collection: self.collection, cursor, fetched: VecDeque::new(), ended: false, document: PhantomData })
    }

    fn encode(&self) -> Result<(Vec<u8>, FindOptions), Error> {
        let bytes = |document: &Document| raw(self.collection, document);
        let options = FindOptions {
            sort: self.sort.as_ref().map(bytes).transpose()?,
            projection: self.projection.as_ref().map(bytes).transpose()?,
            skip: self.skip,
            limit: self.limit,
        };
        Ok((bytes(&self.filter)?, options))
    }
}

/// The documents of a query, one after another; the host drops it when the call ends.
pub struct Rows<T> {
    collection: &'static str,
    cursor: documents::Cursor,
    fetched: VecDeque<Vec<u8>>,
    ended: bool,
    document: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Rows<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rows").field("collection", &self.collection).finish_non_exhaustive()
    }
}

/// How many documents are fetched at once.
const PIECE: u32 = 100;

impl<T: DeserializeOwned> Iterator for Rows<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.fetched.is_empty() && !self.ended {
            match self.cursor.next(PIECE) {
                Ok(piece) => self.fetched = piece.into(),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
            self.ended = self.fetched.is_empty();
        }
        Some(read(self.collection, &self.fetched.pop_front()?))
    }
}
