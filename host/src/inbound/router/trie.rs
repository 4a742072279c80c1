//! A trie of path segments, from paths to the numbers of routes.

use std::cmp::Ordering;

use super::Spans;
use super::pattern::{Pattern, Segment};

/// The routes of one method.
#[derive(Debug, Default)]
pub(super) struct Trie {
    root: Node,
}

/// What may follow a path's beginning, up to and with a `/`.
#[derive(Debug, Default)]
struct Node {
    /// Ordered by length, then bytes: most comparisons end with the length.
    literals: Vec<(Box<str>, Next)>,
    parameter: Option<Box<Next>>,
    rest: Option<usize>,
}

/// Behind a segment: the route whose pattern ends there, and what may follow.
#[derive(Debug, Default)]
struct Next {
    route: Option<usize>,
    node: Option<Box<Node>>,
}

impl Trie {
    /// Adds a route; `Err` is the route that has the pattern already.
    pub(super) fn insert(&mut self, pattern: &Pattern, route: usize) -> Result<(), usize> {
        let mut node = &mut self.root;
        let mut segments = pattern.segments().peekable();
        while let Some(segment) = segments.next() {
            let next = match segment {
                Segment::Literal(literal) => node.literal_mut(literal),
                Segment::Parameter(_) => &mut **node.parameter.get_or_insert_default(),
                Segment::Rest(_) => return take(&mut node.rest, route),
            };
            if segments.peek().is_none() {
                return take(&mut next.route, route);
            }
            node = next.node.get_or_insert_default();
        }
        Ok(())
    }

    /// The most specific route for a path, with its parameters' spans. `spans` must be zero.
    pub(super) fn find(&self, path: &str, spans: &mut Spans) -> Option<usize> {
        let rest = path.as_bytes().strip_prefix(b"/")?;
        self.root.find(rest, 1, spans, 0)
    }
}

impl Node {
    /// `path` is what is left of it, `start` where that begins, `bound` how many parameters have their spans.
    fn find(&self, path: &[u8], start: usize, spans: &mut Spans, bound: usize) -> Option<usize> {
        let length = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
        let (segment, behind) = path.split_at_checked(length)?;
        // Without the slash: `None` means that the path ends here.
        let behind = behind.split_first().map(|(_slash, behind)| behind);
        let follow = |next: &Next, spans: &mut Spans, bound| match behind {
            None => next.route,
            Some(behind) => next.node.as_ref()?.find(behind, start + length + 1, spans, bound),
        };
        if let Some(next) = self.literal(segment)
            && let Some(route) = follow(next, spans, bound)
        {
            return Some(route);
        }
        if let Some(next) = &self.parameter
            && length > 0
        {
            set(spans, bound, start, length);
            if let Some(route) = follow(next, spans, bound + 1) {
                return Some(route);
            }
            set(spans, bound, 0, 0);
        }
        if self.rest.is_some() && !path.is_empty() {
            set(spans, bound, start, path.len());
            return self.rest;
        }
        None
    }

    fn literal(&self, segment: &[u8]) -> Option<&Next> {
        let index = self.literals.binary_search_by(|(literal, _)| compare(literal.as_bytes(), segment)).ok()?;
        self.literals.get(index).map(|(_, next)| next)
    }

    #[expect(clippy::indexing_slicing, reason = "the index was found, or is where the entry was just put")]
    fn literal_mut(&mut self, literal: &str) -> &mut Next {
        let found = self.literals.binary_search_by(|(other, _)| compare(other.as_bytes(), literal.as_bytes()));
        let index = found.unwrap_or_else(|index| {
            self.literals.insert(index, (literal.into(), Next::default()));
            index
        });
        &mut self.literals[index].1
    }
}

fn compare(left: &[u8], right: &[u8]) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn take(place: &mut Option<usize>, route: usize) -> Result<(), usize> {
    match *place {
        Some(taken) => Err(taken),
        None => {
            *place = Some(route);
            Ok(())
        }
    }
}

/// The path has at most 65,535 bytes, so both numbers fit.
fn set(spans: &mut Spans, bound: usize, start: usize, length: usize) {
    if let Some(span) = spans.get_mut(bound) {
        *span = (start as u32) << 16 | length as u32;
    }
}
