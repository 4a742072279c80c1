//! End-to-end tests: each starts the real binary with a configuration of its own and speaks HTTP to it, as clients and
//! operators do. One module each subject.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod harness;

mod auth;
mod broken;
mod capabilities;
mod check;
mod deploy;
mod endpoints;
mod events;
mod faults;
mod filters;
mod gateway;
mod golden;
mod grants;
mod limits;
mod network;
mod origins;
mod outgoing;
mod process;
mod proxy;
mod real;
mod reload;
mod reuse;
mod routes;
mod slots;
mod slow;
mod swap;
