//! The plugin on a platform in memory.

mod answers;
mod batches;
mod counting;
mod outages;
mod posts;
mod replays;
mod time_series;

use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::{Value, json};
use devconnect_sdk::test::{App, Platform, Reply, Request};

const NOW: &str = "2026-11-24T09:30:00.250Z";

/// The whole plugin with its indexes, at a moment that stands still.
fn app() -> App {
    let platform = Platform::new();
    platform.set_time(NOW.parse().unwrap());
    platform.run(crate::init).unwrap();
    App::on(&platform, crate::routes())
}

fn get(app: &App, who: Id, path: &str) -> Reply {
    app.call(Request::get(path).identity(who.to_string()))
}

fn get_as_admin(app: &App, path: &str) -> Reply {
    app.call(Request::get(path).identity_as(Id::new().to_string(), "admin"))
}

/// Everybody's numbers.
fn summary(app: &App) -> Value {
    let reply = get_as_admin(app, "/analytics/summary");
    assert_eq!(reply.status(), 200, "{reply:?}");
    reply.value()
}

fn consume(app: &App, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
    app.platform().run(|| crate::consumer().handle(deliveries))
}

fn consume_all(app: &App, deliveries: &[Delivery]) {
    let results = consume(app, deliveries);
    assert_eq!(results.len(), deliveries.len());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

/// An event as its topic has it, with an id of its own.
fn event(topic: &str, event_type: &str, user: Id, data: Value) -> Delivery {
    event_at(NOW, topic, event_type, user, data)
}

fn event_at(at: &str, topic: &str, event_type: &str, user: Id, data: Value) -> Delivery {
    let value = json!({ "eventType": event_type, "userId": user, "timestamp": at, "data": data });
    raw(topic, &value.to_string())
}

fn raw(topic: &str, value: &str) -> Delivery {
    Delivery {
        topic: topic.to_owned(),
        partition: 0,
        offset: 0,
        key: None,
        value: value.as_bytes().to_vec(),
        headers: Vec::new(),
        timestamp: "2026-11-24T09:29:00Z".parse().unwrap(),
        event_id: Id::new().to_string(),
        attempt: 1,
    }
}

fn user_event(event_type: &str, user: Id) -> Delivery {
    event("user-events", event_type, user, json!({}))
}

fn message(from: Id, to: Id) -> Delivery {
    let data = json!({ "messageId": Id::new(), "fromUserId": from, "toUserId": to, "text": "hi", "ts": 0 });
    event("message-events", "MESSAGE_SENT", from, data)
}

fn request(from: Id, to: Id, status: &str) -> Delivery {
    let data =
        json!({ "requestId": Id::new(), "fromUserId": from, "toUserId": to, "status": status, "timestamp": NOW });
    event("connection-events", "CONNECTION_REQUEST", from, data)
}

fn review(from: Id, to: Id, status: &str) -> Delivery {
    let data =
        json!({ "requestId": Id::new(), "fromUserId": from, "toUserId": to, "status": status, "timestamp": NOW });
    event("connection-events", "CONNECTION_REVIEW", to, data)
}

fn view(viewer: Id, user: Id) -> Delivery {
    event("analytics-events", "PROFILE_VIEW", viewer, json!({ "userId": user, "viewerId": viewer, "timestamp": NOW }))
}

/// Every error is a problem document with a sentence for the user.
fn assert_problem(reply: &Reply, status: u16) {
    assert_eq!((reply.status(), reply.media()), (status, &Media::Problem), "{reply:?}");
    let problem = reply.value();
    assert_eq!(problem["status"], status);
    for member in ["type", "title", "detail", "message", "requestId"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {problem}");
    }
}
