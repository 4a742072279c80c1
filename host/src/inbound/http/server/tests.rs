//! Over real sockets: what a client sees, and what a bad one cannot do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod client;
mod ends;
mod fixture;
mod limits;
mod protocol;
mod timeouts;
