//! Answering a request.

use devconnect_sdk::prelude::*;

use crate::caller::Caller;
use crate::events;
use crate::request::{ACCEPTED, ConnectionRequest, IGNORE, INTERESTED, REJECTED, REQUESTS};
use crate::send::Answer;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Review {
    #[schemars(extend("enum" = [ACCEPTED, REJECTED]))]
    status: String,
    request_id: Id,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Respond {
    #[schemars(extend("enum" = ["accept", "reject"]))]
    action: String,
}

pub(crate) fn review(Caller(me): Caller, Path(review): Path<Review>) -> Result<Json<Answer>, Problem> {
    let Review { status, request_id } = review;
    if ![ACCEPTED, REJECTED].contains(&status.as_str()) {
        return Err(Problem::invalid("status", "must be accepted or rejected"));
    }
    let waiting = doc! { "_id": request_id, "toUserId": me, "status": INTERESTED };
    let request = REQUESTS.find_one(waiting)?.ok_or_else(unknown)?;
    answer(request, &status)?.ok_or_else(unknown)
}

pub(crate) fn respond(
    Caller(me): Caller,
    Path(id): Path<Id>,
    Json(Respond { action }): Json<Respond>,
) -> Result<Json<Answer>, Problem> {
    let status = match action.as_str() {
        "accept" => ACCEPTED,
        "reject" => REJECTED,
        _ => return Err(Problem::invalid("action", "must be accept or reject")),
    };
    let request = REQUESTS.get(id)?.ok_or_else(unknown)?;
    if request.to_user_id != me {
        return Err(Problem::forbidden("Only who was asked can answer this request"));
    }
    match request.status.as_str() {
        INTERESTED => answer(request, status)?.ok_or_else(answered),
        // Who is ignored does not hear of it.
        IGNORE => Err(unknown()),
        _ => Err(answered()),
    }
}

/// Stores an answer and its event in one commit; `None` if the request was answered meanwhile.
fn answer(mut request: ConnectionRequest, status: &str) -> Result<Option<Json<Answer>>, Problem> {
    let now = DateTime::now();
    status.clone_into(&mut request.status);
    request.updated_at = Some(now);
    let waiting = doc! { "_id": request.id, "toUserId": request.to_user_id, "status": INTERESTED };
    let outcome = Transaction::new()
        .update_one(&REQUESTS, waiting, doc! { "$set": { "status": status, "updatedAt": now } }, Expect::One)
        .publish(&events::reviewed(&request, now))
        .commit()?;
    let message = format!("Connection request {status}");
    Ok(outcome.is_committed().then_some(Json(Answer { message, data: request })))
}

fn unknown() -> Problem {
    Problem::not_found("Connection request not found")
}

fn answered() -> Problem {
    Problem::conflict("This request was answered already")
}
