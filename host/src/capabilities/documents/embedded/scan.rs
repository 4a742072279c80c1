//! Reading documents in the order of a key, in pieces that can be taken up again.

use std::collections::{HashSet, VecDeque};
use std::sync::LazyLock;

use bson::RawDocument;

use super::super::query::{Filter, Index, Sort, key::Range};
use super::catalogue::{Collection, Secondary};
use crate::capabilities::embedded::tables::after_prefix;
use crate::capabilities::embedded::{Read, Table, tables};
use crate::capabilities::error::{Error, Result};

/// Bytes that count as one page.
const PAGE: usize = 4 << 10;

/// The order of a collection's own keys: by `_id`, whatever its type.
static PRIMARY: LazyLock<Option<Index>> = LazyLock::new(|| Index::parse(&bson::rawdoc! { "_id": 1 }).ok());

/// What the visitor of a scan wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    /// Enough for now; the scan goes on behind this document when it is run again.
    Stop,
}

/// Why a scan came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Everything was shown.
    End,
    /// The visitor said stop.
    Stopped,
    /// So much was read as was allowed.
    Paused,
}

/// A way through a collection that passes every document which a filter can match.
pub(crate) struct Scan {
    /// The space of the documents.
    collection: u32,
    /// The space of the index that is walked, if it is not the collection itself.
    index: Option<u32>,
    /// What is left of the table's keys, in the order in which they are walked.
    ranges: VecDeque<Range>,
    reverse: bool,
    /// Each range is one key.
    points: bool,
    /// The documents that were shown, where an index can lead to one twice.
    seen: Option<HashSet<Vec<u8>>>,
    /// How many leading fields the filter narrows.
    narrowed: usize,
    /// Whether documents come in the order that was asked for.
    pub(crate) sorted: bool,
}

/// A candidate for the way to go. Better ones are greater.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// No more documents than the filter names keys.
    exact: bool,
    /// How many leading fields the filter fixes.
    equalities: usize,
    /// Of two ways that both help, one by the order and one by the filter: a few documents are found sooner in their order,
    /// all of them sooner in fewer rows.
    better: usize,
    good: usize,
}

/// Which way was chosen, as [`Scan::way`] tells it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Way<'c> {
    /// The secondary index that is walked; otherwise the documents themselves, which are in the order of `_id`.
    pub(crate) index: Option<&'c str>,
    /// How many leading fields the filter narrows; with none every key is walked.
    pub(crate) narrowed: usize,
    /// Whether the documents come in the order that was asked for, without a sort in memory.
    pub(crate) sorted: bool,
}

impl Scan {
    /// The best way for a filter and a sort. `few`: not everything that matches is wanted.
    pub(crate) fn choose(collection: &Collection, filter: &Filter, sort: Option<&Sort>, few: bool) -> Self {
        let scan = Self::best(collection, filter, sort, few);
        tracing::trace!(collection = collection.name, way = ?scan.way(collection), "the way of a query");
        scan
    }

    /// The way that was chosen.
    pub(crate) fn way<'c>(&self, collection: &'c Collection) -> Way<'c> {
        let index = collection.indexes.iter().find(|index| Some(index.space) == self.index);
        let index = index.map(|index| index.options.name.as_str());
        Way { index, narrowed: self.narrowed, sorted: self.sorted }
    }

    fn best(collection: &Collection, filter: &Filter, sort: Option<&Sort>, few: bool) -> Self {
        let sort = sort.filter(|sort| !sort.is_empty());
        let primary = PRIMARY.as_ref().and_then(|primary| candidate(collection, None, primary, filter, sort, few));
        let mut best: Option<(Rank, Self)> = match primary {
            // Nothing is better than a look-up by `_id`, which is also the most frequent question.
            Some((Rank { exact: true, .. }, scan)) => return scan,
            other => other,
        };
        let mut offer = |candidate: Option<(Rank, Self)>| {
            if let Some((rank, scan)) = candidate
                && best.as_ref().is_none_or(|(other, _)| rank > *other)
            {
                best = Some((rank, scan));
            }
        };
        for secondary in &collection.indexes {
            // A partial index knows nothing of the documents outside it.
            if secondary.partial.as_ref().is_none_or(|partial| filter.implies(partial)) {
                offer(candidate(collection, Some(secondary), &secondary.index, filter, sort, few));
            }
        }
        best.map_or_else(|| Self::whole(collection, sort.is_none()), |(_, scan)| scan)
    }

    /// Every document, by `_id`.
    fn whole(collection: &Collection, sorted: bool) -> Self {
        Self {
            collection: collection.space,
            index: None,
            ranges: VecDeque::from([in_space(collection.space, Range { start: Vec::new(), end: None })]),
            reverse: false,
            points: false,
            seen: None,
            narrowed: 0,
            sorted,
        }
    }

    /// Shows `visit` documents, each once, with their key in the table; reads about `budget` pages at most.
    pub(crate) fn run<R: Read>(
        &mut self,
        from: &R,
        budget: usize,
        visit: &mut dyn FnMut(&[u8], &RawDocument) -> Result<Flow>,
    ) -> Result<Progress> {
        let mut left = budget;
        while left > 0 {
            let Some(range) = self.ranges.pop_front() else { return Ok(Progress::End) };
            // Finding the place of a range, whether there is anything or not.
            left -= 1;
            let flow = if self.points {
                self.point(from, &range, &mut left, visit)
            } else {
                self.walk(from, range, &mut left, visit)
            };
            if flow? == Flow::Stop {
                return Ok(Progress::Stopped);
            }
        }
        Ok(Progress::Paused)
    }

    fn point<R: Read>(
        &mut self,
        from: &R,
        range: &Range,
        left: &mut usize,
        visit: &mut dyn FnMut(&[u8], &RawDocument) -> Result<Flow>,
    ) -> Result<Flow> {
        match from.get(Table::Documents, &range.start)? {
            Some(value) => self.show(from, &range.start, value.value(), left, visit),
            None => Ok(Flow::Continue),
        }
    }

    /// Walks a range; what is left of it, when the visitor says stop or the budget is used up, is the next range again.
    fn walk<R: Read>(
        &mut self,
        from: &R,
        range: Range,
        left: &mut usize,
        visit: &mut dyn FnMut(&[u8], &RawDocument) -> Result<Flow>,
    ) -> Result<Flow> {
        // in_space() gave every range an end.
        let end = range.end.clone().unwrap_or_default();
        let mut rows = from.range(Table::Documents, &range.start, &end)?;
        loop {
            let row = if self.reverse { rows.next_back() } else { rows.next() };
            let Some(row) = row else { return Ok(Flow::Continue) };
            let (key, value) = row.map_err(tables::unavailable)?;
            let flow = self.show(from, key.value(), value.value(), left, visit)?;
            if flow == Flow::Continue && *left > 0 {
                continue;
            }
            let rest = if self.reverse {
                Range { start: range.start, end: Some(key.value().to_vec()) }
            } else {
                // The least key behind this one.
                Range { start: [key.value(), &[0]].concat(), end: range.end }
            };
            self.ranges.push_front(rest);
            return Ok(flow);
        }
    }

    /// Shows the document of a row.
    fn show<R: Read>(
        &mut self,
        from: &R,
        key: &[u8],
        value: &[u8],
        left: &mut usize,
        visit: &mut dyn FnMut(&[u8], &RawDocument) -> Result<Flow>,
    ) -> Result<Flow> {
        let mut pay = |bytes: usize| *left = left.saturating_sub(1 + bytes / PAGE);
        if self.index.is_none() {
            pay(value.len());
            return visit(key, document(value)?);
        }
        if let Some(seen) = &mut self.seen
            && !seen.insert(value.to_vec())
        {
            pay(0);
            return Ok(Flow::Continue);
        }
        let key = [&self.collection.to_be_bytes(), value].concat();
        let stored = from.get(Table::Documents, &key)?;
        let stored = stored.ok_or_else(|| Error::unavailable("an index leads to a document that is not there"))?;
        pay(stored.value().len());
        visit(&key, document(stored.value())?)
    }
}

