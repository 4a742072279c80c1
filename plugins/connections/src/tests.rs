//! The plugin on a platform in memory.

mod digests;
mod feeds;
mod lists;
mod notifications;
mod outages;
mod quotas;
mod ranking;
mod requests;
mod reviews;
mod scores;

use devconnect_sdk::bson::Document;
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

/// A user of the collection that the plugin `auth` writes.
fn user(app: &App, first_name: &str) -> Id {
    user_with(app, first_name, doc! {})
}

fn user_with(app: &App, first_name: &str, more: Document) -> Id {
    let id = Id::new();
    let mut row = doc! {
        "_id": id, "firstName": first_name, "lastName": "Example", "password": "a hash",
        "emailId": format!("{}@example.com", first_name.to_lowercase()),
    };
    row.extend(more);
    app.platform().put_documents("users", [row]);
    id
}

/// A user with skills, as `auth` stores them.
fn skilled(app: &App, first_name: &str, skills: &[&str], active: &str) -> Id {
    let keys: Vec<String> = skills.iter().map(|skill| crate::skills::normal(skill)).collect();
    let active: DateTime = active.parse().unwrap();
    user_with(app, first_name, doc! { "skills": skills.to_vec(), "skillKeys": keys, "lastActiveAt": active })
}

fn send(app: &App, from: Id, status: &str, to: Id) -> Reply {
    app.call(Request::post(format!("/request/send/{status}/{to}")).identity(from.to_string()))
}

/// A request that went through; its id.
fn ask(app: &App, from: Id, to: Id) -> Id {
    let reply = send(app, from, "interested", to);
    assert_eq!(reply.status(), 200, "{reply:?}");
    id(&reply.value()["data"]["_id"])
}

fn review(app: &App, who: Id, status: &str, request: Id) -> Reply {
    app.call(Request::post(format!("/request/review/{status}/{request}")).identity(who.to_string()))
}

fn respond(app: &App, who: Id, request: Id, action: &Value) -> Reply {
    let path = format!("/user/requests/{request}/respond");
    app.call(Request::patch(path).identity(who.to_string()).json(&json!({ "action": action })))
}

/// Two who are connected; the request's id.
fn connect(app: &App, from: Id, to: Id) -> Id {
    let request = ask(app, from, to);
    assert_eq!(review(app, to, "accepted", request).status(), 200);
    request
}

fn get(app: &App, who: Id, path: &str) -> Reply {
    app.call(Request::get(path).identity(who.to_string()))
}

fn id(value: &Value) -> Id {
    value.as_str().unwrap().parse().unwrap()
}

/// A field of each element of a list.
fn each(list: &Value, field: &str) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|element| element[field].clone()).collect()
}

fn events(app: &App, topic: &str) -> Vec<Value> {
    app.platform().events_of(topic).iter().map(|event| event.json()).collect()
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
