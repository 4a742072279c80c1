//! Requests for a connection, as mongoose stored them and as clients see them.
//!
//! Rows of this plugin have one field more, `pair`: both ids, the lower one first. It is unique where it is a text, so that two
//! users who ask each other at the same moment store one request. Rows of the former system have none: they are found by looking
//! in both directions.

use devconnect_sdk::bson::Document;
use devconnect_sdk::prelude::*;

pub(crate) const REQUESTS: Collection<ConnectionRequest> = Collection::new("connectionrequests");

/// Somebody will not be shown again, and never hears of it.
pub(crate) const IGNORE: &str = "ignore";
/// Somebody is asked, and has not answered.
pub(crate) const INTERESTED: &str = "interested";
pub(crate) const ACCEPTED: &str = "accepted";
pub(crate) const REJECTED: &str = "rejected";

/// A request as clients see it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionRequest {
    #[serde(rename = "_id")]
    pub(crate) id: Id,
    pub(crate) from_user_id: Id,
    pub(crate) to_user_id: Id,
    #[schemars(extend("enum" = [IGNORE, INTERESTED, ACCEPTED, REJECTED]))]
    pub(crate) status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) updated_at: Option<DateTime>,
}

impl ConnectionRequest {
    /// A new one.
    pub(crate) fn new(from: Id, to: Id, status: &str, now: DateTime) -> Self {
        Self {
            id: Id::new(),
            from_user_id: from,
            to_user_id: to,
            status: status.to_owned(),
            created_at: Some(now),
            updated_at: Some(now),
        }
    }

    /// The document to insert, as mongoose would make it.
    pub(crate) fn row(&self) -> Row<'_> {
        let (from, to) = (self.from_user_id, self.to_user_id);
        Row { request: self, pair: format!("{}:{}", from.min(to), from.max(to)), version: 0 }
    }

    /// The one of the two who is not this user.
    pub(crate) fn other(&self, user: Id) -> Id {
        if self.from_user_id == user { self.to_user_id } else { self.from_user_id }
    }
}

/// A document of `connectionrequests` to insert.
#[derive(Serialize)]
pub(crate) struct Row<'a> {
    #[serde(flatten)]
    request: &'a ConnectionRequest,
    pair: String,
    #[serde(rename = "__v")]
    version: i32,
}

/// The requests between two users, in either direction.
pub(crate) fn between(one: Id, other: Id) -> Document {
    doc! { "$or": [{ "fromUserId": one, "toUserId": other }, { "fromUserId": other, "toUserId": one }] }
}

/// The users in a request with this one, in either direction and whatever became of it. In order, each once.
pub(crate) fn counterparts(user: Id) -> Result<Vec<Id>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Ends {
        from_user_id: Id,
        to_user_id: Id,
    }
    let with = doc! { "$or": [{ "fromUserId": user }, { "toUserId": user }] };
    let found =
        REQUESTS.of::<Ends>().find(with).projection(doc! { "_id": 0, "fromUserId": 1, "toUserId": 1 }).rows()?;
    let mut users = found
        .map(|ends| ends.map(|ends| if ends.from_user_id == user { ends.to_user_id } else { ends.from_user_id }))
        .collect::<Result<Vec<_>, _>>()?;
    users.sort_unstable();
    users.dedup();
    Ok(users)
}
