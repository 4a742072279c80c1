//! When documents are asked about a session, and when the cache's word is enough.

use devconnect_sdk::test::Store;

use super::*;
use crate::session::era;

#[test]
fn documents_are_not_asked_at_each_request() {
    let app = app();
    let member = sign_up(&app, "Ada");
    assert_eq!(view(&app, &member).status(), 200);
    let before = app.platform().trips(Store::Documents);
    for _ in 0..50 {
        assert_eq!(view(&app, &member).status(), 200);
    }
    assert_eq!(app.platform().trips(Store::Documents), before);
    app.platform().advance(Duration::from_secs(2));
    view(&app, &member);
    view(&app, &member);
    assert_eq!(app.platform().trips(Store::Documents), before + 1, "the lease was renewed, once");
}

#[test]
fn what_the_cache_has_is_checked_again_after_a_while() {
    let app = app();
    let member = sign_up(&app, "Ada");
    assert_eq!(view(&app, &member).status(), 200);
    // A cache that lost the mark of a log-out which it had acknowledged.
    let entry = app.platform().cached::<Value>(&session_key(&member)).unwrap();
    assert_eq!(log_out(&app, &member).status(), 200);
    app.platform().clear_cache();
    put(&app, &session_key(&member), &entry);
    app.platform().advance(minutes(5));
    assert_eq!(view(&app, &member).status(), 401);
}

#[test]
fn a_reader_that_was_late_brings_no_session_back() {
    let app = app();
    let member = sign_up(&app, "Ada");
    assert_eq!(view(&app, &member).status(), 200);
    let entry = app.platform().cached::<Value>(&session_key(&member)).unwrap();
    assert_eq!(log_out(&app, &member).status(), 200);
    put(&app, &session_key(&member), &entry);
    assert_eq!(view(&app, &member).status(), 401);
}

#[test]
fn a_reader_that_was_late_brings_no_password_back() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let other = again(&app, &member, "ada@example.com");
    assert_eq!(view(&app, &other).status(), 200);
    let entry = app.platform().cached::<Value>(&session_key(&other)).unwrap();
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "Better-Horse-2" });
    assert_eq!(patch(&app, &member, "/profile/password", body).status(), 200);
    put(&app, &session_key(&other), &entry);
    assert_eq!(view(&app, &other).status(), 401);
}

#[test]
fn another_instance_knows_of_a_log_out_that_the_cache_missed() {
    let app = app();
    let member = sign_up(&app, "Ada");
    assert_eq!(view(&app, &member).status(), 200);
    // The other one has asked just now, and believes for as long as it may.
    let other = era::swap(None);
    assert!(other.is_some());
    app.platform().take_away(Store::Cache);
    assert_eq!(log_out(&app, &member).status(), 200);
    app.platform().bring_back(Store::Cache);
    era::swap(other);
    assert_eq!(view(&app, &member).status(), 401);
}

#[test]
fn sessions_of_the_era_before_go_on() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    assert_eq!(view(&app, &bob).status(), 200);
    app.platform().take_away(Store::Cache);
    assert_eq!(log_out(&app, &member).status(), 200);
    app.platform().bring_back(Store::Cache);
    assert_eq!(view(&app, &bob).status(), 200);
    let before = app.platform().trips(Store::Documents);
    assert_eq!(view(&app, &bob).status(), 200);
    assert_eq!(app.platform().trips(Store::Documents), before, "and are of the present one now");
}

fn put(app: &App, key: &str, value: &Value) {
    const ANY: Key<Value> = Key::new("{}", Duration::from_secs(3_600));
    app.platform().run(|| ANY.set(key, value)).unwrap();
}
