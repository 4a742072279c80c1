//! Documents that last. Needs the grant `documents` for the collections named.
//!
//! Filters, updates, sorts and projections are BSON in MongoDB's language, written with [`doc!`](crate::doc).
//!
//! ```
//! use devconnect_sdk::prelude::*;
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(rename_all = "camelCase")]
//! struct User {
//!     #[serde(rename = "_id")]
//!     id: Id,
//!     email_id: String,
//!     created_at: DateTime,
//! }
//!
//! const USERS: Collection<User> = Collection::new("users");
//!
//! # fn example(user: User) -> Result<(), Error> {
//! USERS.ensure_index(&Index::on(doc! { "emailId": 1 }).unique())?;
//! USERS.insert(&user)?;
//! let user = USERS.find_one(doc! { "emailId": "ada@example.com" })?;
//! let newest = USERS.find(doc! {}).sort(doc! { "createdAt": -1 }).limit(10).all()?;
//! USERS.update_one(doc! { "_id": newest[0].id }, doc! { "$set": { "firstName": "Ada" } })?;
//! # let _ = user; Ok(())
//! # }
//! ```

mod decode;
mod encode;
mod find;
mod index;
#[cfg(test)]
mod tests;
mod transaction;

use std::fmt;
use std::marker::PhantomData;

use bson::{Bson, Document};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::find::{Find, Rows};
pub use self::index::Index;
pub use self::transaction::{Expect, Outcome, Processed, Transaction};
pub use crate::bindings::devconnect::platform::documents::{FindAndUpdateOptions, UpdateOptions};

use crate::bindings::devconnect::platform::documents as wire;
use crate::error::Error;
use crate::platform::documents;

/// A collection whose documents are of one type.
pub struct Collection<T> {
    name: &'static str,
    document: PhantomData<fn() -> T>,
}

/// What an update did.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated {
    /// How many documents matched.
    pub matched: u64,
    /// How many are different now.
    pub modified: u64,
    /// The `_id` of the document that was inserted, where none matched.
    pub upserted: Option<Bson>,
}

impl<T> Collection<T> {
    /// The collection with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, document: PhantomData }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The same collection, its documents read as another type: for projections.
    #[must_use]
    pub const fn of<U>(&self) -> Collection<U> {
        Collection::new(self.name)
    }

    /// Changes the first document that matches.
    ///
    /// # Errors
    /// What the store answers.
    pub fn update_one(&self, filter: Document, update: Document) -> Result<Updated, Error> {
        self.update(filter, update, UpdateOptions { many: false, upsert: false })
    }

    /// Changes all documents that match.
    ///
    /// # Errors
    /// What the store answers.
    pub fn update_many(&self, filter: Document, update: Document) -> Result<Updated, Error> {
        self.update(filter, update, UpdateOptions { many: true, upsert: false })
    }

    /// Changes the first document that matches, or inserts one made of the filter's equalities and the update.
    ///
    /// # Errors
    /// What the store answers.
    pub fn upsert_one(&self, filter: Document, update: Document) -> Result<Updated, Error> {
        self.update(filter, update, UpdateOptions { many: false, upsert: true })
    }

    /// Changes documents by update operators (`$set`, `$inc`, …).
    ///
    /// # Errors
    /// What the store answers.
    pub fn update(&self, filter: Document, update: Document, options: UpdateOptions) -> Result<Updated, Error> {
        updated(documents::update(self.name, &self.bytes(&filter)?, &self.bytes(&update)?, options)?)
    }

    /// Deletes the first document that matches. True if there was one.
    ///
    /// # Errors
    /// What the store answers.
    pub fn delete_one(&self, filter: Document) -> Result<bool, Error> {
        Ok(documents::delete(self.name, &self.bytes(&filter)?, false)? > 0)
    }

    /// Deletes all documents that match; how many those were.
    ///
    /// # Errors
    /// What the store answers.
    pub fn delete_many(&self, filter: Document) -> Result<u64, Error> {
        Ok(documents::delete(self.name, &self.bytes(&filter)?, true)?)
    }

