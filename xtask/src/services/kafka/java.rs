//! The Java side of Kafka: class path, a quick start, formatted storage.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;

/// The file that marks a folder of data as formatted.
const FORMATTED: &str = "meta.properties";

/// Kafka's jars, and what is made of them once.
#[derive(Debug)]
pub(super) struct Java {
    libraries: PathBuf,
    /// Where the archive of classes and the formatted storage are to be left, when they are being made.
    making: Option<PathBuf>,
}

impl Java {
    pub(super) fn new(libraries: PathBuf) -> Self {
        Self { libraries, making: None }
    }

    /// One that makes archive and storage instead of using them.
    pub(super) fn archiving(self, folder: &Path) -> Self {
        Self { making: Some(folder.to_owned()), ..self }
    }

    /// The command of a broker that reads this file.
    pub(super) fn broker(&self, properties: &Path) -> Result<Command> {
        let archive = match &self.making {
            Some(folder) => format!("-XX:ArchiveClassesAtExit={}", archive(folder).display()),
            // Java leaves it aside when it is missing or of another Java, and starts a second later.
            None => format!("-XX:SharedArchiveFile={}", archive(self.beside()).display()),
        };
        let mut command = Command::new("java");
        command
            .args(["-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", &archive])
            // What Java thinks of the archive is not worth a line in each log.
            .args(["-Xlog:disable", "-Xlog:all=error:stderr"])
            .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", &self.class_path()?])
            .arg("kafka.Kafka")
            .arg(properties);
        Ok(command)
    }

    /// Formats the folder of data that the file names; one that has data stays as it is.
    pub(super) fn prepare(&self, data: &Path, properties: &Path) -> Result<()> {
        if data.join(FORMATTED).exists() {
            return Ok(());
        }
        match &self.making {
            None if formatted(self.beside()).is_dir() => copy(&formatted(self.beside()), data),
            None => self.format(properties, &data.with_file_name("format.log")),
            Some(folder) => {
                self.format(properties, &data.with_file_name("format.log"))?;
                copy(data, &formatted(folder))
            }
        }
    }

    fn format(&self, properties: &Path, log: &Path) -> Result<()> {
        let mut command = Command::new("java");
        command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &self.class_path()?]);
        // Any id does: the cluster is this one node.
        command.args(["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c"]).arg(properties);
        process::run_logged(&mut command, log, "Kafka needs Java 17 or later: see `java -version`.")
    }

    /// The folder in which the jars' folder is.
    fn beside(&self) -> &Path {
        self.libraries.parent().unwrap_or(&self.libraries)
    }

    /// Absolute and sorted: the archive is good for the same path only.
    fn class_path(&self) -> Result<String> {
        let failed = || format!("cannot read the folder {}", self.libraries.display());
        let mut jars = Vec::new();
        for entry in std::fs::read_dir(&self.libraries).with_context(failed)? {
            let path = entry.with_context(failed)?.path();
            if path.extension().is_some_and(|kind| kind == "jar") {
                jars.push(path.to_string_lossy().into_owned());
            }
        }
        if jars.is_empty() {
            bail!("no jar is in {}: `cargo xtask services up` fetches Kafka", self.libraries.display());
        }
        jars.sort();
        Ok(jars.join(":"))
    }
}

/// Classes as they are once loaded. Saves a second of each start.
fn archive(folder: &Path) -> PathBuf {
    folder.join("kafka.jsa")
}

/// A folder of data that was formatted and never used. Formatting costs a Java of its own.
fn formatted(folder: &Path) -> PathBuf {
    folder.join("formatted")
}

/// Copies the files of a folder, the one that says that it is complete last.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot copy {} to {}", from.display(), to.display());
    std::fs::create_dir_all(to).with_context(failed)?;
    for entry in std::fs::read_dir(from).with_context(failed)? {
        let file = entry.with_context(failed)?.path();
        if let (true, Some(name)) = (file.is_file() && !file.ends_with(FORMATTED), file.file_name()) {
            std::fs::copy(&file, to.join(name)).with_context(failed)?;
        }
    }
    std::fs::copy(from.join(FORMATTED), to.join(FORMATTED)).with_context(failed)?;
    Ok(())
}
