//! Whom to tell of a request, or of its being accepted: `connection-events` become `notification-events`.
//!
//! An event may arrive twice; the notification is published in the commit that notes the event as processed, and so once.

use devconnect_sdk::documents::Processed;
use devconnect_sdk::prelude::*;

use crate::events::{About, Notification};
use crate::request::{ACCEPTED, INTERESTED};
use crate::user::{self, Party};

pub(crate) const PROCESSED: Collection<Processed> = Collection::new("connections_processed");

/// What is read of an event of `connection-events`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<T> {
    event_type: String,
    data: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    from_user_id: Id,
    to_user_id: Id,
    status: String,
}

pub(crate) fn notify(delivery: &Delivery) -> Result<(), Failure> {
    /// Others may publish what they like as `data`.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Type {
        event_type: String,
    }
    let Type { event_type } = delivery.json()?;
    if !["CONNECTION_REQUEST", "CONNECTION_REVIEW"].contains(&event_type.as_str()) {
        return Ok(());
    }
    let Envelope { event_type, data: request } = delivery.json::<Envelope<Request>>()?;
    let (event_type, receiver, other, what) = match (event_type.as_str(), request.status.as_str()) {
        ("CONNECTION_REQUEST", INTERESTED) => {
            let what = "sent you a connection request";
            ("CONNECTION_REQUEST_NOTIFICATION", request.to_user_id, request.from_user_id, what)
        }
        ("CONNECTION_REVIEW", ACCEPTED) => {
            let what = "accepted your connection request";
            ("CONNECTION_ACCEPTED_NOTIFICATION", request.from_user_id, request.to_user_id, what)
        }
        _ => return Ok(()),
    };
    let name = user::get::<Party>(other)?.map(|party| party.first_name).filter(|name| !name.is_empty());
    let message = format!("{} {what}", name.as_deref().unwrap_or("Somebody"));
    let notification = Notification {
        event_type,
        user_id: receiver,
        timestamp: DateTime::now(),
        data: About { user_id: receiver, from_user_id: other, message },
        event_id: format!("{}.n", delivery.event_id),
    };
    match Transaction::new().once(&PROCESSED, delivery).publish(&notification).commit() {
        // Unmet: it was processed before.
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
