//! This host's membership in the group of one plugin.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;

use super::metrics::Metrics;
use super::window::{Tried, Window};
use super::{StoresAway, dead, deliver};
use crate::capabilities::events::Backend;
use crate::capabilities::events::backend::{Arrival, Done, Partition, Record, Subscription};
use crate::runtime::Version;

/// How often what is finished is committed.
const COMMIT: Duration = Duration::from_millis(500);
/// How often the lag is asked for.
const LOOK: Duration = Duration::from_secs(5);
/// Records and bytes of one partition that wait here; from then on it is paused until half of it is left.
const MOST: (usize, usize) = (4_096, 16 << 20);
/// The first pause before the group is joined again, and the longest.
const REJOIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

pub(super) struct Member {
    pub(super) log: Arc<dyn Backend>,
    pub(super) group: String,
    pub(super) plugin: Arc<str>,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) away: StoresAway,
    pub(super) metrics: Metrics,
    pub(super) version: watch::Receiver<Option<Arc<Version>>>,
}

/// What a membership has at one time.
struct Session {
    subscription: Box<dyn Subscription>,
    partitions: HashMap<Partition, Owned>,
    batches: JoinSet<(Assigned, Vec<Tried>)>,
    burials: JoinSet<(Assigned, u64)>,
    /// Partitions that are to be given up once their batches have ended.
    leaving: Vec<Leaving>,
    assignments: u64,
    /// A task of the host's own failed: what it was about comes again with the next membership.
    broken: bool,
}

/// A partition, and which time it is this host's: it may be given up and come back while something of the time before still
/// runs, whose end means nothing to what is read anew.
type Assigned = (Partition, u64);

/// A partition that is this host's.
struct Owned {
    assignment: u64,
    window: Window,
    /// `None` until its first record says where the group goes on.
    committed: Option<u64>,
    paused: bool,
}

struct Leaving {
    partitions: Vec<Assigned>,
    done: std::sync::mpsc::SyncSender<Vec<Done>>,
}

impl Member {
    /// Consumes until it is asked to leave.
    pub(super) async fn run(mut self) {
        let mut pause = REJOIN.0;
        while self.version.borrow().is_some() {
            let started = Instant::now();
            match self.log.subscribe(&self.group, &self.topics).await {
                Ok(subscription) => {
                    tracing::info!(target: "events", plugin = &*self.plugin, group = self.group, "joining");
                    self.consume(subscription).await;
                }
                Err(error) => {
                    tracing::debug!(target: "events", plugin = &*self.plugin, group = self.group, "not joined: {error}");
                }
            }
            if started.elapsed() > REJOIN.1 {
                pause = REJOIN.0;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.version.wait_for(Option::is_none) => {}
            }
            pause = (pause * 2).min(REJOIN.1);
        }
    }

