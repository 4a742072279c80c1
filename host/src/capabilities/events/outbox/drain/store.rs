//! What the drainer asks of the outbox's store. Each question is a future beside those of the events under way, and the store
//! answers it on a thread that may block.

use std::collections::hash_map::Entry;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::super::backend::Event;
use super::super::rows::Row;
use super::{Drainer, Hopeless, Lane, MOST_AT_HAND, MOST_BYTES, MOST_UNDER_WAY, Sender};
use crate::capabilities::error::{Error, Result};

/// The most rows that are looked at, read or deleted at once.
pub(super) const MOST_LOOKED_AT: usize = 256;
const MOST_FETCHED: usize = 256;
const MOST_SETTLED: usize = 1_024;
/// How long the store is left alone after it refused something.
const STORE_REST: Duration = Duration::from_secs(1);

/// The reason of a row that cannot be read.
const DAMAGED: &str = "the row is damaged";

/// A row of which the drainer is done, with the reason if it is to be set aside.
pub(super) type Settled = (u64, Option<String>);

/// Rows behind the cursor, and up to where all were looked at if those are the last.
pub(super) struct Looked {
    rows: Result<Vec<Row>>,
    end: u64,
}

/// Lanes, each with how many of its rows were asked for, and the events of them all; `None` for a row that is gone or damaged.
pub(super) struct Fetched {
    lanes: Vec<(u64, usize)>,
    events: Result<Vec<Option<Event>>>,
}

/// Rows that were to be taken away, and those that could not be set aside.
pub(super) struct SettledAll {
    rows: Vec<Settled>,
    kept: Result<Vec<u64>>,
}

