//! Events that entered with a commit, on their way to their topics.
//!
//! A transaction puts its events into the collection `outbox`. Any host brings them from there to the log, one host at a
//! time ([`lease`]), in the order in which they entered, and deletes what the log acknowledged. So:
//!
//! - **At least once.** A host that ends between the acknowledgement and the deletion leaves events to be published again,
//!   with the same `event-id`.
//! - **In order for each key.** Of one key one event is under way at a time, and an event that fails holds back those of
//!   its key that entered later, and no other.
//! - **Nothing is dropped.** An event that the log will never take goes to the collection `outbox_dead`, with the fields
//!   `reason` and `refused-at`, and holds up nothing. An operator who has mended the cause moves it back.
//! - **Bounded.** One batch of rows is in memory, however many there are.
//!
//! | field | |
//! | --- | --- |
//! | `_id` | ObjectId |
//! | `event-id` | what every try carries, also among the headers |
//! | `topic`, `key`, `value`, `headers` | the event; `key` may be missing |
//! | `at` | when it entered |

mod lease;
mod pass;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bson::oid::ObjectId;
use bson::raw::{RawArrayBuf, cstr};
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime, RawDocument, RawDocumentBuf, doc, rawdoc};
use mongodb::options::Hint;
use mongodb::{Collection, Database};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::capabilities::breaker::Breaker;
use crate::capabilities::error::Result;
use crate::capabilities::events::backend::{Backend, DELIVERY, EVENT_ID, Event};
use lease::Lease;
use pass::{Ended, Refused};

/// The collection of the events.
pub(super) const OUTBOX: &str = "outbox";
/// The collection of those that the log will never take.
const DEAD: &str = "outbox_dead";
/// How often rows of other hosts are looked for.
const POLL: Duration = Duration::from_millis(500);
/// How often the metrics are taken.
const MEASURE: Duration = Duration::from_secs(2);
/// The first pause after something failed, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long a host that stops waits for what is under way: as long as the log may take, and a little for MongoDB.
const STOPPING: Duration = DELIVERY.saturating_add(Duration::from_secs(1));

/// Says that a transaction of this host put events into the outbox.
#[derive(Debug, Default)]
pub(super) struct Fresh(Notify);

impl Fresh {
    pub(super) fn notify(&self) {
        self.0.notify_one();
    }
}

pub(super) fn collection(database: &Database) -> Collection<RawDocumentBuf> {
    database.collection(OUTBOX)
}

/// The rows of events that have their ids.
pub(super) fn rows(events: &[Event]) -> Result<Vec<RawDocumentBuf>> {
    events.iter().map(row).collect()
}

fn row(event: &Event) -> Result<RawDocumentBuf> {
    let mut headers = RawArrayBuf::new();
    for (name, value) in &event.headers {
        headers.push(rawdoc! { "name": name.as_str(), "value": value.as_str() });
    }
    let id = event.headers.iter().find(|(name, _)| name == EVENT_ID).map_or("", |(_, id)| id);
    let mut row = rawdoc! { "_id": ObjectId::new(), "event-id": id, "topic": event.topic.as_str() };
    if let Some(key) = &event.key {
        row.append(cstr!("key"), key.as_str());
    }
    row.append(cstr!("value"), Binary { subtype: BinarySubtype::Generic, bytes: event.value.clone() });
    row.append(cstr!("headers"), headers);
    row.append(cstr!("at"), DateTime::now());
    Ok(row)
}

/// The event of a row; `None` if this host did not write it so.
fn event(row: &RawDocument) -> Option<(ObjectId, Event)> {
    let id = row.get_object_id("_id").ok()?;
    let topic = row.get_str("topic").ok()?.to_owned();
    let key = row.get("key").ok()?.and_then(|key| key.as_str()).map(ToOwned::to_owned);
    let value = row.get_binary("value").ok()?.bytes.to_vec();
    let mut headers = Vec::new();
    for header in row.get_array("headers").ok()? {
        let header = header.ok()?.as_document()?;
        headers.push((header.get_str("name").ok()?.to_owned(), header.get_str("value").ok()?.to_owned()));
    }
    Some((id, Event { topic, key, value, headers }))
}

/// What the operator sees of the outbox, whichever host drains it.
#[derive(Debug, Default)]
struct Gauges {
    depth: AtomicU64,
    dead: AtomicU64,
    /// When the oldest entered, in milliseconds since the Unix epoch; 0 if there is none.
    oldest_ms: AtomicI64,
    draining: AtomicBool,
}

