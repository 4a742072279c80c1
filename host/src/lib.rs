//! A host for WebAssembly plugins: it owns sockets and stores, and plugins hold the logic.
//!
//! # The way of a request
//! [`inbound`] accepts it and finds its route; [`runtime`] leases a warm instance of the plugin and calls it; the plugin
//! asks [`capabilities`] for what it was granted ([`access`]); the answer goes back the same way. [`deploy`] decides which
//! versions the routes belong to, [`config`] what the operator wants, and [`app`] puts all parts together.
//!
//! # Words, each with one meaning
//! - **Plugin**: an entry `[plugins.<name>]` of the configuration.
//! - **Component**: a file of WebAssembly. **Version**: a component under one configuration of its plugin.
//! - **Instance**: a live copy of a version's memory; it serves one call at a time. **Guest**: the code that runs in it.
//! - **Call**: one entry of the host into a guest. **Fault**: a call that ended without an answer.
//! - **Capability**: an interface that a guest may import. **Grant**: the operator's leave to use one, on named targets.
//! - **Backend**: what a capability stands on, embedded or a server.
//!
//! # Direction
//! Imports go down only: app → {cli, deploy, inbound} → runtime → capabilities → {access, bindings, config}.
//! `cargo xtask layout` checks it.

pub mod access;
pub mod app;
pub mod bindings;
pub mod capabilities;
pub mod cli;
pub mod clock;
pub mod config;
mod deploy;
pub mod error;
mod inbound;
pub mod runtime;
mod shutdown;
pub mod telemetry;
