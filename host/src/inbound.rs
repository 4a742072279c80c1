//! Who may call a plugin: HTTP now; sockets, events and schedules come with their capabilities.

mod filters;
pub(crate) mod http;
mod response;
pub(crate) mod router;
pub(crate) mod routes;
pub(crate) mod static_files;
