//! Families: a name, a kind, and the series that have both.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::series::{Kind, Labels, Series};
use crate::capabilities::error::{Error, Result};

/// All families by the name that plugins give them, and the names that their samples take.
#[derive(Debug, Default)]
pub(super) struct Families {
    by_name: BTreeMap<Box<str>, Arc<Family>>,
    samples: HashSet<String>,
    /// Names of families and samples that the host has itself; as plugins would give them.
    taken: HashSet<String>,
}

/// One family.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) kind: Kind,
    /// Who made it, for the error that another one gets.
    first: Box<str>,
    series: Mutex<HashMap<Box<str>, Arc<Series>>>,
}

impl Families {
    pub(super) fn get(&self, name: &str) -> Option<&Arc<Family>> {
        self.by_name.get(name)
    }

    /// Takes a name of the host's out of the plugins' reach, of whatever kind it is.
    pub(super) fn reserve(&mut self, name: &str) {
        let name = name.strip_prefix("plugin_").unwrap_or(name);
        for kind in Kind::ALL {
            self.taken.extend(kind.samples(name));
        }
    }

    /// Makes a family of that name if there is none.
    pub(super) fn create(&mut self, name: &str, kind: Kind, plugin: &str) -> Result<()> {
        if self.by_name.contains_key(name) {
            return Ok(());
        }
        for sample in kind.samples(name) {
            if self.taken.contains(&sample) || self.samples.contains(&sample) {
                return Err(Error::invalid(format!(
                    "metrics: {} \"{name}\" would be shown as \"plugin_{sample}\", which exists already: choose \
                     another name",
                    kind.name()
                )));
            }
        }
        self.samples.extend(kind.samples(name));
        let family = Family { kind, first: plugin.into(), series: Mutex::default() };
        self.by_name.insert(name.into(), Arc::new(family));
        Ok(())
    }

    /// All, by name.
    pub(super) fn all(&self) -> Vec<(Box<str>, Arc<Family>)> {
        self.by_name.iter().map(|(name, family)| (name.clone(), Arc::clone(family))).collect()
    }

    /// Drops the series of a plugin, and what is empty then.
    pub(super) fn forget(&mut self, plugin: &str) {
        let samples = &mut self.samples;
        self.by_name.retain(|name, family| {
            let mut series = family.series.lock();
            series.retain(|_, series| series.plugin() != plugin);
            if series.is_empty() {
                for sample in family.kind.samples(name) {
                    samples.remove(&sample);
                }
            }
            !series.is_empty()
        });
    }
}

impl Family {
    pub(super) fn find(&self, labels: &Labels) -> Option<Arc<Series>> {
        self.series.lock().get(labels.key()).cloned()
    }

    /// The series of these labels, and whether it was made just now.
    pub(super) fn find_or_create(&self, labels: Labels) -> (Arc<Series>, bool) {
        let mut series = self.series.lock();
        if let Some(held) = series.get(labels.key()) {
            return (Arc::clone(held), false);
        }
        let key = labels.key().into();
        let made = Arc::new(Series::new(self.kind, labels));
        series.insert(key, Arc::clone(&made));
        (made, true)
    }

    /// All series, by their labels.
    pub(super) fn all(&self) -> Vec<Arc<Series>> {
        let mut all: Vec<_> = self.series.lock().values().cloned().collect();
        all.sort_by(|one, other| one.key().cmp(other.key()));
        all
    }

    pub(super) fn other_kind(&self, name: &str, asked: Kind) -> Error {
        Error::invalid(format!(
            "metrics: \"{name}\" cannot be {}: plugin \"{}\" made it {}",
            asked.name(),
            self.first,
            self.kind.name()
        ))
    }
}
