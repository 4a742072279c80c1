//! Redis, Kafka and MongoDB for development, tests and benchmarks.
//!
//! Two uses. `cargo xtask services` keeps one of each for everybody who works in this clone: named by the environment,
//! else with Docker, else natively. And a test that breaks servers starts its own here, private and on free ports:
//! [`redis::Server`], [`mongodb::Server`], [`kafka::Server`], with a [`proxy::Proxy`] in front where the network is to
//! fail. Both take the same programs with the same settings.
//!
//! Servers are peers of tests: they listen on loopback without passwords, and nothing of them is shipped.

mod commander;
mod compose;
pub mod kafka;
pub mod mongodb;
mod named;
mod native;
mod ports;
mod process;
mod programs;
pub mod proxy;
pub mod redis;
mod server;
mod state;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread::ScopedJoinHandle;

use anyhow::{Context as _, Result, anyhow, bail};

use self::compose::Compose;
pub use self::ports::free as free_port;
pub use self::server::{Kind, Server};
use self::state::State;
use crate::ui;
use crate::workspace::Workspace;

/// The variables that name servers and programs.
pub(crate) const VARIABLES: [&str; 6] =
    ["REDIS_URL", "KAFKA_BROKERS", "MONGODB_URI", programs::REDIS, programs::MONGOD, programs::KAFKA];

/// A store that a server stands behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Redis,
    Kafka,
    MongoDb,
}

/// A server that is ready.
#[derive(Clone, Debug)]
struct Ready {
    service: Service,
    /// What the service's variable is to be.
    address: String,
}

/// Servers for the time of a run: what was started for it is stopped with it.
pub(crate) struct Lease<'w> {
    workspace: &'w Workspace,
    variables: Vec<(&'static str, String)>,
    started: Vec<String>,
}

impl Service {
    const ALL: [Self; 3] = [Self::Redis, Self::Kafka, Self::MongoDb];

    /// The name in `state.json` and in docker-compose.yml, and of its folder.
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Kafka => "kafka",
            Self::MongoDb => "mongodb",
        }
    }

    /// The variable that names a server, for us as for the host.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Redis => "REDIS_URL",
            Self::Kafka => "KAFKA_BROKERS",
            Self::MongoDb => "MONGODB_URI",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Redis => redis::PORT,
            Self::Kafka => kafka::PORT,
            Self::MongoDb => mongodb::PORT,
        }
    }

    /// Sends a server one real request.
    fn ask(self, address: SocketAddr) -> Result<()> {
        match self {
            Self::Redis => redis::ping(address),
            Self::Kafka => kafka::answers(address),
            Self::MongoDb => mongodb::answers(address),
        }
    }

    /// The value of its variable for a server on this port.
    fn address(self, port: u16) -> String {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match self {
            Self::Redis => redis::url(address),
            Self::Kafka => address.to_string(),
            Self::MongoDb => mongodb::url(address),
        }
    }

    /// The value of its variable, if somebody has set it.
    fn named(self) -> Option<String> {
        std::env::var(self.variable()).ok().filter(|address| !address.trim().is_empty())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Redis => "Redis",
            Self::Kafka => "Kafka",
            Self::MongoDb => "MongoDB",
        })
    }
}

impl<'w> Lease<'w> {
    /// Servers for a run, and the programs for those that its tests start themselves.
    pub(crate) fn take(workspace: &'w Workspace) -> Result<Self> {
        let mut lease = Self { workspace, variables: Vec::new(), started: Vec::new() };
        let ready = {
            // Not held for longer: what goes wrong below ends the lease, which takes it again.
            let state = State::open(&folder(workspace))?;
            ready(workspace, &state, &mut lease.started)
        }?;
        // Needed even when the servers above come from elsewhere: a test breaks servers of its own.
        programs::redis(workspace)?;
        programs::mongod(workspace)?;
        programs::kafka(workspace)?;
        lease.variables = variables(workspace, &ready);
        Ok(lease)
    }

    /// What the programs of the run are to be told.
    pub(crate) fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.started.is_empty() {
            return;
        }
        ui::step("stopping the servers that were started for this run");
        if let Err(error) = stop(self.workspace, Some(&self.started)) {
            ui::warn(&format!("servers may still run: {error:#}"));
        }
    }
}

/// `services up`.
pub(crate) fn up(workspace: &Workspace, with_ui: bool) -> Result<()> {
    ui::step("servers");
    let state = State::open(&folder(workspace))?;
    let ready = ready(workspace, &state, &mut Vec::new())?;
    let pages = if with_ui { pages(workspace, &state, &ready)? } else { Vec::new() };
    ui::done("ready; `eval \"$(cargo xtask services env)\"` tells a shell where they are");
    for one in &ready {
        // An address that somebody has set may hold a password.
        if one.service.named().is_none() {
            ui::note(&format!("{}={}", one.service.variable(), one.address));
        }
    }
    for (name, port) in pages {
        ui::note(&format!("{name} is at http://127.0.0.1:{port}"));
    }
    Ok(())
}

/// Starts the pages that show what is in the servers: where those are in Docker, all that docker-compose.yml has.
fn pages(workspace: &Workspace, state: &State, ready: &[Ready]) -> Result<Vec<(&'static str, u16)>> {
    let Some(redis) = ready.iter().find(|one| one.service == Service::Redis) else { return Ok(Vec::new()) };
    let is_contained = redis.service.named().is_none() && native_address(state, redis.service).is_none();
    let compose = if is_contained { Compose::find(workspace) } else { None };
    if let Some(compose) = compose {
        state.started_containers(&compose.up(&["redis-commander".to_owned(), "kafka-ui".to_owned()])?)?;
        return Ok(vec![("Redis Commander", commander::PORT), ("Kafka UI", 8080)]);
    }
    Ok(vec![("Redis Commander", commander::up(workspace, state, &redis.address)?)])
}

