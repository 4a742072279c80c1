//! What a guest's call costs on top of the driver's own.
//!
//! A request makes the guest call a hundred times, so that HTTP and the call of the guest itself hardly count. The
//! driver's process and the host have their turns on the same core, on the same stores.

use super::auth::on_stores;
use crate::cores::Core;
use crate::driver::{self, CALLS, Call, NAME, VALUE};
use crate::load;
use crate::report::{Entry, Goal};
use crate::server::{Server, Site, request};
use crate::statistics::{median, median_ratio};
use crate::stores::{self, Stores};
use crate::{Context, paths};
use anyhow::ensure;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use xtask::services::kafka;

const GUEST: &str = r#"
[plugins.store]
source = "store.wasm"
grants = { cache = ["bench-*"], documents = ["bench"], publish = ["bench-events"] }
limits = { publish-rate = 1000000 }
"#;

/// A turn of each side, in milliseconds.
const WARM: u64 = 300;
const TURN: u64 = 700;

/// Which of them are asked for.
pub(crate) struct Wanted {
    pub(crate) cache_get: bool,
    pub(crate) find_one: bool,
    pub(crate) publish: bool,
}

struct Pair {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

pub(crate) fn measure(context: &Context, wanted: &Wanted, entries: &mut Vec<Entry>) -> anyhow::Result<()> {
    if wanted.cache_get || wanted.find_one {
        let stores = Stores::start()?;
        driver::seed(&stores.redis_url(), &stores.mongodb_url())?;
        let tables = on_stores(Some(&stores.redis_url()), &stores.mongodb_url());
        let server = host(context, &tables)?;
        if wanted.cache_get {
            let pair = turns(context, &server, Call::CacheGet, &stores.redis_url(), 1)?;
            entries.push(pair.latency("cache-get", "GET by the driver alone, one at a time"));
        }
        if wanted.find_one {
            let pair = turns(context, &server, Call::FindOne, &stores.mongodb_url(), 1)?;
            entries.push(pair.latency("find-one", "find one by the driver alone, one at a time"));
        }
    }
    if wanted.publish {
        let folder = stores::folder()?;
        let kafka = kafka::Server::start(folder.path())?;
        if let Some(process) = kafka.pid() {
            Core::Load.pin(process)?;
        }
        let tables = format!("[server]\nworkers = 1\n\n[stores]\nkafka = \"{}\"\n", kafka.brokers());
        let server = host(context, &tables)?;
        until_published(server.address)?;
        for (name, flight) in [("publish", 1), ("publish-64", 64)] {
            let pair = turns(context, &server, Call::Publish, &kafka.brokers(), flight)?;
            entries.push(pair.rates(name, &format!("rdkafka with the same settings, {flight} in flight")));
        }
    }
    Ok(())
}

fn host(context: &Context, tables: &str) -> anyhow::Result<Server> {
    let site = Site::new(&format!("{tables}{GUEST}"), &[paths::guest("store")])?;
    Server::host(&context.host, Core::Server, site, super::auth::SECRET)
}

/// Waits until the host has made the topic and its first event is in it.
fn until_published(address: SocketAddr) -> anyhow::Result<()> {
    let text = format!(
        "POST /store/publish/bench-events/first HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{VALUE}",
        VALUE.len()
    );
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let (status, answer) = request(address, &text)?;
        if status == 200 {
            return Ok(());
        }
        ensure!(Instant::now() < patience, "nothing can be published after a minute: {answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Both sides in turns: microseconds of a call at one in flight, else calls a second.
fn turns(context: &Context, server: &Server, call: Call, address: &str, flight: usize) -> anyhow::Result<Pair> {
    let (what, body) = match call {
        Call::CacheGet => (format!("cache/{NAME}"), VALUE),
        Call::FindOne => ("find-one/bench".to_owned(), NAME),
        Call::Publish => ("publish/bench-events".to_owned(), VALUE),
    };
    let ours = load::Plan {
        method: "POST".to_owned(),
        body: Some(body.to_owned()),
        connections: flight,
        warm: WARM,
        measure: TURN,
        ..load::Plan::get(server.address, &format!("/store/again/{what}/{CALLS}"))
    };
    let theirs = driver::Plan { call, address: address.to_owned(), flight, warm: WARM, measure: TURN };
    let mut pair = Pair { ours: Vec::new(), theirs: Vec::new() };
    // Once for nothing: the stores have seen the calls then.
    load::one(Core::Load, &load::Plan { measure: 2 * TURN, ..ours.clone() })?;
    let is_latency = !matches!(call, Call::Publish);
    for round in 1..=context.rounds * 3 {
        eprintln!("turn {round} of {}: {call:?}, {flight} in flight", context.rounds * 3);
        let (ours, theirs) = if round % 2 == 0 {
            let ours = load::one(Core::Load, &ours)?;
            (ours, driver::start(&theirs)?)
        } else {
            let theirs = driver::start(&theirs)?;
            (load::one(Core::Load, &ours)?, theirs)
        };
        if is_latency {
            pair.ours.push(ours.p50 / CALLS as f64);
            pair.theirs.push(theirs.p50);
        } else {
            pair.ours.push(ours.rate() * CALLS as f64);
            pair.theirs.push(theirs.rate);
        }
    }
    Ok(pair)
}

impl Pair {
    fn latency(&self, name: &str, versus: &str) -> Entry {
        let ratio = median_ratio(&self.ours, &self.theirs);
        let entry = Entry::new(name, median(&self.ours), "µs", &self.ours);
        self.noted(entry.against(versus, ratio, Goal::RatioAtMost(1.15)), "µs")
    }

    fn rates(&self, name: &str, versus: &str) -> Entry {
        let ratio = median_ratio(&self.ours, &self.theirs);
        let entry = Entry::new(name, median(&self.ours), "calls/s", &self.ours);
        self.noted(entry.against(versus, ratio, Goal::RatioAtLeast(0.9)), "calls/s")
    }

    fn noted(&self, mut entry: Entry, unit: &str) -> Entry {
        let theirs = median(&self.theirs);
        entry.note = Some(format!(
            "the driver alone: {theirs:.1} {unit}; a guest makes {CALLS} calls in a request, which counts in; the store shares the load's core"
        ));
        entry
    }
}
