//! Lists in pages, newest first.

use devconnect_sdk::prelude::*;

/// Which part of a list is wanted.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Page {
    /// How many; what is too many is cut.
    #[serde(default)]
    #[schemars(range(min = 1))]
    limit: Option<u32>,
    /// Only what comes after this one.
    #[serde(default)]
    pub(crate) before: Option<Id>,
}

/// The most that a page has, whatever is asked for.
pub(crate) const MOST: u32 = 500;

impl Page {
    /// How many are wanted.
    pub(crate) fn limit(&self, unless_asked: u32) -> Result<u32, Problem> {
        limit(self.limit, unless_asked, MOST)
    }
}

/// How many are wanted, if that is at least one.
pub(crate) fn limit(asked: Option<u32>, unless_asked: u32, most: u32) -> Result<u32, Problem> {
    match asked {
        Some(0) => Err(Problem::invalid("limit", "must be at least 1")),
        asked => Ok(asked.unwrap_or(unless_asked).min(most)),
    }
}
