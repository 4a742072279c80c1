//! Servers under measurement.

use crate::cores::{Core, on_cpu};
use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running server; killed when the value is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first 200 of `/readyz` (for the host), or to the address being printed.
    pub(crate) start: Duration,
    child: Child,
    pub(crate) folder: Option<Site>,
}

/// The folder of a host: its configuration, its components, its data.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// Copies the components, so that a measurement can replace them.
    pub(crate) fn new(config: &str, components: &[PathBuf]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for component in components {
            let name = component.file_name().context("the file name of a component")?;
            std::fs::copy(component, folder.path().join(name)).with_context(|| component.display().to_string())?;
        }
        std::fs::write(folder.path().join("devconnect.toml"), config)?;
        Ok(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Server {
    /// A native server, pinned to the server's core.
    pub(crate) fn peer(duties: bool) -> anyhow::Result<Self> {
        let mut command = Core::Server.command(&crate::paths::own()?);
        command.arg("peer");
        if duties {
            command.arg("--duties");
        }
        Self::spawn(command, None)
    }

    /// `wasmtime serve` with its defaults.
    pub(crate) fn wasmtime(program: &Path, component: &Path) -> anyhow::Result<Self> {
        let mut command = Core::Server.command(program);
        command.args(["serve", "--addr", "127.0.0.1:0", "-S", "cli"]).arg(component);
        Self::spawn(command, None)
    }

    /// A program of Node, pinned to the server's core.
    pub(crate) fn node(script: &Path, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut command = Core::Server.command(Path::new("node"));
        command
            .arg(script)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("NODE_ENV", "production")
            .env("PORT", "0")
            .envs(variables.iter().copied());
        Self::spawn(command, None)
    }

    /// The host, pinned; ready.
    pub(crate) fn host(program: &Path, core: Core, site: Site, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut command = core.command(program);
        command
            .args(["serve", "--config"])
            .arg(site.path().join("devconnect.toml"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PORT", "0")
            .envs(variables.iter().copied());
        let started = Instant::now();
        let mut server = Self::spawn(command, Some(site))?;
        let patience = started + Duration::from_secs(120);
        while !matches!(get(server.address, "/readyz"), Ok((200, _))) {
            ensure!(server.child.try_wait()?.is_none(), "the host ended before it was ready");
            ensure!(Instant::now() < patience, "the host is not ready after two minutes");
            std::thread::sleep(Duration::from_micros(500));
        }
        server.start = started.elapsed();
        Ok(server)
    }

    fn spawn(mut command: Command, folder: Option<Site>) -> anyhow::Result<Self> {
        let started = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("the server")?;
        let (send, receive) = std::sync::mpsc::channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let send = send.clone();
            // Read to the end, so that the server never waits for room in the pipe.
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    drop(send.send(line));
                }
            });
        }
        drop(send);
        let mut said = String::new();
        for line in &receive {
            if let Some(address) = address(&line) {
                // Whatever follows is nobody's business here.
                std::thread::spawn(move || receive.iter().for_each(drop));
                return Ok(Self { address, start: started.elapsed(), child, folder });
            }
            said.push_str(&line);
            said.push('\n');
        }
        drop(child.wait());
        bail!("the server ended without listening:\n{said}")
    }

    /// Nanoseconds that the server has been on a core.
    pub(crate) fn on_cpu(&self) -> u64 {
        on_cpu(self.child.id())
    }

    /// Bytes of memory that are in use.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS")?;
        Ok(kilobytes * 1024)
    }

    /// Ends the host as an operator does and gives its folder back, for another start on the same data.
    pub(crate) fn stop(mut self) -> anyhow::Result<Site> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let patience = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < patience, "the host does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.folder.take().context("a server with a folder")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `taskset` becomes the program that it starts, so this is the server itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let rest = line.split_once("on http://")?.1;
    rest.split(|end: char| end.is_whitespace() || "\"/,".contains(end)).next()?.parse().ok()
}

/// One request on a connection of its own: status and the whole answer.
pub(crate) fn get(address: SocketAddr, target: &str) -> anyhow::Result<(u16, String)> {
    request(address, &format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// Sends this text; the server must close the connection after its answer.
pub(crate) fn request(address: SocketAddr, text: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).context("an answer that is not HTTP")?;
    Ok((status, answer))
}

/// How a server's own CPU time went into answers.
pub(crate) fn micros_per_answer(nanos: u64, answers: f64) -> f64 {
    if answers > 0.0 { nanos as f64 / answers / 1000.0 } else { 0.0 }
}
