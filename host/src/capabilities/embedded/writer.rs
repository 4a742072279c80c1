//! The one thread that writes: group commit.
//!
//! A sync costs milliseconds and is paid once for all requests that arrived while the last one ran. The thread takes a
//! request, applies it to the open transaction, goes on with whatever else waits, commits, and only then answers all of
//! them. Order of arrival is order of effect.
//!
//! Failures: a request's own error undoes that request. A failed commit answers *every* request of its batch with
//! `unavailable` (also those that had failed by themselves: what they saw is gone), and the file is opened anew, because
//! redb refuses everything after an I/O error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use redb::Durability;
use tokio::sync::oneshot;

use super::tables::{self, Tx};
use super::{Clock, DataFile, Options};
use crate::capabilities::error::{Error, Result};

/// The most requests and bytes in one commit: what is beyond waits for the next, so that no caller waits for a huge one.
const MOST_REQUESTS: usize = 1_024;
const MOST_BYTES: usize = 16 << 20;
/// How long a batch waits for callers that the last commit has just answered: they are about to ask again, and a commit
/// without them would make them wait for two. A lone caller is never waited for.
const LINGER: Duration = Duration::from_micros(200);
/// How long nothing must happen before the file is made quick to open after a crash, which costs a commit of its own.
const IDLE: Duration = Duration::from_secs(5);
/// The most that a chore is run in a row before requests are looked at again.
const CHORE_ROUNDS: usize = 16;

