//! Which way a query goes: by `_id`, through an index, through several side by side, or through everything.
//!
//! | the filter says | the way |
//! | --- | --- |
//! | one value of an index's leading fields | the rows of that value, in the order of the fields after them |
//! | several (`$in`) | a leg for each, merged where the order of the fields after them is asked for |
//! | a range | its rows, in the order of that field |
//! | `$or`, each branch one of these | the legs of all branches, merged where each has the order that is asked for |
//! | none of it | the index that has the order, or every document |
//!
//! There is no statistic: what fixes more fields is taken for better ([`Rank`]).

use std::collections::{HashSet, VecDeque};
use std::sync::LazyLock;

use super::super::query::key::{Direction, Range};
use super::super::query::{Filter, Given, Index, Plan, Sort};
use super::catalogue::{Collection, Secondary};
use super::scan::{Examined, Leg, SPACE, Scan};
use crate::capabilities::embedded::tables::after_prefix;

/// The most legs that are walked side by side; each keeps a page of the table at hand.
const MOST_MERGED: usize = 200;
/// The most branches of an `$or`, and the most ranges of all of them, that are looked for in indexes.
const MOST_BRANCHES: usize = 100;
const MOST_BRANCH_RANGES: usize = 10_000;

/// The order of a collection's own keys: by `_id`, whatever its type.
static PRIMARY: LazyLock<Option<Index>> = LazyLock::new(|| Index::parse(&bson::rawdoc! { "_id": 1 }).ok());

/// A possible way.
struct Candidate {
    rank: Rank,
    legs: Vec<Leg>,
    merged: bool,
    /// Whether it can lead to a document twice.
    repeats: bool,
    narrowed: usize,
    sorted: bool,
    /// Whether its rows say nothing of a field of the sort, because it has one value in all of them: other ways may have
    /// other values there, so it is not merged with them.
    silent: bool,
}

/// How good a candidate is. Better ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

impl Rank {
    fn new(exact: bool, equalities: usize, narrowed: usize, sorted: bool, few: bool) -> Self {
        let sorted = usize::from(sorted);
        let (better, good) = if few { (sorted, narrowed) } else { (narrowed, sorted) };
        Self { exact, equalities, better, good }
    }
}

/// What was asked, beside the filter.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    sort: Option<&'a Sort>,
    /// Not everything that matches.
    few: bool,
}

/// The rows of an index in the order that is asked for.
struct Order {
    reverse: bool,
    silent: bool,
    /// Only if the ranges are walked side by side.
    merged: bool,
}

impl Scan {
    /// The best way for a filter and a sort. `few`: not everything that matches is wanted.
    pub(crate) fn choose(collection: &Collection, filter: &Filter, sort: Option<&Sort>, few: bool) -> Self {
        let wanted = Wanted { sort: sort.filter(|sort| !sort.is_empty()), few };
        let given = filter.given();
        let mut best = through_one(collection, &given, wanted);
        // Nothing is better than a look-up by key, which is also the most frequent question.
        if best.as_ref().is_none_or(|best| !best.rank.exact) {
            for branches in given.alternatives() {
                if let Some(union) = through_several(collection, branches, wanted)
                    && best.as_ref().is_none_or(|best| union.is_better_than(best))
                {
                    best = Some(union);
                }
            }
        }
        let chosen = best.unwrap_or_else(|| Candidate::whole(wanted.sort.is_none()));
        Self {
            collection: collection.space,
            legs: chosen.legs.into_iter().map(|leg| leg.placed(collection.space)).collect(),
            turn: 0,
            merged: chosen.merged,
            seen: chosen.repeats.then(HashSet::new),
            narrowed: chosen.narrowed,
            sorted: chosen.sorted,
            examined: Examined::default(),
        }
    }
}

impl Candidate {
    /// Every document, by `_id`.
    fn whole(sorted: bool) -> Self {
        let everything = Range { start: Vec::new(), end: None };
        let ranges = VecDeque::from([everything]);
        Self {
            rank: Rank::new(false, 0, 0, sorted, false),
            legs: vec![Leg { index: None, ranges, reverse: false, points: false, start: 0 }],
            merged: false,
            repeats: false,
            narrowed: 0,
            sorted,
            silent: false,
        }
    }