    /// How many documents match.
    ///
    /// # Errors
    /// What the store answers.
    pub fn count(&self, filter: Document) -> Result<u64, Error> {
        Ok(documents::count(self.name, &self.bytes(&filter)?, 0)?)
    }

    /// How many documents match, but no more than `most`: counting stops there.
    ///
    /// # Errors
    /// What the store answers.
    pub fn count_to(&self, filter: Document, most: u64) -> Result<u64, Error> {
        Ok(documents::count(self.name, &self.bytes(&filter)?, most)?)
    }

    /// True if a document matches.
    ///
    /// # Errors
    /// What the store answers.
    pub fn exists(&self, filter: Document) -> Result<bool, Error> {
        Ok(documents::count(self.name, &self.bytes(&filter)?, 1)? > 0)
    }

    /// Runs an aggregation pipeline, within this collection: there is no `$lookup`. The WIT interface lists the stages
    /// that each store runs.
    ///
    /// # Errors
    /// What the store answers; `Invalid` for a stage or an expression that it lacks, `TooLarge` if the answer passes 8 MiB.
    pub fn aggregate<U: DeserializeOwned>(
        &self,
        pipeline: impl IntoIterator<Item = Document>,
    ) -> Result<Vec<U>, Error> {
        let pipeline = pipeline.into_iter().map(|stage| self.bytes(&stage)).collect::<Result<Vec<_>, _>>()?;
        documents::aggregate(self.name, &pipeline)?.iter().map(|bytes| read(self.name, bytes)).collect()
    }

    /// Makes an index unless it exists: a matter for `init`.
    ///
    /// # Errors
    /// `Conflict` if stored documents break `unique`.
    pub fn ensure_index(&self, index: &Index) -> Result<(), Error> {
        let (keys, options) = index.encode(self.name)?;
        Ok(documents::ensure_index(self.name, &keys, &options)?)
    }

    fn bytes(&self, document: &Document) -> Result<Vec<u8>, Error> {
        raw(self.name, document)
    }
}

impl<T: DeserializeOwned> Collection<T> {
    /// The documents that match, in the ways that [`Find`] offers.
    pub fn find(&self, filter: Document) -> Find<T> {
        Find::new(self.name, filter)
    }

    /// The first document that matches.
    ///
    /// # Errors
    /// What the store answers.
    pub fn find_one(&self, filter: Document) -> Result<Option<T>, Error> {
        let found = documents::find_one(self.name, &self.bytes(&filter)?, None)?;
        found.map(|bytes| read(self.name, &bytes)).transpose()
    }

    /// The document with this `_id`.
    ///
    /// # Errors
    /// What the store answers.
    pub fn get(&self, id: impl Into<Bson>) -> Result<Option<T>, Error> {
        self.find_one(bson::doc! { "_id": id })
    }

    /// Updates one document and returns it as it is then, in one step; `None` if none matched.
    ///
    /// # Errors
    /// What the store answers.
    pub fn find_one_and_update(&self, filter: Document, update: Document) -> Result<Option<T>, Error> {
        self.find_one_and_update_with(filter, update, FindAndUpdateOptions { return_new: true, ..Default::default() })
    }

    /// The same with options; the default ones answer the document as it was before.
    ///
    /// # Errors
    /// What the store answers.
    pub fn find_one_and_update_with(
        &self,
        filter: Document,
        update: Document,
        options: FindAndUpdateOptions,
    ) -> Result<Option<T>, Error> {
        let found = documents::find_one_and_update(self.name, &self.bytes(&filter)?, &self.bytes(&update)?, &options)?;
        found.map(|bytes| read(self.name, &bytes)).transpose()
    }
}

impl<T: Serialize> Collection<T> {
    /// Inserts a document. Its `_id`; one without gets an ObjectId.
    ///
    /// # Errors
    /// `Conflict` if a unique index holds a value already.
    pub fn insert(&self, document: &T) -> Result<Bson, Error> {
        let ids = documents::insert(self.name, &[write(self.name, document)?])?;
        ids.first().map_or(Ok(Bson::Null), |bytes| id(self.name, bytes))
    }

