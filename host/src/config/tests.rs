//! The configuration from outside: text and variables in, values or problems out.

mod defaults;
mod environment;
mod files;
mod golden;
mod random;

use std::collections::BTreeMap;
use std::path::Path;

use super::{Problems, Resolved, parse};

/// A folder where nothing is.
const FILE: &str = "/nowhere/devconnect.toml";

fn variables(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(source: &str, list: &[(&str, &str)]) -> Result<Resolved, Problems> {
    parse(Path::new(FILE), source, &variables(list))
}

/// `key message (fix)` of each problem.
fn problems(source: &str, list: &[(&str, &str)]) -> Vec<String> {
    match read(source, list) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|problem| format!("{} {} ({})", problem.key, problem.message, problem.fix).trim_start().to_owned())
            .collect(),
    }
}

/// A plugin that needs no file.
const PLUGIN: &str = "[plugins.shop]\nsource = \"https://example.com/shop.wasm\"\n\
     sha256 = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n";

fn with_plugin(more: &str) -> String {
    format!("{PLUGIN}{more}")
}
