//! Reading documents on a way that [`choose`](super::choose) found, in pieces that can be taken up again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};

use bson::RawDocument;

use super::super::query::key::Range;
use crate::capabilities::embedded::tables::{Rows, Value};
use crate::capabilities::embedded::{Read, Table, tables};
use crate::capabilities::error::{Error, Result};

/// Bytes that count as one page.
const PAGE: usize = 4 << 10;
/// The bytes of a key that say in which space it is.
pub(super) const SPACE: usize = 4;

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
    pub(super) collection: u32,
    pub(super) legs: Vec<Leg>,
    /// The one whose turn it is, where they are walked one after the other.
    pub(super) turn: usize,
    /// Whether the legs are walked side by side, in the order that was asked for, instead of one after the other.
    pub(super) merged: bool,
    /// The documents that were shown, where the way can lead to one twice.
    pub(super) seen: Option<HashSet<Vec<u8>>>,
    /// How many leading fields of each index the filter narrows.
    pub(super) narrowed: usize,
    /// Whether documents come in the order that was asked for.
    pub(super) sorted: bool,
    pub(super) examined: Examined,
}

/// Rows of one index, or of the collection itself, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// The space of the index; `None` for the collection, which is in the order of `_id`.
    pub(super) index: Option<u32>,
    /// What is left of the table's keys, in the order in which they are walked; one range, if legs are merged.
    pub(super) ranges: VecDeque<Range>,
    pub(super) reverse: bool,
    /// Each range is one key.
    pub(super) points: bool,
    /// How many bytes all its keys begin with are the same: what follows is in the order that was asked for.
    pub(super) start: usize,
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Examined {
    /// Rows of indexes and documents that were looked up.
    pub(crate) rows: u64,
    pub(crate) documents: u64,
}

/// What a row leads to, as far as it is needed.
struct Shower<'s> {
    collection: u32,
    seen: Option<&'s mut HashSet<Vec<u8>>>,
    examined: &'s mut Examined,
    left: usize,
}

type Visit<'v> = &'v mut dyn FnMut(&[u8], &RawDocument) -> Result<Flow>;

impl Scan {
    /// Whether documents come in the order that was asked for.
    pub(crate) fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// How much was read so far.
    pub(crate) fn examined(&self) -> Examined {
        self.examined
    }

    /// Shows `visit` documents, each once, with their key in the table; reads about `budget` pages at most.
    pub(crate) fn run<R: Read>(&mut self, from: &R, budget: usize, visit: Visit<'_>) -> Result<Progress> {
        if self.merged { self.run_merged(from, budget, visit) } else { self.run_in_turn(from, budget, visit) }
    }

    fn run_in_turn<R: Read>(&mut self, from: &R, budget: usize, visit: Visit<'_>) -> Result<Progress> {
        let Self { collection, seen, examined, legs, turn, .. } = self;
        let mut shower = Shower { collection: *collection, seen: seen.as_mut(), examined, left: budget };
        while shower.left > 0 {
            let Some(leg) = legs.get_mut(*turn) else { return Ok(Progress::End) };
            let Some(range) = leg.ranges.pop_front() else {
                *turn += 1;
                continue;
            };
            // Finding the place of a range, whether there is anything or not.
            shower.left -= 1;
            let flow =
                if leg.points { shower.point(from, leg, &range, visit) } else { shower.walk(from, leg, range, visit) };
            if flow? == Flow::Stop {
                return Ok(Progress::Stopped);
            }
        }
        Ok(Progress::Paused)
    }

    /// Walks all legs at once: of their next rows the one that comes first in the order is shown.
    fn run_merged<R: Read>(&mut self, from: &R, budget: usize, visit: Visit<'_>) -> Result<Progress> {
        let Self { collection, seen, examined, legs, .. } = self;
        let mut shower = Shower { collection: *collection, seen: seen.as_mut(), examined, left: budget };
        let mut open = Vec::with_capacity(legs.len());
        let mut heads = BinaryHeap::with_capacity(legs.len());
        for (number, leg) in legs.iter().enumerate() {
            let mut rows = leg.rows(from)?;
            heads.extend(leg.head(number, &mut rows)?.map(Reverse));
            open.push(rows);
            // At least one document is shown each time, however many legs there are.
            shower.left = shower.left.saturating_sub(1).max(1);
        }
        while let Some(Reverse(head)) = heads.pop() {
            let (Some(leg), Some(rows)) = (legs.get_mut(head.leg), open.get_mut(head.leg)) else { continue };
            let flow = shower.show(from, leg.index, &head.key, head.value.value(), visit)?;
            heads.extend(leg.head(head.leg, rows)?.map(Reverse));
            leg.pass(&head.key);
            if flow == Flow::Stop {
                return Ok(Progress::Stopped);
            }
            if shower.left == 0 {
                return Ok(Progress::Paused);
            }
        }
        Ok(Progress::End)
    }
}

