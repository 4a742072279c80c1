//! What a query did, told when it is over: at `debug`, and as a warning where it was slow.
//!
//! The log gets the shape of a filter, names and operators: values are the users' own.

use std::fmt;
use std::time::Duration;

use super::catalogue::Collection;
use super::scan::{Examined, Scan};
use super::select::Selection;
#[cfg(test)]
use super::{
    super::backend::FindOptions,
    find,
    scan::{Flow, Progress},
};
#[cfg(test)]
use crate::capabilities::error::{Error, Result};

/// From here on a query is slow; MongoDB's own threshold.
const SLOW: Duration = Duration::from_millis(100);

/// Which way was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Way<'c> {
    /// The indexes that are walked; none: every document.
    pub(crate) indexes: Vec<&'c str>,
    /// How many leading fields of each the filter narrows; with none every row is walked.
    pub(crate) narrowed: usize,
    /// Whether several ranges are walked side by side, in the order that was asked for.
    pub(crate) merged: bool,
    /// Whether the documents come in the order that was asked for, without a sort in memory.
    pub(crate) sorted: bool,
}

impl<'c> Way<'c> {
    pub(crate) fn of(scan: &Scan, collection: &'c Collection) -> Self {
        let mut indexes = Vec::new();
        for leg in &scan.legs {
            let index = collection.indexes.iter().find(|index| Some(index.space) == leg.index);
            let name = index.map_or("_id", |index| index.options.name.as_str());
            if !indexes.contains(&name) {
                indexes.push(name);
            }
        }
        if scan.narrowed == 0 && indexes == ["_id"] {
            indexes.clear();
        }
        Self { indexes, narrowed: scan.narrowed, merged: scan.merged, sorted: scan.sorted }
    }
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.indexes.is_empty() {
            f.write_str("every document")?;
        } else {
            write!(f, "{}{}", if self.narrowed == 0 { "all of " } else { "" }, self.indexes.join(" + "))?;
        }
        f.write_str(if self.merged { ", merged" } else { "" })?;
        f.write_str(if self.sorted { "" } else { ", sorted in memory" })
    }
}

pub(super) fn tell(selection: &Selection) {
    let (Some(collection), Some(scan)) = (selection.collection.as_deref(), selection.scan()) else { return };
    let Examined { rows, documents } = scan.examined();
    macro_rules! tell {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                collection = collection.name,
                plan = %Way::of(scan, collection),
                filter = %selection.query.filter.shape(),
                sort = %selection.query.sort.as_ref().map(ToString::to_string).unwrap_or_default(),
                rows,
                documents,
                returned = selection.shown,
                ms = selection.spent.as_secs_f64() * 1_000.0,
                $message
            )
        };
    }
    if selection.spent >= SLOW {
        tell!(warn, "a slow query of the embedded documents; see if an index fits its filter and sort");
    } else {
        tell!(debug, "a query of the embedded documents");
    }
}

/// What a query would do and does, for tests.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) indexes: Vec<String>,
    pub(crate) sorted: bool,
    pub(crate) rows: u64,
    pub(crate) documents: u64,
    pub(crate) returned: u64,
    pub(crate) spent: Duration,
}

#[cfg(test)]
impl super::Documents {
    pub(crate) fn explain(&self, collection: &str, filter: &[u8], options: &FindOptions) -> Result<Explained> {
        let (query, _) = find::query(filter, options, find::FIND_LIMIT)?;
        let snapshot = self.store.snapshot()?;
        let mut selection = Selection::new(self.catalogue.find(&snapshot, collection)?, query);
        // In small pieces, as a call reads.
        while selection.run(&snapshot, 64, &mut |_, _| Ok(Flow::Continue))? == Progress::Paused {}
        let missing = || Error::not_found(format!("no collection {collection}"));
        let (collection, scan) = selection.collection.as_deref().zip(selection.scan()).ok_or_else(missing)?;
        let Way { indexes, sorted, .. } = Way::of(scan, collection);
        let Examined { rows, documents } = scan.examined();
        Ok(Explained {
            indexes: indexes.into_iter().map(ToOwned::to_owned).collect(),
            sorted,
            rows,
            documents,
            returned: selection.shown as u64,
            spent: selection.spent,
        })
    }
}
