//! Asking a user for a connection, or ignoring the user.

use devconnect_sdk::prelude::*;

use crate::caller::{Caller, gone};
use crate::events;
use crate::quota::Quota;
use crate::request::{ConnectionRequest, IGNORE, INTERESTED, REQUESTS, Row, between};
use crate::user::{self, Party};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    #[schemars(extend("enum" = [INTERESTED, IGNORE]))]
    status: String,
    to_user_id: Id,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    pub(crate) message: String,
    pub(crate) data: ConnectionRequest,
}

/// The first try of a user's first request of a day finds no count to go up; a further one meets another request's.
const TRIES: usize = 3;

pub(crate) fn send(Caller(from): Caller, Path(target): Path<Target>) -> Result<Json<Answer>, Problem> {
    let Target { status, to_user_id: to } = target;
    if ![INTERESTED, IGNORE].contains(&status.as_str()) {
        return Err(Problem::invalid("status", "must be interested or ignore"));
    }
    if from == to {
        return Err(Problem::invalid("toUserId", "must not be yourself"));
    }
    let mut parties = user::by_id::<Party>(&[from, to])?;
    let sender = parties.remove(&from).ok_or_else(gone)?;
    let receiver = parties.remove(&to).ok_or_else(|| Problem::not_found("There is no such user"))?;

    let now = DateTime::now();
    let request = ConnectionRequest::new(from, to, &status, now);
    let quota = if status == INTERESTED { Quota::of(from, sender.membership_tier, now) } else { None };
    store(&request, quota.as_ref(), now)?;

    let (from, to) = (sender.first_name, receiver.first_name);
    let message =
        if status == INTERESTED { format!("{from} is interested in {to}") } else { format!("{from} ignored {to}") };
    Ok(Json(Answer { message, data: request }))
}

/// Stores a request and its event, and counts it, in one commit.
fn store(request: &ConnectionRequest, quota: Option<&Quota>, now: DateTime) -> Result<(), Problem> {
    let pair = || between(request.from_user_id, request.to_user_id);
    if let Some(Err(over)) = quota.map(Quota::glance) {
        return Err(if REQUESTS.exists(pair())? { present() } else { over });
    }
    for _ in 0..TRIES {
        let mut transaction =
            Transaction::new().check(&REQUESTS, pair(), Expect::None).insert(&REQUESTS.of::<Row<'_>>(), &request.row());
        if let Some(quota) = quota {
            transaction = quota.count(transaction);
        }
        match (transaction.publish(&events::requested(request, now)).commit(), quota) {
            (Ok(Outcome::Committed(_)), quota) => {
                if let Some(quota) = quota {
                    quota.tell();
                }
                return Ok(());
            }
            (Ok(Outcome::Unmet(0)), _) => return Err(present()),
            (Ok(Outcome::Unmet(_)), Some(quota)) => quota.explain()?,
            (Ok(Outcome::Unmet(_)), None) => break,
            // The index over `pair`: the other one asked at the same moment.
            (Err(error), _) if error.is_conflict() => return Err(present()),
            (Err(error), _) => return Err(error.into()),
        }
    }
    Err(Problem::conflict("Too many requests at once, please try again"))
}

fn present() -> Problem {
    Problem::bad_request("connection request already present")
}
