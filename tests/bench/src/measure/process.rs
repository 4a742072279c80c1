//! The host as a process: how long it takes to start, how much memory it holds.

use super::auth::{SECRET, site};
use crate::Context;
use crate::cores::Core;
use crate::http_round::timed;
use crate::load::{self, Plan};
use crate::report::{Entry, Goal};
use crate::server::{Server, request};
use crate::statistics::median;
use anyhow::{Context as _, ensure};

const MIB: f64 = 1024.0 * 1024.0;
const STARTS: usize = 10;

/// From the start of the process to the first 200 of `/readyz`, on compiled components.
pub(crate) fn start(context: &Context) -> anyhow::Result<Entry> {
    let mut folder = Server::host(&context.host, Core::Both, site()?, SECRET)?.stop()?;
    let mut runs = Vec::new();
    for _ in 0..STARTS.max(context.rounds) {
        let server = Server::host(&context.host, Core::Both, folder, SECRET)?;
        runs.push(server.start.as_secs_f64() * 1000.0);
        folder = server.stop()?;
    }
    let mut entry = Entry::new("start", median(&runs), "ms", &runs).goal(Goal::Below(150.0));
    entry.note = Some("the auth plugin, embedded stores, compiled components on disk".to_owned());
    Ok(entry)
}

/// Resident memory with the auth plugin: ready, and after load.
pub(crate) fn memory(context: &Context) -> anyhow::Result<Vec<Entry>> {
    let mut ready = Vec::new();
    let mut loaded = Vec::new();
    for _ in 0..context.rounds.min(3) {
        // A start on compiled components, so that the compiler's own memory does not count.
        let folder = Server::host(&context.host, Core::Both, site()?, SECRET)?.stop()?;
        let server = Server::host(&context.host, Core::Both, folder, SECRET)?;
        ready.push(server.resident()? as f64 / MIB);
        let cookie = sign_up(&server)?;
        let mut plan = timed(Plan::get(server.address, "/profile/view"), context);
        plan.header = vec![format!("Cookie: {cookie}")];
        load::start(&[(Core::Both, plan)])?;
        loaded.push(server.resident()? as f64 / MIB);
    }
    Ok(vec![
        Entry::new("idle-memory", median(&ready), "MiB", &ready).goal(Goal::Below(60.0)),
        Entry::new("idle-memory-after-load", median(&loaded), "MiB", &loaded).goal(Goal::Below(120.0)),
    ])
}

/// Makes an account and returns its cookie.
fn sign_up(server: &Server) -> anyhow::Result<String> {
    let body = r#"{"firstName":"Ada","emailId":"ada@example.com","password":"Correct-Horse-7"}"#;
    let address = server.address;
    let (status, answer) = request(
        address,
        &format!(
            "POST /signup HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    )?;
    ensure!(status == 200, "/signup answered {status}");
    let cookie = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().trim())
    });
    Ok(cookie.context("/signup sent no cookie")?.to_owned())
}
