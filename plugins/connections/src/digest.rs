//! The weekly digest: tells everybody who has requests to answer how many those are.
//!
//! It is scheduled several times in its hour, and a run ends before its deadline: the next one goes on with who is left, also after
//! one that failed. A document for each user and week is inserted in the commit that publishes the event, so that nobody is told
//! twice, whoever runs it.

use std::collections::HashSet;
use std::time::Duration;

use devconnect_sdk::bson::{Bson, ObjectId};
use devconnect_sdk::prelude::*;
use devconnect_sdk::time;

use crate::events::{Digest, Notification};
use crate::request::{INTERESTED, REQUESTS};

pub(crate) const DIGESTS: Collection<Sent> = Collection::new("digests");

/// That somebody was told in a week.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The user and the week.
    #[serde(rename = "_id")]
    id: String,
    at: DateTime,
}

/// How many users are told in one commit, which has at most 100 writes.
const PAGE: usize = 100;

/// How long a run goes on to the next page: half of what the host gives it, so that a slow commit ends in time.
const RUN: Duration = Duration::from_secs(15);

pub(crate) fn send() -> Result<(), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Receiver {
        to_user_id: Id,
    }
    let (now, started) = (DateTime::now(), time::monotonic());
    // From the first id on: a range of the index's first field lets the index alone answer, in its order.
    let anybody = doc! { "$gte": ObjectId::from_bytes([0; 12]) };
    let rows = REQUESTS
        .of::<Receiver>()
        .find(doc! { "toUserId": anybody, "status": INTERESTED })
        .sort(doc! { "toUserId": 1 })
        .projection(doc! { "_id": 0, "toUserId": 1 })
        .rows()?;
    let mut page: Vec<Digest> = Vec::with_capacity(PAGE);
    for row in rows {
        let user_id = row?.to_user_id;
        match page.last_mut() {
            Some(last) if last.user_id == user_id => last.pending += 1,
            _ => {
                if page.len() == PAGE {
                    tell(std::mem::take(&mut page), now)?;
                    if time::monotonic().saturating_sub(started) > RUN {
                        log::info!("the digest goes on at its next run");
                        return Ok(());
                    }
                }
                page.push(Digest { user_id, pending: 1 });
            }
        }
    }
    tell(page, now)
}

/// Tells those who have not been told this week.
fn tell(page: Vec<Digest>, now: DateTime) -> Result<(), Error> {
    /// Another host may be at it, too, and tell some of them in between.
    const TRIES: usize = 3;

    let mut told = Ok(());
    for _ in 0..TRIES {
        told = try_to_tell(&page, now);
        if !told.as_ref().is_err_and(Error::is_conflict) {
            break;
        }
    }
    told
}

fn try_to_tell(page: &[Digest], now: DateTime) -> Result<(), Error> {
    let week = iso_week(now);
    let ids: Vec<Bson> = page.iter().map(|digest| digest.id(&week).into()).collect();
    let told = DIGESTS.find(doc! { "_id": { "$in": ids } }).all()?;
    let told: HashSet<String> = told.into_iter().map(|sent| sent.id).collect();
    let left: Vec<&Digest> = page.iter().filter(|digest| !told.contains(&digest.id(&week))).collect();
    let transaction = left.iter().fold(Transaction::new(), |transaction, digest| {
        let id = digest.id(&week);
        let event_id = format!("digest:{id}");
        let event = Notification {
            event_type: "WEEKLY_DIGEST",
            user_id: digest.user_id,
            timestamp: now,
            data: *digest,
            event_id,
        };
        transaction.insert(&DIGESTS, &Sent { id, at: now }).publish(&event)
    });
    if left.is_empty() { Ok(()) } else { transaction.commit().map(drop) }
}

impl Digest {
    /// Of the document that says that it was sent.
    fn id(&self, week: &str) -> String {
        format!("{}:{week}", self.user_id)
    }
}

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// The week as ISO 8601 counts: `2026-W48`. It belongs to the year that has its Thursday.
fn iso_week(moment: DateTime) -> String {
    let day = moment.millis().div_euclid(DAY);
    // The first of January 1970 was a Thursday, the fourth day of its week.
    let thursday = day - (day + 3).rem_euclid(7) + 3;
    let year = DateTime::from_millis(thursday * DAY).day().get(..4).unwrap_or_default().to_owned();
    let new_year = format!("{year}-01-01T00:00:00Z").parse().map_or(0, DateTime::millis).div_euclid(DAY);
    format!("{year}-W{:02}", (thursday - new_year) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_counted_as_iso_8601_does() {
        for (day, week) in [
            ("2026-11-24", "2026-W48"),
            ("2026-01-01", "2026-W01"),
            ("2025-12-29", "2026-W01"),
            ("2025-12-28", "2025-W52"),
            ("2027-01-03", "2026-W53"),
            ("2027-01-04", "2027-W01"),
            ("2024-12-30", "2025-W01"),
            ("2021-01-03", "2020-W53"),
        ] {
            assert_eq!(iso_week(format!("{day}T23:59:59Z").parse().unwrap()), week, "{day}");
        }
    }
}
