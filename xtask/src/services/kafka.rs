//! Apache Kafka without ZooKeeper: one node that is broker and controller.

mod java;
mod wire;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use self::java::Java;
use super::proxy::Proxy;
use super::server::{self, Kind};
use super::{ports, programs};

/// The port where clients look first.
pub(crate) const PORT: u16 = 9092;

/// What every broker of tests has. The timeouts make a restart after a kill quick (2–3 s instead of 11–13), and rebalances of
/// consumer groups take a second.
const PROPERTIES: &str = include_str!("kafka/server.properties");

/// A Kafka broker of its own. A topic is there when a client has made it, with three partitions unless it asks for others.
pub type Server = server::Server<Kafka>;

/// How Kafka is started.
#[derive(Debug)]
pub struct Kafka {
    java: Java,
    /// The port of the controller, which the broker finds itself by.
    controller: u16,
    /// A second listener, and the port that clients on it are told.
    proxied: Option<(u16, u16)>,
    /// Lines of `server.properties` after ours; of two with the same key Java takes the last.
    further: Vec<String>,
}

impl Kafka {
    pub(super) fn new(libraries: PathBuf) -> Result<Self> {
        Ok(Self { java: Java::new(libraries), controller: ports::free()?, proxied: None, further: Vec::new() })
    }

    /// The whole `server.properties`.
    fn properties(&self, data: &Path, port: u16) -> String {
        let controller = self.controller;
        let mut listeners = format!("PLAINTEXT://127.0.0.1:{port}");
        let mut advertised = listeners.clone();
        if let Some((own, told)) = self.proxied {
            // Writing to a String does not fail.
            let _ = write!(listeners, ",PROXIED://127.0.0.1:{own}");
            let _ = write!(advertised, ",PROXIED://127.0.0.1:{told}");
        }
        let data = data.display();
        let mut text = format!(
            "{PROPERTIES}\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners={advertised}\n\
             log.dirs={data}\n"
        );
        for line in &self.further {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

impl Server {
    /// Starts the broker whose jars are in the folder that `KAFKA_LIBS` names, with data in `folder`, and waits until it
    /// answers.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, &[])
    }

    /// The same with further lines for `server.properties`.
    pub fn start_with(folder: &Path, properties: &[&str]) -> Result<Self> {
        let further = properties.iter().map(|&line| line.to_owned()).collect();
        Self::launch(Kafka { further, ..Kafka::new(programs::named(programs::KAFKA)?)? }, folder)
    }

    /// A broker whose clients may come through a proxy: those that connect to the proxy are told the proxy's address for
    /// everything that follows; the broker's own would lead them around it.
    pub fn start_behind(folder: &Path, proxy: &Proxy) -> Result<Self> {
        let own = ports::free()?;
        let kafka = Kafka { proxied: Some((own, proxy.port())), ..Kafka::new(programs::named(programs::KAFKA)?)? };
        let server = Self::launch(kafka, folder)?;
        proxy.forward((Ipv4Addr::LOCALHOST, own).into());
        Ok(server)
    }

    /// What `KAFKA_BROKERS` would be.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.address().to_string()
    }
}

impl Kind for Kafka {
    const NAME: &'static str = "Kafka";
    const PATIENCE: Duration = Duration::from_secs(120);

    fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        let data = folder.join("data");
        let file = folder.join("server.properties");
        std::fs::write(&file, self.properties(&data, port))
            .with_context(|| format!("cannot write {}", file.display()))?;
        self.java.prepare(&data, &file)?;
        self.java.broker(&file)
    }

    fn ask(&self, address: SocketAddr) -> Result<()> {
        answers(address)
    }
}

/// Asks a broker whether it serves.
pub(crate) fn answers(address: SocketAddr) -> Result<()> {
    wire::metadata(address)
}

/// Makes, from the jars alone, what lets each later start be quick: formatted storage and an archive of loaded classes.
pub(crate) fn warm_up(libraries: &Path, folder: &Path) -> Result<()> {
    let mut kafka = Kafka::new(libraries.to_owned())?;
    kafka.java = kafka.java.archiving(folder);
    let mut server = Server::launch(kafka, &folder.join("first"))?;
    // Java writes the archive when it ends by itself.
    server.stop()?;
    std::fs::remove_dir_all(folder.join("first")).context("cannot remove the data of the first start")
}