    /// Each range as a leg.
    fn side_by_side(mut self) -> Self {
        self.legs = self.legs.into_iter().flat_map(Leg::split).collect();
        self.merged = self.legs.len() > 1;
        self
    }

    /// Whether these branches read less than one way for all of them. Of two that look alike the branches do, as an `$or`
    /// names what is searched for, unless a branch goes the other way, too.
    fn is_better_than(&self, one: &Self) -> bool {
        let apart = || self.legs.iter().all(|leg| one.legs.iter().all(|other| leg.index != other.index));
        self.rank > one.rank || (self.rank == one.rank && apart())
    }

    fn ranges(&self) -> usize {
        self.legs.iter().map(|leg| leg.ranges.len()).sum()
    }
}

impl Leg {
    fn split(self) -> impl Iterator<Item = Self> {
        let Self { index, ranges, reverse, start, .. } = self;
        let one = move |range| Self { index, ranges: VecDeque::from([range]), reverse, points: false, start };
        ranges.into_iter().map(one)
    }

    /// Ranges of an index as ranges of the table; `collection` is the space of the documents.
    fn placed(mut self, collection: u32) -> Self {
        let prefix = self.index.unwrap_or(collection).to_be_bytes();
        for range in &mut self.ranges {
            let end = range.end.as_ref().map_or_else(|| after_prefix(&prefix), |end| [prefix.as_slice(), end].concat());
            *range = Range { start: [prefix.as_slice(), &range.start].concat(), end: Some(end) };
        }
        self.start += SPACE;
        self
    }
}

/// The best way through a single index.
fn through_one(collection: &Collection, given: &Given<'_>, wanted: Wanted<'_>) -> Option<Candidate> {
    let mut best = PRIMARY.as_ref().and_then(|primary| candidate(None, primary, given, wanted));
    if best.as_ref().is_some_and(|best| best.rank.exact) {
        return best;
    }
    for secondary in &collection.indexes {
        // A partial index knows nothing of the documents outside it.
        if secondary.partial.as_ref().is_none_or(|partial| given.implies(partial))
            && let Some(other) = candidate(Some(secondary), &secondary.index, given, wanted)
            && best.as_ref().is_none_or(|best| other.rank > best.rank)
        {
            best = Some(other);
        }
    }
    best
}

/// The ways of all branches of an `$or` together, if each narrows what is read.
fn through_several<'a>(
    collection: &Collection,
    branches: impl Iterator<Item = Given<'a>>,
    wanted: Wanted<'_>,
) -> Option<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    let mut ranges = 0;
    for branch in branches {
        let way = through_one(collection, &branch, wanted).filter(|way| way.narrowed > 0)?;
        ranges += way.ranges();
        if all.len() >= MOST_BRANCHES || ranges > MOST_BRANCH_RANGES {
            return None;
        }
        all.push(way);
    }
    let exact = all.iter().all(|way| way.rank.exact);
    let equalities = all.iter().map(|way| way.rank.equalities).min()?;
    let narrowed = all.iter().map(|way| way.narrowed).min()?;
    let sorted = wanted.sort.is_none() || (ranges <= MOST_MERGED && all.iter().all(|way| way.sorted && !way.silent));
    let union = Candidate {
        rank: Rank::new(exact, equalities, narrowed, sorted, wanted.few),
        // What matches two branches is met twice.
        repeats: all.len() > 1 || all.iter().any(|way| way.repeats),
        legs: all.into_iter().flat_map(|way| way.legs).collect(),
        merged: false,
        narrowed,
        sorted,
        silent: false,
    };
    Some(if sorted && wanted.sort.is_some() { union.side_by_side() } else { union })
}

