//! Who may call a plugin: HTTP, events and schedules; sockets come with their capability.

pub(crate) mod events;
mod filters;
pub(crate) mod http;
mod response;
pub(crate) mod router;
pub(crate) mod routes;
pub(crate) mod schedule;
pub(crate) mod static_files;
