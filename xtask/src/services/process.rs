//! Processes that outlive the program that started them: known by id and start time, stopped by signals.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// How often a process that is to end is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// A process, told apart from a later one with the same id by when it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// In the kernel's ticks since the machine started.
    started: u64,
}

/// What a process can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM: close files and end.
    Stop,
    /// SIGKILL: end now.
    Kill,
    /// SIGSTOP: stand still.
    Freeze,
    /// SIGCONT: go on.
    Thaw,
}

impl Process {
    /// The process that has this id now.
    pub(crate) fn of(id: u32) -> Result<Self> {
        match start_time(id) {
            Some(started) => Ok(Self { id, started }),
            None => bail!("the process {id} has ended, or this is not Linux: /proc/{id}/stat cannot be read"),
        }
    }

    /// Whether it still runs. One that ended but was not yet collected by its parent does not.
    pub(crate) fn is_alive(self) -> bool {
        start_time(self.id) == Some(self.started)
    }

    /// Ends it: with SIGTERM, and after `patience` with SIGKILL. Tells whether there was something to end.
    pub(crate) fn end(self, patience: Duration) -> Result<bool> {
        if !self.is_alive() {
            return Ok(false);
        }
        // A frozen process would not see SIGTERM.
        signal(self.id, Signal::Thaw)?;
        signal(self.id, Signal::Stop)?;
        if self.ends_within(patience) {
            return Ok(true);
        }
        signal(self.id, Signal::Kill)?;
        if self.ends_within(patience) {
            return Ok(true);
        }
        bail!("the process {} does not end, not even by `kill -9`", self.id)
    }

    fn ends_within(self, patience: Duration) -> bool {
        let started = Instant::now();
        while self.is_alive() {
            if started.elapsed() >= patience {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        true
    }
}

/// Sends a signal. That the process has ended meanwhile is no error.
#[cfg(unix)]
pub(crate) fn signal(id: u32, signal: Signal) -> Result<()> {
    use rustix::process::{Pid, Signal as Unix, kill_process};
    let number = match signal {
        Signal::Stop => Unix::TERM,
        Signal::Kill => Unix::KILL,
        Signal::Freeze => Unix::STOP,
        Signal::Thaw => Unix::CONT,
    };
    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
        bail!("{id} is no process id");
    };
    match kill_process(pid, number) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => bail!("cannot signal the process {id}: {error}"),
    }
}

#[cfg(not(unix))]
pub(crate) fn signal(_: u32, _: Signal) -> Result<()> {
    bail!("servers are started natively on Linux only: use Docker, or name servers in the environment")
}

/// When the process started; `None` when it has ended.
fn start_time(id: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    // Ended, and only remembered for its parent.
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // `starttime` is field 22, and `state` was field 3.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_is_ended() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(process.is_alive());
        assert!(process.end(Duration::from_secs(60)).unwrap());
        // Nobody has waited for it yet: it is a zombie, which counts as ended.
        assert!(!process.is_alive());
        assert!(!process.end(Duration::from_secs(60)).unwrap());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_ignores_sigterm_is_killed() {
        let mut child = Command::new("sh")
            .args(["-c", "trap '' TERM; echo; exec sleep 600"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Its line says that the trap is set.
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(process.end(Duration::from_millis(50)).unwrap());
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_later_process_with_the_same_id_is_another() {
        let own = Process::of(std::process::id()).unwrap();
        let earlier = Process { started: own.started - 1, ..own };
        assert!(own.is_alive());
        assert!(!earlier.is_alive());
        // It is not ended, or this test would not go on.
        assert!(!earlier.end(Duration::from_secs(60)).unwrap());
    }
}
