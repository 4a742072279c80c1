//! The command line: `devconnect [serve | check]`.

pub mod check;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A platform host for sandboxed plugins.
#[derive(Debug, Parser)]
#[command(name = "devconnect", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do; `serve` where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The configuration.
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "DEVCONNECT_CONFIG",
        default_value = "devconnect.toml",
        global = true
    )]
    pub config: PathBuf,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the plugins of the configuration until SIGTERM.
    Serve,
    /// Say everything that is wrong with the configuration and the components that it names, or what it would serve.
    ///
    /// No store is opened and nothing is written, so it may run beside a host that serves.
    ///
    /// Exit code: 0 all is well, 1 something is wrong, 2 the file cannot be read.
    Check {
        /// Print JSON for a program.
        #[arg(long)]
        json: bool,
    },
    /// Compile one component from standard input to standard output: the host's own child process.
    #[command(hide = true)]
    Compile {
        /// Most memory in bytes that compiling may take.
        #[arg(long, value_name = "BYTES")]
        memory: u64,
    },
}

impl Cli {
    /// Reads the process's arguments; ends the process with a message where they are wrong.
    #[must_use]
    pub fn from_arguments() -> Self {
        Self::parse()
    }

    /// What to do.
    pub fn chosen(&self) -> &Command {
        self.command.as_ref().unwrap_or(&Command::Serve)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_configuration_is_named_before_or_after_the_command() {
        let lines = [
            &["devconnect", "--config", "x.toml", "check", "--json"],
            &["devconnect", "check", "--json", "--config", "x.toml"],
        ];
        for line in lines {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.config, PathBuf::from("x.toml"));
            assert!(matches!(cli.chosen(), Command::Check { json: true }));
        }
    }

    #[test]
    fn plain_devconnect_serves() {
        assert!(matches!(Cli::try_parse_from(["devconnect"]).unwrap().chosen(), Command::Serve));
        assert!(Cli::try_parse_from(["devconnect", "sevre"]).is_err());
    }
}
