//! A real broker of a test's own, to be killed and frozen.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// One node, broker and controller in one process.
pub(super) struct Broker {
    folder: TempDir,
    class_path: String,
    port: u16,
    process: Option<Child>,
}

impl Broker {
    /// A node that was not started yet, on ports that were free.
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let [port, controller] = ports();
        std::fs::write(folder.path().join("server.properties"), properties(folder.path(), port, controller)).unwrap();
        let broker = Self { folder, class_path: class_path(), port, process: None };
        let formatted = broker
            .java(&["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c"])
            .output()
            .expect("Java 17 on the PATH (apt-get install openjdk-17-jre-headless)");
        assert!(formatted.status.success(), "format: {}", String::from_utf8_lossy(&formatted.stderr));
        broker
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn start(&mut self) {
        self.process = Some(self.java(&["kafka.Kafka"]).spawn().unwrap());
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// SIGSTOP and SIGCONT.
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("a broker that was started");
        kill_process(Pid::from_child(process), signal).unwrap();
    }

    fn java(&self, arguments: &[&str]) -> Command {
        let mut java = Command::new("java");
        java.args(["-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"])
            .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", &self.class_path])
            .args(arguments)
            .arg(self.folder.path().join("server.properties"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        java
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The jars of Kafka.
fn class_path() -> String {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/services/kafka/libs");
    let folder = std::env::var_os("KAFKA_LIBS").map_or(default, PathBuf::from);
    let jars = std::fs::read_dir(&folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>());
    let mut jars = jars.unwrap_or_default();
    jars.retain(|path| path.extension().is_some_and(|extension| extension == "jar"));
    jars.sort();
    assert!(
        !jars.is_empty(),
        "no jars of Kafka in {}: set KAFKA_LIBS to their folder, or run `cargo xtask services up` or `cargo xtask test`",
        folder.display()
    );
    jars.iter().map(|jar| jar.to_str().unwrap()).collect::<Vec<_>>().join(":")
}

fn ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// The last lines make a restart after a kill quick: the old registration has to time out first.
fn properties(folder: &Path, port: u16, controller: u16) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         log.dirs={}/data\n\
         auto.create.topics.enable=false\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         log.cleaner.dedupe.buffer.size=8388608\n\
         broker.heartbeat.interval.ms=200\n\
         broker.session.timeout.ms=1000\n\
         controller.quorum.election.timeout.ms=300\n\
         controller.quorum.election.backoff.max.ms=200\n\
         controller.quorum.fetch.timeout.ms=1000\n",
        folder.display()
    )
}
