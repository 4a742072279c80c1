//! A sorted set: members by score, and the score of each member.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use bytes::Bytes;

use super::value::element;

/// Members with scores. Both halves share the member's bytes.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    scores: HashMap<Bytes, Score>,
    order: BTreeSet<(Score, Bytes)>,
    bytes: usize,
}

/// A score that is a number. Minus zero is made zero, so that equal scores are equal here too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Score(f64);

impl Score {
    /// `None` for NaN, which has no place in an order.
    pub(super) fn new(score: f64) -> Option<Self> {
        (!score.is_nan()).then_some(Self(score + 0.0))
    }

    pub(super) const fn get(self) -> f64 {
        self.0
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

impl Sorted {
    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    /// The bytes that it occupies; an element stands in two containers.
    pub(super) const fn cost(&self) -> usize {
        self.bytes
    }

    /// What a member adds to the cost.
    pub(super) fn element(member: &[u8]) -> usize {
        element(member) + super::value::ELEMENT
    }

    /// Adds a member, or moves it. True if it is new.
    pub(super) fn add(&mut self, score: Score, member: Bytes) -> bool {
        let old = self.scores.insert(member.clone(), score);
        match old {
            Some(old) if old == score => return false,
            Some(old) => {
                self.order.remove(&(old, member.clone()));
            }
            None => self.bytes += Self::element(&member),
        }
        self.order.insert((score, member));
        old.is_none()
    }

    /// Removes a member. True if it was there.
    pub(super) fn remove(&mut self, member: &Bytes) -> bool {
        let Some(score) = self.scores.remove(member) else { return false };
        self.order.remove(&(score, member.clone()));
        self.bytes -= Self::element(member);
        true
    }

    /// Members with `low <= score <= high` in order; it can be walked from both ends.
    pub(super) fn range(&self, low: Score, high: Score) -> impl DoubleEndedIterator<Item = (f64, &Bytes)> {
        // No member sorts below the empty one, so the bounds need no largest member: they end before the next score.
        let end = Score::new(high.0.next_up()).unwrap_or(high);
        let bounds = if low > high {
            // A range that ends before it starts panics in a B-tree; this one is empty and starts nowhere.
            (Bound::Included((high, Bytes::new())), Bound::Excluded((high, Bytes::new())))
        } else if high.0 == f64::INFINITY {
            (Bound::Included((low, Bytes::new())), Bound::Unbounded)
        } else {
            (Bound::Included((low, Bytes::new())), Bound::Excluded((end, Bytes::new())))
        };
        self.order.range(bounds).map(|(score, member)| (score.get(), member))
    }

    /// All of it, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, &Bytes)> {
        self.order.iter().map(|(score, member)| (score.get(), member))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sorted(members: &[(f64, &'static str)]) -> Sorted {
        let mut sorted = Sorted::default();
        for (score, member) in members {
            sorted.add(Score::new(*score).unwrap(), Bytes::from(*member));
        }
        sorted
    }

    fn range(sorted: &Sorted, low: f64, high: f64) -> Vec<&[u8]> {
        let (low, high) = (Score::new(low).unwrap(), Score::new(high).unwrap());
        sorted.range(low, high).map(|(_, member)| member.as_ref()).collect()
    }

    #[test]
    fn order_is_by_score_then_by_bytes_and_both_bounds_count() {
        let sorted = sorted(&[(2.0, "b"), (1.0, "z"), (2.0, "a"), (2.0, ""), (3.0, "c")]);
        assert_eq!(range(&sorted, 2.0, 2.0), [b"".as_ref(), b"a", b"b"]);
        assert_eq!(range(&sorted, 1.0, 3.0).len(), 5);
        assert!(range(&sorted, 2.1, 2.9).is_empty());
    }

    #[test]
    fn a_range_upside_down_is_empty() {
        let sorted = sorted(&[(1.0, "a"), (2.0, "b")]);
        assert!(range(&sorted, 2.0, 1.0).is_empty());
        assert!(range(&sorted, f64::INFINITY, f64::NEG_INFINITY).is_empty());
    }

    #[test]
    fn infinities_and_both_zeros_are_scores() {
        let sorted =
            sorted(&[(f64::INFINITY, "top"), (f64::NEG_INFINITY, "bottom"), (-0.0, "zero"), (f64::MAX, "max")]);
        assert_eq!(range(&sorted, f64::NEG_INFINITY, f64::INFINITY).len(), 4);
        assert_eq!(range(&sorted, 0.0, 0.0), [b"zero"]);
        assert_eq!(range(&sorted, -0.0, 0.0), [b"zero"]);
        assert_eq!(range(&sorted, f64::MAX, f64::MAX), [b"max"]);
        assert_eq!(range(&sorted, f64::INFINITY, f64::INFINITY), [b"top"]);
        assert_eq!(range(&sorted, f64::NEG_INFINITY, f64::NEG_INFINITY), [b"bottom"]);
        assert!(Score::new(f64::NAN).is_none());
    }

    #[test]
    fn a_member_moves_and_the_cost_returns_to_zero() {
        let mut sorted = sorted(&[(1.0, "a")]);
        let member = Bytes::from("a");
        assert!(!sorted.add(Score::new(5.0).unwrap(), member.clone()));
        assert!(!sorted.add(Score::new(5.0).unwrap(), member.clone()));
        assert!(range(&sorted, 1.0, 1.0).is_empty());
        assert_eq!(range(&sorted, 5.0, 5.0), [b"a"]);
        assert!(sorted.remove(&member));
        assert!(!sorted.remove(&member));
        assert_eq!((sorted.len(), sorted.cost(), sorted.order.len()), (0, 0, 0));
    }
}
