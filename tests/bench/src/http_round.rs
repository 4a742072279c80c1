//! Rounds of HTTP servers, one after the other on the same core.

use crate::Context;
use crate::cores::Core;
use crate::load::{self, Outcome, Plan};
use crate::server::{Server, micros_per_answer};
use crate::statistics::{median, shuffle};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// One of the servers that are compared.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) start: Box<dyn Fn() -> anyhow::Result<Server>>,
    pub(crate) plan: fn(SocketAddr) -> Plan,
}

/// A variant's values, one a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) rates: Vec<f64>,
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    /// The server's own CPU time for an answer, in microseconds.
    pub(crate) cpu: Vec<f64>,
    /// The load's part of its core.
    pub(crate) shares: Vec<f64>,
    /// The server's part of its core.
    pub(crate) server_shares: Vec<f64>,
    /// p99 at the fixed rate, if one was asked for.
    pub(crate) open_p99: Vec<f64>,
}

impl Series {
    pub(crate) fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// How many runs had their load above nine tenths of its core.
    pub(crate) fn limited(&self) -> usize {
        self.shares.iter().filter(|share| **share > 0.9).count()
    }

    /// How many runs had neither side above nine tenths of its core: something else ran there.
    pub(crate) fn disturbed(&self) -> usize {
        let pairs = self.shares.iter().zip(&self.server_shares);
        pairs.filter(|(load, server)| **load < 0.9 && **server < 0.9).count()
    }

    pub(crate) fn add(&mut self, outcome: &Outcome, cpu: f64) {
        // The server was busy for as long as there were answers, in the warm-up too.
        let whole = outcome.all as f64 / outcome.answers as f64 * outcome.seconds;
        self.server_shares.push(cpu * outcome.all as f64 / whole / 1e6);
        self.rates.push(outcome.rate());
        self.p50.push(outcome.p50);
        self.p99.push(outcome.p99);
        self.shares.push(outcome.share);
        self.cpu.push(cpu);
    }
}

/// Starts, warms and measures every variant in every round, in shuffled order.
pub(crate) fn run(context: &Context, variants: &[Variant]) -> anyhow::Result<BTreeMap<&'static str, Series>> {
    let mut all: BTreeMap<&'static str, Series> = BTreeMap::new();
    for round in 1..=context.rounds {
        let mut order: Vec<&Variant> = variants.iter().collect();
        shuffle(&mut order);
        for variant in order {
            eprintln!("round {round} of {}: {}", context.rounds, variant.name);
            let server = (variant.start)()?;
            let plan = timed((variant.plan)(server.address), context);
            let before = server.on_cpu();
            let outcome = load::one(Core::Load, &plan)?;
            let cpu = micros_per_answer(server.on_cpu() - before, outcome.all as f64);
            let series = all.entry(variant.name).or_default();
            series.add(&outcome, cpu);
            if let Some(rate) = context.rate {
                let outcome = load::one(Core::Load, &Plan { rate: Some(rate), ..plan })?;
                series.open_p99.push(outcome.p99);
            }
        }
    }
    Ok(all)
}

/// The plan with the times of this run.
pub(crate) fn timed(plan: Plan, context: &Context) -> Plan {
    Plan { warm: milliseconds(context.warm), measure: milliseconds(context.measure), ..plan }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
