//! Results: a table for people, JSON for programs, a page for the documentation.

use crate::{Context, paths};
use anyhow::Context as _;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// One result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it is compared with.
    pub(crate) versus: Option<String>,
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: Option<String>,
    pub(crate) met: Option<bool>,
    /// The value of each run.
    pub(crate) runs: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_loop_p99_us: Option<f64>,
    /// The server's CPU time for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_us: Option<f64>,
    /// The part of its core that the load took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) load_share: Option<f64>,
    /// The part of its core that the server took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// What a result should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// The ratio.
    RatioAtLeast(f64),
    /// The ratio, where more is worse.
    RatioAtMost(f64),
    /// The value itself.
    Below(f64),
}

impl Entry {
    pub(crate) fn new(name: &str, value: f64, unit: &'static str, runs: &[f64]) -> Self {
        Self {
            name: name.to_owned(),
            value: rounded(value, 2),
            unit,
            versus: None,
            ratio: None,
            goal: None,
            met: None,
            runs: runs.iter().map(|run| rounded(*run, 2)).collect(),
            p50_us: None,
            p99_us: None,
            open_loop_p99_us: None,
            cpu_us: None,
            load_share: None,
            server_share: None,
            note: None,
        }
    }

    pub(crate) fn against(mut self, versus: &str, ratio: f64, goal: Goal) -> Self {
        self.versus = Some(versus.to_owned());
        self.ratio = Some(rounded(ratio, 3));
        self.goal(goal)
    }

    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        let (text, met) = match goal {
            Goal::RatioAtLeast(least) => (format!(">= {least}"), self.ratio.is_some_and(|ratio| ratio >= least)),
            Goal::RatioAtMost(most) => (format!("<= {most}"), self.ratio.is_some_and(|ratio| ratio <= most)),
            Goal::Below(most) => (format!("< {most} {}", self.unit), self.value < most),
        };
        self.goal = Some(text);
        self.met = Some(met);
        self
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

const HEADINGS: [&str; 9] = ["name", "value", "unit", "ratio", "goal", "met", "p50 µs", "p99 µs", "CPU µs"];

fn cells(entry: &Entry) -> [String; 9] {
    let number =
        |value: Option<f64>, digits: usize| value.map_or_else(String::new, |value| format!("{value:.digits$}"));
    [
        entry.name.clone(),
        if entry.value >= 1000.0 { format!("{:.0}", entry.value) } else { format!("{:.1}", entry.value) },
        entry.unit.to_owned(),
        number(entry.ratio, 2),
        entry.goal.clone().unwrap_or_default(),
        entry.met.map_or_else(String::new, |met| if met { "yes" } else { "no" }.to_owned()),
        number(entry.p50_us, 0),
        number(entry.p99_us, 0),
        number(entry.cpu_us, 1),
    ]
}

/// Prints the results.
pub(crate) fn table(entries: &[Entry]) {
    print!("{}", aligned(entries));
    for entry in entries {
        for line in remarks(entry) {
            println!("{line}");
        }
    }
}

fn aligned(entries: &[Entry]) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(entries.iter().map(cells));
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..HEADINGS.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn remarks(entry: &Entry) -> Vec<String> {
    let versus = entry.versus.as_ref().map(|versus| format!("{}: against {versus}", entry.name));
    let note = entry.note.as_ref().map(|note| format!("{}: {note}", entry.name));
    versus.into_iter().chain(note).collect()
}

/// Writes the results for programs.
pub(crate) fn json(file: &Path, entries: &[Entry]) -> anyhow::Result<()> {
    std::fs::write(file, serde_json::to_string_pretty(entries)? + "\n").with_context(|| file.display().to_string())
}

/// Writes the page of the documentation.
pub(crate) fn docs(entries: &[Entry], context: &Context) -> anyhow::Result<()> {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench -- --write-docs`; every number is from that one run.\n\n",
    );
    writeln!(page, "- Machine: {}", machine())?;
    for (name, version) in versions(context) {
        writeln!(page, "- {name}: {version}")?;
    }
    writeln!(
        page,
        "- {} rounds; each starts, warms (1 s) and measures ({} s) every variant, in shuffled order. Server and load on different cores, 64 kept-alive connections. Values are medians, ratios are medians of the ratios within a round.",
        context.rounds,
        context.measure.as_secs_f64()
    )?;
    writeln!(page, "\n| {} |", HEADINGS.join(" | "))?;
    writeln!(page, "|{}", " --- |".repeat(HEADINGS.len()))?;
    for entry in entries {
        writeln!(page, "| {} |", cells(entry).join(" | "))?;
    }
    page.push('\n');
    for line in entries.iter().flat_map(remarks) {
        writeln!(page, "- {line}")?;
    }
    let file = paths::repository().join("docs/benchmarks.md");
    std::fs::write(&file, page).with_context(|| file.display().to_string())
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} × {}, Linux {}", cores, model.unwrap_or("unknown processor"), kernel.trim())
}

/// The versions of what was compared.
fn versions(context: &Context) -> Vec<(&'static str, String)> {
    let said = |program: &Path| {
        let output = Command::new(program).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
    };
    let locked = |name: &str| {
        let lock = std::fs::read_to_string(paths::repository().join("Cargo.lock")).ok()?;
        let behind = lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1)?;
        behind.split('"').next().map(str::to_owned)
    };
    let mut all = Vec::new();
    let found = [
        ("Host", said(&context.host)),
        ("wasmtime", locked("wasmtime")),
        ("axum", locked("axum")),
        ("hyper", locked("hyper")),
        ("tokio", locked("tokio")),
        ("Compiler", said(Path::new("rustc"))),
    ];
    for (name, version) in found {
        if let Some(version) = version {
            all.push((name, version));
        }
    }
    all
}
