//! The rows themselves, in the order in which the documentation lists them.

mod host;
mod plugins;

use std::sync::LazyLock;

use super::{Absent, Kind, Row};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn row(key: &'static str, kind: Kind, default: Absent, meaning: &'static str) -> Row {
    Row { key, kind, default, meaning }
}

pub(super) static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| [host::ROWS, plugins::ROWS].concat());
