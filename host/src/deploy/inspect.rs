//! What a deployment of a configuration would refuse, without deploying anything.

use std::sync::Arc;

use super::failure::Failure;
use super::smoke::Smoke;
use super::{filters, source};
use crate::config::{self, Resolved};
use crate::inbound::routes::{self, Routes, Served};
use crate::runtime::{Inspected, Loader, Refusal, Version};
use crate::telemetry::one_line;

/// Something that keeps a plugin from serving, with the key that it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The key, a part a table: `plugins`, `shop`, `grants`.
    pub(crate) key: Vec<String>,
    /// What is wrong; it continues after the key.
    pub(crate) message: String,
    /// What to do.
    pub(crate) fix: String,
}

/// Looks at every component that the configuration names, one by one and side by side. `init` and smoke requests are not
/// run: they use the stores.
pub(crate) async fn inspect(loader: &Loader, routes: &Routes, desired: &Resolved) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut versions: Vec<(&config::Plugin, Arc<Version>)> = Vec::new();
    for plugin in &desired.plugins {
        let bytes = match source::read(&plugin.source).await {
            Ok(bytes) => bytes,
            Err(error) => {
                findings.push(finding(&plugin.name, error.into()));
                continue;
            }
        };
        let Inspected { version, refusals } = loader.inspect(plugin, &bytes).await;
        findings.extend(refusals.into_iter().map(|refusal| finding(&plugin.name, refusal.into())));
        versions.extend(version.map(|version| (plugin, version)));
    }

    let running = |name: &str| Some(&versions.iter().find(|(plugin, _)| plugin.name == name)?.1);
    let mut served = Vec::new();
    for (plugin, version) in &versions {
        let mut asked = Vec::new();
        for filter in filters::of(plugin, version, running) {
            match filter {
                Ok(filter) => asked.push(filter),
                Err(failure) => findings.push(finding(&plugin.name, failure)),
            }
        }
        served.push(Served { version: Arc::clone(version), filters: asked });
    }
    let (prepared, refused) = routes.prepare_most(&served);
    findings.extend(refused.into_iter().map(|(plugin, error)| finding(&plugin, error.into())));
    for (plugin, version) in &versions {
        let smoke = plugin.smoke.as_ref().map(|path| Smoke::find(&prepared, version, path));
        if let Some(Err(failure)) = smoke {
            findings.push(finding(&plugin.name, failure));
        }
    }
    findings
}

/// The same reason as in the log of a host that refuses the plugin, at the line that would mend it.
fn finding(plugin: &str, failure: Failure) -> Finding {
    let here = |key: &[&str]| ["plugins", plugin].iter().chain(key).map(|&part| part.to_owned()).collect();
    let at = |key: &[&str], message: String, fix: String| Finding { key: here(key), message, fix };
    match failure {
        Failure::Refused(Refusal::Import(denied)) if !denied.is_unknown() => {
            let message = format!("is missing or too narrow: {}", denied.reason);
            at(&["grants", &denied.capability], message, denied.fix)
        }
        Failure::Refused(Refusal::Import(denied)) => at(&["source"], cannot_serve(&denied.reason), denied.fix),
        Failure::Refused(refusal @ Refusal::Unguarded { .. }) => at(
            &["filters"],
            format!("is missing: {refusal}"),
            "or describe the route as public, if everybody may call it".to_owned(),
        ),
        Failure::Refused(refusal @ Refusal::NoMount(_)) => at(
            &["mount"],
            format!("is missing: {refusal}"),
            "`access = \"session\"` and `filters` beside it let only those in who are signed in".to_owned(),
        ),
        Failure::Refused(refusal @ Refusal::Digest { .. }) => at(
            &["sha256"],
            format!("is not the file's: {refusal}"),
            "put the file there that is meant; or, if this one is, write its digest".to_owned(),
        ),
        failure @ Failure::FilterAway { .. } => at(
            &["filters"],
            format!("cannot be asked: {failure}"),
            "mend what keeps that plugin from running, or take it out here".to_owned(),
        ),
        failure @ Failure::NoFilter { .. } => {
            at(&["filters"], format!("cannot be asked: {failure}"), "name a plugin that does".to_owned())
        }
        failure @ Failure::SmokePath(_) => at(
            &["smoke"],
            format!("asks nobody: {failure}"),
            "write the path of a route that this plugin answers to GET".to_owned(),
        ),
        Failure::Routes(error) => at(&["source"], cannot_serve(&error.to_string()), routes_fix(&error).to_owned()),
        failure => at(&["source"], cannot_serve(&failure.to_string()), source_fix(&failure).to_owned()),
    }
}

/// On one line: what is foreign in the reason may have been written for a page of its own.
fn cannot_serve(reason: &str) -> String {
    let reason: Vec<&str> = reason.split_whitespace().collect();
    format!("names a component that cannot serve: {}", one_line(&reason.join(" ")))
}

const fn routes_fix(error: &routes::Error) -> &'static str {
    match error {
        routes::Error::Route(_) => "until then the host serves without this plugin",
        routes::Error::Method { .. } => "use a method that the platform knows",
    }
}

const fn source_fix(failure: &Failure) -> &'static str {
    match failure {
        Failure::Source(source::Error::Io { .. }) => "let the host's user read it",
        Failure::Source(_) => "name another file",
        Failure::Refused(Refusal::Compile(_) | Refusal::NoExports) => {
            "name the component that `cargo xtask build` makes of the plugin (`target/plugins/<name>.wasm`)"
        }
        Failure::Refused(Refusal::Link(_)) => "build it against the WIT package of this host",
        _ => "build the component again",
    }
}
