//! A host of its own for each test: the real binary on a free port, in a folder that goes away with it.

mod client;
mod connection;
mod golden;
mod log;
mod paths;

pub(crate) use client::{Answer, Client, says_nothing_of_the_inside};
pub(crate) use connection::Connection;
pub(crate) use golden::golden;
pub(crate) use log::Log;
pub(crate) use paths::{binary, component, repository};

use paths::compiled;

use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The longest that a test waits for anything. Far above what is needed: it only ends a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// A folder with a configuration and the components that it names.
pub(crate) struct Site {
    folder: TempDir,
    /// Compiled components are shared by all hosts of a run, unless the test is about compiling.
    shares_compiled: bool,
}

impl Site {
    /// `config` is the whole `devconnect.toml`. Each `source = "<name>.wasm"` in it is fetched from the guests of the
    /// tests or from the plugins.
    pub(crate) fn new(config: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), shares_compiled: true };
        site.configure(config);
        site
    }

    /// The same, where everything is compiled anew.
    pub(crate) fn cold(config: &str) -> Self {
        Self { shares_compiled: false, ..Self::new(config) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("devconnect.toml")
    }

    /// Writes another configuration over the one that is there, as an editor does: a new file, renamed.
    pub(crate) fn configure(&self, config: &str) {
        for name in sources(config) {
            if !self.path().join(name).exists() {
                self.place(name, &component(name));
            }
        }
        self.place("devconnect.toml", config.as_bytes());
    }

    /// Puts a file into the folder in one step.
    pub(crate) fn place(&self, name: &str, bytes: &[u8]) {
        let fresh = self.path().join(format!(".{name}.fresh"));
        std::fs::write(&fresh, bytes).unwrap();
        std::fs::rename(fresh, self.path().join(name)).unwrap();
    }

    /// The binary with this configuration, `PORT=0` and nothing else of the environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .env_clear()
            .env("PORT", "0")
            .env("NO_COLOR", "1")
            .current_dir(self.path())
            .stdin(Stdio::null());
        if self.shares_compiled {
            command.env("DEVCONNECT_RUNTIME_CACHE", compiled());
        }
        command
    }

    /// Runs the binary to its end and returns its exit code, and what it wrote to either stream.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(arguments).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    }

    /// Starts a host and waits until it is ready.
    pub(crate) fn start(self) -> Host {
        Host::launch(Arc::new(self), &[])
    }

    /// The same, with variables in its environment.
    pub(crate) fn start_with(self, variables: &[(&str, &str)]) -> Host {
        Host::launch(Arc::new(self), variables)
    }
}

/// The file names of a configuration's components.
fn sources(config: &str) -> impl Iterator<Item = &str> {
    config.lines().filter_map(|line| line.trim().strip_prefix("source = \"")?.strip_suffix('"'))
}

/// A running host. It is killed when the value is dropped; if the test failed, its log is shown.
pub(crate) struct Host {
    pub(crate) site: Arc<Site>,
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
    child: Child,
}

impl Host {
    /// Starts a host with this configuration and waits until it is ready.
    pub(crate) fn start(config: &str) -> Self {
        Site::new(config).start()
    }

    pub(crate) fn launch(site: Arc<Site>, variables: &[(&str, &str)]) -> Self {
        let mut host = Self::spawn(site, variables);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if host.try_client().is_some_and(|mut client| client.get("/readyz").status == 200) {
                return host;
            }
            if let Some(status) = host.child.try_wait().unwrap() {
                panic!("the host ended with {status} before it was ready:\n{}", host.log.text());
            }
            assert!(Instant::now() < deadline, "the host is not ready:\n{}", host.log.text());
            std::thread::sleep(PAUSE);
        }
    }

    /// Starts a host and waits only until it listens.
    pub(crate) fn spawn(site: Arc<Site>, variables: &[(&str, &str)]) -> Self {
        let mut command = site.command(&["serve"]);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Log::default();
        log.follow(child.stdout.take().unwrap());
        log.follow(child.stderr.take().unwrap());
        let line = log.wait_for("listening on http://");
        let address = line.split("listening on http://").nth(1).unwrap();
        let address = address.split(|end: char| end.is_whitespace() || "\"/,".contains(end)).next().unwrap();
        Self { site, address: address.parse().unwrap(), log, child }
    }

    /// A client with a connection and cookies of its own.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    fn try_client(&self) -> Option<Client> {
        std::net::TcpStream::connect(self.address).ok().map(|_| self.client())
    }

    /// A connection without any manners.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Sends a GET that lasts to a plugin with one instance and no queue, and waits until it holds the instance: until
    /// `probe`, of the same plugin, is refused.
    pub(crate) fn occupy(&self, target: &str, probe: &str) -> Connection {
        self.occupy_by(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(), probe)
    }

    /// The same for any request.
    pub(crate) fn occupy_by(&self, request: &[u8], probe: &str) -> Connection {
        let mut client = self.client();
        let mut connection = self.connect();
        connection.send(request);
        eventually("an instance in use", || {
            if connection.is_answered() {
                // The probe had the instance, and the request was the one that was refused.
                connection = self.connect();
                connection.send(request);
            }
            match client.get(probe).status {
                503 => Ok(()),
                status => Err(status.to_string()),
            }
        });
        connection
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the host does not end");
            std::thread::sleep(PAUSE);
        }
    }

    /// Kills the process, as a power cut does, and starts another on the same folder.
    pub(crate) fn crash_and_restart(self) -> Self {
        let site = Arc::clone(&self.site);
        drop(self);
        Self::launch(site, &[])
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("---- the host's log ----\n{}------------------------", self.log.text());
        }
    }
}

/// Starts a host with a plugin that it must refuse, and returns what it says about that. `devconnect check` must have
/// refused it as well.
#[track_caller]
pub(crate) fn refusal(config: &str) -> String {
    let site = Site::new(config);
    let (code, told) = site.run(&["check"]);
    assert_eq!(code, Some(1), "check finds nothing wrong: {told}");
    let host = Host::spawn(Arc::new(site), &[]);
    host.log.wait_until("refused", |lines| {
        let text = lines.join("\n");
        (text.contains("refused") || text.contains("ERROR")).then_some(text)
    })
}

/// The metrics page of a host that was told to serve it on a free port.
#[track_caller]
pub(crate) fn metrics(host: &Host) -> String {
    let line = host.log.wait_for("metrics on http://");
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    Client::new(address).get("/metrics").expect(200).text()
}

/// Asks until the answer is as wanted: for what the host does by itself, such as taking up a changed file.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Result<T, String>) -> T {
    eventually_within(PATIENCE, what, ask)
}

/// The same with a patience of its own.
#[track_caller]
pub(crate) fn eventually_within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match ask() {
            Ok(value) => return value,
            Err(last) => assert!(Instant::now() < deadline, "{what} did not happen; last seen: {last}"),
        }
        std::thread::sleep(PAUSE);
    }
}