    /// One membership, from joining to leaving.
    async fn consume(&mut self, subscription: Box<dyn Subscription>) {
        let mut session = Session {
            subscription,
            partitions: HashMap::new(),
            batches: JoinSet::new(),
            burials: JoinSet::new(),
            leaving: Vec::new(),
            assignments: 0,
            broken: false,
        };
        let mut commit = tokio::time::interval(COMMIT);
        let mut look = tokio::time::interval(LOOK);
        commit.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The version of this moment: a batch ends on the one with which it began.
            let Some(version) = self.version.borrow_and_update().clone() else { break };
            session.hand_out(&version, &self.away);
            let wake = session.wake();
            tokio::select! {
                arrival = session.subscription.next() => match arrival {
                    Arrival::Ended => return,
                    arrival => self.arrived(&mut session, arrival),
                },
                Some(batch) = session.batches.join_next() => self.handled(&mut session, batch),
                Some(burial) = session.burials.join_next() => match burial {
                    Ok((partition, offset)) => session.buried(&partition, offset),
                    Err(_) => session.broken = true,
                },
                () = wake => {}
                _ = commit.tick() => self.commit(&mut session).await,
                _ = look.tick() => self.look(&session).await,
                _ = self.version.changed() => {}
            }
            if session.broken {
                return;
            }
        }
        self.leave(session).await;
    }

    fn arrived(&self, session: &mut Session, arrival: Arrival) {
        match arrival {
            Arrival::Assigned(partitions) => {
                tracing::debug!(target: "events", plugin = &*self.plugin, ?partitions, "assigned");
                for partition in partitions {
                    // A client that had paused it remembers that, also while it was another's.
                    session.subscription.resume(&partition);
                    session.assignments += 1;
                    session.partitions.insert(partition, Owned::new(session.assignments));
                }
            }
            Arrival::Records(records) => session.take_in(records),
            Arrival::Revoked { partitions, done } => {
                tracing::debug!(target: "events", plugin = &*self.plugin, ?partitions, "revoked");
                let known = |partition: Partition| {
                    let assignment = session.partitions.get(&partition)?.assignment;
                    Some((partition, assignment))
                };
                let partitions = partitions.into_iter().filter_map(known).collect();
                session.leaving.push(Leaving { partitions, done });
                self.settle(session);
            }
            Arrival::Lost(partitions) => {
                tracing::warn!(target: "events", plugin = &*self.plugin, ?partitions, "lost; their events may come twice");
                for partition in partitions {
                    session.partitions.remove(&partition);
                    self.metrics.left(&self.plugin, &partition);
                }
            }
            Arrival::Trouble(what) => tracing::warn!(target: "events", plugin = &*self.plugin, "{what}"),
            Arrival::Ended => {}
        }
    }

    /// A batch has ended.
    fn handled(&self, session: &mut Session, batch: Result<(Assigned, Vec<Tried>), JoinError>) {
        match batch {
            Ok((assigned, results)) => {
                let (partition, _) = &assigned;
                for (outcome, is) in OUTCOMES {
                    let count = results.iter().filter(|result| is(result)).count();
                    self.metrics.tried(&self.plugin, &partition.topic, outcome, count as u64);
                }
                if let Some(owned) = session.partitions.get_mut(partition).filter(|owned| owned.is(&assigned)) {
                    for dead in owned.window.tried(results, Instant::now()) {
                        self.metrics.tried(&self.plugin, &partition.topic, "dead", 1);
                        let (log, plugin) = (Arc::clone(&self.log), Arc::clone(&self.plugin));
                        let (assigned, offset) = (assigned.clone(), dead.record.position.offset);
                        session.burials.spawn(async move {
                            dead::bury(log, plugin, dead).await;
                            (assigned, offset)
                        });
                    }
                }
                session.resume(partition);
            }
            Err(error) => {
                tracing::error!(target: "events", plugin = &*self.plugin, "handling events failed: {error}");
                session.broken = true;
            }
        }
        self.settle(session);
    }

    /// Gives up partitions that are to be given up and of which nothing is being handled.
    fn settle(&self, session: &mut Session) {
        let Session { partitions, leaving, .. } = session;
        leaving.retain(|leaving| {
            let running = |assigned: &Assigned| {
                partitions.get(&assigned.0).is_some_and(|owned| owned.is(assigned) && owned.window.is_running())
            };
            if leaving.partitions.iter().any(running) {
                return true;
            }
            let mut done = Vec::new();
            for assigned in &leaving.partitions {
                let (partition, _) = assigned;
                // Where a rebalance did not wait, the partition may be back already.
                if partitions.get(partition).is_some_and(|owned| owned.is(assigned))
                    && let Some(owned) = partitions.remove(partition)
                {
                    done.extend(owned.progress().map(|offset| (partition.clone(), offset)));
                    self.metrics.left(&self.plugin, partition);
                }
            }
            // A rebalance that waited too long has gone on without the answer.
            let _gone = leaving.done.send(done);
            false
        });
    }

    async fn commit(&self, session: &mut Session) {
        let done = session.progress();
        if done.is_empty() {
            return;
        }
        match session.subscription.commit(done.clone()).await {
            Ok(()) => session.committed(done),
            Err(error) => tracing::debug!(target: "events", plugin = &*self.plugin, "not committed yet: {error}"),
        }
    }

    async fn look(&self, session: &Session) {
        let partitions: Vec<Partition> = session.partitions.keys().cloned().collect();
        if let Ok(ends) = session.subscription.ends(partitions).await {
            for (partition, end) in ends {
                if let Some(owned) = session.partitions.get(&partition) {
                    // Nothing came yet: everything that is there was committed.
                    self.metrics.stands(&self.plugin, &partition, owned.committed.unwrap_or(end), end);
                }
            }
        }
    }

    /// Lets what is being handled end, commits, and leaves the group.
    async fn leave(&self, mut session: Session) {
        while let Some(batch) = session.batches.join_next().await {
            self.handled(&mut session, batch);
        }
        for partition in session.partitions.keys() {
            self.metrics.left(&self.plugin, partition);
        }
        let done = session.progress();
        session.subscription.close(done).await;
        tracing::info!(target: "events", plugin = &*self.plugin, group = self.group, "left");
    }
}

