//! Benchmarks: the host beside native peers, in one run, on pinned cores. `cargo xtask bench` starts this program.
//!
//! A round starts, warms and measures every variant, in shuffled order; a ratio is the median of the ratios within a
//! round, because the machine's speed drifts between rounds by more than the variants differ. The load comes from a
//! process of its own on another core; its own share of that core is measured, and a run in which it was the limit
//! says so.

mod cores;
mod driver;
mod former;
mod http_round;
mod load;
mod measure;
mod paths;
mod peer;
mod report;
mod server;
mod slices;
mod statistics;
mod stores;
mod swap;
mod users;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Measures the host against native peers")]
struct Arguments {
    /// What to measure; everything if nothing is named.
    names: Vec<String>,
    /// Writes the results to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The binary to measure, in place of `target/release/devconnect`.
    #[arg(long)]
    host: Option<PathBuf>,
    /// How many rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each variant is measured in a round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Also measures latency at this fixed number of requests a second, whether answers come or not.
    #[arg(long)]
    rate: Option<f64>,
    /// Writes the results to docs/benchmarks.md.
    #[arg(long)]
    write_docs: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// The processes that this program starts of itself.
#[derive(Subcommand)]
enum Part {
    /// A native server.
    #[command(hide = true)]
    Peer(peer::Kind),
    /// A load generator.
    #[command(hide = true)]
    Load(load::Plan),
    /// A driver of a store.
    #[command(hide = true)]
    Driver(driver::Plan),
    /// A native consumer.
    #[command(hide = true)]
    Consumer(measure::consume::Plan),
}

/// What a measurement needs to know.
pub(crate) struct Context {
    pub(crate) host: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) warm: Duration,
    pub(crate) measure: Duration,
    pub(crate) rate: Option<f64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Peer(kind)) => return peer::serve(&kind),
        Some(Part::Load(plan)) => return load::run(&plan),
        Some(Part::Driver(plan)) => return driver::run(&plan),
        Some(Part::Consumer(plan)) => return measure::consume::run(&plan),
        None => {}
    }
    measure::check_names(&arguments.names)?;
    let context = Context {
        host: paths::host(arguments.host)?,
        rounds: arguments.rounds.max(1),
        warm: Duration::from_secs(1),
        measure: Duration::from_secs_f64(arguments.seconds),
        rate: arguments.rate,
    };
    let results = measure::all(&context, &arguments.names);
    report::table(&results.entries);
    if let Some(file) = &arguments.json {
        report::json(file, &results.entries)?;
    }
    if arguments.write_docs {
        report::docs(&results.entries, &context)?;
    }
    results.into_result()
}
