//! Redis, as Debian has it.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::programs;
use super::server::{self, Kind, connect};

/// The port where clients look first.
pub(crate) const PORT: u16 = 6379;

/// A Redis server of its own. Each write is in its file before it is answered, so that a killed one comes back with it.
///
/// ```no_run
/// # fn example(folder: &std::path::Path) -> anyhow::Result<()> {
/// let mut redis = xtask::services::redis::Server::start(folder)?;
/// let url = redis.url();
/// redis.kill()?;
/// redis.restart()?;
/// assert_eq!(redis.url(), url);
/// # Ok(())
/// # }
/// ```
pub type Server = server::Server<Redis>;

/// How Redis is started.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Redis {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program, arguments: Vec::new() }
    }
}

impl Server {
    /// Starts the program that `REDIS_SERVER` names, with data in `folder`, and waits until it answers.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, &[])
    }

    /// The same with further arguments, such as `--maxmemory 1mb` (each word an argument).
    pub fn start_with(folder: &Path, arguments: &[&str]) -> Result<Self> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self::launch(Redis { program: programs::named(programs::REDIS)?, arguments }, folder)
    }

    /// What `REDIS_URL` would be.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address())
    }
}

impl Kind for Redis {
    const NAME: &'static str = "Redis";
    const PATIENCE: Duration = Duration::from_secs(20);

    fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(folder)
            // Every write goes to a file at once, and to the disk each second: enough for a killed process.
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"])
            // A replica of this one starts to copy at once instead of after five seconds.
            .args(["--repl-diskless-sync-delay", "0"])
            .args(&self.arguments);
        Ok(command)
    }

    fn ask(&self, address: SocketAddr) -> Result<()> {
        ping(address)
    }
}

/// The URL of a server without a password.
pub(crate) fn url(address: SocketAddr) -> String {
    format!("redis://{address}")
}

/// Asks a server whether it serves. One that wants a password first is there too.
pub(crate) fn ping(address: SocketAddr) -> Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(b"*1\r\n$4\r\nPING\r\n")?;
    let mut answer = Vec::new();
    // A line is enough; a server that is loading its data says so in one.
    while !answer.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.extend(byte);
        if answer.len() > 1024 {
            bail!("what answers there is not Redis");
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    match answer.trim() {
        "+PONG" => Ok(()),
        text if text.starts_with("-NOAUTH") => Ok(()),
        text => bail!("it answers `{text}` to PING"),
    }
}
