//! Threads that do slow work one job at a time, each in a memory of its own.
//!
//! A job whose caller is gone is not run. A job that panics ends alone: its caller is told, the thread goes on.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use argon2::Block;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::capabilities::error::{Error, Result};

/// What a job takes, roughly: for telling callers when to come back.
const JOB: Duration = Duration::from_millis(40);

/// The pool.
pub(super) struct Pool {
    queue: Arc<Queue>,
    threads: NonZeroUsize,
    longest: usize,
}

/// The memory of one thread. It is filled anew by each use.
pub(super) struct Memory {
    blocks: Vec<Block>,
    usual: usize,
}

struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    closed: bool,
}

trait Job: Send {
    fn is_wanted(&self) -> bool;
    fn run(self: Box<Self>, memory: &mut Memory);
}

struct Asked<W, T> {
    work: W,
    answer: oneshot::Sender<T>,
}

impl<W, T> Job for Asked<W, T>
where
    W: FnOnce(&mut Memory) -> T + Send,
    T: Send,
{
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>, memory: &mut Memory) {
        // Nobody to tell, if the caller went meanwhile.
        drop(self.answer.send((self.work)(memory)));
    }
}

impl Pool {
    /// Starts the threads. `usual` blocks of memory stay with each.
    pub(super) fn new(threads: NonZeroUsize, longest: usize, usual: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue { state: Mutex::default(), wake: Condvar::new() });
        let pool = Self { queue, threads, longest };
        for number in 0..threads.get() {
            let queue = Arc::clone(&pool.queue);
            let memory = Memory { blocks: Vec::new(), usual };
            thread::Builder::new().name(format!("passwords-{number}")).spawn(move || queue.work(memory))?;
        }
        Ok(pool)
    }

    /// Runs work on one of the threads. Dropping the future drops the work if it has not begun.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        function: &str,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(function, Box::new(Asked { work, answer }))?;
        answered.await.map_err(|_| Error::unavailable(format!("{function}: the work was given up before its end")))
    }

    fn enqueue(&self, function: &str, job: Box<dyn Job>) -> Result<()> {
        let mut state = self.queue.state.lock();
        if state.jobs.len() >= self.longest {
            // Those who left must not keep others out.
            state.jobs.retain(|job| job.is_wanted());
        }
        let waiting = state.jobs.len();
        if waiting >= self.longest {
            drop(state);
            let rounds = u32::try_from(waiting / self.threads.get()).unwrap_or(u32::MAX).saturating_add(1);
            return Err(Error::unavailable(format!("{function}: {waiting} wait already, no more are let in"))
                .retry_after(JOB.saturating_mul(rounds)));
        }
        state.jobs.push_back(job);
        drop(state);
        self.queue.wake.notify_one();
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let jobs = {
            let mut state = self.queue.state.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        // Their callers learn it by this, outside the lock.
        drop(jobs);
        self.queue.wake.notify_all();
    }
}

impl Queue {
    fn work(&self, mut memory: Memory) {
        while let Some(job) = self.next() {
            if !job.is_wanted() {
                continue;
            }
            // The memory may be half filled after a panic, and is filled anew before anything is read from it.
            let ended = catch_unwind(AssertUnwindSafe(|| job.run(&mut memory)));
            if ended.is_err() {
                tracing::error!("a password job panicked; its caller was told that the service is unavailable");
            }
            memory.shrink();
        }
    }

    /// The next job; `None` when the pool is gone.
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            self.wake.wait(&mut state);
        }
    }
}

impl Memory {
    /// That many blocks, with anything in them.
    pub(super) fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::new());
        }
        let (blocks, _) = self.blocks.split_at_mut(count);
        blocks
    }

    /// Gives back what an unusual hash took.
    fn shrink(&mut self) {
        if self.blocks.len() > self.usual {
            self.blocks.truncate(self.usual);
            self.blocks.shrink_to_fit();
        }
    }
}

#[cfg(test)]
impl Memory {
    pub(super) fn held(&self) -> usize {
        self.blocks.capacity()
    }
}
