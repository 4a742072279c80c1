//! One server process: started, asked until it answers, frozen, killed, restarted on the same data.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use super::ports;
use super::process::{self, Process, Signal};

/// How often a server that starts is asked.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one question may take: a frozen server accepts connections and then says nothing.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a server may take to close its files.
const CLOSING: Duration = Duration::from_secs(20);
/// Another program may take a port between the moment it was found free and the moment the server listens.
const ATTEMPTS: u32 = 3;
/// Lines of a log that an error shows.
const TAIL: usize = 15;

/// A kind of server: what is started, and how it is asked whether it is there.
pub trait Kind {
    /// The name in messages.
    const NAME: &'static str;
    /// How long a start may take on a slow machine.
    const PATIENCE: Duration;

    /// Prepares the folder and gives the command that serves `port` from it. The server must stay in the foreground.
    fn command(&self, folder: &Path, port: u16) -> Result<Command>;

    /// Sends one real request; an error says what is not there yet. It may also take a step that the server needs before it
    /// is of use, and is called until it succeeds.
    fn ask(&self, address: SocketAddr) -> Result<()>;
}

/// A server of a test or a benchmark: private, on loopback, gone when it is dropped.
///
/// It does not survive the program by Ctrl-C either, being in the same process group.
#[derive(Debug)]
pub struct Server<K: Kind> {
    kind: K,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl<K: Kind> Server<K> {
    /// Starts one on a free port and waits until it answers. Data and log are kept in `folder`.
    pub(super) fn launch(kind: K, folder: &Path) -> Result<Self> {
        let mut server = Self { kind, folder: folder.to_owned(), port: 0, child: None };
        for attempt in 1.. {
            server.port = ports::free()?;
            match server.restart() {
                Ok(()) => break,
                Err(_) if attempt < ATTEMPTS && ending(&server.log()).contains("in use") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(server)
    }

    /// Starts one that outlives this program. It does not answer yet: see [`Server::wait`] and [`Server::detach`].
    pub(super) fn spawn(kind: K, folder: &Path, port: u16) -> Result<Self> {
        let mut server = Self { kind, folder: folder.to_owned(), port, child: None };
        server.begin(|command| {
            // Ctrl-C in the terminal is for the program that runs there.
            #[cfg(unix)]
            std::os::unix::process::CommandExt::process_group(command, 0);
        })?;
        Ok(server)
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1` and the port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The id of the process; `None` while it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// Ends it at once (SIGKILL), as a crash does. What it had written to files stays.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().with_context(|| format!("cannot kill {}", K::NAME))?;
            child.wait().with_context(|| format!("cannot wait for {}", K::NAME))?;
        }
        Ok(())
    }

    /// Lets it end by itself (SIGTERM), and kills it when it does not.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(child) = &mut self.child {
            process::signal(child.id(), Signal::Thaw)?;
            process::signal(child.id(), Signal::Stop)?;
            let started = Instant::now();
            while started.elapsed() < CLOSING {
                if child.try_wait().with_context(|| format!("cannot wait for {}", K::NAME))?.is_some() {
                    self.child = None;
                    return Ok(());
                }
                std::thread::sleep(PAUSE);
            }
        }
        self.kill()
    }

    /// Makes it stand still (SIGSTOP): connections stay open and nothing is answered.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::Freeze)
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&mut self) -> Result<()> {
        self.signal(Signal::Thaw)
    }

    /// Stops it if it runs, starts it with the same data on the same port, and waits until it answers.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.begin(|_| {})?;
        self.wait()
    }

    /// Waits until it answers a real request.
    pub fn wait(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                self.child = None;
                bail!("{} ended with {status} while it started; {}", K::NAME, ending(&self.log()));
            }
            let Err(error) = self.kind.ask(self.address()) else { return Ok(()) };
            if started.elapsed() >= K::PATIENCE {
                return Err(anyhow!(
                    "{} does not answer on port {} after {} s: {error:#}; {}",
                    K::NAME,
                    self.port,
                    started.elapsed().as_secs(),
                    ending(&self.log())
                ));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The process, by which another program can find it.
    pub(super) fn process(&self) -> Result<Process> {
        Process::of(self.pid().with_context(|| format!("{} is stopped", K::NAME))?)
    }

    /// Leaves it running when this program ends.
    pub(super) fn detach(mut self) {
        self.child = None;
    }

    fn begin(&mut self, adjust: impl FnOnce(&mut Command)) -> Result<()> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make the folder {}", self.folder.display()))?;
        // A server may change its folder: what it is told must not depend on ours.
        self.folder = std::path::absolute(&self.folder).context("cannot tell the working directory")?;
        let mut command = self.kind.command(&self.folder, self.port)?;
        // Appended: the end of the run before explains a start that fails.
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .with_context(|| format!("cannot write the log {}", self.log().display()))?;
        let copy = log.try_clone().with_context(|| format!("cannot write the log {}", self.log().display()))?;
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(log).stderr(copy);
        adjust(&mut command);
        let child = command.spawn().with_context(|| format!("cannot start `{}`", crate::process::line(&command)))?;
        self.child = Some(child);
        Ok(())
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => child.try_wait().with_context(|| format!("cannot wait for {}", K::NAME)),
            None => bail!("{} is stopped", K::NAME),
        }
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match self.pid() {
            Some(id) => process::signal(id, signal),
            None => bail!("{} is stopped", K::NAME),
        }
    }
}

impl<K: Kind> Drop for Server<K> {
    fn drop(&mut self) {
        // Its data is nobody's any more: no need to let it close its files. An error leaves a process that a person can see.
        let _ = self.kill();
    }
}

/// A connection on which one question can be asked without waiting for ever.
pub(super) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, ANSWER).context("it accepts no connection")?;
    stream.set_read_timeout(Some(ANSWER)).context("cannot set a time limit")?;
    stream.set_write_timeout(Some(ANSWER)).context("cannot set a time limit")?;
    Ok(stream)
}

/// The last lines of a log, and where the rest is.
fn ending(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
    if tail.is_empty() {
        return format!("its log {} is empty", log.display());
    }
    format!("the end of its log {}:\n      {}", log.display(), tail.join("\n      "))
}
