//! Servers as processes of this machine, on loopback, with their data in `target/services`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::server::{Kind, Server};
use super::state::{Entry, State};
use super::{Service, kafka, mongodb, ports, programs, redis};
use crate::ui;
use crate::workspace::Workspace;

/// How long a server may take to close its files.
const CLOSING: Duration = Duration::from_secs(20);
/// How long one that runs already may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Sees to it that the server runs and answers, and returns its port.
pub(super) fn up(workspace: &Workspace, state: &State, service: Service) -> Result<u16> {
    let folder = super::folder(workspace);
    match service {
        Service::Redis => start(state, &folder, service.name(), redis::PORT, redis::ping, || {
            Ok(redis::Redis::new(programs::redis(workspace)?))
        }),
        Service::MongoDb => start(state, &folder, service.name(), mongodb::PORT, mongodb::answers, || {
            Ok(mongodb::MongoDb::new(programs::mongod(workspace)?))
        }),
        Service::Kafka => start(state, &folder, service.name(), kafka::PORT, kafka::answers, || {
            kafka::Kafka::new(programs::kafka(workspace)?)
        }),
    }
}

/// Sees to it that a server of this kind runs under this name and answers.
pub(super) fn start<K: Kind>(
    state: &State,
    folder: &Path,
    name: &str,
    well_known: u16,
    ask: impl Fn(SocketAddr) -> Result<()>,
    kind: impl FnOnce() -> Result<K>,
) -> Result<u16> {
    let known = state.server(name);
    if let Some(entry) = known.filter(|entry| entry.process.is_alive()) {
        wait(K::NAME, entry, ask)?;
        ui::note(&format!("{}: runs on port {} (process {})", K::NAME, entry.port, entry.process.id));
        return Ok(entry.port);
    }
    let kind = kind()?;
    // A server that died comes back where its clients look for it.
    let wanted = [known.map(|entry| entry.port), Some(well_known)];
    let port = match wanted.into_iter().flatten().find(|port| ports::is_free(*port)) {
        Some(port) => port,
        None => ports::free()?,
    };
    let started = Instant::now();
    let mut server = Server::spawn(kind, &folder.join(name), port)?;
    let process = server.process()?;
    state.started(name, Entry { process, port })?;
    if let Err(error) = server.wait() {
        drop(server);
        state.stopped(name)?;
        return Err(error);
    }
    server.detach();
    let instead = if port == well_known { String::new() } else { format!(", as {well_known} is taken") };
    ui::note(&format!(
        "{}: started on port {port}{instead} (process {}, {:.1} s)",
        K::NAME,
        process.id,
        started.elapsed().as_secs_f32()
    ));
    Ok(port)
}

/// Waits until a server answers that was started earlier.
fn wait(name: &str, entry: Entry, ask: impl Fn(SocketAddr) -> Result<()>) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, entry.port));
    let started = Instant::now();
    loop {
        let Err(error) = ask(address) else { return Ok(()) };
        if started.elapsed() >= PATIENCE {
            return Err(error.context(format!(
                "{name} runs (process {}) but does not answer on port {}: `cargo xtask services down` stops it",
                entry.process.id, entry.port
            )));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Stops servers that were started natively, those that are named or all, side by side.
pub(super) fn down(state: &State, chosen: impl Fn(&str) -> bool) -> Result<()> {
    let entries: Vec<_> = state.servers().into_iter().filter(|(name, _)| chosen(name)).collect();
    if entries.is_empty() && state.containers().is_empty() {
        ui::note("none was running");
    }
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let threads: Vec<_> = entries
            .iter()
            .map(|(name, entry)| {
                scope.spawn(move || {
                    let ran = entry.process.end(CLOSING).with_context(|| format!("cannot stop {name}"))?;
                    state.stopped(name)?;
                    let what = if ran { "stopped" } else { "had ended already" };
                    ui::note(&format!("{name}: {what} (process {})", entry.process.id));
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().map(super::joined).collect()
    });
    results.into_iter().collect()
}
