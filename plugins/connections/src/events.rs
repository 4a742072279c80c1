//! What others hear of.

use devconnect_sdk::prelude::*;

use crate::request::ConnectionRequest;

/// An event of `connection-events`.
#[derive(Serialize, Event)]
#[serde(rename_all = "camelCase")]
#[event(topic = "connection-events", key = user_id)]
pub(crate) struct ConnectionEvent<'a> {
    event_type: &'static str,
    /// Who did it.
    user_id: Id,
    timestamp: DateTime,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    request_id: Id,
    from_user_id: Id,
    to_user_id: Id,
    status: &'a str,
    timestamp: DateTime,
}

/// Somebody asked, or ignores somebody.
pub(crate) fn requested(request: &ConnectionRequest, now: DateTime) -> ConnectionEvent<'_> {
    event("CONNECTION_REQUEST", request.from_user_id, request, now)
}

/// Somebody answered.
pub(crate) fn reviewed(request: &ConnectionRequest, now: DateTime) -> ConnectionEvent<'_> {
    event("CONNECTION_REVIEW", request.to_user_id, request, now)
}

fn event<'a>(
    event_type: &'static str,
    user_id: Id,
    request: &'a ConnectionRequest,
    now: DateTime,
) -> ConnectionEvent<'a> {
    let data = Data {
        request_id: request.id,
        from_user_id: request.from_user_id,
        to_user_id: request.to_user_id,
        status: &request.status,
        timestamp: now,
    };
    ConnectionEvent { event_type, user_id, timestamp: now, data }
}

/// An event of `notification-events`. Its id is made from what caused it, so that what is published twice is the same event to
/// those who consume it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification<T: Serialize> {
    pub(crate) event_type: &'static str,
    /// Who is to be told.
    pub(crate) user_id: Id,
    pub(crate) timestamp: DateTime,
    pub(crate) data: T,
    #[serde(skip)]
    pub(crate) event_id: String,
}

impl<T: Serialize> Event for Notification<T> {
    const TOPIC: &'static str = "notification-events";

    fn key(&self) -> Option<String> {
        Some(self.user_id.to_string())
    }

    fn headers(&self) -> Vec<(String, String)> {
        vec![("event-id".to_owned(), self.event_id.clone())]
    }
}

/// What a notification about somebody says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    pub(crate) user_id: Id,
    pub(crate) from_user_id: Id,
    pub(crate) message: String,
}

/// What the weekly digest says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Digest {
    pub(crate) user_id: Id,
    /// Requests that wait for an answer.
    pub(crate) pending: u32,
}
