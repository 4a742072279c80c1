//! Making indexes, and deleting what a TTL index has expired.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bson::{DateTime, RawDocumentBuf};

use super::super::backend::IndexOptions;
use super::super::query::{Filter, Index};
use super::catalogue::{self, Catalogue, Collection, Options, Secondary};
use super::change::{Edit, entries};
use super::scan::{Flow, Progress, Scan, document};
use super::select::{Query, Selection};
use super::watch::Watch;
use crate::capabilities::embedded::Tx;
use crate::capabilities::error::{Error, Result};

/// Documents that an index takes up before the next are read.
const PIECE: usize = 1_000;
/// The most documents that one commit expires; the rest follows in the next.
const MOST_EXPIRED: usize = 1_000;

/// An index as it is asked for, checked.
pub(crate) fn checked(keys: &[u8], options: IndexOptions) -> Result<Options> {
    let keys = document(keys)?.to_owned();
    let index = Index::parse(&keys)?;
    if options.expire_after_seconds.is_some() && index.fields().len() != 1 {
        return Err(Error::invalid("expire-after-seconds needs an index over a single field"));
    }
    let partial = options.partial.map(|partial| document(&partial).map(ToOwned::to_owned)).transpose()?;
    partial.as_deref().map(Filter::parse).transpose()?;
    Ok(Options {
        name: options.name.unwrap_or_else(|| index.name()),
        keys,
        unique: options.unique,
        expire_after_seconds: options.expire_after_seconds,
        partial,
    })
}

/// Makes an index and fills it from what is stored, unless there is one by its name or over its keys.
pub(crate) fn ensure(tx: &mut Tx<'_>, catalogue: &Catalogue, name: &str, options: Options) -> Result<()> {
    let collection = catalogue.ensure(tx, name)?;
    let mut index = Secondary::new(0, options)?;
    if is_primary(&index.index) {
        return Ok(());
    }
    let rival = collection.indexes.iter().find(|other| {
        other.options.name == index.options.name
            || (other.index == index.index && other.options.partial == index.options.partial)
    });
    if let Some(rival) = rival {
        if rival.options != index.options {
            tracing::warn!(
                collection = name,
                index = rival.options.name,
                "the index exists with other options than are asked for now; it stays as it is"
            );
        }
        return Ok(());
    }
    index.space = catalogue::next_space(tx)?;
    fill(tx, catalogue, &collection, &mut index)?;
    catalogue.add(tx, &collection, index)
}

fn is_primary(index: &Index) -> bool {
    matches!(index.fields(), [field] if field.path.as_str() == "_id")
}

fn fill(tx: &mut Tx<'_>, catalogue: &Catalogue, collection: &Collection, index: &mut Secondary) -> Result<()> {
    let everything = Filter::parse(&RawDocumentBuf::new())?;
    let mut scan = Scan::choose(collection, &everything, None, false);
    let endless = Watch::endless();
    loop {
        let mut piece = Vec::new();
        let progress = scan.run(tx, PIECE, &mut |key, document| {
            if let Some(entries) = entries(index, document)? {
                piece.push((key.to_vec(), entries));
            }
            Ok(Flow::Continue)
        })?;
        let mut edit = Edit::begin(tx, catalogue, &collection.name, &endless)?;
        for (key, entries) in piece {
            index.multikey |= entries.multikey;
            for keys in entries.keys {
                edit.add_entry(index, &keys, &key)?;
            }
        }
        if progress == Progress::End {
            return Ok(());
        }
    }
}

/// Deletes what has expired; whether there is more. As in MongoDB, an expired document can be read until this has run.
pub(crate) fn expire(tx: &mut Tx<'_>, catalogue: &Catalogue) -> Result<bool> {
    let endless = Watch::endless();
    for name in catalogue::names(tx)? {
        let Some(collection) = catalogue.find(tx, &name)? else { continue };
        for index in &collection.indexes {
            let (Some(seconds), Some(field)) = (index.options.expire_after_seconds, index.index.fields().first())
            else {
                continue;
            };
            let Some(cutoff) = tx.now().checked_sub(Duration::from_secs(seconds.into())) else { continue };
            let expired = expired(tx, &collection, index, field.path.as_str(), cutoff)?;
            let more = expired.len() >= MOST_EXPIRED;
            let mut edit = Edit::begin(tx, catalogue, &name, &endless)?;
            for (key, stored) in expired {
                edit.remove(&key, document(&stored)?)?;
            }
            if more {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Documents with a date before the cutoff in the index's field; of several in an array one is enough.
fn expired(
    tx: &Tx<'_>,
    collection: &Arc<Collection>,
    index: &Secondary,
    path: &str,
    cutoff: SystemTime,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut until = RawDocumentBuf::new();
    until.append(bson::raw::cstr!("$lte"), DateTime::from_system_time(cutoff));
    let name =
        bson::raw::CString::try_from(path).map_err(|_| Error::unavailable("an index names an impossible field"))?;
    let mut filter = RawDocumentBuf::new();
    filter.append(name, until);
    if let Some(partial) = &index.options.partial {
        // Said in the filter too, so that the index is seen to answer it.
        filter = bson::rawdoc! { "$and": [filter, partial.clone()] };
    }
    let query = Query { limit: Some(MOST_EXPIRED), ..Query::all(Filter::parse(&filter)?) };
    let mut found = Vec::new();
    Selection::new(Some(Arc::clone(collection)), query).run(tx, usize::MAX, &mut |key, stored| {
        found.push((key.to_vec(), stored.as_bytes().to_vec()));
        Ok(Flow::Continue)
    })?;
    Ok(found)
}
