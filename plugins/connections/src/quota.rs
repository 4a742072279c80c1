//! How many requests of a day may be `interested`, by the sender's tier.
//!
//! The number is kept in a document for each user and UTC day, and goes up in the commit that stores the request, on the condition
//! that it is below the limit: so two requests at once cannot both be the last one. A day's first request makes the document, with
//! what the day has already: rows that the former system stored on the day of the change count too.
//!
//! The cache has the number beside it. Whoever is over the limit there is answered after one read; whatever it says, the document
//! decides.

use std::time::Duration;

use devconnect_sdk::prelude::*;

use crate::request::{IGNORE, REQUESTS};
use crate::user::Tier;

pub(crate) const DAYS: Collection<Day> = Collection::new("connection_days");

const PATTERN: &str = "rate_limit:connection_requests:{}:{}";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const USED: Key<u32> = Key::new(PATTERN, DAY);
/// The same numbers, to count up.
const COUNTER: Counter = Counter::new(PATTERN, DAY);

/// What somebody sent on a day.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Day {
    #[serde(rename = "_id")]
    id: String,
    count: u32,
    expires_at: DateTime,
}

/// The limit of somebody today.
pub(crate) struct Quota {
    user: Id,
    tier: Tier,
    limit: u32,
    day: String,
    starts: DateTime,
}

impl Quota {
    /// `None`: there is no limit.
    pub(crate) fn of(user: Id, tier: Tier, now: DateTime) -> Option<Self> {
        let starts = DateTime::from_millis(now.millis() - now.millis().rem_euclid(day_ms()));
        tier.requests_a_day().map(|limit| Self { user, tier, limit, day: now.day(), starts })
    }

    /// Refuses whom the cache knows to be over the limit, if documents agree. Saves them the transaction.
    pub(crate) fn glance(&self) -> Result<(), Problem> {
        match USED.get((self.user, self.day.as_str())) {
            Ok(Some(used)) if used >= self.limit => match DAYS.get(self.id())? {
                Some(day) if day.count >= self.limit => Err(self.exceeded(day.count)),
                _ => Ok(()),
            },
            Ok(_) => Ok(()),
            Err(error) => {
                log::debug!("the cache is away, documents tell the requests of the day", cause = error);
                Ok(())
            }
        }
    }

    /// Counts one more in a transaction that must not go through above the limit.
    pub(crate) fn count(&self, transaction: Transaction) -> Transaction {
        let below = doc! { "_id": self.id(), "count": { "$lt": self.limit } };
        transaction.update_one(&DAYS, below, doc! { "$inc": { "count": 1 } }, Expect::One)
    }

    /// After the count did not go up: a problem if the limit is reached. Otherwise the day has its document now.
    pub(crate) fn explain(&self) -> Result<(), Problem> {
        if let Some(day) = DAYS.get(self.id())? {
            if day.count < self.limit {
                return Ok(());
            }
            if let Err(error) = USED.set((self.user, self.day.as_str()), &day.count) {
                log::debug!("the cache is away and was not told the requests of the day", cause = error);
            }
            return Err(self.exceeded(day.count));
        }
        let ends = self.starts.plus(DAY);
        let sent = doc! {
            "fromUserId": self.user,
            "createdAt": { "$gte": self.starts, "$lt": ends },
            // What was answered meanwhile was sent all the same.
            "status": { "$ne": IGNORE },
        };
        let count = u32::try_from(REQUESTS.count(sent)?).unwrap_or(u32::MAX);
        // Nobody can count up before the document is there. If somebody else made it meanwhile, theirs stays.
        let made = doc! { "$setOnInsert": { "count": count, "expiresAt": ends.plus(DAY) } };
        match DAYS.upsert_one(doc! { "_id": self.id() }, made) {
            Err(error) if !error.is_conflict() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Tells the cache after the commit. One that is away, or lost the number, costs later requests a transaction.
    pub(crate) fn tell(&self) {
        if let Err(error) = COUNTER.add((self.user, self.day.as_str()), 1) {
            log::debug!("the cache is away and was not told the requests of the day", cause = error);
        }
    }

    fn id(&self) -> String {
        format!("{}:{}", self.user, self.day)
    }

    fn exceeded(&self, used: u32) -> Problem {
        let Self { tier, limit, .. } = self;
        let message = format!("You have sent the {limit} requests of today that the {} tier allows", tier.name());
        Problem::too_many_requests(message)
            .with("tier", tier.name())
            .with("limit", *limit)
            .with("used", used)
            .with_retry_after(self.starts.plus(DAY).since(DateTime::now()))
    }
}

fn day_ms() -> i64 {
    i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX)
}
