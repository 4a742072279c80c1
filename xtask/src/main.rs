//! `cargo xtask …`: everything one does with this repository, from an empty machine to a test report.
//!
//! Each command does what it needs of the earlier ones: `run` and `test` call `setup` and `build` first, and both cost
//! nothing when nothing changed. The host is compiled with one profile (`release`) for `run`, `test` and `bench`, because
//! each further profile or feature set compiles wasmtime again.

mod bench;
mod build;
mod layout;
mod process;
mod run;
mod setup;
mod test;
mod ui;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Builds, runs, tests and measures DevConnect.
///
/// New here? `cargo xtask run` sets everything up and starts the host on http://127.0.0.1:3000; `cargo xtask test` runs
/// every test. The first build compiles wasmtime, about 13 minutes on two cores, later ones take seconds.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find or install what compiles plugins to WebAssembly
    ///
    /// Three ways are tried in this order, and the first that works is used from then on:
    ///
    ///   installed  the target wasm32-wasip2 is already part of this Rust
    ///   rustup     `rustup target add wasm32-wasip2`, given up after 20 seconds
    ///   debian     Debian's own packages; the standard library is compiled with the plugins
    ///
    /// DEVCONNECT_GUEST_TOOLCHAIN=installed|rustup|debian allows that one way only.
    /// What was found is remembered in target/xtask/toolchain.json: later runs do not search.
    #[command(verbatim_doc_comment)]
    Setup {
        /// Forget what was found before and search again
        #[arg(long)]
        again: bool,
    },
    /// Build the plugins and the host
    ///
    /// Leaves target/release/devconnect and target/plugins/<name>.wasm. A plugin's file is replaced, in one step, only
    /// when its content changed: a host that is running swaps it in by itself.
    Build {
        /// Build the plugins only (a running host swaps the changed ones in)
        #[arg(long)]
        plugins: bool,
        /// Build the plugins and the guests of the tests only (target/guests-test)
        #[arg(long)]
        test_guests: bool,
    },
    /// Build everything and start the host with devconnect.toml
    ///
    /// The host replaces this process, so Ctrl-C and SIGTERM reach it and its exit status is the command's.
    Run {
        /// Arguments for the host, after `--`, instead of `serve --config devconnect.toml`
        #[arg(last = true)]
        host_arguments: Vec<String>,
    },
    /// Build everything and run every test
    ///
    /// Unit and documentation tests of all crates, the end-to-end tests against the real host, and the check of the
    /// source layout. The last line is the sum: `N passed, N failed`, with `, N skipped` where some were. The stores are
    /// the embedded ones in every mode: suites against Redis, Kafka and MongoDB servers do not exist yet.
    Test {
        /// Run what needs no external server: at present everything
        #[arg(long, conflicts_with = "full")]
        embedded: bool,
        /// Run everything there is: at present the same as --embedded
        #[arg(long)]
        full: bool,
        /// Run only tests whose name contains this
        filter: Option<String>,
    },
    /// Measure, and print each result beside what it is compared with
    ///
    /// Results are only worth reading on a machine that does nothing else.
    Bench {
        /// Names of the benchmarks to run; all when none is given
        names: Vec<String>,
        /// Also write the results to this file
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Measure the host as it is shipped: thin LTO and one codegen unit (compiles wasmtime once more)
        #[arg(long)]
        ship: bool,
        /// Further arguments for the benchmark program, after `--`; `-- --help` lists them
        #[arg(last = true)]
        program_arguments: Vec<String>,
    },
    /// Check which module imports which, and how long files are
    ///
    /// The rules are in xtask/layout.toml. `cargo xtask test` checks the same.
    Layout,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match execute(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            ui::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::open()?;
    match command {
        Command::Setup { again } => {
            let toolchain = if again { setup::search(&workspace)? } else { setup::ensure(&workspace)? };
            ui::done(&format!("plugins are built with {toolchain}"));
            Ok(ExitCode::SUCCESS)
        }
        Command::Build { plugins, test_guests } => {
            if test_guests {
                build::all_guests(&workspace)?;
            } else {
                build::plugins(&workspace)?;
            }
            if !plugins && !test_guests {
                build::host(&workspace, build::Profile::Release)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { host_arguments } => run::run(&workspace, &host_arguments),
        Command::Test { embedded: _, full: _, filter } => test::run(&workspace, filter.as_deref()),
        Command::Bench { names, json, ship, program_arguments } => {
            bench::run(&workspace, &bench::Plan { names, json, ship, program_arguments })
        }
        Command::Layout => layout::run(&workspace.root),
    }
}
