//! What was set aside, for an operator to look at, put back or let go.

use std::sync::Arc;

use super::super::backend::Event;
use super::Outbox;
use super::rows::{self, Shelf};
use super::shelves::Fate;
use crate::capabilities::error::Result;

/// The most rows that one commit lifts from the dead.
const MOST_LIFTED: usize = 1_000;

/// An event that the log will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// What it is named by.
    pub sequence: u64,
    /// Why.
    pub reason: String,
    /// When it was accepted, in milliseconds since the Unix epoch; 0 if the row is damaged.
    pub accepted_ms: u64,
    /// What should have been published; `None` if the row is damaged.
    pub event: Option<Event>,
}

/// Some of what was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that is there when it is asked for.
    All,
    /// Those of these sequences that are there.
    These(Vec<u64>),
}

impl Outbox {
    /// What was set aside behind a sequence, oldest first, at most `most` and about 1 MiB.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dead(&self, after: Option<u64>, most: usize) -> Result<Vec<Dead>> {
        self.blocking(move |store| rows::dead(&store.snapshot()?, after, most)).await
    }

    /// Puts what was set aside back behind what waits, in its order; how many events that are.
    ///
    /// # Errors
    /// The store is away, or has no room for more to wait; what was put back by then is put back.
    pub async fn revive(&self, which: Which) -> Result<u64> {
        self.lift(which, Fate::Revived).await
    }

    /// Drops what was set aside; how many events that were. They are never published.
    ///
    /// # Errors
    /// The store is away; what was dropped by then is dropped.
    pub async fn discard(&self, which: Which) -> Result<u64> {
        let discarded = self.lift(which, Fate::Discarded).await?;
        if discarded > 0 {
            tracing::warn!(target: "kafka", discarded, "events that were set aside were discarded by an operator");
        }
        Ok(discarded)
    }

    async fn lift(&self, which: Which, fate: Fate) -> Result<u64> {
        // Named before the first is lifted: what is set aside again meanwhile, because nothing was mended, stays there.
        let sequences = match which {
            Which::All => self.blocking(|store| rows::sequences(&store.snapshot()?, Shelf::Dead)).await?,
            Which::These(sequences) => sequences,
        };
        let (mut from, mut lifted) = (0, 0);
        while let Some(left @ [_, ..]) = sequences.get(from..) {
            let some: Vec<u64> = left.iter().take(MOST_LIFTED).copied().collect();
            let shelves = Arc::clone(&self.shelves);
            let (looked_at, moved) = self.store.write(0, move |tx| shelves.lift(tx, &some, fate)).await?;
            from += looked_at;
            lifted += moved;
        }
        Ok(lifted)
    }
}
