//! Counters and distributions, shown with the host's own as `plugin_<name>`. Names are `[a-z_][a-z0-9_]*`. Needs the
//! grant `metrics`.

use crate::error::Error;
use crate::platform::metrics;

/// Adds to a counter.
///
/// # Errors
/// The name is malformed.
pub fn count(name: &str, by: u64, labels: &[(&str, &str)]) -> Result<(), Error> {
    Ok(metrics::count(name, by, &owned(labels))?)
}

/// Sets a gauge.
///
/// # Errors
/// The name is malformed.
pub fn set(name: &str, value: f64, labels: &[(&str, &str)]) -> Result<(), Error> {
    Ok(metrics::set(name, value, &owned(labels))?)
}

/// Adds an observation to a histogram; seconds or bytes, say which in the name.
///
/// # Errors
/// The name is malformed.
pub fn observe(name: &str, value: f64, labels: &[(&str, &str)]) -> Result<(), Error> {
    Ok(metrics::observe(name, value, &owned(labels))?)
}

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
