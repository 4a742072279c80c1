//! What `devconnect check` looks at components with: the loader of a host that opens no store and serves nobody.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::capabilities::closed;
use crate::config::{Resolved, Runtime};
use crate::deploy::{self, Finding};
use crate::inbound::routes::Routes;
use crate::runtime::cache::Cache;
use crate::runtime::compile::Compiler;
use crate::runtime::{Engine, Loader};
use crate::telemetry::HostMetrics;

/// What keeps the plugins of a configuration from serving.
pub(super) fn inspect(resolved: &Resolved) -> Vec<Finding> {
    try_inspect(resolved).unwrap_or_else(|reason| {
        let message = format!("does not let components be looked at: {reason}");
        vec![Finding { key: vec!["runtime".to_owned()], message, fix: "try again where a host can run".to_owned() }]
    })
}

fn try_inspect(resolved: &Resolved) -> Result<Vec<Finding>, Box<dyn std::error::Error>> {
    if resolved.plugins.is_empty() {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    // One instance at a time, to describe itself.
    let engine = Engine::new(&Runtime { max_instances: 1, ..resolved.runtime.clone() })?;
    // What a host has compiled is not compiled again; without a host nothing is written.
    let cache = Cache::existing(&resolved.runtime.cache, &engine);
    let metrics = HostMetrics::register(&mut Registry::default());
    let routes = Routes::new(metrics.clone())?;
    let services = Arc::new(closed::services()?);
    let compiler = Compiler::of_this_host(&resolved.runtime);
    let loader = Loader::new(engine, cache, compiler, services, metrics, &resolved.server)?;
    Ok(runtime.block_on(deploy::inspect(&loader, &routes, resolved)))
}
