use devconnect_sdk::filter::Kind;
use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::json;
use devconnect_sdk::test::{App, Request};

fn filter(head: &Head) -> Result<Next, Problem> {
    assert_eq!(head.kind, Kind::Http);
    match head.headers().bearer().as_deref() {
        None => Ok(Next::pass().with_header("x-seen", head.route.as_str())),
        Some("blocked") => Err(Problem::forbidden("You are blocked")),
        Some("moved") => Ok(Next::respond(Response::new(308)).with_header("location", "/else")),
        Some(name) => Ok(Next::identified(Identity::new(name, "s", 1).with_claims(&json!({ "role": "admin" }))?)),
    }
}

fn who(identity: Option<Identity>) -> String {
    identity.map_or("nobody".to_owned(), |identity| identity.subject)
}

fn app() -> App {
    let routes = Router::new()
        .get("/public", public(who))
        .get("/optional/{x}", optional(who))
        .get("/session", session(who))
        .get("/admin", role("admin", who));
    App::new(routes).with_filter(filter)
}

#[test]
fn public_routes_are_not_filtered() {
    assert_eq!(app().call(Request::get("/public").bearer("ada")).text(), "nobody");
    assert_eq!(app().call(Request::get("/public").bearer("blocked")).status(), 200);
}

#[test]
fn the_identity_reaches_the_handler_and_the_guard() {
    assert_eq!(app().call(Request::get("/optional/1").bearer("ada")).text(), "ada");
    assert_eq!(app().call(Request::get("/session").bearer("ada")).text(), "ada");
    assert_eq!(app().call(Request::get("/admin").bearer("ada")).text(), "ada");
    assert_eq!(app().call(Request::get("/session")).status(), 401);
}

#[test]
fn a_filter_adds_headers_or_answers_itself() {
    let reply = app().call(Request::get("/optional/1"));
    assert_eq!((reply.text(), reply.header("x-seen")), ("nobody", Some("/optional/{x}")));
    assert_eq!(app().call(Request::get("/optional/1").bearer("blocked")).status(), 403);
    let reply = app().call(Request::get("/optional/1").bearer("moved"));
    assert_eq!((reply.status(), reply.header("location")), (308, Some("/else")));
}

#[test]
fn one_call_leaves_nothing_to_the_next() {
    let app = app();
    assert_eq!(app.call(Request::get("/optional/1").bearer("ada")).text(), "ada");
    assert_eq!(app.call(Request::get("/optional/1")).text(), "nobody");
}
