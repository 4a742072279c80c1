//! A mongod of one test's own, to be frozen and killed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::*;

/// The binary: `MONGOD`, or what `cargo xtask services` installed, or the first on the PATH.
fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("MONGOD") {
        return named.into();
    }
    let installed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/services");
    let mut folders = vec![installed];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("data") {
                folders.push(path);
            } else if path.is_file() && entry.file_name() == "mongod" {
                return path;
            }
        }
    }
    PathBuf::from("mongod")
}

pub(super) struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
    replicas: bool,
}

impl Server {
    /// A replica set of one, or a server that stands alone.
    pub(super) async fn start(replicas: bool) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        let child = Self::spawn(port, &folder, replicas);
        let server = Self { child, port, folder, replicas };
        let options = "directConnection=true&serverSelectionTimeoutMS=60000&connectTimeoutMS=60000";
        let admin = open(&format!("mongodb://127.0.0.1:{port}/?{options}")).await.unwrap();
        let admin = admin.client.database("admin");
        if replicas {
            let member = bson::doc! { "_id": 0, "host": format!("127.0.0.1:{port}") };
            let settings = bson::doc! { "electionTimeoutMillis": 500, "heartbeatIntervalMillis": 100 };
            let set = bson::doc! { "_id": "rs0", "members": [member], "settings": settings };
            admin.run_command(bson::doc! { "replSetInitiate": set }).await.unwrap();
        }
        becomes("a primary", async || {
            let hello = admin.run_command(bson::doc! { "hello": 1 }).await;
            hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false))
        })
        .await;
        server
    }

    fn spawn(port: u16, folder: &TempDir, replicas: bool) -> Child {
        let mut command = Command::new(binary());
        command.args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet", "--wiredTigerCacheSizeGB", "0.25"]);
        command.args(["--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"]);
        command.args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
        command.arg("--port").arg(port.to_string()).arg("--dbpath").arg(folder.path());
        if replicas {
            command.args(["--replSet", "rs0", "--oplogSize", "64"]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        command.spawn().expect("set MONGOD to a mongod binary or run `cargo xtask test`")
    }

    /// A store there, with the patience that an operator of a busy test machine would give it, or with the host's own.
    pub(super) async fn store(&self, options: &str) -> MongoDb {
        open(&format!("mongodb://127.0.0.1:{}/devconnect?{options}", self.port)).await.unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// `kill -9`, and a new one over the same files.
    pub(super) fn crash_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(self.port, &self.folder, self.replicas);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
