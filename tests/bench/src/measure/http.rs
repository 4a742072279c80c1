//! A request: through a plugin, and natively.

use crate::cores::Core;
use crate::http_round::{self, Series, Variant};
use crate::load::{self, Plan};
use crate::report::{Entry, Goal};
use crate::server::{Server, Site};
use crate::statistics::{median, median_ratio, shuffle};
use crate::{Context, paths};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// About 200 bytes, as plugins/hello expects them.
const ORDER: &str = r#"{"id":48151623,"customer":"Ada Lovelace","email":"ada@example.com","items":[{"name":"notebook","quantity":2,"price":4.5},{"name":"pencil","quantity":10,"price":0.8}],"express":true}"#;

/// What `wasmtime serve` 48 with its defaults is said to reach where the goal was set; used where it cannot be measured.
const WASMTIME_SERVE: f64 = 8_200.0;

/// Which of the comparisons are asked for.
pub(crate) struct Wanted {
    pub(crate) hello: bool,
    pub(crate) json: bool,
    pub(crate) fresh: bool,
}

fn hello(address: SocketAddr) -> Plan {
    Plan::get(address, "/hello")
}

fn json(address: SocketAddr) -> Plan {
    Plan {
        method: "POST".to_owned(),
        header: vec!["Content-Type: application/json".to_owned()],
        body: Some(ORDER.to_owned()),
        ..Plan::get(address, "/json")
    }
}

/// The shipped configuration with the plugin alone: all limits on.
fn config(workers: usize, limits: &str) -> String {
    format!("[server]\nworkers = {workers}\n\n[plugins.hello]\nsource = \"hello.wasm\"\nlimits = {{ {limits} }}\n")
}

fn host(context: &Context, core: Core, workers: usize, limits: &str) -> anyhow::Result<Server> {
    let site = Site::new(&config(workers, limits), &[paths::plugin("hello")?])?;
    Server::host(&context.host, core, site, &[])
}

fn native(name: &'static str, duties: bool, plan: fn(SocketAddr) -> Plan) -> Variant {
    Variant { name, start: Box::new(move || Server::peer(duties)), plan }
}

fn plugin(context: &Context, name: &'static str, limits: &'static str, plan: fn(SocketAddr) -> Plan) -> Variant {
    let context = Context { host: context.host.clone(), ..*context };
    Variant { name, start: Box::new(move || host(&context, Core::Server, 1, limits)), plan }
}

/// The rounds of everything that is served on one core.
pub(crate) fn compared(context: &Context, wanted: &Wanted) -> anyhow::Result<Vec<Entry>> {
    let mut variants = Vec::new();
    if wanted.hello || wanted.fresh {
        variants.push(native("hello-native", false, hello));
    }
    if wanted.hello {
        variants.push(native("hello-native-duties", true, hello));
        variants.push(plugin(context, "hello-plugin", "", hello));
    }
    if wanted.json {
        variants.push(native("json-native", false, json));
        variants.push(native("json-native-duties", true, json));
        variants.push(plugin(context, "json-plugin", "", json));
    }
    if wanted.fresh {
        variants.push(plugin(context, "hello-fresh", "reuse = 1", hello));
        if let Some(program) = wasmtime() {
            variants.push(Variant {
                name: "wasmtime-serve",
                start: Box::new(move || Server::wasmtime(&program, &paths::guest("proxy"))),
                plan: hello,
            });
        }
    }
    if variants.is_empty() {
        return Ok(Vec::new());
    }
    let found = http_round::run(context, &variants)?;
    let mut entries = Vec::new();
    for (plugin, native, goal) in [("hello-plugin", "hello-native", 0.88), ("json-plugin", "json-native", 0.85)] {
        let duties = format!("{native}-duties");
        if let (Some(ours), Some(bare), Some(equal)) =
            (found.get(plugin), found.get(native), found.get(duties.as_str()))
        {
            entries.push(entry(native, bare, None));
            entries.push(entry(&duties, equal, None));
            entries.push(entry(
                plugin,
                ours,
                Some(("native axum, one worker", median_ratio(&ours.rates, &bare.rates), goal)),
            ));
            let ratio = median_ratio(&ours.rates, &equal.rates);
            let name = format!("{plugin}-against-duties");
            entries.push(entry(&name, ours, Some(("native axum with the same duties, one worker", ratio, 0.95))));
        }
    }
    entries.extend(fresh(&found));
    Ok(entries)
}