    /// Inserts documents in one commit, at most 1,000. Their ids.
    ///
    /// # Errors
    /// `Conflict` if a unique index holds a value already: then none is inserted.
    pub fn insert_many<'a>(&self, all: impl IntoIterator<Item = &'a T>) -> Result<Vec<Bson>, Error>
    where
        T: 'a,
    {
        let all = all.into_iter().map(|document| write(self.name, document)).collect::<Result<Vec<_>, _>>()?;
        documents::insert(self.name, &all)?.iter().map(|bytes| id(self.name, bytes)).collect()
    }

    /// Replaces the first document that matches, all but its `_id`.
    ///
    /// # Errors
    /// What the store answers.
    pub fn replace(&self, filter: Document, document: &T) -> Result<Updated, Error> {
        updated(documents::replace(self.name, &self.bytes(&filter)?, &write(self.name, document)?, false)?)
    }

    /// Replaces the first document that matches, or inserts this one.
    ///
    /// # Errors
    /// What the store answers.
    pub fn replace_or_insert(&self, filter: Document, document: &T) -> Result<Updated, Error> {
        updated(documents::replace(self.name, &self.bytes(&filter)?, &write(self.name, document)?, true)?)
    }
}

impl<T> fmt::Debug for Collection<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Collection").field(&self.name).finish()
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated")]
impl Default for FindAndUpdateOptions {
    fn default() -> Self {
        Self { sort: None, projection: None, return_new: false, upsert: false }
    }
}

impl FindAndUpdateOptions {
    /// Which one, where several match: the first in this order.
    ///
    /// # Errors
    /// The order cannot be written as BSON.
    pub fn with_sort(mut self, sort: &Document) -> Result<Self, Error> {
        self.sort = Some(raw("", sort)?);
        Ok(self)
    }

    /// The document as it is after the update, not before it.
    #[must_use]
    pub fn returning_new(mut self) -> Self {
        self.return_new = true;
        self
    }

    /// Insert one if none matches.
    #[must_use]
    pub fn upserting(mut self) -> Self {
        self.upsert = true;
        self
    }
}

/// A value as a document, for instance for `$set`.
///
/// # Errors
/// It is no struct or map, or has parts that BSON has not.
pub fn to_document(value: &impl Serialize) -> Result<Document, Error> {
    untyped("", &write("", value)?)
}

/// A document as a value.
///
/// # Errors
/// It does not fit the type.
pub fn from_document<T: DeserializeOwned>(document: &Document) -> Result<T, Error> {
    read("", &raw("", document)?)
}

fn write(collection: &str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    encode::encode(value).map_err(|error| refused(collection, "it cannot be written as BSON", &error))
}

/// The bytes of a document that is one already.
fn raw(collection: &str, document: &Document) -> Result<Vec<u8>, Error> {
    document.to_vec().map_err(|error| refused(collection, "it cannot be written as BSON", &error))
}

fn read<T: DeserializeOwned>(collection: &str, bytes: &[u8]) -> Result<T, Error> {
    decode::decode(bytes).map_err(|error| refused(collection, "a document does not fit its type", &error))
}

fn untyped(collection: &str, bytes: &[u8]) -> Result<Document, Error> {
    Document::from_reader(bytes).map_err(|error| refused(collection, "the bytes are no BSON", &error))
}

#[cold]
fn refused(collection: &str, what: &str, error: &dyn fmt::Display) -> Error {
    Error::invalid(format!("documents.{collection}: {what}: {error}"))
}

fn id(collection: &str, bytes: &[u8]) -> Result<Bson, Error> {
    let document = untyped(collection, bytes)?;
    Ok(document.get("_id").cloned().unwrap_or(Bson::Null))
}

fn updated(result: wire::UpdateResult) -> Result<Updated, Error> {
    let upserted = result.upserted.map(|bytes| id("", &bytes)).transpose()?;
    Ok(Updated { matched: result.matched, modified: result.modified, upserted })
}
