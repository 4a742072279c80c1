//! What plugin authors rely on, seen from outside of the SDK.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod cache;
mod documents;
mod events;
mod extract;
mod filter;
mod openapi;
mod problem;
mod router;
mod security;
mod settings;
