//! Servers that somebody else runs, named by `REDIS_URL`, `KAFKA_BROKERS` or `MONGODB_URI`.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use super::Service;
use super::server::connect;
use crate::ui;

/// Somebody else starts them, perhaps in this moment.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);

/// As much of an address as it takes to ask the server how it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// `host:port` of each server; one that answers is enough.
    pub(super) hosts: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// It cannot be asked in plain text, only connected to.
    pub(super) is_private: bool,
}

impl Target {
    /// Reads `scheme://user:password@host:port,host:port/rest`, of which all but a host may be missing.
    pub(super) fn parse(address: &str, default_port: u16) -> Result<Self> {
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (login, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            Some((user, password)) => (Some(user), Some(password)),
            None => (None, None),
        };
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let hosts: Vec<String> = hosts
            .split(',')
            .map(str::trim)
            .filter(|host| !host.is_empty())
            .map(|host| if has_port(host) { host.to_owned() } else { format!("{host}:{default_port}") })
            .collect();
        if hosts.is_empty() {
            bail!("it names no host");
        }
        let is_private =
            matches!(scheme, "rediss" | "mongodb+srv") || rest.contains("tls=true") || rest.contains("ssl=true");
        Ok(Self { hosts, user: given(user), password: given(password), is_private })
    }

    /// The addresses of all hosts that can be resolved.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>> {
        let mut addresses = Vec::new();
        let mut trouble = None;
        for host in &self.hosts {
            match host.to_socket_addrs() {
                Ok(found) => addresses.extend(found),
                Err(error) => trouble = Some(anyhow!("{host} cannot be resolved: {error}")),
            }
        }
        match trouble {
            Some(error) if addresses.is_empty() => Err(error),
            _ => Ok(addresses),
        }
    }
}

/// Waits until the server that the service's variable names answers.
pub(super) fn wait(service: Service, address: &str) -> Result<()> {
    let variable = service.variable();
    let target = Target::parse(address, service.port()).with_context(|| format!("{variable} is not understood"))?;
    if address.starts_with("mongodb+srv:") {
        ui::note(&format!("{service}: {variable} names a cluster by its DNS records; it is not asked"));
        return Ok(());
    }
    until_it_answers(service, address).with_context(|| {
        // The hosts alone: an address may hold a password.
        format!(
            "{variable} names {}, where no {service} answers: start it, or unset {variable} to have one started",
            target.hosts.join(", ")
        )
    })
}

/// Waits until the server at an address answers a real request.
pub(super) fn until_it_answers(service: Service, address: &str) -> Result<()> {
    let target = Target::parse(address, service.port())?;
    let started = Instant::now();
    loop {
        match ask(service, &target) {
            Err(error) if started.elapsed() >= PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(PAUSE),
            Ok(()) => return Ok(()),
        }
    }
}

fn ask(service: Service, target: &Target) -> Result<()> {
    let mut trouble = anyhow!("it has no address");
    for address in target.addresses()? {
        let answer = if target.is_private { connect(address).map(drop) } else { service.ask(address) };
        match answer {
            Ok(()) => return Ok(()),
            Err(error) => trouble = error,
        }
    }
    Err(trouble)
}

/// Whether a host has a port; the colons of a bare IPv6 address are none.
fn has_port(host: &str) -> bool {
    match host.rsplit_once(':') {
        Some((host, port)) => port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(address: &str) -> Target {
        Target::parse(address, 1234).unwrap()
    }

    #[test]
    fn addresses_are_read_as_clients_read_them() {
        assert_eq!(target("redis://localhost").hosts, ["localhost:1234"]);
        let full = target("rediss://app:s3:cr@et@cache.example:6380/2");
        assert_eq!(full.hosts, ["cache.example:6380"]);
        assert_eq!((full.user.as_deref(), full.password.as_deref()), (Some("app"), Some("s3:cr@et")));
        assert!(full.is_private);
        let only_password = target("redis://:secret@localhost:1");
        assert_eq!((only_password.user, only_password.password.as_deref()), (None, Some("secret")));
        assert_eq!(target("a:1, b,[::1]:9,[::1]").hosts, ["a:1", "b:1234", "[::1]:9", "[::1]:1234"]);
        assert!(target("mongodb://h/db?replicaSet=rs0&tls=true").is_private);
        assert!(!target("mongodb://h/db?replicaSet=rs0").is_private);
        assert!(Target::parse("redis://", 1).is_err());
    }
}
