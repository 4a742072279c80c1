//! Which core does what.

use std::process::Command;

/// Where a process may run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Core {
    /// The server's core.
    Server,
    /// The core of the load.
    Load,
    /// Both of them.
    Both,
}

impl Core {
    fn list(self) -> &'static str {
        match self {
            Self::Server => "0",
            Self::Load => "1",
            Self::Both => "0,1",
        }
    }

    /// A command that runs there; anywhere if the machine cannot pin.
    pub(crate) fn command(self, program: &std::path::Path) -> Command {
        if !can_pin() {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", self.list()]).arg(program);
        command
    }
}

impl Core {
    /// Moves all threads of a running process there.
    pub(crate) fn pin(self, process: u32) -> anyhow::Result<()> {
        if !can_pin() {
            return Ok(());
        }
        let process = process.to_string();
        let output =
            Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", self.list(), &process]).output()?;
        anyhow::ensure!(output.status.success(), "cannot pin process {process} to core {}", self.list());
        Ok(())
    }
}

/// True if there are two cores and a way to pin to them.
pub(crate) fn can_pin() -> bool {
    static ANSWER: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *ANSWER.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        cores >= 2 && Command::new("taskset").arg("--version").output().is_ok_and(|output| output.status.success())
    })
}

/// Nanoseconds that all threads of a process have been on a core.
pub(crate) fn on_cpu(process: u32) -> u64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return 0 };
    threads.flatten().map(|thread| schedstat(&thread.path().join("schedstat"))).sum()
}

/// The same for the thread that asks.
pub(crate) fn on_cpu_here() -> u64 {
    schedstat(std::path::Path::new("/proc/thread-self/schedstat"))
}

fn schedstat(path: &std::path::Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
