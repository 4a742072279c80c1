//! Starting other programs, and telling what failed in words that lead to the fix.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::ui;

/// How often a long silent step says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// A command as a person would type it, for messages.
pub(crate) fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| {
        let argument = argument.to_string_lossy();
        if argument.is_empty() || argument.contains(char::is_whitespace) {
            format!("'{argument}'")
        } else {
            argument.into_owned()
        }
    }));
    words.join(" ")
}

/// Takes out of a child's environment what `cargo run` put into ours.
///
/// Cargo describes the running package (this one) in variables; a build script or a compiler that looks at one of them
/// would see a change between `cargo build` and `cargo xtask build`, and compile again. `DEVCONNECT_GUEST_TOOLCHAIN` goes
/// too: the host reads `DEVCONNECT_…` as configuration.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_this_package = ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_PRIMARY_PACKAGE"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if of_this_package || text == "CARGO" || text == "DEVCONNECT_GUEST_TOOLCHAIN" {
            command.env_remove(&name);
        }
    }
    match library_path() {
        Some(path) if path.is_empty() => command.env_remove("LD_LIBRARY_PATH"),
        Some(path) => command.env("LD_LIBRARY_PATH", path),
        None => command,
    }
}

/// `LD_LIBRARY_PATH` without the folders that `cargo run` adds in front: its own artifacts and its compiler's libraries.
fn library_path() -> Option<String> {
    let path = std::env::var("LD_LIBRARY_PATH").ok()?;
    let added = |folder: &&str| {
        folder.contains("/rustlib/")
            || folder.contains("/toolchains/")
            || folder.ends_with("/deps")
            || is_profile(folder)
    };
    Some(path.split(':').filter(|folder| !added(folder)).collect::<Vec<_>>().join(":"))
}

/// Whether a folder is the one that holds this very program.
fn is_profile(folder: &str) -> bool {
    std::env::current_exe().ok().and_then(|exe| exe.parent().map(|parent| parent == Path::new(folder))).unwrap_or(false)
}

/// Runs a command that talks to the terminal itself. `fix` completes "If it failed because …" for the reader.
pub(crate) fn run(command: &mut Command, fix: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    if status.success() { Ok(()) } else { Err(failure(command, status, "its messages are above", fix)) }
}

/// Runs a command silently, with everything it says in `log`, and a sign of life now and then.
pub(crate) fn run_logged(command: &mut Command, log: &Path, fix: &str) -> Result<()> {
    let mut child = spawn_logged(command, log)?;
    let started = Instant::now();
    let mut reported = started;
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for `{}`", line(command)))? {
            break status;
        }
        if reported.elapsed() >= HEARTBEAT {
            reported = Instant::now();
            ui::note(&format!("still at it after {} s; details in {}", started.elapsed().as_secs(), log.display()));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if status.success() { Ok(()) } else { Err(failure(command, status, &ending(log), fix)) }
}

/// Runs a command silently and stops it when `limit` has passed.
pub(crate) fn run_limited(command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    let mut child = spawn_logged(command, log)?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for `{}`", line(command)))? {
            if status.success() {
                return Ok(());
            }
            bail!("`{}` ended with {}; {}", line(command), describe(status), ending(log));
        }
        if started.elapsed() >= limit {
            // Both fail only when the child has ended by itself in this moment, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            bail!("`{}` had not finished after {} s and was stopped; {}", line(command), limit.as_secs(), ending(log));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a command prints to standard output; `None` when it cannot be started or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).stdin(Stdio::null()).output().ok()?;
    if output.status.success() { String::from_utf8(output.stdout).ok() } else { None }
}

/// The error for a command that ended badly.
pub(crate) fn failure(command: &Command, status: ExitStatus, messages: &str, fix: &str) -> anyhow::Error {
    anyhow!("`{}` ended with {}; {messages}.\n    {fix}", line(command), describe(status))
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

fn spawn_logged(command: &mut Command, log: &Path) -> Result<Child> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let file = File::create(log).with_context(|| format!("cannot write the log {}", log.display()))?;
    let copy = file.try_clone().with_context(|| format!("cannot write the log {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(copy)
        .spawn()
        .with_context(|| format!("cannot start `{}`", line(command)))
}

/// The last words of a log, and where the rest is.
fn ending(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("(it said nothing)");
    format!("its last words were: {}\n    (the whole log: {})", last.trim(), log.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("apt-get");
        command.args(["install", "two words", ""]);
        assert_eq!(line(&command), "apt-get install 'two words' ''");
    }

    #[test]
    fn a_failing_command_is_named_with_its_status_its_log_and_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/step.log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo first; echo 'no space left' >&2; exit 7"]);
        let error = run_logged(&mut command, &log, "Free some space.").unwrap_err().to_string();
        assert!(error.contains("exit status 7"), "{error}");
        assert!(error.contains("no space left"), "{error}");
        assert!(error.contains(&log.display().to_string()), "{error}");
        assert!(error.contains("Free some space."), "{error}");
    }

    #[test]
    fn a_command_that_takes_too_long_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("step.log");
        let mut command = Command::new("sleep");
        command.arg("600");
        let error = run_limited(&mut command, &log, Duration::from_millis(30)).unwrap_err().to_string();
        assert!(error.contains("was stopped"), "{error}");
    }

    #[test]
    fn a_command_within_its_time_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        run_limited(&mut Command::new("true"), &folder.path().join("step.log"), Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("/nonexistent/program"), "").unwrap_err().to_string();
        assert!(error.contains("cannot start `/nonexistent/program`"), "{error}");
    }
}
