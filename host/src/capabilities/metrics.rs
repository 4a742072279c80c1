//! `metrics`: a plugin's own counters, gauges and histograms, beside the host's.

mod registry;

pub use registry::Registry;

use super::{Ctx, HostError};
use crate::bindings::devconnect::platform::metrics::Host;

impl Host for Ctx {
    fn count(&mut self, name: String, by: u64, labels: Vec<(String, String)>) -> Result<(), HostError> {
        self.enter()?;
        self.plugin.grants.metrics()?;
        Ok(self.plugin.services.metrics.count(&self.plugin.name, &name, by, &labels)?)
    }

    fn set(&mut self, name: String, value: f64, labels: Vec<(String, String)>) -> Result<(), HostError> {
        self.enter()?;
        self.plugin.grants.metrics()?;
        Ok(self.plugin.services.metrics.set(&self.plugin.name, &name, value, &labels)?)
    }

    fn observe(&mut self, name: String, value: f64, labels: Vec<(String, String)>) -> Result<(), HostError> {
        self.enter()?;
        self.plugin.grants.metrics()?;
        Ok(self.plugin.services.metrics.observe(&self.plugin.name, &name, value, &labels)?)
    }
}