/// The way through one index (`None`: by `_id`), if it helps with the filter or the sort.
fn candidate(secondary: Option<&Secondary>, index: &Index, given: &Given<'_>, wanted: Wanted<'_>) -> Option<Candidate> {
    let multikey = secondary.is_some_and(|secondary| secondary.multikey);
    let unique = secondary.is_none_or(|secondary| secondary.options.unique);
    let plan = index.plan(given, multikey);
    let order = wanted.sort.and_then(|sort| order(index, unique, multikey, plan.as_ref(), sort));
    if plan.is_none() && order.is_none() {
        return None;
    }
    let sorted = wanted.sort.is_none() || order.is_some();
    let Order { reverse, silent, merged } = order.unwrap_or(Order { reverse: false, silent: false, merged: false });
    let (equalities, narrowed) = plan.as_ref().map_or((0, 0), |plan| (plan.equalities, plan.narrowed));
    let points = unique && plan.as_ref().is_some_and(|plan| plan.point);
    let leg = Leg {
        index: secondary.map(|secondary| secondary.space),
        ranges: VecDeque::new(),
        reverse,
        points: points && !merged,
        start: plan.as_ref().map_or(0, |plan| plan.equal_bytes),
    };
    let legs = match plan {
        None => vec![Leg { ranges: VecDeque::from([Range { start: Vec::new(), end: None }]), ..leg }],
        Some(plan) if merged => {
            let each = plan.ranges.into_iter().zip(plan.starts);
            each.map(|(range, start)| Leg { ranges: VecDeque::from([range]), start, ..leg.clone() }).collect()
        }
        Some(plan) => {
            let mut ranges = VecDeque::from(plan.ranges);
            if reverse {
                ranges.make_contiguous().reverse();
            }
            vec![Leg { ranges, ..leg }]
        }
    };
    let rank = Rank::new(points, equalities, narrowed, sorted, wanted.few);
    Some(Candidate { rank, legs, merged, repeats: multikey, narrowed, sorted, silent })
}

/// How the rows of a plan (without one: of the whole index) come in the order of a sort, if they do.
fn order(index: &Index, unique: bool, multikey: bool, plan: Option<&Plan>, sort: &Sort) -> Option<Order> {
    let Some(plan) = plan else {
        // Of the rows that an array makes, the first stands where the sort would put the document.
        return direction(index, unique, 0, 0, sort).map(|reverse| Order { reverse, silent: false, merged: false });
    };
    if multikey {
        // So it is among the rows of one value, unless they are cut or that value is of the same array.
        let fixed = index.fields().get(..plan.fixed)?;
        let apart = sort.fields().iter().all(|wanted| fixed.iter().all(|field| !field.path.shares_root(&wanted.path)));
        if plan.narrowed > plan.fixed || !apart {
            return None;
        }
    }
    let equal = index.fields().get(..plan.equalities)?;
    let silent = sort.fields().iter().any(|wanted| equal.iter().any(|field| field.path == wanted.path));
    if let Some(reverse) = direction(index, unique, plan.equalities, plan.equalities, sort) {
        return Some(Order { reverse, silent, merged: false });
    }
    if plan.fixed == plan.equalities || plan.ranges.len() > MOST_MERGED {
        return None;
    }
    direction(index, unique, plan.equalities, plan.fixed, sort).map(|reverse| Order { reverse, silent, merged: true })
}

/// Which way to walk an index to get the order of a sort: `Some(true)` from its end. The first `equal` fields have one value
/// in all the keys that are walked, so their order is any; those up to `fixed` have one in each range.
fn direction(index: &Index, unique: bool, equal: usize, fixed: usize, sort: &Sort) -> Option<bool> {
    let constant = index.fields().get(..equal)?;
    let mut varying = index.fields().get(fixed..)?;
    let mut reverse = None;
    for wanted in sort.fields() {
        if constant.iter().any(|field| field.path == wanted.path) {
            continue;
        }
        let (path, direction, last) = match varying.split_first() {
            Some((field, rest)) => {
                varying = rest;
                (field.path.as_str(), field.direction, false)
            }
            // Rows of the same value are in the order of `_id`.
            None if !unique => ("_id", Direction::Ascending, true),
            None => return None,
        };
        if path != wanted.path.as_str() {
            return None;
        }
        let turned = direction != wanted.direction;
        if *reverse.get_or_insert(turned) != turned {
            return None;
        }
        if last {
            break;
        }
    }
    Some(reverse.unwrap_or(false))
}
