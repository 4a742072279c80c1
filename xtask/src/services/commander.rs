//! Redis Commander: Redis in the browser.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::named::Target;
use super::server::{Kind, connect};
use super::state::State;
use super::{native, programs, redis};
use crate::process;
use crate::workspace::Workspace;

/// The port where people look first.
pub(super) const PORT: u16 = 8081;
/// The name in `state.json`, and of its folder.
const NAME: &str = "redis-commander";

/// How Redis Commander is started.
struct Commander {
    script: PathBuf,
    redis: Target,
    is_tls: bool,
}

/// Sees to it that it runs and shows this Redis, and returns its port.
pub(super) fn up(workspace: &Workspace, state: &State, redis_url: &str) -> Result<u16> {
    native::start(state, &super::folder(workspace), NAME, PORT, page, || {
        let redis = Target::parse(redis_url, redis::PORT)?;
        Ok(Commander { script: programs::commander(workspace)?, redis, is_tls: redis_url.starts_with("rediss:") })
    })
}

impl Kind for Commander {
    const NAME: &'static str = "Redis Commander";
    const PATIENCE: Duration = Duration::from_secs(60);

    fn command(&self, _: &Path, port: u16) -> Result<Command> {
        let Some((host, redis_port)) = self.redis.hosts.first().and_then(|host| host.rsplit_once(':')) else {
            bail!("REDIS_URL names no host");
        };
        let redis_port: u16 = redis_port.parse().context("REDIS_URL has a port that is no number")?;
        let mut connection = serde_json::json!({
            "label": "redis",
            "connectionName": "redis-commander",
            "host": host,
            "port": redis_port,
            "username": self.redis.user,
            "password": self.redis.password.as_deref().unwrap_or_default(),
            "dbIndex": 0,
        });
        if self.is_tls
            && let Some(connection) = connection.as_object_mut()
        {
            connection.insert("tls".to_owned(), serde_json::json!({}));
        }
        let mut command = Command::new("node");
        process::clean(&mut command)
            .arg(&self.script)
            // `nosave`: it would keep what is typed into it in the home folder.
            .args(["--address", "127.0.0.1", "--port", &port.to_string(), "--nosave"])
            // Not as arguments, which everybody on this machine can read: a password may be in it.
            .env("NODE_CONFIG", serde_json::json!({ "connections": [connection] }).to_string());
        Ok(command)
    }

    fn ask(&self, address: SocketAddr) -> Result<()> {
        page(address)
    }
}

/// Asks for its page.
fn page(address: SocketAddr) -> Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    if !status.ends_with(b" 200") {
        bail!("it answers `{}`", String::from_utf8_lossy(&status));
    }
    Ok(())
}
