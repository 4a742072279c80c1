//! How often what happened.

use std::time::Duration;

use devconnect_sdk::prelude::*;

use crate::scope::{Caller, Scope};
use crate::tally::{ALL, TOTALS, Totals, USERS, UserNumbers};

/// No socket outlives its session, and no session this. Who has been online for longer went without anybody's saying so.
const LONGEST_SESSION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    signups: i64,
    logins: i64,
    /// Sent.
    messages: i64,
    /// Sent.
    requests: i64,
    accepted: i64,
    profile_views: i64,
    /// How many are online now.
    online: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserSummary {
    user_id: Id,
    profile_views: i64,
    messages_sent: i64,
    messages_received: i64,
    requests_sent: i64,
    requests_received: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<DateTime>,
}

pub(crate) fn summary(caller: Caller) -> Result<Json<Summary>, Problem> {
    let online_from = DateTime::now().minus(LONGEST_SESSION);
    Ok(Json(match Scope::of(&caller) {
        Scope::Everybody => {
            let totals = TOTALS.get(ALL)?.unwrap_or_default();
            let Totals { signups, logins, messages, requests, accepted, profile_views } = totals;
            // As many documents of an index as there are users online.
            let online = USERS.count(doc! { "onlineSince": { "$gte": online_from } })?;
            Summary { signups, logins, messages, requests, accepted, profile_views, online }
        }
        Scope::User(user) => {
            let numbers = USERS.get(user)?.unwrap_or_default();
            let online = numbers.online_since.is_some_and(|since| since >= online_from);
            let UserNumbers { signups, logins, messages_sent, requests_sent, accepted, profile_views, .. } = numbers;
            Summary {
                signups,
                logins,
                messages: messages_sent,
                requests: requests_sent,
                accepted,
                profile_views,
                online: online.into(),
            }
        }
    }))
}

pub(crate) fn user(caller: Caller, Path(user_id): Path<Id>) -> Result<Json<UserSummary>, Problem> {
    if user_id != caller.id && !caller.is_admin {
        return Err(Problem::forbidden("You can only see your own numbers"));
    }
    let numbers = USERS.get(user_id)?.unwrap_or_default();
    let UserNumbers { profile_views, messages_sent, messages_received, requests_sent, requests_received, .. } = numbers;
    Ok(Json(UserSummary {
        user_id,
        profile_views,
        messages_sent,
        messages_received,
        requests_sent,
        requests_received,
        last_seen: numbers.last_seen,
    }))
}