/// The next row of a leg.
struct Head<'r> {
    /// Where it stands in the order, and behind that something that is the row's own.
    place: Vec<u8>,
    leg: usize,
    key: Vec<u8>,
    value: Value<'r>,
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place).then(self.leg.cmp(&other.leg))
    }
}

impl Leg {
    fn rows<'r, R: Read>(&self, from: &'r R) -> Result<Option<Rows<'r>>> {
        let Some(range) = self.ranges.front() else { return Ok(None) };
        from.range(Table::Documents, &range.start, range.end.as_deref().unwrap_or_default()).map(Some)
    }

    fn head<'r>(&self, number: usize, rows: &mut Option<Rows<'r>>) -> Result<Option<Head<'r>>> {
        let Some(rows) = rows else { return Ok(None) };
        let Some(row) = (if self.reverse { rows.next_back() } else { rows.next() }) else { return Ok(None) };
        let (key, value) = row.map_err(tables::unavailable)?;
        let key = key.value().to_vec();
        let mut place = key.get(self.start..).unwrap_or_default().to_vec();
        if self.reverse {
            // A descending component has every bit turned, so this is the place in an index the other way round.
            place.iter_mut().for_each(|byte| *byte = !*byte);
        }
        Ok(Some(Head { place, leg: number, key, value }))
    }

    /// Goes on behind a row, when it is walked again.
    fn pass(&mut self, key: &[u8]) {
        if let Some(range) = self.ranges.front_mut() {
            *range = rest(std::mem::replace(range, Range { start: Vec::new(), end: None }), key, self.reverse);
        }
    }
}

/// What is left of a range behind a row of it.
fn rest(range: Range, key: &[u8], reverse: bool) -> Range {
    if reverse {
        Range { start: range.start, end: Some(key.to_vec()) }
    } else {
        // The least key behind this one.
        Range { start: [key, &[0]].concat(), end: range.end }
    }
}

impl Shower<'_> {
    fn pay(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(1 + bytes / PAGE);
    }

    fn point<R: Read>(&mut self, from: &R, leg: &Leg, range: &Range, visit: Visit<'_>) -> Result<Flow> {
        match from.get(Table::Documents, &range.start)? {
            Some(value) => self.show(from, leg.index, &range.start, value.value(), visit),
            None => Ok(Flow::Continue),
        }
    }

    /// Walks a range; what is left of it, when the visitor says stop or the budget is used up, is the next range again.
    fn walk<R: Read>(&mut self, from: &R, leg: &mut Leg, range: Range, visit: Visit<'_>) -> Result<Flow> {
        // Every range of a leg has an end.
        let end = range.end.clone().unwrap_or_default();
        let mut rows = from.range(Table::Documents, &range.start, &end)?;
        loop {
            let row = if leg.reverse { rows.next_back() } else { rows.next() };
            let Some(row) = row else { return Ok(Flow::Continue) };
            let (key, value) = row.map_err(tables::unavailable)?;
            let flow = self.show(from, leg.index, key.value(), value.value(), visit)?;
            if flow == Flow::Continue && self.left > 0 {
                continue;
            }
            leg.ranges.push_front(rest(range, key.value(), leg.reverse));
            return Ok(flow);
        }
    }

    /// Shows the document of a row, unless it was shown before.
    fn show<R: Read>(
        &mut self,
        from: &R,
        index: Option<u32>,
        key: &[u8],
        value: &[u8],
        visit: Visit<'_>,
    ) -> Result<Flow> {
        self.examined.rows += 1;
        let id = if index.is_some() { value } else { key.get(SPACE..).unwrap_or_default() };
        if let Some(seen) = &mut self.seen
            && !seen.insert(id.to_vec())
        {
            self.pay(0);
            return Ok(Flow::Continue);
        }
        self.examined.documents += 1;
        if index.is_none() {
            self.pay(value.len());
            return visit(key, document(value)?);
        }
        let key = [&self.collection.to_be_bytes(), value].concat();
        let stored = from.get(Table::Documents, &key)?;
        let stored = stored.ok_or_else(|| Error::unavailable("an index leads to a document that is not there"))?;
        self.pay(stored.value().len());
        visit(&key, document(stored.value())?)
    }
}

/// A stored document.
pub(crate) fn document(bytes: &[u8]) -> Result<&RawDocument> {
    RawDocument::from_bytes(bytes).map_err(|_| Error::unavailable("a stored document is damaged"))
}
