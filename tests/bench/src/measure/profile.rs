//! One's own profile with the check of the session, on real Redis and MongoDB, beside the former system's way to do it.

use super::auth::{AUTH, SECRET, on_stores};
use super::http;
use crate::cores::Core;
use crate::former::{self, FORMER};
use crate::load::Plan;
use crate::report::{Entry, Goal};
use crate::server::{Server, Site};
use crate::slices::{self, Runner, Sliced};
use crate::statistics::{median, median_ratio};
use crate::stores::Stores;
use crate::users::Users;
use crate::{Context, paths};
use std::collections::BTreeMap;

const USERS: usize = 2_000;
const PLAIN: &str = "profile";
const NEAR: &str = "profile-near-cache";
const PEER: &str = "profile-peer";

/// Which of the two are asked for.
pub(crate) struct Wanted {
    pub(crate) plain: bool,
    pub(crate) near: bool,
}

pub(crate) fn measure(context: &Context, wanted: &Wanted) -> anyhow::Result<Vec<Entry>> {
    if !wanted.plain && !wanted.near {
        return Ok(Vec::new());
    }
    let stores = Stores::start()?;
    let users = Users::create(&stores, USERS)?;
    let mut runners = vec![runner(PEER, former::start(&stores)?, &users)];
    if wanted.plain {
        runners.push(runner(PLAIN, host(context, &stores, "")?, &users));
    }
    if wanted.near {
        let near = "\n[stores.near-cache]\npatterns = [\"session:*\", \"user:*\"]\n";
        runners.push(runner(NEAR, host(context, &stores, near)?, &users));
    }
    let found = slices::run(context, &stores, &runners)?;
    Ok(entries(&found))
}

fn host(context: &Context, stores: &Stores, near: &str) -> anyhow::Result<Server> {
    let tables = on_stores(Some(&stores.redis_url()), &stores.mongodb_url());
    let site = Site::new(&format!("{tables}{near}{AUTH}"), &[paths::plugin("auth")?])?;
    Server::host(&context.host, Core::Server, site, SECRET)
}

fn runner(name: &'static str, server: Server, users: &Users) -> Runner {
    let plan = Plan { each: Some(users.cookies()), ..Plan::get(server.address, "/profile/view") };
    Runner { name, server, plan }
}

fn entries(found: &BTreeMap<&'static str, Sliced>) -> Vec<Entry> {
    let Some(peer) = found.get(PEER) else { return Vec::new() };
    let mut entries = vec![peer_entry(peer)];
    for (name, goal) in [(PLAIN, 10.0), (NEAR, 18.0)] {
        let Some(ours) = found.get(name) else { continue };
        let ratio = median_ratio(&ours.series.rates, &peer.series.rates);
        let versus = "Express, node-redis and mongoose on the same core and the same stores, in turns";
        let mut entry = http::entry(name, &ours.series, Some((versus, ratio, goal)));
        entry.note = Some(format!("one worker, {USERS} users, 64 connections; {}", ours.stores()));
        entries.push(entry);
    }
    entries
}

/// The peer's own goal: to be no weaker than the former system.
fn peer_entry(peer: &Sliced) -> Entry {
    let rate = median(&peer.series.rates);
    let versus = format!("{FORMER} req/s, p50 13 ms and p99 65 ms of the former system itself");
    let mut entry = http::entry(PEER, &peer.series, None).against(&versus, rate / FORMER, Goal::RatioAtLeast(0.85));
    let how = match rate / FORMER {
        ratio if ratio > 1.15 => "more than 15 % above it, so that the goals are harder than they were meant",
        ratio if ratio < 0.85 => "more than 15 % below it: the machine is slower than it was then, or busy",
        _ => "within 15 % of it",
    };
    entry.note = Some(format!("{how}; {}", peer.stores()));
    entry
}
