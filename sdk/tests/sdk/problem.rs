use std::time::Duration;

use devconnect_sdk::log::Level;
use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::json;
use devconnect_sdk::test::{App, Reply, Request};

fn answer(problem: fn() -> Problem) -> (Reply, App) {
    let app = App::new(Router::new().get("/", public(move || Err::<(), _>(problem()))));
    (app.call(Request::get("/")), app)
}

#[test]
fn a_problem_is_a_document_of_rfc_9457() {
    let (reply, _) = answer(|| {
        Problem::too_many_requests("The limit of your tier is reached")
            .with("tier", "free")
            .with("limit", 10)
            .with("used", 10)
            .with_retry_after(Duration::from_millis(1_200))
    });
    assert_eq!((reply.status(), reply.media()), (429, &Media::Problem));
    assert_eq!(reply.header("retry-after"), Some("2"));
    assert_eq!(
        reply.value(),
        json!({
            "type": "about:blank",
            "title": "Too Many Requests",
            "status": 429,
            "detail": "The limit of your tier is reached",
            "message": "The limit of your tier is reached",
            "requestId": "test-request",
            "tier": "free",
            "limit": 10,
            "used": 10,
        })
    );
}

#[test]
fn a_cause_is_for_the_log_alone() {
    let (reply, app) = answer(|| Problem::internal("the password of the database is hunter2"));
    assert_eq!(reply.status(), 500);
    assert!(!reply.text().contains("hunter2"), "{reply:?}");
    let lines = app.platform().lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].level, Level::Error);
    assert!(lines[0].message.contains("hunter2"));
}

#[test]
fn errors_of_capabilities_have_their_answer() {
    for (kind, status) in [
        (ErrorKind::Denied, 500),
        (ErrorKind::Invalid, 500),
        (ErrorKind::Conflict, 409),
        (ErrorKind::NotFound, 404),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::Timeout, 503),
        (ErrorKind::TooLarge, 413),
    ] {
        let fail = move || Err::<(), _>(Error::new(kind, "documents.find users: secret detail"));
        let app = App::new(Router::new().get("/", public(fail)));
        let reply = app.call(Request::get("/"));
        assert_eq!(reply.status(), status, "{kind:?}");
        assert!(!reply.text().contains("secret"), "{reply:?}");
        assert_eq!(reply.header("retry-after").is_some(), status == 503, "{kind:?}");
        assert!(app.platform().lines()[0].message.contains("secret"));
    }
}

#[test]
fn the_pause_is_the_one_that_the_capability_knows() {
    let error = Error::new(ErrorKind::Unavailable, "x").with_retry_after(Duration::from_secs(7));
    let app = App::new(Router::new().get("/", public(move || Err::<(), _>(Problem::from(error.clone())))));
    assert_eq!(app.call(Request::get("/")).header("retry-after"), Some("7"));
}