/// Periodic work in the writer; `true` asks to be run again at once, for a chore that does its work in pieces.
pub(crate) type Chore = Box<dyn FnMut(&mut Tx<'_>) -> Result<bool> + Send>;

/// The handle on the thread.
pub(super) struct Writer {
    sender: RwLock<Option<SyncSender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    gauge: Arc<Gauge>,
    queue_bytes: usize,
}

#[derive(Default)]
struct Gauge {
    commits: AtomicU64,
    waiting_bytes: AtomicUsize,
}

enum Message {
    Work {
        work: Box<dyn Work>,
        weight: usize,
    },
    Every {
        period: Duration,
        chore: Chore,
    },
    #[cfg_attr(not(test), expect(dead_code, reason = "tests drive the chores, the clock does it otherwise"))]
    RunChores {
        done: oneshot::Sender<()>,
    },
}

/// A request, its types hidden.
trait Work: Send {
    /// Applies it; whether its changes stay.
    fn apply(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Answers it: with its own result, or with why the commit failed.
    fn answer(self: Box<Self>, failed: Option<&Error>);
}

struct Request<T, F> {
    apply: Option<F>,
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Work for Request<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T> + Send,
{
    fn apply(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(apply) = self.apply.take() else { return false };
        // A bug in one request must not take the writer, and every later write, with it.
        let result = catch_unwind(AssertUnwindSafe(|| apply(tx)))
            .unwrap_or_else(|_| Err(Error::unavailable("the host failed on this request; see its log")));
        let kept = result.is_ok();
        self.result = Some(result);
        kept
    }

    fn answer(self: Box<Self>, failed: Option<&Error>) {
        let result = match failed {
            Some(error) => Err(error.clone()),
            None => self.result.unwrap_or_else(|| Err(closed())),
        };
        // The caller may have gone away; what it asked for is done all the same.
        let _ = self.answer.send(result);
    }
}

impl Writer {
    pub(super) fn start(file: Arc<DataFile>, options: &Options) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(options.queue);
        let gauge = Arc::new(Gauge::default());
        let state = State {
            file,
            clock: Arc::clone(&options.clock),
            gauge: Arc::clone(&gauge),
            receiver,
            chores: Vec::new(),
            last_batch: 0,
            touched: None,
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || state.run())?;
        Ok(Self {
            sender: RwLock::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            gauge,
            queue_bytes: options.queue_bytes,
        })
    }

    pub(super) fn submit<T, F>(&self, weight: usize, apply: F) -> Result<oneshot::Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let waiting = self.gauge.waiting_bytes.fetch_add(weight, Ordering::Relaxed);
        // One request is always taken, or a single large one could never be.
        if waiting > 0 && waiting.saturating_add(weight) > self.queue_bytes {
            self.gauge.waiting_bytes.fetch_sub(weight, Ordering::Relaxed);
            return Err(full());
        }
        let (answer, receiver) = oneshot::channel();
        let work = Box::new(Request { apply: Some(apply), result: None, answer });
        let sent = match self.sender.read().as_ref() {
            None => Err(closed()),
            Some(sender) => sender.try_send(Message::Work { work, weight }).map_err(|error| match error {
                TrySendError::Full(_) => full(),
                TrySendError::Disconnected(_) => closed(),
            }),
        };
        match sent {
            Ok(()) => Ok(receiver),
            Err(error) => {
                self.gauge.waiting_bytes.fetch_sub(weight, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    pub(super) fn every(&self, period: Duration, chore: Chore) {
        if let Some(sender) = self.sender.read().as_ref() {
            // Asked at start-up, when nothing else waits.
            let _ = sender.send(Message::Every { period, chore });
        }
    }

    #[cfg(test)]
    pub(super) fn run_chores(&self) -> Result<oneshot::Receiver<()>> {
        let (done, receiver) = oneshot::channel();
        let sender = self.sender.read();
        let sender = sender.as_ref().ok_or_else(closed)?;
        sender.try_send(Message::RunChores { done }).map_err(|_| full())?;
        Ok(receiver)
    }

    pub(super) fn commits(&self) -> u64 {
        self.gauge.commits.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        // The thread drains what is queued and ends when the last sender is gone.
        drop(self.sender.write().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer thread panicked");
        }
    }
}

struct Scheduled {
    period: Duration,
    due: Instant,
    chore: Chore,
}

struct State {
    file: Arc<DataFile>,
    clock: Clock,
    gauge: Arc<Gauge>,
    receiver: Receiver<Message>,
    chores: Vec<Scheduled>,
    last_batch: usize,
    /// When the last commit was, until the file has been made quick to open again.
    touched: Option<Instant>,
}

impl State {
    fn run(mut self) {
        loop {
            let message = match self.next_due() {
                None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => self.receiver.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.run_due_chores(Instant::now());
            self.settle();
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let idle = self.touched.map(|touched| touched + IDLE);
        self.chores.iter().map(|scheduled| scheduled.due).chain(idle).min()
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Work { work, weight } => self.batch(work, weight),
            Message::Every { period, chore } => {
                self.chores.push(Scheduled { period, due: Instant::now() + period, chore });
            }
            Message::RunChores { done } => {
                for scheduled in &mut self.chores {
                    scheduled.due = Instant::now();
                }
                self.run_due_chores(Instant::now());
                let _ = done.send(());
            }
        }
    }

    /// One commit: the request in hand and all that arrive before it is full.
    fn batch(&mut self, first: Box<dyn Work>, weight: usize) {
        let mut batch = Vec::with_capacity(self.last_batch.max(8));
        let mut next = Some((first, weight));
        let mut later = None;
        let outcome = self.transact(|state, tx| {
            let linger = Instant::now() + LINGER;
            while let Some((mut work, weight)) = next.take() {
                state.gauge.waiting_bytes.fetch_sub(weight, Ordering::Relaxed);
                tx.set_now((state.clock)());
                let kept = work.apply(tx);
                batch.push(work);
                if kept {
                    tx.keep();
                } else {
                    tx.undo()?;
                }
                if batch.len() >= MOST_REQUESTS || tx.written() >= MOST_BYTES {
                    break;
                }
                match state.more(batch.len(), linger) {
                    Some(Message::Work { work, weight }) => next = Some((work, weight)),
                    other => later = other,
                }
            }
            Ok(())
        });
        // Still in hand if the transaction could not even begin.
        if let Some((work, weight)) = next {
            self.gauge.waiting_bytes.fetch_sub(weight, Ordering::Relaxed);
            batch.push(work);
        }
        self.last_batch = batch.len();
        for work in batch {
            work.answer(outcome.as_ref().err());
        }
        if let Some(message) = later {
            self.take(message);
        }
    }

    /// What waits, or what comes within the linger while the last commit's callers have not all come back.
    fn more(&self, taken: usize, linger: Instant) -> Option<Message> {
        match self.receiver.try_recv() {
            Ok(message) => Some(message),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) if taken >= self.last_batch => None,
            Err(TryRecvError::Empty) => {
                self.receiver.recv_timeout(linger.saturating_duration_since(Instant::now())).ok()
            }
        }
    }

    /// Runs `apply` in a transaction and commits it, if it changed anything.
    fn transact(&mut self, apply: impl FnOnce(&mut Self, &mut Tx<'_>) -> Result<()>) -> Result<()> {
        // A panic in the storage engine counts as a failure of it: without this thread nothing would ever be written again.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.try_transact(apply)))
            .unwrap_or_else(|_| Err(tables::unavailable("the storage engine panicked")));
        if let Err(error) = &outcome {
            tracing::error!(error = error.message(), "a commit failed; nothing of it was acknowledged");
            match self.file.open() {
                Ok(()) => tracing::warn!("the data file was opened again"),
                Err(error) => tracing::error!(%error, "the data file cannot be opened again"),
            }
        }
        outcome
    }

    fn try_transact(&mut self, apply: impl FnOnce(&mut Self, &mut Tx<'_>) -> Result<()>) -> Result<()> {
        let mut transaction = self.file.begin()?;
        transaction.set_durability(Durability::Immediate).map_err(tables::unavailable)?;
        let mut tx = Tx::new(&transaction, (self.clock)())?;
        apply(self, &mut tx)?;
        let (changed, hooks) = tx.finish()?;
        if !changed {
            return transaction.abort().map_err(tables::unavailable);
        }
        transaction.commit().map_err(tables::unavailable)?;
        self.gauge.commits.fetch_add(1, Ordering::Relaxed);
        self.touched = Some(Instant::now());
        for hook in hooks {
            hook();
        }
        Ok(())
    }

    fn run_due_chores(&mut self, now: Instant) {
        let mut chores = std::mem::take(&mut self.chores);
        for scheduled in chores.iter_mut().filter(|scheduled| scheduled.due <= now) {
            scheduled.due = now + scheduled.period;
            for round in 1..=CHORE_ROUNDS {
                match self.run_chore(&mut scheduled.chore) {
                    // It goes on in a moment, when the requests that came meanwhile have been served.
                    Ok(true) if round == CHORE_ROUNDS => scheduled.due = now,
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::error!(
                            error = error.message(),
                            "a chore of the store failed; it is tried again later"
                        );
                        break;
                    }
                }
            }
        }
        self.chores.append(&mut chores);
    }

    fn run_chore(&mut self, chore: &mut Chore) -> Result<bool> {
        let mut outcome = Ok(false);
        self.transact(|_, tx| {
            outcome = catch_unwind(AssertUnwindSafe(|| chore(tx)))
                .unwrap_or_else(|_| Err(Error::unavailable("a chore panicked")));
            if outcome.is_ok() {
                tx.keep();
                Ok(())
            } else {
                tx.undo()
            }
        })?;
        outcome
    }

    /// After a while without a write, saves what redb would have to rebuild by reading the whole file after a crash. Done at
    /// each commit it would double their cost.
    fn settle(&mut self) {
        if self.touched.is_none_or(|touched| touched.elapsed() < IDLE) {
            return;
        }
        self.touched = None;
        let settled = self.file.begin().and_then(|mut transaction| {
            transaction.set_quick_repair(true);
            transaction.commit().map_err(tables::unavailable)
        });
        if let Err(error) = settled {
            tracing::warn!(error = error.message(), "the data file could not be made quick to open after a crash");
        }
    }
}

/// The answer while the queue is full.
fn full() -> Error {
    Error::unavailable("too many writes wait for the embedded store").retry_after(Duration::from_millis(100))
}

/// The answer once the store is closing.
pub(super) fn closed() -> Error {
    Error::unavailable("the embedded store is closing")
}
