//! Which collections and indexes there are, and which part of the table is whose.
//!
//! `collection/<name>` in the catalogue's table → BSON ([`Stored`]). Every collection and every index owns a *space*: the
//! keys that begin with its four-byte number, which is never used again.
//!
//! What was read once is kept parsed beside the bytes it came from, and used as long as the stored bytes are the same. So a
//! reader's view always fits its snapshot, and a request that is undone needs no clean-up here.

use std::collections::HashMap;
use std::sync::Arc;

use bson::RawDocumentBuf;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::super::query::{Filter, Index};
use crate::capabilities::embedded::tables::after_prefix;
use crate::capabilities::embedded::{Read, Table, Tx, tables};
use crate::capabilities::error::{Error, Result};

const COLLECTION: &[u8] = b"collection/";
const NEXT: &[u8] = b"next/space";
/// As many as MongoDB has.
const MOST_INDEXES: usize = 64;
const MOST_NAME: usize = 200;

/// A collection and its indexes.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    pub(crate) name: String,
    /// Where its documents are: space ‖ key of `_id` → BSON.
    pub(crate) space: u32,
    pub(crate) indexes: Vec<Secondary>,
    /// The bytes that this was read from.
    raw: Vec<u8>,
}

/// A secondary index. Its entries: space ‖ keys (‖ key of `_id`, unless it is unique) → key of `_id`.
#[derive(Clone, Debug)]
pub(crate) struct Secondary {
    pub(crate) space: u32,
    pub(crate) index: Index,
    /// Whether some document ever had an array in a field of it.
    pub(crate) multikey: bool,
    pub(crate) partial: Option<Filter>,
    pub(crate) options: Options,
}

/// An index as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Options {
    pub(crate) name: String,
    pub(crate) keys: RawDocumentBuf,
    pub(crate) unique: bool,
    pub(crate) expire_after_seconds: Option<u32>,
    pub(crate) partial: Option<RawDocumentBuf>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    space: u32,
    indexes: Vec<StoredIndex>,
}

#[derive(Serialize, Deserialize)]
struct StoredIndex {
    space: u32,
    multikey: bool,
    options: Options,
}

impl Secondary {
    /// An index over nothing yet.
    pub(crate) fn new(space: u32, options: Options) -> Result<Self> {
        let index = Index::parse(&options.keys)?;
        let partial = options.partial.as_deref().map(Filter::parse).transpose()?;
        Ok(Self { space, index, multikey: false, partial, options })
    }
}

/// The parsed catalogue.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    parsed: RwLock<HashMap<String, Arc<Collection>>>,
}

impl Catalogue {
    /// The collection, if anything was ever stored in it.
    pub(crate) fn find(&self, from: &impl Read, name: &str) -> Result<Option<Arc<Collection>>> {
        let Some(value) = from.get(Table::Catalogue, &key(name))? else { return Ok(None) };
        if let Some(collection) = self.parsed.read().get(name)
            && collection.raw == value.value()
        {
            return Ok(Some(Arc::clone(collection)));
        }
        let collection = Arc::new(parse(name, value.value())?);
        self.parsed.write().insert(name.to_owned(), Arc::clone(&collection));
        Ok(Some(collection))
    }

    /// The collection, made if it is new.
    pub(crate) fn ensure(&self, tx: &mut Tx<'_>, name: &str) -> Result<Arc<Collection>> {
        if let Some(collection) = self.find(tx, name)? {
            return Ok(collection);
        }
        let legal = !name.is_empty() && name.len() <= MOST_NAME && !name.contains(['\0', '$']);
        if !legal {
            return Err(Error::invalid(format!(
                "{name:?} is no name of a collection: 1 to {MOST_NAME} bytes without '$' and zero bytes"
            )));
        }
        let space = next_space(tx)?;
        save(tx, &Collection { name: name.to_owned(), space, indexes: Vec::new(), raw: Vec::new() })?;
        self.find(tx, name)?.ok_or_else(|| damaged(name))
    }

    /// Adds an index to a collection, once its entries are in place.
    pub(crate) fn add(&self, tx: &mut Tx<'_>, collection: &Collection, index: Secondary) -> Result<()> {
        if collection.indexes.len() >= MOST_INDEXES {
            return Err(Error::invalid(format!("collection {} has {MOST_INDEXES} indexes already", collection.name)));
        }
        let mut changed = collection.clone();
        changed.indexes.push(index);
        save(tx, &changed)
    }

    /// Notes that an index holds arrays from now on.
    pub(crate) fn set_multikey(&self, tx: &mut Tx<'_>, collection: &Collection, space: u32) -> Result<Arc<Collection>> {
        let mut changed = collection.clone();
        for index in changed.indexes.iter_mut().filter(|index| index.space == space) {
            index.multikey = true;
        }
        save(tx, &changed)?;
        self.find(tx, &changed.name)?.ok_or_else(|| damaged(&changed.name))
    }
}

/// The names of all collections.
pub(crate) fn names(from: &impl Read) -> Result<Vec<String>> {
    let rows = from.range(Table::Catalogue, COLLECTION, &after_prefix(COLLECTION))?;
    rows.map(|row| {
        let (key, _) = row.map_err(tables::unavailable)?;
        let name = key.value().get(COLLECTION.len()..).unwrap_or_default();
        Ok(String::from_utf8_lossy(name).into_owned())
    })
    .collect()
}

/// A space that nobody ever had.
pub(crate) fn next_space(tx: &mut Tx<'_>) -> Result<u32> {
    let space = match tx.get(Table::Catalogue, NEXT)? {
        Some(value) => {
            let bytes =
                value.value().try_into().map_err(|_| Error::unavailable("the catalogue of documents is damaged"))?;
            u32::from_be_bytes(bytes)
        }
        None => 0,
    };
    tx.put(Table::Catalogue, NEXT, &(space + 1).to_be_bytes())?;
    Ok(space)
}

fn key(name: &str) -> Vec<u8> {
    [COLLECTION, name.as_bytes()].concat()
}

fn save(tx: &mut Tx<'_>, collection: &Collection) -> Result<()> {
    let indexes = collection.indexes.iter().map(|index| StoredIndex {
        space: index.space,
        multikey: index.multikey,
        options: index.options.clone(),
    });
    let stored = Stored { space: collection.space, indexes: indexes.collect() };
    let raw = bson::serialize_to_vec(&stored)
        .map_err(|error| Error::unavailable(format!("collection {}: its catalogue entry: {error}", collection.name)))?;
    tx.put(Table::Catalogue, &key(&collection.name), &raw)
}

fn parse(name: &str, raw: &[u8]) -> Result<Collection> {
    let stored: Stored = bson::deserialize_from_slice(raw).map_err(|_| damaged(name))?;
    let indexes = stored.indexes.into_iter().map(|index| {
        let multikey = index.multikey;
        Ok(Secondary { multikey, ..Secondary::new(index.space, index.options)? })
    });
    let indexes = indexes.collect::<Result<_>>().map_err(|_| damaged(name))?;
    Ok(Collection { name: name.to_owned(), space: stored.space, indexes, raw: raw.to_owned() })
}

fn damaged(name: &str) -> Error {
    Error::unavailable(format!("collection {name}: its catalogue entry is damaged, or of a newer version"))
}
