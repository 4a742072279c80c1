//! The stages of a pipeline that no store runs for a plugin: they read or write other collections than the one that the
//! plugin's grant was checked for.

use crate::capabilities::error::{Error, Result};

const BEYOND: [&str; 5] = ["$lookup", "$graphLookup", "$unionWith", "$out", "$merge"];

/// An error if the stage reaches beyond the collection.
pub(super) fn stays_within(stage: &str) -> Result<()> {
    if BEYOND.contains(&stage) {
        return Err(Error::invalid(format!(
            "the stage `{stage}` reaches another collection than the one that the plugin's grant was checked for; read or write that one by itself"
        )));
    }
    Ok(())
}
