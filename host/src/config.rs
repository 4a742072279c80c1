//! What operators typed, made into what the host uses.
//!
//! [`load`] reads `devconnect.toml` once, puts the environment over it and checks everything: what it returns is whole
//! and sane, with absolute paths and every secret read. Or it returns all that is wrong, each thing with its place and
//! its fix. Nothing else in the host reads the file or a variable of the configuration.

mod checks;
mod cron;
mod document;
mod env;
mod examined;
mod problem;
mod reader;
mod redact;
mod reference;
mod resolve;
mod resolved;
mod secret;
mod units;
mod unknown;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

pub use cron::Cron;
pub use env::{FORMER, OTHERS, variables};
pub use examined::Examined;
pub use problem::{Place, Problem, Problems};
pub use reference::{Absent, Kind, Row, reference};
pub use resolved::{
    AccessLog, Environment, GroupProtocol, Kafka, KafkaSasl, KafkaTls, Limits, MongoDb, Mount, NearCache, Plugin,
    Redis, Resolved, Route, RouteAccess, Runtime, Server, Sockets, Source, Static, Stores, TokenKey, Tokens,
};
pub use secret::Secret;

pub(crate) use crate::access::nearest;
use document::Origin;
use reader::{Context, Section};

/// Reads and checks the configuration in `path`, with the environment `variables` over it.
///
/// # Errors
/// Everything that is wrong with the file and the variables.
pub fn load(path: &Path, variables: &BTreeMap<String, String>) -> Result<Resolved, Problems> {
    examine(path, variables).into_result()
}

/// The same, of text that is already there; relative paths start at the folder of `path`.
///
/// # Errors
/// Everything that is wrong with the text and the variables.
pub fn parse(path: &Path, source: &str, variables: &BTreeMap<String, String>) -> Result<Resolved, Problems> {
    examine_text(path, source, variables).into_result()
}

/// Reads and checks the configuration in `path` for somebody who goes on looking: what can be made out of it is there
/// whatever is wrong with the rest.
pub fn examine(path: &Path, variables: &BTreeMap<String, String>) -> Examined {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::read(&path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(source) => examine_text(&path, &source, variables),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let message = format!("{} is not UTF-8 text (byte {at})", path.display());
                Examined::unreadable(&path, message, "save it as UTF-8")
            }
        },
        Err(error) => {
            let message = format!("{} cannot be read: {error}", path.display());
            let fix = if error.kind() == io::ErrorKind::NotFound {
                "name the configuration with --config FILE or in DEVCONNECT_CONFIG"
            } else {
                "let the host's user read it"
            };
            Examined::unreadable(&path, message, fix)
        }
    }
}

fn examine_text(path: &Path, source: &str, variables: &BTreeMap<String, String>) -> Examined {
    let (mut document, syntax) = document::parse(source);
    let shown = redact::redact(source, &document, !syntax.is_empty());
    let mut problems = Problems::new(path, shown);
    for error in &syntax {
        let span = error.span().unwrap_or(0..0);
        problems.push("", error.message(), "see https://toml.io for how TOML is written", &Origin::File(span));
    }
    let broken: Vec<usize> = problems.iter().filter_map(problem::Problem::line).collect();

    env::apply(&mut document, variables, &mut problems);
    unknown::report(&document, &mut problems);
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let context = Context { folder: &folder, variables, problems: RefCell::new(problems) };
    let root = Section::root(&context, &document);
    let resolved = resolve::resolve(path, &root);
    checks::check(&resolved, &root);

    let mut problems = context.problems.into_inner();
    problems.settle(&broken);
    // What a broken line would have said is not known, so nothing can be said about what comes of it.
    let resolved = broken.is_empty().then_some(resolved);
    Examined::new(resolved, problems, document)
}
