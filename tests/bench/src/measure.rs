//! The measurements, by name.

pub(crate) mod auth;
pub(crate) mod consume;
mod http;
mod overhead;
mod process;
mod profile;

use crate::report::Entry;
use crate::{Context, swap};
use anyhow::{bail, ensure};

/// Every name there is. What one measurement finds beside its name goes by the name and a suffix.
const NAMES: &[&str] = &[
    "hello-plugin",
    "json-plugin",
    "hello-fresh",
    "hello-scaling",
    "start",
    "idle-memory",
    "swap-cold",
    "swap-cached",
    "profile",
    "profile-near-cache",
    "cache-get",
    "find-one",
    "publish",
    "consume",
];

/// Refuses names that do not exist.
pub(crate) fn check_names(names: &[String]) -> anyhow::Result<()> {
    match names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        Some(name) => bail!("there is no benchmark `{name}`; there are {}", NAMES.join(", ")),
        None => Ok(()),
    }
}

/// What was measured, and what went wrong.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) entries: Vec<Entry>,
    failures: Vec<String>,
}

impl Results {
    /// Keeps what a measurement found, and goes on without it where it failed: the others took minutes.
    fn keep(&mut self, measured: anyhow::Result<Vec<Entry>>) {
        match measured {
            Ok(entries) => self.entries.extend(entries),
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &anyhow::Error) {
        eprintln!("not measured: {error:#}");
        self.failures.push(format!("{error:#}"));
    }

    /// Fails where a measurement did.
    pub(crate) fn into_result(self) -> anyhow::Result<()> {
        ensure!(self.failures.is_empty(), "not measured: {}", self.failures.join("; "));
        Ok(())
    }
}

/// Runs what was asked for.
pub(crate) fn all(context: &Context, names: &[String]) -> Results {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|asked| asked == name);
    let mut results = Results::default();
    let http =
        http::Wanted { hello: wanted("hello-plugin"), json: wanted("json-plugin"), fresh: wanted("hello-fresh") };
    results.keep(http::compared(context, &http));
    if wanted("hello-scaling") {
        results.keep(http::scaling(context).map(|entry| vec![entry]));
    }
    if wanted("start") {
        results.keep(process::start(context).map(|entry| vec![entry]));
    }
    if wanted("idle-memory") {
        results.keep(process::memory(context));
    }
    if wanted("swap-cold") || wanted("swap-cached") {
        let swapped = swap::measure(context);
        results.keep(swapped.map(|entries| entries.into_iter().filter(|entry| wanted(&entry.name)).collect()));
    }
    let profile = profile::Wanted { plain: wanted("profile"), near: wanted("profile-near-cache") };
    results.keep(profile::measure(context, &profile));
    let overhead =
        overhead::Wanted { cache_get: wanted("cache-get"), find_one: wanted("find-one"), publish: wanted("publish") };
    if let Err(error) = overhead::measure(context, &overhead, &mut results.entries) {
        results.failed(&error);
    }
    if wanted("consume") {
        results.keep(consume::measure(context).map(|entry| vec![entry]));
    }
    results
}
