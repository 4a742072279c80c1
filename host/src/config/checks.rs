//! What concerns several keys at once.

use super::reader::{Fault, Section};
use super::resolved::{Plugin, Resolved};
use super::units;

pub(super) fn check(resolved: &Resolved, root: &Section<'_>) {
    near_cache(resolved, &root.table("stores"));
    addresses(resolved, root);
    statics(resolved, root);
    let plugins = root.named("plugins");
    for (plugin, (_, section)) in resolved.plugins.iter().zip(&plugins) {
        filters(plugin, resolved, section);
        limits(plugin, resolved, &section.table("limits"));
        mounts(plugin, resolved, section);
    }
}

/// Without Redis there is nothing that a near cache would be near to.
fn near_cache(resolved: &Resolved, section: &Section<'_>) {
    let stores = &resolved.stores;
    if stores.redis.is_none() && !stores.near_cache.patterns.is_empty() {
        let fix = "take it out: the embedded cache is in this process already";
        section.problem("near-cache", Fault::new("is set, but there is no `stores.redis`", fix));
    }
}

/// Two things at one address or path.
fn addresses(resolved: &Resolved, root: &Section<'_>) {
    let server = &resolved.server;
    if server.metrics_listen == Some(server.listen) && server.listen.port() != 0 {
        let message = format!("is {}, where the host itself listens", server.listen);
        root.table("server").problem("metrics-listen", Fault::new(message, "give it a port of its own"));
    }
    let sockets = &resolved.sockets;
    if sockets.socket_io.trim_end_matches('/') == sockets.websocket.trim_end_matches('/') {
        let message = format!("is \"{}\", where Socket.IO is", sockets.websocket.escape_debug());
        root.table("sockets").problem("websocket", Fault::new(message, "give each a path of its own"));
    }
}

fn statics(resolved: &Resolved, root: &Section<'_>) {
    let sections = root.tables("static");
    for (index, (entry, section)) in resolved.statics.iter().zip(&sections).enumerate() {
        if resolved.statics.iter().take(index).any(|earlier| earlier.mount == entry.mount) {
            let message = format!("is \"{}\" a second time", entry.mount.escape_debug());
            section.problem("mount", Fault::new(message, "mount each folder under a path of its own"));
        }
    }
}

fn filters(plugin: &Plugin, resolved: &Resolved, section: &Section<'_>) {
    for (index, filter) in plugin.filters.iter().enumerate() {
        if plugin.filters.iter().take(index).any(|earlier| earlier == filter) {
            let message = format!("names `{}` twice", filter.escape_debug());
            section.problem("filters", Fault::new(message, "name it once"));
        } else if *filter == plugin.name {
            let fix = "take it out: a plugin that exports http-filter filters its own routes anyway";
            section.problem("filters", Fault::new("names the plugin itself", fix));
        } else if resolved.plugin(filter).is_none() {
            let names = resolved.plugins.iter().map(|plugin| plugin.name.as_str());
            let fix = match super::nearest(filter, names) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => format!("add [plugins.{}], or take it out", filter.escape_debug()),
            };
            section
                .problem("filters", Fault::new(format!("names `{}`, which is no plugin", filter.escape_debug()), fix));
        } else if let Some(circle) = circle(plugin, filter, resolved) {
            let fix = "take one of them out: each would wait for the next";
            section.problem("filters", Fault::new(format!("goes in a circle: {}", circle.join(" → ")), fix));
        }
    }
}

/// The way from `plugin` over `filter` back to `plugin`, if there is one.
fn circle<'r>(plugin: &'r Plugin, filter: &'r str, resolved: &'r Resolved) -> Option<Vec<&'r str>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![&plugin.name, filter]];
    let mut seen = vec![filter];
    while let Some(way) = ways.pop() {
        let next = way.last().and_then(|name| resolved.plugin(name))?;
        for filter in next.filters.iter().filter(|filter| resolved.plugin(filter).is_some()) {
            let further: Vec<&str> = way.iter().copied().chain([filter.as_str()]).collect();
            if *filter == plugin.name {
                return Some(further);
            }
            if !seen.contains(&filter.as_str()) {
                seen.push(filter);
                ways.push(further);
            }
        }
    }
    None
}

fn limits(plugin: &Plugin, resolved: &Resolved, section: &Section<'_>) {
    let limits = &plugin.limits;
    let runtime = &resolved.runtime;
    let size = |bytes: usize| units::show_size(bytes as u64);
    if limits.memory > runtime.max_memory {
        let most = size(runtime.max_memory);
        let message = format!("is {}, more than runtime.max-memory ({most})", size(limits.memory));
        section.problem(
            "memory",
            Fault::new(message, format!("lower it, or set max-memory = \"{}\" in [runtime]", size(limits.memory))),
        );
    }
    if limits.instances > runtime.max_instances as usize {
        let message = format!("is {}, more than runtime.max-instances ({})", limits.instances, runtime.max_instances);
        let fix = format!("lower it, or set max-instances = {} in [runtime]", limits.instances);
        section.problem("instances", Fault::new(message, fix));
    }
    if limits.cpu > limits.deadline {
        let deadline = units::show_duration(limits.deadline);
        let message = format!("is longer than `deadline` ({deadline}), so it would never be reached");
        section.problem("cpu", Fault::new(message, format!("write at most \"{deadline}\"")));
    }
}

fn mounts(plugin: &Plugin, resolved: &Resolved, section: &Section<'_>) {
    let Some(mount) = &plugin.mount else { return };
    let same =
        |other: &&Plugin| other.mount.as_ref().is_some_and(|other| other.path == mount.path && other.routes.is_empty());
    let before = resolved.plugins.iter().take_while(|other| other.name != plugin.name);
    if mount.routes.is_empty()
        && let Some(other) = before.clone().find(same)
    {
        let message = format!("is \"{}\", where `{}` is mounted already", mount.path.escape_debug(), other.name);
        section.problem("mount", Fault::new(message, "mount each plugin under a path of its own"));
    }
}
