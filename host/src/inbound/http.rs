//! HTTP, from the socket to the plugin.
//!
//! A request's way: [`server`] accepts, [`connection`] serves and watches, the dispatch looks the route up in
//! [`super::router`] ahead of everything else, reads the [`body`] whole, calls filters and plugin, and answers. Only
//! what no plugin answers goes on, to the host's own routes and then to the static files: nothing on a plugin's path
//! passes a layer that it does not need, because each costs as much as the call itself.
//!
//! What must hold:
//! - Nothing is leased for a client that is still sending: heads and bodies are complete first.
//! - Every error of the host's own is a [`problem`] document; a parser's error, which has no request to answer, is
//!   the bare status.
//! - A connection ends by the client, by a timeout of its own, or at the end of a drain; never with an accept error.

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod connection;
mod detached;
pub(crate) mod dispatch;
pub(crate) mod host_routes;
pub(crate) mod openapi;
pub(crate) mod origin;
pub(crate) mod problem;
mod proxied;
pub(crate) mod server;
