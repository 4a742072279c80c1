//! The plugin on a platform in memory.

mod activity;
mod admin;
mod caching;
mod documents;
mod edits;
mod eras;
mod limits;
mod log_ins;
mod outages;
mod passwords;
mod preferences;
mod sessions;
mod sign_ups;
mod users;

use std::time::Duration;

use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::{Value, json};
use devconnect_sdk::test::{App, Platform, Reply, Request};

const PASSWORD: &str = "Correct-Horse-1";

/// The whole plugin: routes, filter and indexes, at a moment that stands still.
fn app() -> App {
    let platform = Platform::new();
    platform.set_time("2026-11-24T09:30:00.250Z".parse().unwrap());
    on(&platform)
}

fn on(platform: &Platform) -> App {
    crate::session::era::swap(None);
    platform.run(crate::init).unwrap();
    App::on(platform, crate::routes()).with_filter(crate::filter::filter)
}

/// Somebody with a session.
struct Member {
    id: String,
    token: String,
}

impl Member {
    fn signs(&self, request: Request) -> Request {
        request.cookie("token", &self.token)
    }
}

fn sign_up(app: &App, first_name: &str) -> Member {
    let form = json!({
        "firstName": first_name,
        "lastName": "Example",
        "emailId": format!("{}@example.com", first_name.to_lowercase()),
        "password": PASSWORD,
    });
    // Each from an address of its own: the limits are another test's.
    let reply = app.call(Request::post("/signup").json(&form).from(first_name));
    assert_eq!(reply.status(), 200, "{reply:?}");
    Member { id: text(&reply.value()["data"]["_id"]), token: reply.cookie("token").unwrap().to_owned() }
}

fn log_in(app: &App, email: &str, password: &str) -> Reply {
    app.call(Request::post("/login").json(&json!({ "emailId": email, "password": password })))
}

/// A further session of the same user.
fn again(app: &App, member: &Member, email: &str) -> Member {
    let reply = log_in(app, email, PASSWORD);
    assert_eq!(reply.status(), 200, "{reply:?}");
    Member { id: member.id.clone(), token: reply.cookie("token").unwrap().to_owned() }
}

fn view(app: &App, member: &Member) -> Reply {
    app.call(member.signs(Request::get("/profile/view")))
}

fn patch(app: &App, member: &Member, path: &str, body: Value) -> Reply {
    app.call(member.signs(Request::patch(path)).json(&body))
}

fn log_out(app: &App, member: &Member) -> Reply {
    app.call(member.signs(Request::post("/logout")))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The events of a type, as their consumers see them.
fn events_of(app: &App, topic: &str, event_type: &str) -> Vec<Value> {
    let events = app.platform().events_of(topic);
    events.iter().map(|event| event.json()).filter(|event| event["eventType"] == event_type).collect()
}

fn session_key(member: &Member) -> String {
    format!("session:{}", member.token)
}

fn minutes(number: u64) -> Duration {
    Duration::from_secs(number * 60)
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
