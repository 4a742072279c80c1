//! Compiling components, in a process of its own.
//!
//! A component is foreign input to a compiler, and wasmtime does not promise that a hostile one compiles in bounded time
//! or memory. So the host starts itself again as `devconnect compile`, with limits that the kernel enforces, and takes
//! machine code from its standard output.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::engine;
use crate::config;

/// Largest component, in bytes: Python's bring 18 MB.
pub const LARGEST: u64 = 128 << 20;
/// Longest message that is taken from the compiling process.
const MESSAGE: u64 = 4096;

/// How components are compiled.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program whose `compile` command does it; the host itself.
    pub program: PathBuf,
    /// How long one may take.
    pub timeout: Duration,
    /// How much memory one may take, in bytes.
    pub memory: u64,
}

/// A component that was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not a component that this host can run.
    #[error("{0}")]
    Rejected(String),
    /// It took too long.
    #[error("compiling takes longer than {} s (runtime.compile-timeout)", .0.as_secs())]
    Timeout(Duration),
    /// The process ended without an answer: it ran out of memory, as a rule.
    #[error("the compiler ended with {status}; it may use {} MiB (runtime.compile-memory)", memory >> 20)]
    Died {
        /// Its exit status.
        status: std::process::ExitStatus,
        /// Its limit.
        memory: u64,
    },
    /// The process could not be used.
    #[error("the compiler cannot be run: {0}")]
    Io(#[from] io::Error),
}

impl Compiler {
    /// The host itself, even after its file was replaced by a newer one.
    #[must_use]
    pub fn of_this_host(runtime: &config::Runtime) -> Self {
        Self { program: "/proc/self/exe".into(), timeout: runtime.compile_timeout, memory: runtime.compile_memory }
    }

    /// Compiles a component to machine code.
    ///
    /// # Errors
    /// The component is refused, or a limit was passed.
    pub async fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Error> {
        let mut child = Command::new(&self.program)
            .arg("compile")
            .args(["--memory", &self.memory.to_string()])
            // The host's environment holds secrets, and what is compiled is foreign.
            .env_clear()
            // Its memory limit counts address space, of which each thread's arena takes 64 MiB.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Error::Io(io::Error::other("the compiler has no pipes")));
        };
        let (mut code, mut message) = (Vec::new(), Vec::new());
        let talk = async {
            let (wrote, read, said) = tokio::join!(
                async {
                    let wrote = stdin.write_all(component).await;
                    drop(stdin);
                    wrote
                },
                stdout.read_to_end(&mut code),
                // A longer message is cut; its writer then ends with an error of its own.
                async {
                    let read = (&mut stderr).take(MESSAGE).read_to_end(&mut message).await;
                    drop(stderr);
                    read
                },
            );
            let status = child.wait().await?;
            // A process that refuses early closes its input: its message says more than our broken pipe.
            if status.success() {
                wrote?;
            }
            read.and(said)?;
            Ok::<_, io::Error>(status)
        };
        let status = tokio::time::timeout(self.timeout, talk).await.map_err(|_| Error::Timeout(self.timeout))??;
        if status.success() {
            return Ok(code);
        }
        match status.code() {
            Some(code) if code == i32::from(REJECTED) => {
                Err(Error::Rejected(String::from_utf8_lossy(&message).trim().to_owned()))
            }
            _ => Err(Error::Died { status, memory: self.memory }),
        }
    }
}

/// How far the compiling process steps back behind the host.
const NICE: i32 = 5;

/// Exit code for a component that is refused, as against a process that died.
const REJECTED: u8 = 3;

/// The compiling process: a component on standard input, machine code on standard output. The exit code.
#[must_use]
pub fn run(memory: u64) -> u8 {
    let limit = Rlimit { current: Some(memory), maximum: Some(memory) };
    if let Err(error) = setrlimit(Resource::As, limit) {
        eprintln!("the memory limit cannot be set: {error}");
        return 1;
    }
    // Requests are served meanwhile: they come first.
    if let Err(error) = rustix::process::nice(NICE) {
        eprintln!("the priority cannot be lowered: {error}");
    }
    let mut component = Vec::new();
    if let Err(error) = io::stdin().take(LARGEST + 1).read_to_end(&mut component) {
        eprintln!("the component cannot be read: {error}");
        return 1;
    }
    match compile(&component) {
        Ok(code) => match io::stdout().write_all(&code) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("the machine code cannot be written: {error}");
                1
            }
        },
        Err(error) => {
            eprintln!("{error:#}");
            REJECTED
        }
    }
}

fn compile(component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    if u64::try_from(component.len()).is_ok_and(|size| size > LARGEST) {
        wasmtime::bail!("the component has more than {LARGEST} bytes");
    }
    let engine = wasmtime::Engine::new(&engine::compile_config())?;
    engine.precompile_component(component)
}
