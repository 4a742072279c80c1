//! Servers of a test's own, to be stopped and killed: `redis-server` from the path.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A running server. It ends with the value.
pub(in crate::capabilities::cache) struct Server {
    pub(in crate::capabilities::cache) port: u16,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    child: Option<Child>,
}

/// A port that nobody listens on.
pub(in crate::capabilities::cache) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts a server and waits until it answers.
    pub(in crate::capabilities::cache) fn start(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { port: free_port(), folder: tempfile::tempdir().unwrap(), arguments, child: None };
        server.restart();
        server
    }

    /// Starts it again, on the same port and without data.
    pub(in crate::capabilities::cache) fn restart(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--dir", self.folder.path().to_str().unwrap()])
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("`redis-server` must be on the PATH: apt-get install redis-server");
        self.child = Some(child);
        self.wait();
    }

    fn wait(&self) {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        let client = redis::Client::open(self.url()).unwrap();
        while client.get_connection().and_then(|mut connection| redis::cmd("PING").exec(&mut connection)).is_err() {
            assert!(std::time::Instant::now() < end, "redis-server does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(in crate::capabilities::cache) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it at once, without a farewell.
    pub(in crate::capabilities::cache) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it in its tracks: connections stay open, and nothing answers.
    pub(in crate::capabilities::cache) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(in crate::capabilities::cache) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.child.as_ref().unwrap());
        kill_process(pid, signal).unwrap();
    }

    /// Runs a command that a test needs beside the cache's interface.
    pub(in crate::capabilities::cache) fn tell(&self, command: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        redis::cmd(command[0]).arg(&command[1..]).query(&mut connection).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
