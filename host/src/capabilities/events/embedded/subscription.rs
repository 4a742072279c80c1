//! The only member of a consumer group of the embedded log: the store's file is open in one process, so that every
//! partition is always this host's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::super::backend::{Arrival, Backend, Done, Partition, Position, Record, Subscription};
use super::partition::PARTITIONS;
use super::{Log, log};
use crate::capabilities::error::{Error, Result};

/// The most records of one arrival.
const MOST: usize = 512;
/// How soon the log is read again after it could not be.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Member {
    log: Log,
    group: String,
    topics: Vec<Arc<str>>,
    /// Whether the partitions were told of.
    assigned: bool,
    /// The offset to read next.
    next: HashMap<Partition, u64>,
    /// In the order in which they are looked at: whoever had records goes to the end.
    turns: Vec<Partition>,
    paused: HashSet<Partition>,
    /// When to look again after a failure.
    again_at: Option<tokio::time::Instant>,
}

impl Member {
    pub(super) fn new(log: Log, group: &str, topics: &[Arc<str>]) -> Self {
        Self {
            log,
            group: group.to_owned(),
            topics: topics.to_vec(),
            assigned: false,
            next: HashMap::new(),
            turns: Vec::new(),
            paused: HashSet::new(),
            again_at: None,
        }
    }

    /// Where the group goes on in each partition. A topic that is not there yet will have as many as a new one has.
    fn assign(&self) -> Result<Vec<Done>> {
        let snapshot = self.log.store.snapshot()?;
        let mut positions = Vec::new();
        for topic in &self.topics {
            let partitions = log::topic(&snapshot, topic)?.map_or(PARTITIONS, |entry| entry.partitions);
            for number in 0..partitions {
                let committed = log::committed(&snapshot, &self.group, topic, number)?;
                positions.push((Partition { topic: Arc::clone(topic), number }, committed.unwrap_or(0)));
            }
        }
        Ok(positions)
    }

    /// Records of the first partition that has some.
    async fn look(&self) -> Result<Option<Vec<Record>>> {
        let wanted = |partition: &&Partition| !self.paused.contains(*partition);
        let places: Vec<Done> = self
            .turns
            .iter()
            .filter(wanted)
            .map(|partition| (partition.clone(), self.next.get(partition).copied().unwrap_or(0)))
            .collect();
        self.log
            .blocking(move |store| {
                let snapshot = store.snapshot()?;
                for (Partition { topic, number }, offset) in places {
                    match log::read(&snapshot, &topic, number, offset, MOST) {
                        Ok(records) if records.is_empty() => {}
                        Ok(records) => return Ok(Some(records)),
                        // Nothing was published there yet.
                        Err(Error::NotFound(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(None)
            })
            .await
    }

    fn took(&mut self, records: &[Record]) {
        let Some(last) = records.last() else { return };
        let number = last.position.partition;
        let Some(turn) = self.turns.iter().position(|at| *at.topic == *last.topic && at.number == number) else {
            return;
        };
        let partition = self.turns.remove(turn);
        self.next.insert(partition.clone(), last.position.offset + 1);
        self.turns.push(partition);
    }

    async fn try_next(&mut self) -> Result<Arrival> {
        if !self.assigned {
            let positions = self.assign()?;
            self.turns = positions.iter().map(|(partition, _)| partition.clone()).collect();
            self.next = positions.into_iter().collect();
            self.assigned = true;
            return Ok(Arrival::Assigned(self.turns.clone()));
        }
        loop {
            // Before the look, so that what is appended during it is not missed.
            let seen = self.log.count();
            if let Some(records) = self.look().await? {
                self.took(&records);
                return Ok(Arrival::Records(records));
            }
            self.log.appended(seen).await;
        }
    }
}

#[async_trait]
impl Subscription for Member {
    async fn next(&mut self) -> Arrival {
        if let Some(again_at) = self.again_at {
            tokio::time::sleep_until(again_at).await;
            self.again_at = None;
        }
        match self.try_next().await {
            Ok(arrival) => arrival,
            Err(error) => {
                self.again_at = Some(tokio::time::Instant::now() + AGAIN);
                Arrival::Trouble(error.to_string())
            }
        }
    }

    fn pause(&mut self, partition: &Partition) {
        self.paused.insert(partition.clone());
    }

    fn resume(&mut self, partition: &Partition) {
        self.paused.remove(partition);
    }

    async fn commit(&mut self, done: Vec<Done>) -> Result<()> {
        let mut topics: BTreeMap<Arc<str>, Vec<Position>> = BTreeMap::new();
        for (Partition { topic, number }, offset) in done {
            topics.entry(topic).or_default().push(Position { partition: number, offset });
        }
        for (topic, offsets) in topics {
            self.log.commit(&self.group, &topic, offsets).await?;
        }
        Ok(())
    }

    async fn ends(&self, partitions: Vec<Partition>) -> Result<Vec<Done>> {
        let read = move |store: &crate::capabilities::embedded::Store| {
            let snapshot = store.snapshot()?;
            let end = |partition: Partition| {
                let end = log::end(&snapshot, &partition.topic, partition.number)?;
                Ok((partition, end))
            };
            partitions.into_iter().map(end).collect()
        };
        self.log.blocking(read).await
    }

    async fn close(mut self: Box<Self>, done: Vec<Done>) {
        if let Err(error) = self.commit(done).await {
            tracing::warn!(target: "events", group = self.group, "the last events will come again: {error}");
        }
    }
}
