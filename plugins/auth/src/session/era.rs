//! The era of the cache: since when its entries of sessions may be believed.
//!
//! The cache may come back from an outage with what it had before, and with it the entries of sessions that ended
//! meanwhile. So each entry carries the era in which it was written, documents hold the number of the present one, and
//! whoever ends sessions but cannot tell the cache begins a new era: all entries of before are then checked with documents
//! once, and written anew.
//!
//! **Nobody asks documents at each request.** An instance believes for [`LEASE`] what it read; who begins an era answers
//! only after everyone's lease has run out. So a log-out that was answered holds everywhere, and documents are asked about
//! once a second by each instance that is busy.

use std::cell::Cell;
use std::time::Duration;

use devconnect_sdk::prelude::*;
use devconnect_sdk::time;

/// How long an instance believes what it read. Counted from before it asked.
const LEASE: Duration = Duration::from_secs(1);
/// What two machines' clocks may differ by over a lease.
const MARGIN: Duration = Duration::from_millis(50);
/// Its document, beside the sessions that are over.
const ID: &str = "era";

#[derive(Debug, Serialize, Deserialize)]
struct Present {
    #[serde(rename = "_id")]
    id: String,
    era: i64,
}

const ERAS: Collection<Present> = Collection::new("revocations");

thread_local! {
    static HELD: Cell<Option<(Duration, i64)>> = const { Cell::new(None) };
}

/// The present era.
///
/// # Errors
/// Documents are away, and what was read is too old.
pub(crate) fn present() -> Result<i64, Error> {
    let now = time::monotonic();
    if let Some((read, era)) = HELD.get()
        && now.checked_sub(read).is_some_and(|age| age < LEASE)
    {
        return Ok(era);
    }
    let era = ERAS.find_one(doc! { "_id": ID })?.map_or(0, |present| present.era);
    HELD.set(Some((now, era)));
    Ok(era)
}

/// Begins a new era and waits until everybody knows: from then on nothing that the cache has of before counts by itself.
pub(super) fn begin() -> Result<(), Error> {
    let count_up = || ERAS.upsert_one(doc! { "_id": ID }, doc! { "$inc": { "era": 1_i64 } });
    match count_up() {
        // Two began the first one at once: it is there now.
        Err(error) if error.is_conflict() => count_up()?,
        counted => counted?,
    };
    HELD.set(None);
    time::sleep(LEASE + MARGIN);
    Ok(())
}

/// What this instance holds, for tests of several instances.
#[cfg(test)]
pub(crate) fn swap(held: Option<(Duration, i64)>) -> Option<(Duration, i64)> {
    HELD.replace(held)
}
