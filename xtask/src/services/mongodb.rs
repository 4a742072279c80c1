//! MongoDB: one mongod that is a replica set of its own, because transactions need one.

mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::wire::{Document, Reply};
use super::programs;
use super::server::{self, Kind};

/// The port where clients look first.
pub(crate) const PORT: u16 = 27017;
/// The database of [`Server::url`].
const DATABASE: &str = "devconnect";
/// The replica set.
const SET: &str = "rs0";

/// A MongoDB server of its own, a replica set of one.
pub type Server = server::Server<MongoDb>;

/// How MongoDB is started.
#[derive(Debug)]
pub struct MongoDb {
    program: PathBuf,
    arguments: Vec<String>,
}

impl MongoDb {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program, arguments: Vec::new() }
    }
}

impl Server {
    /// Starts the program that `MONGOD` names, with data in `folder`, and waits until it takes writes.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, &[])
    }

    /// The same with further arguments (each word an argument).
    pub fn start_with(folder: &Path, arguments: &[&str]) -> Result<Self> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self::launch(MongoDb { program: programs::named(programs::MONGOD)?, arguments }, folder)
    }

    /// What `MONGODB_URI` would be.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address())
    }

    /// The URL for a client that is to come through a proxy on `port`: it must not ask the server for its own address.
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        format!("mongodb://127.0.0.1:{port}/{DATABASE}?directConnection=true")
    }
}

impl Kind for MongoDb {
    const NAME: &'static str = "MongoDB";
    const PATIENCE: Duration = Duration::from_secs(60);

    fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        let data = folder.join("data");
        std::fs::create_dir_all(&data).with_context(|| format!("cannot make the folder {}", data.display()))?;
        let mut command = Command::new(&self.program);
        command
            .args([
                "--replSet",
                SET,
                "--port",
                &port.to_string(),
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
                "--quiet",
            ])
            .arg("--dbpath")
            .arg(data)
            .args(["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"])
            // A fresh folder takes 5 MB instead of 301.
            .args(["--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"])
            // What has expired goes within two seconds instead of a minute.
            .args(["--setParameter", "ttlMonitorSleepSecs=1"])
            .args(["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .args(&self.arguments);
        Ok(command)
    }

    fn ask(&self, address: SocketAddr) -> Result<()> {
        let hello = hello(address)?;
        if hello.says("isWritablePrimary") {
            return Ok(());
        }
        // It has no replica set yet, or one in which it had another address.
        if hello.says("isreplicaset") {
            found(address)?;
        }
        bail!("it is not the primary of its replica set yet")
    }
}

/// The URL of a server without a password.
pub(crate) fn url(address: SocketAddr) -> String {
    format!("mongodb://{address}/{DATABASE}")
}

/// Asks a server whether it serves.
pub(crate) fn answers(address: SocketAddr) -> Result<()> {
    hello(address).map(drop)
}

fn hello(address: SocketAddr) -> Result<Reply> {
    wire::run(address, &Document::new().integer("hello", 1).text("$db", "admin"))
}

/// Makes the server a replica set with itself as the only member.
fn found(address: SocketAddr) -> Result<()> {
    let configuration = || {
        let member = Document::new().integer("_id", 0).text("host", &address.to_string());
        Document::new()
            .text("_id", SET)
            .integer("version", 1)
            .list("members", member)
            // Elections among one take no time; with the defaults a restart waits for ten seconds.
            .document(
                "settings",
                Document::new().integer("electionTimeoutMillis", 500).integer("heartbeatIntervalMillis", 100),
            )
    };
    let first = Document::new().document("replSetInitiate", configuration()).text("$db", "admin");
    let answer = wire::run(address, &first)?;
    if answer.is_ok() {
        return Ok(());
    }
    if answer.code() != Some(wire::ALREADY_INITIALIZED) {
        bail!("it refuses to be a replica set: {}", answer.message());
    }
    // Its data came from another port, under which it does not find itself.
    let again = Document::new().document("replSetReconfig", configuration()).flag("force", true).text("$db", "admin");
    let answer = wire::run(address, &again)?;
    if !answer.is_ok() {
        bail!("it refuses its new address: {}", answer.message());
    }
    Ok(())
}
