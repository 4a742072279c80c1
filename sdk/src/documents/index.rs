//! Indexes.

use std::time::Duration;

use bson::Document;

use super::raw;
use crate::bindings::devconnect::platform::documents::IndexOptions;
use crate::error::Error;

/// An index that must be there.
#[derive(Clone, Debug)]
#[must_use = "an index is made by `Collection::ensure_index`"]
pub struct Index {
    keys: Document,
    name: Option<String>,
    unique: bool,
    expire_after: Option<Duration>,
    partial: Option<Document>,
}

impl Index {
    /// An index over these keys: `{field: 1 | -1, …}`.
    pub fn on(keys: Document) -> Self {
        Self { keys, name: None, unique: false, expire_after: None, partial: None }
    }

    /// With a name; without one it is made from the keys, as MongoDB does (`emailId_1`).
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// No two documents may have the same value.
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Documents are deleted that long (in whole seconds) after the date in the (single) key.
    pub fn expiring_after(mut self, life: Duration) -> Self {
        self.expire_after = Some(life);
        self
    }

    /// Only documents that match this filter are indexed.
    pub fn partial(mut self, filter: Document) -> Self {
        self.partial = Some(filter);
        self
    }

    pub(super) fn encode(&self, collection: &str) -> Result<(Vec<u8>, IndexOptions), Error> {
        let options = IndexOptions {
            name: self.name.clone(),
            unique: self.unique,
            expire_after_seconds: self.expire_after.map(|life| u32::try_from(life.as_secs()).unwrap_or(u32::MAX)),
            partial: self.partial.as_ref().map(|filter| raw(collection, filter)).transpose()?,
        };
        Ok((raw(collection, &self.keys)?, options))
    }
}
