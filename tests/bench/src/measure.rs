//! The measurements, by name.

pub(crate) mod auth;
mod http;
mod overhead;
mod process;
mod profile;

use crate::report::Entry;
use crate::{Context, swap};
use anyhow::bail;

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
];

/// Refuses names that do not exist.
pub(crate) fn check_names(names: &[String]) -> anyhow::Result<()> {
    match names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        Some(name) => bail!("there is no benchmark `{name}`; there are {}", NAMES.join(", ")),
        None => Ok(()),
    }
}

/// Runs what was asked for.
pub(crate) fn all(context: &Context, names: &[String]) -> anyhow::Result<Vec<Entry>> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|asked| asked == name);
    let mut entries = Vec::new();
    let http =
        http::Wanted { hello: wanted("hello-plugin"), json: wanted("json-plugin"), fresh: wanted("hello-fresh") };
    entries.extend(http::compared(context, &http)?);
    if wanted("hello-scaling") {
        entries.push(http::scaling(context)?);
    }
    if wanted("start") {
        entries.push(process::start(context)?);
    }
    if wanted("idle-memory") {
        entries.extend(process::memory(context)?);
    }
    if wanted("swap-cold") || wanted("swap-cached") {
        entries.extend(swap::measure(context)?.into_iter().filter(|entry| wanted(&entry.name)));
    }
    let profile = profile::Wanted { plain: wanted("profile"), near: wanted("profile-near-cache") };
    entries.extend(profile::measure(context, &profile)?);
    let overhead =
        overhead::Wanted { cache_get: wanted("cache-get"), find_one: wanted("find-one"), publish: wanted("publish") };
    entries.extend(overhead::measure(context, &overhead)?);
    Ok(entries)
}
