//! Brings what waits in the outbox to its log.
//!
//! Events of one topic and key are a **lane**: one of them is under way at a time, so that a failure can never let a later
//! one overtake it. Many lanes are under way at once. An event without a key is a lane of its own.
//!
//! A lane whose event failed rests, 100 ms doubling to 5 s, and goes on with that same event; the others are not touched.
//! When nothing but failures comes back, the log itself is away, and all lanes pause together instead of knocking one after
//! the other. An event that the log will never take is set aside, and its lane goes on with the next one.
//!
//! Rows are deleted in batches, one commit at a time, while events go on being sent. What was acknowledged but not yet deleted
//! when the host dies is sent again after the start, with the same `event-id`.
//!
//! In memory are the events under way and, for what waits behind them or rests, a lane's few words and a sequence a row: rows
//! are looked at no sooner than there is room to send something.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::backend::{EVENT_ID, Event};
use super::Outbox;
use super::rows::Row;
use crate::capabilities::error::{Error, Result};

/// The most events under way.
const MOST_UNDER_WAY: usize = 1_024;
/// The most bytes of events in memory; a single larger one is let through.
const MOST_BYTES: usize = 16 << 20;
/// The most rows looked at, or deleted, at once.
const MOST_LOADED: usize = 256;
const MOST_SETTLED: usize = 1_024;
/// How long a lane rests after its first failure in a row, and at most.
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// After each so many failures without a success all lanes pause: 100 ms doubling up to the second of the two.
const FAILURES_TO_PAUSE: u32 = 32;
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How long the store is left alone after it refused something.
const STORE_REST: Duration = Duration::from_secs(1);
/// How long the events under way are waited for at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The reason of a row that cannot be read.
const DAMAGED: &str = "the row is damaged";

/// Why an event was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another try may help: the log is away, or did not answer in time.
    Later(Error),
    /// The log will never take this event.
    Never(String),
}