type Outcome = (&'static str, fn(&Tried) -> bool);

const OUTCOMES: [Outcome; 4] = [
    ("done", |result| matches!(result, Tried::Done)),
    ("retry", |result| matches!(result, Tried::Again(_) | Tried::Later)),
    ("reject", |result| matches!(result, Tried::Never(_))),
    ("fault", |result| matches!(result, Tried::Alone)),
];

impl Session {
    /// Sorts records into the windows of their partitions.
    fn take_in(&mut self, records: Vec<Record>) {
        for record in records {
            // A record of a partition that is another's meanwhile is that one's.
            let topic = self.partitions.keys().find(|partition| *partition.topic == *record.topic);
            let Some(topic) = topic.map(|partition| Arc::clone(&partition.topic)) else { continue };
            let partition = Partition { topic, number: record.position.partition };
            let Some(owned) = self.partitions.get_mut(&partition) else { continue };
            owned.committed.get_or_insert(record.position.offset);
            owned.window.push(record);
            if !owned.paused && owned.is_full() {
                owned.paused = true;
                self.subscription.pause(&partition);
            }
        }
    }

    /// Starts a batch for each partition that has one, unless it is about to be given up.
    fn hand_out(&mut self, version: &Arc<Version>, away: &StoresAway) {
        let now = Instant::now();
        let most = version.plugin.limits.batch;
        for (partition, owned) in &mut self.partitions {
            let assigned = (partition.clone(), owned.assignment);
            if self.leaving.iter().any(|leaving| leaving.partitions.contains(&assigned)) {
                continue;
            }
            let Some(batch) = owned.window.take(most, now) else { continue };
            let (version, away) = (Arc::clone(version), Arc::clone(away));
            self.batches.spawn(async move {
                let results = deliver::deliver(version, batch, away).await;
                (assigned, results)
            });
        }
    }

    /// A dead event is in its topic.
    fn buried(&mut self, assigned: &Assigned, offset: u64) {
        if let Some(owned) = self.partitions.get_mut(&assigned.0).filter(|owned| owned.is(assigned)) {
            owned.window.buried(offset);
        }
        self.resume(&assigned.0);
    }

    /// Has a paused partition go on once there is room.
    fn resume(&mut self, partition: &Partition) {
        let Some(owned) = self.partitions.get_mut(partition) else { return };
        if owned.paused && owned.is_half_empty() {
            owned.paused = false;
            self.subscription.resume(partition);
        }
    }

    /// Returns when an event that waits may be tried again.
    fn wake(&self) -> impl Future<Output = ()> + use<> {
        let at = self.partitions.values().filter_map(|owned| owned.window.wake_at()).min();
        async move {
            match at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        }
    }

    /// What is finished and not committed. Partitions that are leaving may be another's already, who may be further.
    fn progress(&self) -> Vec<Done> {
        let progress = |(partition, owned): (&Partition, &Owned)| {
            let assigned = (partition.clone(), owned.assignment);
            let leaving = self.leaving.iter().any(|leaving| leaving.partitions.contains(&assigned));
            (!leaving).then_some(())?;
            Some((partition.clone(), owned.progress()?))
        };
        self.partitions.iter().filter_map(progress).collect()
    }

    fn committed(&mut self, done: Vec<Done>) {
        for (partition, offset) in done {
            if let Some(owned) = self.partitions.get_mut(&partition) {
                owned.committed = Some(offset);
            }
        }
    }
}

impl Owned {
    const fn new(assignment: u64) -> Self {
        Self { assignment, window: Window::new(0), committed: None, paused: false }
    }

    fn is(&self, assigned: &Assigned) -> bool {
        self.assignment == assigned.1
    }

    /// The offset to commit, if it is another than the committed one.
    fn progress(&self) -> Option<u64> {
        let done_to = self.window.done_to();
        self.committed.filter(|committed| done_to > *committed).map(|_| done_to)
    }

    fn is_full(&self) -> bool {
        let (records, bytes) = self.window.load();
        records >= MOST.0 || bytes >= MOST.1 || self.window.is_long()
    }

    fn is_half_empty(&self) -> bool {
        let (records, bytes) = self.window.load();
        records <= MOST.0 / 2 && bytes <= MOST.1 / 2 && !self.window.is_long()
    }
}
