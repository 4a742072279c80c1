//! Finding: a scan, the filter, the order, skip and limit.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::RawDocument;

use super::super::query::{Filter, Sort};
use super::catalogue::Collection;
use super::cost;
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

/// A query under way. It can be left and taken up again, on the same snapshot. When it goes, the log gets what it cost.
pub(crate) struct Selection {
    /// `None`: the collection does not exist.
    scan: Option<Scan>,
    /// Whether the scan has nothing more to show.
    over: bool,
    pub(super) collection: Option<Arc<Collection>>,
    pub(super) query: Query,
    /// Present while the order has to be made in memory.
    sorter: Option<Sorter>,
    /// What is left of the sorted documents, last first.
    sorted: Vec<Held>,
    skipped: usize,
    pub(super) shown: usize,
    pub(super) spent: Duration,
}

impl Selection {
    pub(crate) fn new(collection: Option<Arc<Collection>>, query: Query) -> Self {
        let began = Instant::now();
        let scan = collection
            .as_deref()
            .map(|collection| Scan::choose(collection, &query.filter, query.sort.as_ref(), query.limit.is_some()));
        let in_memory = scan.as_ref().is_some_and(|scan| !scan.is_sorted());
        let most = query.limit.map(|limit| limit.saturating_add(query.skip));
        let sorter = in_memory.then(|| Sorter::new(most));
        let (sorted, spent) = (Vec::new(), began.elapsed());
        Self { scan, over: false, collection, query, sorter, sorted, skipped: 0, shown: 0, spent }
    }

    /// The way that was chosen, and how far it was gone.
    pub(super) fn scan(&self) -> Option<&Scan> {
        self.scan.as_ref()
    }

    /// Shows `visit` what was found, in order, with the documents' keys in the table; reads about `budget` pages at most.
    pub(crate) fn run<R: Read>(
        &mut self,
        from: &R,
        budget: usize,
        visit: &mut dyn FnMut(&[u8], &RawDocument) -> Result<Flow>,
    ) -> Result<Progress> {
        let began = Instant::now();
        let progress = self.go_on(from, budget, visit);
        self.spent += began.elapsed();
        progress
    }

    fn go_on<R: Read>(
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
                self.over = true;
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
        self.over |= self.query.limit == Some(0);
        if self.over {
            return Ok(Progress::End);
        }
        let Some(mut scan) = self.scan.take() else { return Ok(Progress::End) };
        let progress = scan.run(from, budget, &mut |key, document| {
            if !self.query.filter.matches(document) {
                return Ok(Flow::Continue);
            }
            let step = self.show(key, document, visit)?;
            self.over = step == Step::Done;
            Ok(if step == Step::Next { Flow::Continue } else { Flow::Stop })
        });
        self.scan = Some(scan);
        let progress = progress?;
        self.over |= progress == Progress::End;
        Ok(if self.over { Progress::End } else { progress })
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

impl Drop for Selection {
    fn drop(&mut self) {
        cost::tell(self);
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
