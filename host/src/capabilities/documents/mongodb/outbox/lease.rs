//! Which host drains: a document that names it until a time, by the server's clock.
//!
//! The host that holds it renews it. One that dies does not, and a few seconds later another takes it. A host also asks its
//! own clock before it publishes: one that was frozen past its time learns there that it lost its turn.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ReturnDocument;
use mongodb::{Collection, Database};
use tokio::time::Instant;
use uuid::Uuid;

/// The collection of the leases.
const LEASES: &str = "outbox_leases";
/// The one lease in it.
const ID: &str = "outbox";
/// How long one lasts: how late a dead host's events are.
const TERM: Duration = Duration::from_secs(5);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_millis(1_500);

/// This host's claim.
pub(super) struct Lease {
    leases: Collection<Document>,
    owner: String,
    /// Until when it holds, by this host's clock, which starts before the server's.
    until: Option<Instant>,
    renewed: Option<Instant>,
}

impl Lease {
    pub(super) fn new(database: &Database) -> Self {
        Self { leases: database.collection(LEASES), owner: Uuid::new_v4().to_string(), until: None, renewed: None }
    }

    /// Whether this host may publish now.
    pub(super) fn holds(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Takes the lease if it is free, or renews it when it is time; whether this host holds it.
    pub(super) async fn take(&mut self) -> Result<bool, Error> {
        if self.holds() && self.renewed.is_some_and(|renewed| renewed.elapsed() < RENEWAL) {
            return Ok(true);
        }
        let asked = Instant::now();
        let term = i64::try_from(TERM.as_millis()).unwrap_or(i64::MAX);
        let mine = doc! { "$eq": ["$owner", &self.owner] };
        let over = doc! { "$lt": ["$until", "$$NOW"] };
        let filter = doc! { "_id": ID, "$expr": { "$or": [mine, over] } };
        let update = vec![doc! { "$set": { "owner": &self.owner, "until": { "$add": ["$$NOW", term] } } }];
        let taken = self.leases.find_one_and_update(filter, update).return_document(ReturnDocument::After).await;
        if taken?.is_some() {
            self.until = Some(asked + TERM);
            self.renewed = Some(asked);
            return Ok(true);
        }
        self.until = None;
        self.make().await?;
        Ok(false)
    }

    /// The first host of a database makes the document; it is free, and taken in the next turn.
    async fn make(&self) -> Result<(), Error> {
        let free = doc! { "$setOnInsert": { "owner": "", "until": bson::DateTime::from_millis(0) } };
        match self.leases.update_one(doc! { "_id": ID }, free).upsert(true).await {
            Ok(_) => Ok(()),
            // Two hosts made it at the same time.
            Err(error) if matches!(error.kind.as_ref(), ErrorKind::Write(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Does something that takes its time, and renews meanwhile.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(RENEWAL) => {
                    if let Err(error) = self.take().await {
                        tracing::debug!(%error, "the lease of the outbox cannot be renewed for now");
                    }
                }
            }
        }
    }

    /// Gives it back, so that another host need not wait for its end.
    pub(super) async fn release(&mut self) {
        self.until = None;
        let filter = doc! { "_id": ID, "owner": &self.owner };
        let free = doc! { "$set": { "owner": "", "until": bson::DateTime::from_millis(0) } };
        if let Err(error) = self.leases.update_one(filter, free).await {
            tracing::debug!(%error, "the lease of the outbox could not be given back; it ends by itself");
        }
    }
}
