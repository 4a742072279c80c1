//! Servers that run side by side and are measured in turns, a slice of half a second each: a slow phase of the machine
//! meets all of them. Who is not measured is idle.

use crate::Context;
use crate::cores::Core;
use crate::http_round::Series;
use crate::load::{self, Plan};
use crate::server::{Server, micros_per_answer};
use crate::statistics::{median, shuffle};
use crate::stores::Stores;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is measured of each before the others have their turn.
const SLICE: Duration = Duration::from_millis(500);
/// Until all connections are in step.
const WARM: Duration = Duration::from_millis(200);
/// Once, before all slices: compilers at run time want to see the code in use.
const FIRST: Duration = Duration::from_secs(4);

/// A server that runs, and what it is asked.
pub(crate) struct Runner {
    pub(crate) name: &'static str,
    pub(crate) server: Server,
    pub(crate) plan: Plan,
}

/// A runner's values, one a slice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sliced {
    pub(crate) series: Series,
    /// CPU time of the stores for an answer, in microseconds.
    pub(crate) redis: Vec<f64>,
    pub(crate) mongodb: Vec<f64>,
    /// The part of its core that load and stores took together.
    pub(crate) core: Vec<f64>,
}

impl Sliced {
    /// What the stores took of an answer, and how much of their core was left.
    pub(crate) fn stores(&self) -> String {
        format!(
            "for an answer Redis took {:.1} µs and MongoDB {:.1} µs; their core, which the load shares, was busy for {:.0} % of the time",
            median(&self.redis),
            median(&self.mongodb),
            median(&self.core) * 100.0
        )
    }
}

/// Measures all of them for the context's time in each of its rounds.
pub(crate) fn run(
    context: &Context,
    stores: &Stores,
    runners: &[Runner],
) -> anyhow::Result<BTreeMap<&'static str, Sliced>> {
    let mut all: BTreeMap<&'static str, Sliced> = BTreeMap::new();
    for runner in runners {
        eprintln!("warming {}", runner.name);
        slice(runner, stores, Duration::ZERO, FIRST)?;
    }
    let turns = (context.measure.as_secs_f64() / SLICE.as_secs_f64()).ceil().max(1.0) as usize;
    for round in 1..=context.rounds {
        eprintln!("round {round} of {}: {turns} slices of each server", context.rounds);
        for _ in 0..turns {
            let mut order: Vec<&Runner> = runners.iter().collect();
            shuffle(&mut order);
            for runner in order {
                slice(runner, stores, WARM, SLICE)?.add_to(all.entry(runner.name).or_default());
            }
        }
    }
    Ok(all)
}

struct Slice {
    outcome: load::Outcome,
    server: f64,
    redis: f64,
    mongodb: f64,
}

fn slice(runner: &Runner, stores: &Stores, warm: Duration, measure: Duration) -> anyhow::Result<Slice> {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let plan = Plan { warm: milliseconds(warm), measure: milliseconds(measure), ..runner.plan.clone() };
    let (before, used) = (runner.server.on_cpu(), stores.used());
    let outcome = load::one(Core::Load, &plan)?;
    let used = stores.used().since(used);
    let answers = outcome.all as f64;
    Ok(Slice {
        server: micros_per_answer(runner.server.on_cpu().saturating_sub(before), answers),
        redis: micros_per_answer(used.redis, answers),
        mongodb: micros_per_answer(used.mongodb, answers),
        outcome,
    })
}

impl Slice {
    fn add_to(self, sliced: &mut Sliced) {
        // The stores worked for the warm-up too, so their part of the core is by answers.
        let stores = (self.redis + self.mongodb) * self.outcome.rate() / 1e6;
        sliced.core.push(self.outcome.share + stores);
        sliced.redis.push(self.redis);
        sliced.mongodb.push(self.mongodb);
        sliced.series.add(&self.outcome, self.server);
    }
}
