//! Finding: a scan, the filter, the order, skip and limit.

use std::collections::BinaryHeap;

use bson::RawDocument;

use super::super::query::{Filter, Sort};
use super::catalogue::Collection;
use super::scan::{Flow, Progress, Scan};
use crate::capabilities::embedded::Read;
use crate::capabilities::error::{Error, Result};

/// What a sort that no index serves may hold in memory.
const MOST_SORTED_BYTES: usize = 32 << 20;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) filter: Filter,
    pub(crate) sort: Option<Sort>,
    pub(crate) skip: usize,
    /// The most that are answered.
    pub(crate) limit: Option<usize>,
}

impl Query {
    /// A filter alone.
    pub(crate) fn all(filter: Filter) -> Self {
        Self { filter, sort: None, skip: 0, limit: None }
    }

    /// The first that a filter finds.
    pub(crate) fn first(filter: Filter) -> Self {
        Self { limit: Some(1), ..Self::all(filter) }
    }
}

/// A query under way. It can be left and taken up again, on the same snapshot.
pub(crate) struct Selection {
    /// `None`: the collection does not exist, or the scan is over.
    scan: Option<Scan>,
    query: Query,
    /// Present while the order has to be made in memory.
    sorter: Option<Sorter>,
    /// What is left of the sorted documents, last first.
    sorted: Vec<Held>,
    skipped: usize,
    shown: usize,
}

impl Selection {
    pub(crate) fn new(collection: Option<&Collection>, query: Query) -> Self {
        let scan = collection
            .map(|collection| Scan::choose(collection, &query.filter, query.sort.as_ref(), query.limit.is_some()));
        let in_memory = scan.as_ref().is_some_and(|scan| !scan.sorted);
        let most = query.limit.map(|limit| limit.saturating_add(query.skip));
        let sorter = in_memory.then(|| Sorter::new(most));
        Self { scan, query, sorter, sorted: Vec::new(), skipped: 0, shown: 0 }
    }

    /// Shows `visit` what was found, in order, with the documents' keys in the table; reads about `budget` pages at most.
    pub(crate) fn run<R: Read>(
        &mut self,
        from: &R,
        budget: usize,
        visit: &mut dyn FnMut(&[u8], &RawDocument) -> Result<Flow>,
    ) -> Result<Progress> {
        if let Some(sorter) = &mut self.sorter {
            if let Some(scan) = &mut self.scan {
                let (filter, sort) = (&self.query.filter, self.query.sort.as_ref());
                let progress = scan.run(from, budget, &mut |key, document| {
                    if filter.matches(document) {
                        sorter.add(sort, key, document)?;
                    }
                    Ok(Flow::Continue)
                })?;
                if progress != Progress::End {
                    return Ok(progress);
                }
                self.scan = None;
            }
            self.sorted = sorter.take();
            self.sorted.reverse();
            self.sorter = None;
        }
        while let Some(held) = self.sorted.pop() {
            match self.show(&held.key, super::scan::document(&held.document)?, visit)? {
                Step::Next => {}
                Step::Stop => return Ok(Progress::Stopped),
                Step::Done => self.sorted.clear(),
            }
        }
        let Some(mut scan) = self.scan.take() else { return Ok(Progress::End) };
        let mut done = self.query.limit == Some(0);
        if done {
            return Ok(Progress::End);
        }
        let progress = scan.run(from, budget, &mut |key, document| {
            if !self.query.filter.matches(document) {
                return Ok(Flow::Continue);
            }
            let step = self.show(key, document, visit)?;
            done = step == Step::Done;
            Ok(if step == Step::Next { Flow::Continue } else { Flow::Stop })
        })?;
        if done || progress == Progress::End {
            return Ok(Progress::End);
        }
        self.scan = Some(scan);
        Ok(progress)
    }

    /// Counts skip and limit around a document.
    fn show(
        &mut self,
        key: &[u8],
        document: &RawDocument,
        visit: &mut dyn FnMut(&[u8], &RawDocument) -> Result<Flow>,
    ) -> Result<Step> {
        if self.skipped < self.query.skip {
            self.skipped += 1;
            return Ok(Step::Next);
        }
        let flow = visit(key, document)?;
        self.shown += 1;
        if self.query.limit.is_some_and(|limit| self.shown >= limit) {
            return Ok(Step::Done);
        }
        Ok(if flow == Flow::Stop { Step::Stop } else { Step::Next })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Next,
    Stop,
    /// The limit is reached.
    Done,
}

/// The first documents of an order, as many as are wanted: the greatest is on top and goes when a lesser one comes.
pub(crate) struct Sorter {
    heap: BinaryHeap<Held>,
    most: Option<usize>,
    bytes: usize,
    arrived: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    place: Vec<u8>,
    /// Equal places keep the order in which they were found.
    arrival: u64,
    key: Vec<u8>,
    document: Vec<u8>,
}

impl Held {
    pub(crate) fn document(&self) -> &[u8] {
        &self.document
    }

    pub(crate) fn weight(&self) -> usize {
        self.place.len() + self.key.len() + self.document.len() + 96
    }
}

impl Sorter {
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self { heap: BinaryHeap::new(), most, bytes: 0, arrived: 0 }
    }

    /// What it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of it, in order.
    pub(crate) fn take(&mut self) -> Vec<Held> {
        self.bytes = 0;
        std::mem::take(&mut self.heap).into_sorted_vec()
    }

    pub(crate) fn add(&mut self, sort: Option<&Sort>, key: &[u8], document: &RawDocument) -> Result<()> {
        let place = sort.map(|sort| sort.key(document)).transpose()?.unwrap_or_default();
        let full = self.most.is_some_and(|most| self.heap.len() >= most);
        if full && self.heap.peek().is_none_or(|greatest| place >= greatest.place) {
            return Ok(());
        }
        if full && let Some(greatest) = self.heap.pop() {
            self.bytes -= greatest.weight();
        }
        let held = Held { place, arrival: self.arrived, key: key.to_vec(), document: document.as_bytes().to_vec() };
        self.arrived += 1;
        self.bytes += held.weight();
        if self.bytes > MOST_SORTED_BYTES {
            return Err(Error::too_large(format!(
                "the sort would hold more than {} MiB; make an index in its order, or set a limit",
                MOST_SORTED_BYTES >> 20
            )));
        }
        self.heap.push(held);
        Ok(())
    }
}
