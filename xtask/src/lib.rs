//! `cargo xtask …`: everything one does with this repository, from an empty machine to a test report.
//!
//! Each command does what it needs of the earlier ones: `run` and `test` call `setup` and `build` first, and both cost
//! nothing when nothing changed. The host is compiled with one profile (`release`) for `run`, `test` and `bench`, because
//! each further profile or feature set compiles wasmtime again.
//!
//! It is a library for the sake of [`services`]: the end-to-end tests and the benchmarks start their servers with it.

mod apt;
mod bench;
mod build;
mod command;
mod layout;
mod process;
mod run;
pub mod services;
mod setup;
mod test;
mod ui;
mod workspace;

pub use command::main;
