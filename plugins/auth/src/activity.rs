//! What the ranking of the plugin `connections` looks at, kept beside the user in the same document and shown to nobody: `skillKeys`,
//! the skills as they are compared, and `lastActiveAt`, when the user signed up, logged in or changed something last.
//!
//! Rows of the former system have neither: [`fill_in`] gives them both, some at a time, and until then nobody ranks them.

use std::time::Duration;

use devconnect_sdk::bson::{Bson, Document};
use devconnect_sdk::prelude::*;
use devconnect_sdk::time;

use crate::user::USERS;

pub(crate) const SKILL_KEYS: &str = "skillKeys";
pub(crate) const LAST_ACTIVE_AT: &str = "lastActiveAt";

const LAST_LOGIN: Key<DateTime> = Key::new("user:{}:last_login", Duration::from_secs(24 * 60 * 60));

/// The skills as they are compared: in lower case, trimmed, inner spaces single, each once. The plugin `connections` compares by the
/// same rule.
pub(crate) fn skill_keys<'a>(skills: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let normal = |skill: &str| skill.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut keys: Vec<String> = skills.into_iter().map(normal).filter(|key| !key.is_empty()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Notes a log-in. Done twice it is the same: only what is later counts.
pub(crate) fn note(delivery: &Delivery) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Type {
        event_type: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct LogIn {
        user_id: Id,
        #[serde(default)]
        timestamp: Option<DateTime>,
    }
    if delivery.json::<Type>()?.event_type != "USER_LOGIN" {
        return Ok(());
    }
    let LogIn { user_id, timestamp } = delivery.json()?;
    let at = timestamp.unwrap_or(delivery.timestamp);
    USERS.update_one(doc! { "_id": user_id }, doc! { "$max": { LAST_ACTIVE_AT: at } })?;
    if LAST_LOGIN.get(user_id)?.is_none_or(|known| known < at) {
        LAST_LOGIN.set(user_id, &at)?;
    }
    Ok(())
}

/// The skills of a row of the former system, and when it was last active. One that somebody mistyped at a shell must not hold up
/// all others: what is not as it should be counts as absent.
fn old(row: &Document) -> (Vec<Bson>, DateTime) {
    let skills = row.get_array("skills").map(Vec::as_slice).unwrap_or_default();
    let keys = skill_keys(skills.iter().filter_map(Bson::as_str)).into_iter().map(Bson::from).collect();
    let made_at = || row.get_object_id("_id").map_or(DateTime::from_millis(0), |id| Id::from(id).made_at());
    let active =
        row.get_datetime("updatedAt").map_or_else(|_| made_at(), |at| DateTime::from_millis(at.timestamp_millis()));
    (keys, active)
}

/// Fills both fields in where they are missing, until none is missing or the time of a run is over.
pub(crate) fn fill_in() -> Result<(), Error> {
    /// As many as a transaction may have.
    const AT_ONCE: u32 = 100;
    /// Short beside the pause between two runs: users come first.
    const RUN: Duration = Duration::from_secs(2);

    let started = time::monotonic();
    let mut filled: u64 = 0;
    while time::monotonic().saturating_sub(started) < RUN {
        // The index over the field has these rows side by side: a run that finds none reads nothing.
        let rows = USERS
            .of::<Document>()
            .find(doc! { SKILL_KEYS: { "$exists": false } })
            .projection(doc! { "skills": 1, "updatedAt": 1 })
            .limit(AT_ONCE)
            .all()?;
        if rows.is_empty() {
            break;
        }
        filled += rows.len() as u64;
        let transaction = rows.into_iter().fold(Transaction::new(), |transaction, row| {
            let (keys, active) = old(&row);
            // An edit meanwhile has both written, newer than these.
            let still = doc! { "_id": row.get("_id").cloned(), SKILL_KEYS: { "$exists": false } };
            let update = doc! { "$set": { SKILL_KEYS: keys }, "$max": { LAST_ACTIVE_AT: active } };
            transaction.update_one(&USERS, still, update, Expect::Anything)
        });
        transaction.commit()?;
    }
    if filled > 0 {
        log::info!("skills of rows of the former system were made comparable", rows = filled);
    }
    Ok(())
}