/// The way through one index, if it helps with the filter or the sort.
fn candidate(
    collection: &Collection,
    secondary: Option<&Secondary>,
    index: &Index,
    filter: &Filter,
    sort: Option<&Sort>,
    few: bool,
) -> Option<(Rank, Scan)> {
    let multikey = secondary.is_some_and(|secondary| secondary.multikey);
    let unique = secondary.is_none_or(|secondary| secondary.options.unique);
    let plan = index.plan(filter, multikey);
    let equalities = plan.as_ref().map_or(0, |plan| plan.equalities);
    // Ranges of a multikey index can hold a document at the places of several elements.
    let reverse = if multikey { None } else { sort.and_then(|sort| direction(index, equalities, sort)) };
    let sorted = sort.is_none() || reverse.is_some();
    let narrowed = plan.as_ref().map_or(0, |plan| plan.narrowed);
    if plan.is_none() && reverse.is_none() {
        return None;
    }
    let points = unique && plan.as_ref().is_some_and(|plan| plan.point);
    let ranges = plan.map_or_else(|| vec![Range { start: Vec::new(), end: None }], |plan| plan.ranges);
    let space = secondary.map_or(collection.space, |secondary| secondary.space);
    let mut ranges: VecDeque<Range> = ranges.into_iter().map(|range| in_space(space, range)).collect();
    let reverse = reverse.unwrap_or(false);
    if reverse {
        ranges.make_contiguous().reverse();
    }
    let (better, good) = if few { (usize::from(sorted), narrowed) } else { (narrowed, usize::from(sorted)) };
    let rank = Rank { exact: points, equalities, better, good };
    let scan = Scan {
        collection: collection.space,
        index: secondary.map(|secondary| secondary.space),
        ranges,
        reverse,
        points,
        seen: multikey.then(HashSet::new),
        narrowed,
        sorted,
    };
    Some((rank, scan))
}

/// Which way to walk an index to get the order of a sort: `Some(true)` from its end. The first `fixed` fields have one value
/// in all the keys that are walked, so their order is any.
fn direction(index: &Index, fixed: usize, sort: &Sort) -> Option<bool> {
    let (constant, mut varying) = index.fields().split_at_checked(fixed)?;
    let mut reverse = None;
    for wanted in sort.fields() {
        if constant.iter().any(|field| field.path == wanted.path) {
            continue;
        }
        let (field, rest) = varying.split_first()?;
        if field.path != wanted.path {
            return None;
        }
        let turned = field.direction != wanted.direction;
        if *reverse.get_or_insert(turned) != turned {
            return None;
        }
        varying = rest;
    }
    Some(reverse.unwrap_or(false))
}

/// A range of an index as a range of the table.
fn in_space(space: u32, range: Range) -> Range {
    let prefix = space.to_be_bytes();
    let end = range.end.map_or_else(|| after_prefix(&prefix), |end| [prefix.as_slice(), &end].concat());
    Range { start: [prefix.as_slice(), &range.start].concat(), end: Some(end) }
}

/// A stored document.
pub(crate) fn document(bytes: &[u8]) -> Result<&RawDocument> {
    RawDocument::from_bytes(bytes).map_err(|_| Error::unavailable("a stored document is damaged"))
}