impl<S: Sender + 'static> Drainer<S> {
    /// Whether further rows are to be looked at.
    pub(super) fn wants_rows(&self) -> bool {
        let lanes = self.under_way.len() + self.ready.len() + self.wanted.len();
        let room = lanes < MOST_UNDER_WAY && self.held < MOST_BYTES;
        room && self.looking.is_empty() && self.paused.is_none() && self.store_rests.is_none()
    }

    /// Looks at further rows, if there are any and there is room to send them.
    pub(super) fn begin_looking(&mut self) {
        // Asked first: every row before it is in what is read next.
        let end = self.outbox.end();
        if !self.wants_rows() || end <= self.cursor {
            return;
        }
        let (outbox, cursor) = (Arc::clone(&self.outbox), self.cursor);
        self.looking.push(Box::pin(async move { Looked { rows: outbox.load(cursor, MOST_LOOKED_AT).await, end } }));
    }

    pub(super) fn looked(&mut self, looked: Looked) {
        match looked.rows {
            Ok(rows) => {
                self.cursor = rows.last().map_or(looked.end, |last| last.sequence + 1);
                rows.into_iter().for_each(|row| self.line_up(row));
            }
            Err(error) => self.leave_store(&error),
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
            Entry::Occupied(mut entry) => {
                let lane = entry.get_mut();
                let next = lane.at_hand.len() == lane.behind.len() && lane.failures == 0;
                if next && lane.at_hand.len() < MOST_AT_HAND && self.held < MOST_BYTES {
                    self.held += event.weight();
                    lane.at_hand.push_back(event);
                }
                lane.behind.push_back(row.sequence);
            }
            Entry::Vacant(free) => {
                let (behind, at_hand) = (VecDeque::new(), VecDeque::new());
                free.insert(Lane { first: row.sequence, behind, at_hand, failures: 0 });
                self.held += event.weight();
                self.ready.push_back((id, event));
            }
        }
    }

    /// Reads the first events of lanes that want theirs, and a few behind them.
    pub(super) fn begin_fetching(&mut self) {
        let full = self.held >= MOST_BYTES;
        let rests = self.paused.is_some() || self.store_rests.is_some();
        // When nothing else is in memory, one that is too large by itself is let through.
        let wait = full && !(self.under_way.is_empty() && self.ready.is_empty());
        if self.wanted.is_empty() || !self.fetching.is_empty() || wait || rests {
            return;
        }
        let count = self.wanted.len().min(MOST_FETCHED);
        let ahead = if full { 0 } else { (MOST_FETCHED / count - 1).min(MOST_AT_HAND) };
        let (mut lanes, mut rows) = (Vec::with_capacity(count), Vec::with_capacity(MOST_FETCHED));
        for id in self.wanted.drain(..count) {
            let Some(lane) = self.lanes.get(&id) else { continue };
            let before = rows.len();
            rows.push(lane.first);
            rows.extend(lane.behind.iter().take(ahead));
            lanes.push((id, rows.len() - before));
        }
        let outbox = Arc::clone(&self.outbox);
        self.fetching.push(Box::pin(async move { Fetched { lanes, events: outbox.events(rows).await } }));
    }

    pub(super) fn fetched(&mut self, Fetched { lanes, events }: Fetched) {
        let mut events = events.unwrap_or_else(|error| {
            self.leave_store(&error);
            Vec::new()
        });
        let mut events = events.drain(..);
        let mut unread = Vec::new();
        for (id, rows) in lanes {
            let mut found = events.by_ref().take(rows).collect::<Vec<_>>().into_iter();
            match (found.next(), self.lanes.get_mut(&id)) {
                (Some(Some(first)), Some(lane)) => {
                    self.held += first.weight();
                    self.ready.push_back((id, first));
                    // What was accepted meanwhile may be there already, if nothing was behind the first.
                    if lane.at_hand.is_empty() {
                        lane.at_hand.extend(found.map_while(std::convert::identity));
                        self.held += lane.at_hand.iter().map(Event::weight).sum::<usize>();
                    }
                }
                (Some(None), Some(lane)) => {
                    self.done.push((lane.first, Some(DAMAGED.to_owned())));
                    self.go_on(id);
                }
                (None, _) => unread.push(id),
                (Some(_), None) => {}
            }
        }
        // Those that did not fit come first the next time.
        for id in unread.into_iter().rev() {
            self.wanted.push_front(id);
        }
    }

    /// Has the store take away what is done, unless it is doing that already.
    pub(super) fn begin_settling(&mut self) {
        if self.done.is_empty() || !self.settling.is_empty() || self.store_rests.is_some() {
            return;
        }
        let rows: Vec<Settled> = self.done.drain(..self.done.len().min(MOST_SETTLED)).collect();
        let outbox = Arc::clone(&self.outbox);
        self.settling.push(Box::pin(async move {
            let kept = outbox.settle(rows.clone()).await;
            SettledAll { rows, kept }
        }));
    }

    pub(super) fn settled(&mut self, SettledAll { rows, kept }: SettledAll) {
        let kept: HashSet<u64> = match kept {
            Ok(kept) => kept.into_iter().collect(),
            Err(error) => {
                self.done.extend(rows);
                return self.leave_store(&error);
            }
        };
        for (row, reason) in rows {
            let Some(hopeless) = self.burying.remove(&row) else { continue };
            let Hopeless { lane, topic, event_id } = hopeless;
            if !kept.contains(&row) {
                tracing::error!(
                    target: "kafka", topic, event_id, reason,
                    "an event was set aside: the log will never take it; mend the cause and revive it"
                );
                self.go_on(lane);
                continue;
            }
            // Said once, however often it is tried.
            if self.lanes.get(&lane).is_some_and(|lane| lane.failures == 0) {
                tracing::error!(
                    target: "kafka", topic, event_id, reason, dead = self.outbox.dead_count(),
                    "an event that the log will never take holds back those of its key, because no more can be set aside; \
                     revive or discard some"
                );
            }
            self.rest(lane);
        }
    }

    fn leave_store(&mut self, error: &Error) {
        tracing::error!(target: "kafka", error = error.message(), "the outbox cannot be read or written; it is tried again");
        self.store_rests = Some(Instant::now() + STORE_REST);
    }
}
