//! What is done at set times.
//!
//! ```
//! # mod plugin {
//! use devconnect_sdk::prelude::*;
//!
//! devconnect_sdk::plugin! { schedules: schedules }
//!
//! fn schedules() -> Schedules {
//!     Schedules::new().at("weekly-digest", "0 9 * * MON", digest)
//! }
//!
//! fn digest() -> Result<(), Error> {
//!     log::info!("it is Monday");
//!     Ok(())
//! }
//! # }
//! # fn main() {}
//! ```
//!
//! Of several hosts one runs each. A host that is down at the time does not catch up, and one that ends in the middle does not
//! go on: what must be done whole asks what has been done already.

use std::fmt;

use crate::error::Error;

/// The schedules of a plugin.
#[derive(Debug, Default)]
pub struct Schedules {
    pub(crate) entries: Vec<Entry>,
}

pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) cron: &'static str,
    run: fn() -> Result<(), Error>,
}

impl Schedules {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Runs a function whenever the cron entry says, in UTC: minute, hour, day of the month, month, day of the week. The operator
    /// may replace the entry by the name (`schedules` in the plugin's table).
    #[must_use]
    pub fn at(mut self, name: &'static str, cron: &'static str, run: fn() -> Result<(), Error>) -> Self {
        self.entries.push(Entry { name, cron, run });
        self
    }

    /// The names and the cron entries.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.entries.iter().map(|entry| (entry.name, entry.cron))
    }

    /// Runs the schedule with this name. Called by the host, and by tests.
    ///
    /// # Errors
    /// There is none, or what its function answers.
    pub fn run(&self, name: &str) -> Result<(), Error> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| Error::invalid(format!("there is no schedule {name}")))?;
        (entry.run)()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entry").field("name", &self.name).field("cron", &self.cron).finish_non_exhaustive()
    }
}