/// What a drainer publishes through.
pub trait Sender: Send + Sync {
    /// Publishes one event and answers when the log has acknowledged it, within some seconds at most.
    fn send(&self, event: Event) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Publishes what waits, and what comes, until `stop` ends. One drainer an outbox.
///
/// At the end it waits up to two seconds for the events under way, and notes what arrived. Dropping it instead is safe: some
/// events may then be sent a second time.
pub async fn drain(outbox: Arc<Outbox>, sender: Arc<impl Sender + 'static>, stop: impl Future<Output = ()>) {
    let mut drainer = Drainer::new(outbox, sender);
    let mut stop = pin!(stop);
    loop {
        drainer.load().await;
        drainer.start();
        drainer.begin_settling();
        let (loading, due) = (drainer.has_room(), drainer.due());
        tokio::select! {
            () = &mut stop => break,
            Some(sent) = drainer.under_way.next() => drainer.note(sent),
            Some(settled) = drainer.settling.next() => drainer.settled(settled),
            () = drainer.outbox.committed(drainer.cursor), if loading => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
    drainer.finish().await;
}

type Under<T> = FuturesUnordered<Pin<Box<dyn Future<Output = T> + Send>>>;

/// A row of which the drainer is done.
type Settled = (u64, Option<String>);

/// How the sending of a lane's first row ended.
struct Sent {
    lane: u64,
    sequence: u64,
    outcome: Result<(), Refusal>,
    /// Which event it was, for the log; what it weighed.
    topic: String,
    event_id: String,
    weight: usize,
}

/// The rows of a topic and key. Each lane is ready, under way or resting.
struct Lane {
    /// The row to be sent now.
    first: u64,
    /// The rows behind it.
    behind: VecDeque<u64>,
    /// Failures in a row.
    failures: u32,
}

struct Drainer<S> {
    outbox: Arc<Outbox>,
    sender: Arc<S>,
    /// Rows before it were looked at.
    cursor: u64,
    /// By a hash of topic and key. Two keys with the same hash would wait for each other, and nothing worse.
    lanes: HashMap<u64, Lane>,
    hasher: RandomState,
    /// Lanes that may be sent, with the event where it is at hand.
    ready: VecDeque<(u64, Option<Event>)>,
    resting: BinaryHeap<Reverse<(Instant, u64)>>,
    under_way: Under<Sent>,
    /// Bytes of the events that are ready or under way.
    held: usize,
    /// Failures since the last success, and until when nothing is sent because of them.
    failures: u32,
    paused: Option<Instant>,
    /// Rows that are done, and the commit that takes others away, of which there is one at a time.
    done: Vec<Settled>,
    settling: Under<(Vec<Settled>, Result<()>)>,
    /// Until when the store is left alone.
    store_rests: Option<Instant>,
}

impl<S: Sender + 'static> Drainer<S> {
    fn new(outbox: Arc<Outbox>, sender: Arc<S>) -> Self {
        Self {
            outbox,
            sender,
            cursor: 0,
            lanes: HashMap::new(),
            hasher: RandomState::new(),
            ready: VecDeque::new(),
            resting: BinaryHeap::new(),
            under_way: FuturesUnordered::new(),
            held: 0,
            failures: 0,
            paused: None,
            done: Vec::new(),
            settling: FuturesUnordered::new(),
            store_rests: None,
        }
    }

    /// Whether more rows are wanted.
    fn has_room(&self) -> bool {
        let room = self.under_way.len() + self.ready.len() < MOST_UNDER_WAY && self.held < MOST_BYTES;
        room && self.paused.is_none() && self.store_rests.is_none()
    }

    /// When something is to be done without being asked.
    fn due(&self) -> Option<Instant> {
        let rested = self.resting.peek().map(|Reverse((at, _))| *at);
        // While everything pauses, a lane that has rested has to wait too.
        let lanes = self.paused.or(rested.filter(|_| self.under_way.len() < MOST_UNDER_WAY));
        lanes.into_iter().chain(self.store_rests).min()
    }

    /// Looks at further rows while there is room to send them.
    async fn load(&mut self) {
        let now = Instant::now();
        self.paused = self.paused.filter(|until| *until > now);
        self.store_rests = self.store_rests.filter(|until| *until > now);
        while self.has_room() && self.outbox.end() > self.cursor {
            // Asked first: every row before it is in what is read next.
            let end = self.outbox.end();
            match self.outbox.load(self.cursor, MOST_LOADED).await {
                Ok(rows) => {
                    self.cursor = rows.last().map_or(end, |last| last.sequence + 1);
                    rows.into_iter().for_each(|row| self.line_up(row));
                }
                Err(error) => self.leave_store(&error),
            }
        }
    }

    /// Puts a row in its lane.
    fn line_up(&mut self, row: Row) {
        let Some(event) = row.event else {
            self.done.push((row.sequence, Some(DAMAGED.to_owned())));
            return;
        };
        let id = match &event.key {
            Some(key) => self.hasher.hash_one((&event.topic, key)),
            None => self.hasher.hash_one(row.sequence),
        };
        match self.lanes.entry(id) {
            Entry::Occupied(mut lane) => lane.get_mut().behind.push_back(row.sequence),
            Entry::Vacant(free) => {
                free.insert(Lane { first: row.sequence, behind: VecDeque::new(), failures: 0 });
                self.held += event.weight();
                self.ready.push_back((id, Some(event)));
            }
        }
    }

    /// Sends what may be sent.
    fn start(&mut self) {
        let now = Instant::now();
        if self.paused.is_some() {
            return;
        }
        while let Some(Reverse((at, id))) = self.resting.peek().copied() {
            if at > now {
                break;
            }
            self.resting.pop();
            self.ready.push_back((id, None));
        }
        while self.under_way.len() < MOST_UNDER_WAY && self.store_rests.is_none() {
            let Some((id, event)) = self.ready.pop_front() else { return };
            let Some(lane) = self.lanes.get(&id) else { continue };
            let event = match event {
                Some(event) => event,
                None if self.held >= MOST_BYTES && !self.under_way.is_empty() => {
                    self.ready.push_front((id, None));
                    return;
                }
                None => match self.outbox.event(lane.first) {
                    Ok(Some(event)) => {
                        self.held += event.weight();
                        event
                    }
                    Ok(None) => {
                        self.done.push((lane.first, Some(DAMAGED.to_owned())));
                        self.go_on(id);
                        continue;
                    }
                    Err(error) => {
                        self.ready.push_front((id, None));
                        return self.leave_store(&error);
                    }
                },
            };
            self.under_way.push(Box::pin(send(Arc::clone(&self.sender), id, lane.first, event)));
        }
    }

    /// Learns how the sending of a row ended.
    fn note(&mut self, sent: Sent) {
        let Sent { lane: id, sequence, outcome, topic, event_id, weight } = sent;
        self.held -= weight;
        match outcome {
            Ok(()) => self.done.push((sequence, None)),
            Err(Refusal::Never(reason)) => {
                tracing::error!(
                    target: "kafka", topic, event_id, reason,
                    "an event was set aside: the log will never take it; mend the cause and revive it"
                );
                self.done.push((sequence, Some(reason)));
            }
            Err(Refusal::Later(error)) => return self.rest(id, &error),
        }
        self.failures = 0;
        self.paused = None;
        self.go_on(id);
    }

    /// Turns to the lane's next row.
    fn go_on(&mut self, id: u64) {
        if let Entry::Occupied(mut entry) = self.lanes.entry(id) {
            let lane = entry.get_mut();
            match lane.behind.pop_front() {
                Some(next) => {
                    (lane.first, lane.failures) = (next, 0);
                    self.ready.push_back((id, None));
                }
                None => drop(entry.remove()),
            }
        }
    }

    /// Lets a lane rest, and all of them if nothing gets through.
    fn rest(&mut self, id: u64, error: &Error) {
        let now = Instant::now();
        if let Some(lane) = self.lanes.get_mut(&id) {
            let longest = doubled(REST, lane.failures);
            // Between half of it and all of it, so that lanes that failed together do not come back together.
            let spread = self.hasher.hash_one((id, lane.failures)) % 1_000;
            let rest = longest / 2 + longest / 2 * u32::try_from(spread).unwrap_or(0) / 1_000;
            lane.failures = lane.failures.saturating_add(1);
            self.resting.push(Reverse((now + rest, id)));
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_multiple_of(FAILURES_TO_PAUSE) {
            self.paused = Some(now + doubled(PAUSE, self.failures / FAILURES_TO_PAUSE - 1));
        }
        if self.failures == 1 {
            tracing::warn!(target: "kafka", error = error.message(), waiting = self.outbox.depth(), "events wait in the outbox");
        }
    }

    /// Has the store take away what is done, unless it is doing that already.
    fn begin_settling(&mut self) {
        if self.done.is_empty() || !self.settling.is_empty() || self.store_rests.is_some() {
            return;
        }
        let settled: Vec<_> = self.done.drain(..self.done.len().min(MOST_SETTLED)).collect();
        let outbox = Arc::clone(&self.outbox);
        self.settling.push(Box::pin(async move {
            let outcome = outbox.settle(settled.clone()).await;
            (settled, outcome)
        }));
    }

    fn settled(&mut self, (settled, outcome): (Vec<Settled>, Result<()>)) {
        if let Err(error) = outcome {
            self.done.extend(settled);
            self.leave_store(&error);
        }
    }

    fn leave_store(&mut self, error: &Error) {
        tracing::error!(target: "kafka", error = error.message(), "the outbox cannot be read or written; it is tried again");
        self.store_rests = Some(Instant::now() + STORE_REST);
    }

    /// Waits for the answers that are still to come and notes what arrived.
    async fn finish(mut self) {
        let all = async {
            while let Some(sent) = self.under_way.next().await {
                self.note(sent);
            }
        };
        let complete = timeout(LAST_ANSWERS, all).await.is_ok();
        while let Some(settled) = self.settling.next().await {
            self.settled(settled);
        }
        self.store_rests = None;
        while !self.done.is_empty() && self.store_rests.is_none() {
            self.begin_settling();
            if let Some(settled) = self.settling.next().await {
                self.settled(settled);
            }
        }
        if !complete {
            tracing::info!(target: "kafka", waiting = self.outbox.depth(), "the host ends while events are under way; they stay in the outbox");
        }
    }
}

async fn send<S: Sender>(sender: Arc<S>, lane: u64, sequence: u64, event: Event) -> Sent {
    let event_id =
        event.headers.iter().find(|(name, _)| name == EVENT_ID).map(|(_, id)| id.clone()).unwrap_or_default();
    let (topic, weight) = (event.topic.clone(), event.weight());
    let outcome = sender.send(event).await;
    Sent { lane, sequence, outcome, topic, event_id, weight }
}

/// The first of the two, doubled so many times, but at most the second.
fn doubled((first, most): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times.min(16)).unwrap_or(u32::MAX)).min(most)
}
