//! What a component says of itself, and what it imports and exports.

use serde::{Deserialize, Serialize};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre};
use wasmtime_wasi_http::p2::bindings::ProxyIndices;

use super::{Engine, State};
use crate::bindings::exports::devconnect::platform as guest;

/// What a plugin's `describe` answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Its own name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Routes, in the order of their index.
    pub routes: Vec<Route>,
    /// Socket namespaces.
    pub namespaces: Vec<Namespace>,
    /// Topics that it consumes.
    pub topics: Vec<String>,
    /// Schedules: name and cron entry.
    pub schedules: Vec<(String, String)>,
}

/// A route of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The method, in upper case.
    pub method: String,
    /// The pattern.
    pub pattern: String,
    /// Who may call it.
    pub access: Access,
}

/// A socket namespace of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// The events that the plugin owns there.
    pub events: Vec<(String, Access)>,
}

/// Who may call a route or an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Anybody; no filter is called.
    Public,
    /// Anybody; filters may find an identity.
    Optional,
    /// Callers with an identity.
    Session,
    /// Callers whose identity has this role.
    Role(String),
}

impl From<guest::lifecycle::Access> for Access {
    fn from(access: guest::lifecycle::Access) -> Self {
        match access {
            guest::lifecycle::Access::Public => Self::Public,
            guest::lifecycle::Access::Optional => Self::Optional,
            guest::lifecycle::Access::Session => Self::Session,
            guest::lifecycle::Access::Role(role) => Self::Role(role),
        }
    }
}

impl From<&crate::config::RouteAccess> for Access {
    fn from(access: &crate::config::RouteAccess) -> Self {
        use crate::config::RouteAccess;
        match access {
            RouteAccess::Public => Self::Public,
            RouteAccess::Optional => Self::Optional,
            RouteAccess::Session => Self::Session,
            RouteAccess::Role(role) => Self::Role(role.clone()),
        }
    }
}

/// A method as HTTP spells it.
const fn spelt(method: guest::lifecycle::Method) -> &'static str {
    use guest::lifecycle::Method;
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
    }
}

impl From<guest::lifecycle::Description> for Description {
    fn from(description: guest::lifecycle::Description) -> Self {
        let guest::lifecycle::Description { name, version, routes, namespaces, topics, schedules } = description;
        let routes = routes
            .into_iter()
            .map(|route| Route {
                method: spelt(route.method).to_owned(),
                pattern: route.pattern,
                access: route.access.into(),
            })
            .collect();
        let namespaces = namespaces
            .into_iter()
            .map(|namespace| Namespace {
                name: namespace.name,
                events: namespace.events.into_iter().map(|(name, access)| (name, access.into())).collect(),
            })
            .collect();
        Self { name, version, routes, namespaces, topics, schedules }
    }
}

/// What a component can be called for: each export looked up once.
pub(super) struct Exports {
    pub(super) lifecycle: Option<guest::lifecycle::GuestIndices>,
    pub(super) handler: Option<guest::http_handler::GuestIndices>,
    pub(super) filter: Option<guest::http_filter::GuestIndices>,
    pub(super) consumer: Option<guest::event_handler::GuestIndices>,
    pub(super) schedule: Option<guest::schedule_handler::GuestIndices>,
    pub(super) proxy: Option<ProxyIndices>,
}

impl Exports {
    /// Of a component that is ready to be instantiated. An export that is not there, or that the host does not know, is
    /// no error.
    pub(super) fn of(pre: &InstancePre<State>) -> Self {
        Self {
            lifecycle: guest::lifecycle::GuestIndices::new(pre).ok(),
            handler: guest::http_handler::GuestIndices::new(pre).ok(),
            filter: guest::http_filter::GuestIndices::new(pre).ok(),
            consumer: guest::event_handler::GuestIndices::new(pre).ok(),
            schedule: guest::schedule_handler::GuestIndices::new(pre).ok(),
            proxy: ProxyIndices::new(pre).ok(),
        }
    }
}

/// The interfaces from which the component imports at least one function: a type alone is no capability.
pub(super) fn imported_interfaces(component: &Component, engine: &Engine) -> Vec<String> {
    let engine = engine.inner();
    let calls = |item: &ComponentItem| match item {
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).any(|(_, export)| matches!(export.ty, ComponentItem::ComponentFunc(_)))
        }
        ComponentItem::ComponentFunc(_) => true,
        _ => false,
    };
    component
        .component_type()
        .imports(engine)
        .filter(|(_, import)| calls(&import.ty))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The component's custom section `devconnect:openapi`: what the SDK's build step put there. `None` if it has none, or
/// one that is not JSON.
pub(super) fn openapi(bytes: &[u8]) -> Option<serde_json::Value> {
    let payloads = wasmparser::Parser::new(0).parse_all(bytes);
    for payload in payloads.map_while(Result::ok) {
        if let wasmparser::Payload::CustomSection(section) = payload
            && section.name() == OPENAPI
        {
            return serde_json::from_slice(section.data()).ok();
        }
    }
    None
}

/// The name of the custom section that holds a plugin's part of the OpenAPI document.
const OPENAPI: &str = "devconnect:openapi";
