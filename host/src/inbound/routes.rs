//! The routes that are served now: one table, replaced whole when a plugin is swapped.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;

use super::http::{host_routes, openapi};
use super::router::{self, Builder, Lookup, Spans, Table, Verb};
use crate::runtime::{Access, Described, Version};
use crate::telemetry::{HostMetrics, RouteMetrics};

/// Who answers a route.
#[derive(Clone)]
pub(crate) enum Endpoint {
    /// The host itself.
    Host,
    /// A plugin.
    Plugin(Arc<Route>),
}

/// A route of a plugin, with all that its requests need.
pub(crate) struct Route {
    pub(crate) version: Arc<Version>,
    /// Its index in the plugin's description.
    pub(crate) index: u32,
    pub(crate) pattern: Arc<str>,
    pub(crate) access: Access,
    /// Asked in this order; empty where the route is public.
    pub(crate) filters: Vec<Arc<Version>>,
    pub(crate) metrics: RouteMetrics,
}

/// Why a set of plugins cannot be served together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A pattern is malformed, or two routes clash.
    #[error(transparent)]
    Route(#[from] router::Error),
    /// The operator named a method that the platform does not know.
    #[error("route `{method} {pattern}` of {owner}: the platform does not know this method")]
    Method {
        /// As written.
        method: String,
        /// The route's pattern.
        pattern: String,
        /// Who has it.
        owner: String,
    },
}

/// The table of routes and the documents that belong to it.
pub(crate) struct Routes {
    table: ArcSwap<Table<Endpoint>>,
    /// The merged OpenAPI document.
    pub(crate) openapi: host_routes::OpenApi,
    metrics: HostMetrics,
}

/// A plugin as it is to be served: its version, and the versions of its filters.
pub(crate) struct Served {
    pub(crate) version: Arc<Version>,
    pub(crate) filters: Vec<Arc<Version>>,
}

impl Routes {
    /// The host's own routes alone.
    pub(crate) fn new(metrics: HostMetrics) -> Result<Self, Error> {
        let (table, refused) = build(&[], &metrics);
        if let Some((_, error)) = refused.into_iter().next() {
            return Err(error);
        }
        Ok(Self {
            table: ArcSwap::from_pointee(table),
            openapi: Arc::new(ArcSwap::from_pointee(document(&[]))),
            metrics,
        })
    }

    /// The table that is served now.
    pub(crate) fn table(&self) -> arc_swap::Guard<Arc<Table<Endpoint>>> {
        self.table.load()
    }

    /// A table of these plugins, or why there can be none.
    pub(crate) fn prepare(&self, plugins: &[Served]) -> Result<Prepared, Error> {
        let (prepared, refused) = self.prepare_most(plugins);
        match refused.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(prepared),
        }
    }

    /// A table of all routes that can be in one, and why each of the others cannot, with the plugin that has it.
    pub(crate) fn prepare_most(&self, plugins: &[Served]) -> (Prepared, Vec<(Arc<str>, Error)>) {
        let (table, refused) = build(plugins, &self.metrics);
        (Prepared { table, openapi: document(plugins) }, refused)
    }

    /// Serves a prepared table from now on, atomically.
    pub(crate) fn publish(&self, prepared: Prepared) {
        self.openapi.store(Arc::new(prepared.openapi));
        self.table.store(Arc::new(prepared.table));
    }
}

/// A table that is ready to be served.
pub(crate) struct Prepared {
    table: Table<Endpoint>,
    openapi: Bytes,
}

impl Prepared {
    /// The plugin's route that a GET of this path would reach.
    pub(crate) fn find(&self, path: &str) -> Option<(Arc<Route>, Spans)> {
        match self.table.lookup(&http::Method::GET, path) {
            Lookup::Found(Endpoint::Plugin(route), spans) => Some((Arc::clone(route), spans)),
            _ => None,
        }
    }
}

fn build(plugins: &[Served], metrics: &HostMetrics) -> (Table<Endpoint>, Vec<(Arc<str>, Error)>) {
    let mut builder = Builder::default();
    let mut refused = Vec::new();
    for (verb, pattern) in host_routes::ROUTES {
        if let Err(error) = builder.route(verb, pattern, "the host", Endpoint::Host) {
            refused.push(("the host".into(), error.into()));
        }
    }
    for plugin in plugins {
        for (index, route) in plugin.version.description.routes.iter().enumerate() {
            if let Err(error) = add(&mut builder, plugin, index, route, metrics) {
                refused.push((Arc::clone(plugin.version.name()), error));
            }
        }
    }
    (builder.build(), refused)
}

fn add(
    builder: &mut Builder<Endpoint>,
    plugin: &Served,
    index: usize,
    route: &Described,
    metrics: &HostMetrics,
) -> Result<(), Error> {
    let name = plugin.version.name();
    let owner = format!("plugin `{name}`");
    let method = http::Method::from_bytes(route.method.as_bytes()).ok();
    let Some(verb) = method.as_ref().and_then(Verb::of) else {
        return Err(Error::Method { method: route.method.clone(), pattern: route.pattern.clone(), owner });
    };
    let pattern: Arc<str> = route.pattern.as_str().into();
    let endpoint = Route {
        version: Arc::clone(&plugin.version),
        index: u32::try_from(index).unwrap_or(u32::MAX),
        access: route.access.clone(),
        filters: if route.access == Access::Public { Vec::new() } else { plugin.filters.clone() },
        metrics: metrics.route(name, verb.as_str(), &pattern),
        pattern,
    };
    Ok(builder.route(verb, &route.pattern, &owner, Endpoint::Plugin(Arc::new(endpoint)))?)
}

fn document(plugins: &[Served]) -> Bytes {
    let fragments: Vec<_> = plugins
        .iter()
        .filter_map(|plugin| Some((plugin.version.name().to_string(), plugin.version.openapi.clone()?)))
        .collect();
    Bytes::from(openapi::merge(&fragments).to_string())
}