/// This host's part in bringing events to the log. Dropped, it ends at once, and its lease a few seconds later.
pub struct Drainer {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    gauges: Arc<Gauges>,
}

impl Drainer {
    pub(super) fn start(database: &Database, fresh: Arc<Fresh>, breaker: Arc<Breaker>, log: Arc<dyn Backend>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let gauges = Arc::<Gauges>::default();
        let drain = Drain {
            rows: collection(database),
            dead: database.collection(DEAD),
            refused: Refused::default(),
            lease: Lease::new(database),
            fresh,
            breaker,
            log,
            stopped,
            gauges: Arc::clone(&gauges),
            measured: None,
        };
        Self { stop, task: tokio::spawn(drain.run()), gauges }
    }

    /// How many events wait, as of a moment ago.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.gauges.depth.load(Ordering::Relaxed)
    }

    /// How long the oldest waits, as of a moment ago; zero if none does.
    #[must_use]
    pub fn oldest(&self) -> Duration {
        match self.gauges.oldest_ms.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            at => Duration::from_millis(u64::try_from(DateTime::now().timestamp_millis() - at).unwrap_or(0)),
        }
    }

    /// How many were set aside because the log will never take them.
    #[must_use]
    pub fn dead(&self) -> u64 {
        self.gauges.dead.load(Ordering::Relaxed)
    }

    /// Whether it is this host that drains.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.gauges.draining.load(Ordering::Relaxed)
    }

    /// Finishes what is under way and lets another host drain.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOPPING, &mut self.task).await.is_err() {
            tracing::warn!("the outbox could not be left in order; another host takes over when the lease is over");
        }
    }
}

impl Drop for Drainer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Drainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drainer").field("gauges", &self.gauges).finish_non_exhaustive()
    }
}

/// The task.
struct Drain {
    rows: Collection<RawDocumentBuf>,
    dead: Collection<RawDocumentBuf>,
    refused: Refused,
    lease: Lease,
    fresh: Arc<Fresh>,
    breaker: Arc<Breaker>,
    log: Arc<dyn Backend>,
    stopped: watch::Receiver<bool>,
    gauges: Arc<Gauges>,
    measured: Option<Instant>,
}

impl Drain {
    async fn run(mut self) {
        let mut failing = None;
        while !*self.stopped.borrow() {
            let ended = self.turn().await;
            let wait = match ended {
                Ok(Ended::Empty) => {
                    failing = None;
                    POLL
                }
                Ok(Ended::Progress) => {
                    failing = None;
                    continue;
                }
                Ok(Ended::HeldBack) => longer(&mut failing),
                Err(error) => {
                    tracing::debug!(%error, "the outbox cannot be read for now");
                    longer(&mut failing)
                }
            };
            tokio::select! {
                _ = self.stopped.changed() => {}
                // What failed a moment ago is not tried sooner for a new event.
                () = self.fresh.0.notified(), if failing.is_none() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.gauges.draining.store(false, Ordering::Relaxed);
        self.lease.release().await;
    }

    /// Drains what is there, if it is this host's turn.
    async fn turn(&mut self) -> Result<Ended, mongodb::error::Error> {
        let held = self.lease.take().await?;
        self.gauges.draining.store(held, Ordering::Relaxed);
        let ended = if held {
            pass::run(&self.rows, &mut self.lease, self.log.as_ref(), &mut self.refused, &self.stopped).await?
        } else {
            Ended::Empty
        };
        // The server has answered either way: a host that nobody calls must not go on saying that it is away.
        self.breaker.close();
        // Last, so that what was just drained is not counted.
        self.measure().await?;
        Ok(ended)
    }

    async fn measure(&mut self) -> Result<(), mongodb::error::Error> {
        if self.measured.is_some_and(|last| last.elapsed() < MEASURE) {
            return Ok(());
        }
        self.measured = Some(Instant::now());
        let depth = self.rows.estimated_document_count().await?;
        let first = self.rows.find_one(doc! {}).hint(Hint::Keys(doc! { "$natural": 1 })).await?;
        let at = first.as_ref().and_then(|row| row.get_datetime("at").ok());
        self.gauges.depth.store(depth, Ordering::Relaxed);
        self.gauges.dead.store(self.dead.estimated_document_count().await?, Ordering::Relaxed);
        self.gauges.oldest_ms.store(at.map_or(0, DateTime::timestamp_millis), Ordering::Relaxed);
        Ok(())
    }
}

fn longer(pause: &mut Option<Duration>) -> Duration {
    let next = pause.map_or(PAUSES.0, |last| (last * 2).min(PAUSES.1));
    *pause = Some(next);
    next
}
