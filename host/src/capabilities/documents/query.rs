//! MongoDB's query language over BSON bytes: pure functions that know nothing of disks, threads or clocks.
//!
//! Everything a guest sends (documents, filters, updates, sorts, projections) passes [`validate::validate`] first; every
//! other function here relies on it: lengths are right, strings are UTF-8, nesting is at most
//! [`validate::Limits::DOCUMENT`] deep, which bounds every recursion. What the embedded store cannot do is [`Invalid`] and
//! named, never ignored.
//!
//! | module | question it answers |
//! | --- | --- |
//! | [`validate`] | are these bytes a document, may it be stored |
//! | [`order`] | which of two values is less, in MongoDB's order of all types |
//! | [`key`] | the same order as bytes, for B-trees |
//! | [`index`] | the keys of a document in an index |
//! | [`plan`] | the ranges of keys that a filter needs |
//! | [`filter`], [`pattern`] | does a document match; does a text |
//! | [`update`] | what a document becomes |
//! | [`sort`], [`projection`] | in which order and shape it is answered |
//!
//! Narrower than MongoDB by intent: `decimal128` and the deprecated `undefined` and `dbPointer` are refused on input, so
//! that numbers have an exact order and "no value" only the two forms null and missing; a path has at most 32 parts, a
//! filter at most 1,000 conditions.

pub(crate) mod filter;
pub(crate) mod index;
pub(crate) mod key;
pub(crate) mod order;
mod path;
mod pattern;
mod plan;
mod projection;
mod sort;
pub(crate) mod update;
pub(crate) mod validate;

pub(crate) use self::{
    filter::Filter,
    index::Index,
    order::compare,
    plan::{Given, Plan},
    projection::Projection,
    sort::Sort,
    update::{Replacement, Update},
    validate::for_insert,
};

/// A request that is malformed, unsupported or impossible; the plugin's author reads it.
///
/// It quotes operators, paths and types, never whole values: documents hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Invalid {
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

impl Invalid {
    /// What a message may take; field names come from guests and can be long.
    const MOST_BYTES: usize = 1_000;

    pub(crate) fn new(message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > Self::MOST_BYTES {
            message.truncate(message.floor_char_boundary(Self::MOST_BYTES));
            message.push('…');
        }
        Self { message }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