fn fresh(found: &BTreeMap<&'static str, Series>) -> Vec<Entry> {
    let Some(ours) = found.get("hello-fresh") else { return Vec::new() };
    let measured = found.get("wasmtime-serve");
    let (versus, ratio) = match measured {
        Some(theirs) => {
            ("wasmtime serve, its defaults, the same core".to_owned(), median_ratio(&ours.rates, &theirs.rates))
        }
        None => (
            format!("{WASMTIME_SERVE} req/s, which wasmtime serve 48 is said to reach; not measured in this run"),
            ours.rate() / WASMTIME_SERVE,
        ),
    };
    let mut entries: Vec<Entry> = measured.map(|theirs| entry("wasmtime-serve", theirs, None)).into_iter().collect();
    entries.push(entry("hello-fresh", ours, Some((&versus, ratio, 2.0))));
    entries
}

pub(super) fn entry(name: &str, series: &Series, versus: Option<(&str, f64, f64)>) -> Entry {
    let mut entry = Entry::new(name, series.rate(), "req/s", &series.rates);
    if let Some((versus, ratio, goal)) = versus {
        entry = entry.against(versus, ratio, Goal::RatioAtLeast(goal));
    }
    entry.p50_us = Some(median(&series.p50));
    entry.p99_us = Some(median(&series.p99));
    entry.cpu_us = Some(median(&series.cpu));
    entry.load_share = Some(median(&series.shares));
    entry.server_share = Some(median(&series.server_shares));
    if !series.open_p99.is_empty() {
        entry.open_loop_p99_us = Some(median(&series.open_p99));
    }
    let runs = series.shares.len();
    let (limited, disturbed) = (series.limited(), series.disturbed());
    if disturbed > 0 {
        entry.note = Some(format!(
            "in {disturbed} of {runs} runs neither side had its core to itself: the machine was busy, and the figure means little"
        ));
    } else if limited > 0 {
        entry.note =
            Some(format!("the load was above 90 % of its core in {limited} of {runs} runs: the server may do more"));
    }
    entry
}

fn wasmtime() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("wasmtime")).find(|program| program.is_file())
}

/// Two cores against one, the load on the same cores as the server: on one core a host with one worker and one load
/// process, on two cores a host with two workers and two load processes. The whole doubles, so the ideal is 2.
pub(crate) fn scaling(context: &Context) -> anyhow::Result<Entry> {
    let mut one = Vec::new();
    let mut two = Vec::new();
    for round in 1..=context.rounds {
        let mut order = [1, 2];
        shuffle(&mut order);
        for workers in order {
            eprintln!("round {round} of {}: hello-scaling, {workers} worker(s)", context.rounds);
            let core = if workers == 1 { Core::Server } else { Core::Both };
            let server = host(context, core, workers, "")?;
            let plan = http_round::timed(hello(server.address), context);
            let plans: Vec<_> = (0..workers).map(|_| (core, plan.clone())).collect();
            let rate = load::start(&plans)?.iter().map(load::Outcome::rate).sum();
            if workers == 1 { one.push(rate) } else { two.push(rate) }
        }
    }
    let mut entry = Entry::new("hello-scaling", median(&two), "req/s", &two).against(
        "one worker and one load process sharing one core; two of each sharing two",
        median_ratio(&two, &one),
        Goal::RatioAtLeast(1.8),
    );
    if !crate::cores::can_pin() {
        entry.note = Some("this machine has one core, or no taskset: the figure means nothing".to_owned());
    }
    Ok(entry)
}
