//! `[server]`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use super::super::document::Origin;
use super::super::reader::{Fault, Section};
use super::super::resolved::{AccessLog, Environment, Server};

pub(super) fn server(section: &Section<'_>) -> Server {
    Server {
        listen: listen(section),
        environment: match section.text("environment").as_deref() {
            Some("production") => Environment::Production,
            _ => Environment::Development,
        },
        origins: origins(section),
        body_limit: section.size("body-limit"),
        trusted_proxies: section.list("trusted-proxies", network),
        shutdown_grace: section.duration("shutdown-grace"),
        header_timeout: section.duration("header-timeout"),
        read_timeout: section.duration("read-timeout"),
        idle_timeout: section.duration("idle-timeout"),
        max_headers: section.number("max-headers"),
        max_header_bytes: section.size("max-header-bytes"),
        max_connections: section.number("max-connections"),
        access_log: match section.text("access-log").as_deref() {
            Some("off") => AccessLog::Off,
            Some("sampled") => AccessLog::Sampled,
            Some("all") => AccessLog::All,
            _ => AccessLog::Errors,
        },
        metrics_listen: section.address("metrics-listen"),
        workers: section
            .optional_number("workers")
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
    }
}

/// `PORT` sets the port of whatever address it is.
fn listen(section: &Section<'_>) -> SocketAddr {
    let fallback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);
    let mut listen = section.address("listen").unwrap_or(fallback);
    if let Some(port) = section.context.variable("PORT") {
        match port.trim().parse() {
            Ok(port) => listen.set_port(port),
            Err(_) => {
                let message = format!("cannot have the port \"{}\"", port.escape_debug());
                let fault = Fault::new(message, "set PORT to a number from 0 (any free port) to 65535");
                section.context.problem("server.listen", fault, &Origin::Variable("PORT".into()));
            }
        }
    }
    listen
}

/// `FRONTEND_URL` adds to the list: an address, or several with commas.
fn origins(section: &Section<'_>) -> Vec<String> {
    let mut origins = section.list("origins", origin);
    let added = section.context.variable("FRONTEND_URL").unwrap_or_default();
    for url in added.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        // An address of the front end may have a path; the origin is what stands before it.
        let end = url.find("://").and_then(|scheme| url.get(scheme + 3..)?.find('/').map(|slash| scheme + 3 + slash));
        match origin(end.and_then(|end| url.get(..end)).unwrap_or(url)) {
            Ok(origin) => origins.push(origin),
            Err(fault) => section.context.problem("server.origins", fault, &Origin::Variable("FRONTEND_URL".into())),
        }
    }
    let mut unique: Vec<String> = Vec::new();
    for origin in origins {
        if !unique.contains(&origin) {
            unique.push(origin);
        }
    }
    unique
}

/// An origin as browsers write it: lower case, no default port, nothing behind it.
fn origin(text: &str) -> Result<String, Fault> {
    let fix = "write scheme, host and port, for example \"https://app.example.com\" or \"http://localhost:5173\"";
    let wrong = |why: &str| Fault::new(format!("has \"{}\", which {why}", text.escape_debug()), fix);
    if text == "*" {
        return Err(wrong("would let every site act for a signed-in user"));
    }
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
    if scheme != "http" && scheme != "https" {
        return Err(wrong("is neither http nor https"));
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let more = |letter: char| {
        letter.is_whitespace() || letter.is_control() || matches!(letter, '/' | '?' | '#' | '@' | '*' | '\\' | ',')
    };
    if rest.contains(more) {
        return Err(wrong("is more than an origin"));
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, Some(port.parse::<u16>().map_err(|_| wrong("has no valid port"))?))
        }
        _ => (rest, None),
    };
    if host.is_empty() || !host.is_ascii() {
        return Err(wrong("has no host that a browser would send (it writes foreign letters in `xn--` form)"));
    }
    let default = if scheme == "https" { 443 } else { 80 };
    Ok(match port.filter(|port| *port != default) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, Fault> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map(|network| network.trunc()).map_err(|_| {
        let message = format!("has \"{}\", which is no network", text.escape_debug());
        Fault::new(message, "write address and prefix length, for example \"10.0.0.0/8\" or \"::1/128\"")
    })
}
