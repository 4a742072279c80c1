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
//! An event that can not even be set aside, because as many are as may be, stays the first of its lane and is tried again:
//! see [`Limits`](super::Limits) for why.
//!
//! In memory are the events under way and, for what waits behind them or rests, a lane's few words and a sequence a row: rows
//! are looked at no sooner than there is room to send something, a few at a time, on threads that may block, and while events
//! go on being sent: a key with a long backlog holds up no other, and its own first event is sent before the rest is read.

mod store;

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

use super::super::backend::{EVENT_ID, Event, Refusal};
use super::Outbox;
use crate::capabilities::error::{Error, Result};
use store::{Fetched, Looked, Settled, SettledAll};

/// The most events under way.
const MOST_UNDER_WAY: usize = 1_024;
/// The most bytes of events in memory; a single larger one is let through.
const MOST_BYTES: usize = 16 << 20;
/// The most events of a lane that are read ahead of their turn.
pub(super) const MOST_AT_HAND: usize = 32;
/// How long a lane rests after its first failure in a row, and at most.
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// After each so many failures without a success all lanes pause: 100 ms doubling up to the second of the two.
const FAILURES_TO_PAUSE: u32 = 32;
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How long the events under way are waited for at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

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
        drainer.begin();
        let (looking, due) = (drainer.wants_rows(), drainer.due());
        tokio::select! {
            () = &mut stop => break,
            Some(sent) = drainer.under_way.next() => drainer.note(sent),
            Some(looked) = drainer.looking.next() => drainer.looked(looked),
            Some(fetched) = drainer.fetching.next() => drainer.fetched(fetched),
            Some(settled) = drainer.settling.next() => drainer.settled(settled),
            () = drainer.outbox.committed(drainer.cursor), if looking => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
    drainer.finish().await;
}

type Under<T> = FuturesUnordered<Pin<Box<dyn Future<Output = T> + Send>>>;

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

/// The rows of a topic and key. Each lane is ready, under way, resting, or waits for the store: for its first event to be read or
/// to be set aside.
struct Lane {
    /// The row to be sent now.
    first: u64,
    /// The rows behind it.
    behind: VecDeque<u64>,
    /// The events of the first of those.
    at_hand: VecDeque<Event>,
    /// Failures in a row.
    failures: u32,
}

/// An event that the log will never take.
struct Hopeless {
    lane: u64,
    topic: String,
    event_id: String,
}

struct Drainer<S> {
    outbox: Arc<Outbox>,
    sender: Arc<S>,
    /// Rows before it were looked at.
    cursor: u64,
    /// By a hash of topic and key. Two keys with the same hash would wait for each other, and nothing worse.
    lanes: HashMap<u64, Lane>,
    hasher: RandomState,
    /// Lanes that may be sent, with their first event.
    ready: VecDeque<(u64, Event)>,
    /// Those whose first event has to be read before.
    wanted: VecDeque<u64>,
    resting: BinaryHeap<Reverse<(Instant, u64)>>,
    under_way: Under<Sent>,
    /// Bytes of the events that are at hand, ready or under way.
    held: usize,
    /// Failures since the last success, and until when nothing is sent because of them.
    failures: u32,
    paused: Option<Instant>,
    /// What the store is asked for, each one at a time: rows behind the cursor, events of lanes, the commit that takes rows away.
    looking: Under<Looked>,
    fetching: Under<Fetched>,
    settling: Under<SettledAll>,
    /// Rows that are done.
    done: Vec<Settled>,
    /// Those of them that are to be set aside: until they are, nothing behind them is sent.
    burying: HashMap<u64, Hopeless>,
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
            wanted: VecDeque::new(),
            resting: BinaryHeap::new(),
            under_way: FuturesUnordered::new(),
            held: 0,
            failures: 0,
            paused: None,
            looking: FuturesUnordered::new(),
            fetching: FuturesUnordered::new(),
            settling: FuturesUnordered::new(),
            done: Vec::new(),
            burying: HashMap::new(),
            store_rests: None,
        }
    }

    /// When something is to be done without being asked.
    fn due(&self) -> Option<Instant> {
        let rested = self.resting.peek().map(|Reverse((at, _))| *at);
        // While everything pauses, a lane that has rested has to wait too.
        let lanes = self.paused.or(rested.filter(|_| self.under_way.len() < MOST_UNDER_WAY));
        lanes.into_iter().chain(self.store_rests).min()
    }

    /// Begins whatever can be begun.
    fn begin(&mut self) {
        let now = Instant::now();
        self.paused = self.paused.filter(|until| *until > now);
        self.store_rests = self.store_rests.filter(|until| *until > now);
        if self.paused.is_none() {
            while let Some(Reverse((at, id))) = self.resting.peek().copied()
                && at <= now
            {
                self.resting.pop();
                self.wanted.push_back(id);
            }
            self.start();
        }
        self.begin_looking();
        self.begin_fetching();
        self.begin_settling();
    }

    /// Sends what may be sent.
    fn start(&mut self) {
        while self.under_way.len() < MOST_UNDER_WAY && self.store_rests.is_none() {
            let Some((id, event)) = self.ready.pop_front() else { return };
            let Some(lane) = self.lanes.get(&id) else { continue };
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
                self.done.push((sequence, Some(reason)));
                self.burying.insert(sequence, Hopeless { lane: id, topic, event_id });
            }
            Err(Refusal::Later(error)) => return self.fail(id, &error),
        }
        // Either way the log has answered.
        self.failures = 0;
        self.paused = None;
        if !self.burying.contains_key(&sequence) {
            self.go_on(id);
        }
    }

    /// Turns to the lane's next row.
    fn go_on(&mut self, id: u64) {
        if let Entry::Occupied(mut entry) = self.lanes.entry(id) {
            let lane = entry.get_mut();
            match lane.behind.pop_front() {
                Some(next) => {
                    (lane.first, lane.failures) = (next, 0);
                    match lane.at_hand.pop_front() {
                        Some(event) => self.ready.push_back((id, event)),
                        None => self.wanted.push_back(id),
                    }
                }
                None => drop(entry.remove()),
            }
        }
    }

    /// Lets a lane rest, and all of them if nothing gets through.
    fn fail(&mut self, id: u64, error: &Error) {
        self.rest(id);
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_multiple_of(FAILURES_TO_PAUSE) {
            self.paused = Some(Instant::now() + doubled(PAUSE, self.failures / FAILURES_TO_PAUSE - 1));
        }
        if self.failures == 1 {
            tracing::warn!(target: "kafka", error = error.message(), waiting = self.outbox.depth(), "events wait in the outbox");
        }
    }

    /// Lets a lane rest. What it has at hand makes room for the others.
    fn rest(&mut self, id: u64) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        self.held -= lane.at_hand.drain(..).map(|event| event.weight()).sum::<usize>();
        let longest = doubled(REST, lane.failures);
        // Between half of it and all of it, so that lanes that failed together do not come back together.
        let spread = self.hasher.hash_one((id, lane.failures)) % 1_000;
        let rest = longest / 2 + longest / 2 * u32::try_from(spread).unwrap_or(0) / 1_000;
        lane.failures = lane.failures.saturating_add(1);
        self.resting.push(Reverse((Instant::now() + rest, id)));
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;
