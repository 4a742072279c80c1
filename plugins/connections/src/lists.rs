//! Requests that wait, and connections.

use devconnect_sdk::bson::Document;
use devconnect_sdk::prelude::*;

use crate::caller::Caller;
use crate::page::{self, Page};
use crate::request::{ACCEPTED, ConnectionRequest, INTERESTED, REQUESTS, between};
use crate::user::{self, SafeUser, Sender};

#[derive(Serialize, JsonSchema)]
pub(crate) struct List<T> {
    message: &'static str,
    data: Vec<T>,
}

/// A request with who asks in the place of the id.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceivedRequest {
    #[serde(rename = "_id")]
    id: Id,
    from_user_id: Sender,
    to_user_id: Id,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<DateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<DateTime>,
}

pub(crate) fn received(Caller(me): Caller, Query(page): Query<Page>) -> Result<Json<List<ReceivedRequest>>, Problem> {
    let limit = page.limit(100)?;
    let requests = newest(doc! { "toUserId": me, "status": INTERESTED }, page.before, limit)?;
    let senders: Vec<Id> = requests.iter().map(|request| request.from_user_id).collect();
    let mut senders = user::by_id::<Sender>(&senders)?;
    let data = requests.into_iter().filter_map(|request| {
        // A sender who was deleted meanwhile has no request to show.
        let from_user_id = senders.remove(&request.from_user_id)?;
        let ConnectionRequest { id, to_user_id, status, created_at, updated_at, .. } = request;
        Some(ReceivedRequest { id, from_user_id, to_user_id, status, created_at, updated_at })
    });
    Ok(Json(List { message: "Data fetched successfully", data: data.collect() }))
}

pub(crate) fn connections(Caller(me): Caller, Query(page): Query<Page>) -> Result<Json<List<SafeUser>>, Problem> {
    let limit = page.limit(page::MOST)?;
    // Clients see users and not requests: the list goes on behind the request of the user who is named.
    let before = match page.before {
        Some(user) => REQUESTS.find_one(between(me, user))?.map(|request| request.id).or(Some(user)),
        None => None,
    };
    let accepted = doc! { "$or": [{ "toUserId": me, "status": ACCEPTED }, { "fromUserId": me, "status": ACCEPTED }] };
    let users: Vec<Id> = newest(accepted, before, limit)?.iter().map(|request| request.other(me)).collect();
    let mut found = user::by_id::<SafeUser>(&users)?;
    // A pair that the former system stored in both directions is one connection.
    let data = users.iter().filter_map(|id| found.remove(id)).collect();
    Ok(Json(List { message: "Data fetched successfully", data }))
}

/// The newest requests that match, of those before an id. An id begins with its time.
fn newest(mut filter: Document, before: Option<Id>, limit: u32) -> Result<Vec<ConnectionRequest>, Error> {
    if let Some(before) = before {
        filter.insert("_id", doc! { "$lt": before });
    }
    REQUESTS.find(filter).sort(doc! { "_id": -1 }).limit(limit).all()
}
