//! The former system's profile route as a peer: Express, node-redis and mongoose, in `tests/bench/peers/former`.

use crate::measure::auth::SECRET;
use crate::paths;
use crate::server::Server;
use crate::stores::Stores;
use anyhow::{Context as _, ensure};
use std::path::PathBuf;
use std::process::Command;

/// What the former system itself reached on one core of the machine that the goals were set on, in requests a second,
/// with p50 13 ms and p99 65 ms.
pub(crate) const FORMER: f64 = 3_900.0;

/// Starts it on these stores.
pub(crate) fn start(stores: &Stores) -> anyhow::Result<Server> {
    let script = installed()?.join("server.js");
    let (redis, mongodb) = (stores.redis_url(), stores.mongodb_url());
    let mut variables = vec![("REDIS_URL", redis.as_str()), ("MONGODB_URI", mongodb.as_str())];
    variables.extend_from_slice(SECRET);
    Server::node(&script, &variables)
}

/// The folder with the peer and its packages, which are fetched when the list of them changed.
fn installed() -> anyhow::Result<PathBuf> {
    let source = paths::repository().join("tests/bench/peers/former");
    let folder = paths::kept().join("former");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let read = |path: PathBuf| std::fs::read(&path).with_context(|| path.display().to_string());
    // Written last, so that what was interrupted is done again.
    let done = folder.join("installed-lock.json");
    let lock = read(source.join("package-lock.json"))?;
    for file in ["package.json", "package-lock.json", "server.js", "user.js"] {
        std::fs::write(folder.join(file), read(source.join(file))?)?;
    }
    if std::fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    eprintln!("fetching the packages of the former system's peer");
    let output = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--omit=dev"])
        .current_dir(&folder)
        .output()
        .context("npm: the peer needs Node 20.19 and npm")?;
    ensure!(output.status.success(), "npm ci failed:\n{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(&done, lock)?;
    Ok(folder)
}