/// The servers' programs by the variables that name them, for who starts servers of its own; fetched where they are missing.
pub(crate) fn programs(workspace: &Workspace) -> Result<[(&'static str, PathBuf); 3]> {
    Ok([
        (programs::REDIS, programs::redis(workspace)?),
        (programs::MONGOD, programs::mongod(workspace)?),
        (programs::KAFKA, programs::kafka(workspace)?),
    ])
}

/// `services down`.
pub(crate) fn down(workspace: &Workspace) -> Result<()> {
    ui::step("stopping the servers that `services up` started");
    stop(workspace, None)
}

/// `services env`: the lines on standard output.
pub(crate) fn env(workspace: &Workspace) -> Result<()> {
    let state = State::open(&folder(workspace))?;
    let mut ready = Vec::new();
    for service in Service::ALL {
        match known(&state, service) {
            Some(address) => ready.push(Ready { service, address }),
            None => bail!("{service} does not run: `cargo xtask services up` starts it, or set {}", service.variable()),
        }
    }
    for (variable, value) in variables(workspace, &ready) {
        println!("export {variable}={}", quoted(&value));
    }
    Ok(())
}

/// Where the servers' programs, data and logs are.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("target/services")
}

/// Sees to it that all three run and answer. What had to be started for it enters `started`, also when it fails.
fn ready(workspace: &Workspace, state: &State, started: &mut Vec<String>) -> Result<Vec<Ready>> {
    let missing: Vec<Service> = Service::ALL
        .into_iter()
        .filter(|service| service.named().is_none() && native_address(state, *service).is_none())
        .collect();
    let compose = if missing.is_empty() { None } else { Compose::find(workspace) };
    let names: Vec<String> = missing.iter().map(|service| service.name().to_owned()).collect();
    match &compose {
        // Those that it had started before, and that still run, are left alone.
        Some(compose) => {
            started.extend(compose.up(&names)?);
            state.started_containers(started)?;
        }
        None => started.extend(names),
    }
    let in_containers: &[Service] = if compose.is_some() { &missing } else { &[] };
    let results: Vec<Result<Ready>> = std::thread::scope(|scope| {
        let threads = Service::ALL.map(|service| {
            scope.spawn(move || {
                let address = if let Some(address) = service.named() {
                    named::wait(service, &address)?;
                    ui::note(&format!("{service}: {} is used as it is", service.variable()));
                    address
                } else if in_containers.contains(&service) {
                    let address = service.address(service.port());
                    named::until_it_answers(service, &address).with_context(|| {
                        format!(
                            "{service} runs in Docker and does not answer: `docker logs devconnect-{}`",
                            service.name()
                        )
                    })?;
                    ui::note(&format!("{service}: runs in Docker on port {}", service.port()));
                    address
                } else {
                    service.address(native::up(workspace, state, service)?)
                };
                Ok(Ready { service, address })
            })
        });
        threads.into_iter().map(joined).collect()
    });
    // Every failure is worth a line, not only the first.
    let mut ready = Vec::new();
    let mut trouble: Option<anyhow::Error> = None;
    for result in results {
        match (result, &trouble) {
            (Ok(one), _) => ready.push(one),
            (Err(error), None) => trouble = Some(error),
            (Err(error), Some(_)) => ui::error(&error),
        }
    }
    trouble.map_or(Ok(ready), Err)
}

/// The address of a server that is named, or was started earlier and still runs as far as we know.
fn known(state: &State, service: Service) -> Option<String> {
    let contained = || {
        let is_ours = state.containers().iter().any(|name| name == service.name());
        is_ours.then(|| service.address(service.port()))
    };
    service.named().or_else(|| native_address(state, service)).or_else(contained)
}

/// The address of a server that was started natively and still runs.
fn native_address(state: &State, service: Service) -> Option<String> {
    let entry = state.server(service.name())?;
    entry.process.is_alive().then(|| service.address(entry.port))
}

/// Stops what was started: what is chosen, or all of it.
fn stop(workspace: &Workspace, chosen: Option<&[String]>) -> Result<()> {
    let state = State::open(&folder(workspace))?;
    let is_chosen = |name: &str| chosen.is_none_or(|chosen| chosen.iter().any(|one| one == name));
    native::down(&state, is_chosen)?;
    let containers: Vec<String> = state.containers().into_iter().filter(|name| is_chosen(name)).collect();
    if !containers.is_empty() {
        let Some(compose) = Compose::find(workspace) else {
            bail!("Docker does not answer any more, and it runs {}: start its engine again", containers.join(", "));
        };
        compose.down(&containers)?;
        state.stopped_containers(&containers)?;
    }
    Ok(())
}

/// Where the servers are, and where the programs are for those who start their own.
fn variables(workspace: &Workspace, ready: &[Ready]) -> Vec<(&'static str, String)> {
    let servers = ready.iter().map(|one| (one.service.variable(), one.address.clone()));
    let programs = programs::present(workspace);
    servers.chain(programs.into_iter().map(|(name, path)| (name, path.to_string_lossy().into_owned()))).collect()
}

/// What a thread returned. One that panicked has said why.
fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(anyhow!("a step ended early: its message is above")))
}

/// A value that a shell reads back as it is.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_shell() {
        assert_eq!(quoted("redis://127.0.0.1:6379"), "redis://127.0.0.1:6379");
        assert_eq!(quoted("mongodb://h/db?replicaSet=rs0&w=1"), "'mongodb://h/db?replicaSet=rs0&w=1'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
