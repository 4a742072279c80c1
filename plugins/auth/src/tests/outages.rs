use devconnect_sdk::test::Store;

use super::*;

#[test]
fn without_the_cache_all_goes_on() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().take_away(Store::Cache);
    assert_eq!(view(&app, &member).status(), 200);
    assert_eq!(patch(&app, &member, "/profile/edit", json!({ "about": "new" })).status(), 200);
    let second = again(&app, &member, "ada@example.com");
    assert_eq!(view(&app, &second).value()["about"], "new");
    let bob = sign_up(&app, "Bob");
    assert_eq!(log_out(&app, &bob).status(), 200);
    assert_eq!(view(&app, &bob).status(), 401);
}

#[test]
fn without_documents_a_cached_session_counts() {
    let app = app();
    let member = sign_up(&app, "Ada");
    assert_eq!(view(&app, &member).status(), 200);
    app.platform().take_away(Store::Documents);
    assert_eq!(view(&app, &member).status(), 200);
    let refused = patch(&app, &member, "/profile/edit", json!({ "about": "new" }));
    assert_problem(&refused, 503);
    assert!(refused.header("retry-after").is_some());
    assert_problem(&log_in(&app, "ada@example.com", PASSWORD), 503);
    let form = json!({ "firstName": "Bob", "emailId": "bob@example.com", "password": PASSWORD });
    let sign_up = app.call(Request::post("/signup").json(&form));
    assert_problem(&sign_up, 503);
    assert_eq!(sign_up.cookie("token"), None);
    assert_eq!(app.platform().events().len(), 1, "nothing is half done: there is Ada's sign-up, and no more");
    app.platform().bring_back(Store::Documents);
    assert_eq!(app.platform().documents("users").len(), 1);
}

#[test]
fn without_either_nobody_can_tell() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().take_away(Store::Documents);
    app.platform().clear_cache();
    assert_problem(&view(&app, &member), 503);
    app.platform().take_away(Store::Cache);
    let reply = view(&app, &member);
    assert_problem(&reply, 503);
    assert!(reply.header("retry-after").is_some());
    assert_problem(&log_out(&app, &member), 503);
    assert_eq!(app.call(Request::get("/profile/view")).status(), 401, "without a token nothing is asked");
    app.platform().bring_back(Store::Documents);
    assert_eq!(view(&app, &member).status(), 200, "the log-out was refused, so the session is there");
}

#[test]
fn a_log_out_without_the_cache_holds_when_it_is_back_with_old_data() {
    let app = app();
    let member = sign_up(&app, "Ada");
    assert_eq!(view(&app, &member).status(), 200);
    app.platform().take_away(Store::Cache);
    assert_eq!(log_out(&app, &member).status(), 200);
    assert_eq!(view(&app, &member).status(), 401);
    app.platform().bring_back(Store::Cache);
    assert!(app.platform().cached::<Value>(&session_key(&member)).is_some(), "the old entry is back");
    assert_eq!(view(&app, &member).status(), 401);
    assert!(app.platform().cached::<Value>(&session_key(&member)).is_none(), "and is not believed a second time");
    app.platform().take_away(Store::Documents);
    assert_eq!(view(&app, &member).status(), 503);
}

#[test]
fn a_log_out_without_documents_holds_when_they_are_back() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let second = again(&app, &member, "ada@example.com");
    app.platform().take_away(Store::Documents);
    assert_eq!(log_out(&app, &member).status(), 200);
    assert_eq!((view(&app, &member).status(), view(&app, &second).status()), (401, 200));
    app.platform().bring_back(Store::Documents);
    assert_eq!(view(&app, &member).status(), 401);
    assert_eq!(app.platform().documents("revocations").len(), 1, "documents were told");
    app.platform().clear_cache();
    assert_eq!((view(&app, &member).status(), view(&app, &second).status()), (401, 200));
    assert_eq!(events_of(&app, "user-events", "USER_LOGOUT").len(), 1);
}

#[test]
fn a_log_out_without_documents_needs_no_entry() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().clear_cache();
    app.platform().take_away(Store::Documents);
    assert_eq!(log_out(&app, &member).status(), 200);
    app.platform().bring_back(Store::Documents);
    assert_eq!(view(&app, &member).status(), 401);
}

#[test]
fn a_changed_password_holds_without_either_store() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let other = again(&app, &member, "ada@example.com");
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "Better-Horse-2" });
    assert_eq!(patch(&app, &member, "/profile/password", body).status(), 200);
    assert!(app.platform().cached::<Value>(&session_key(&other)).is_some());
    app.platform().take_away(Store::Documents);
    assert_eq!(view(&app, &other).status(), 401, "the cache was told too");
    app.platform().bring_back(Store::Documents);
    app.platform().take_away(Store::Cache);
    assert_eq!(view(&app, &other).status(), 401);
}

#[test]
fn a_password_changed_without_the_cache_holds_when_it_is_back_with_old_data() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let other = again(&app, &member, "ada@example.com");
    app.platform().take_away(Store::Cache);
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "Better-Horse-2" });
    assert_eq!(patch(&app, &member, "/profile/password", body).status(), 200);
    app.platform().bring_back(Store::Cache);
    assert!(app.platform().cached::<Value>(&session_key(&other)).is_some());
    assert_eq!((view(&app, &other).status(), view(&app, &member).status()), (401, 401));
}

#[test]
fn events_wait_for_the_broker() {
    let app = app();
    app.platform().take_away(Store::Events);
    let member = sign_up(&app, "Ada");
    log_in(&app, "ada@example.com", PASSWORD);
    patch(&app, &member, "/profile/edit", json!({ "about": "x" }));
    log_out(&app, &member);
    assert_eq!(app.platform().events_of("user-events").len(), 4);
}

#[test]
fn indexes_wait_for_documents() {
    let platform = Platform::new();
    platform.take_away(Store::Documents);
    assert!(matches!(platform.run(crate::init), Err(InitError::Unavailable(_))));
    platform.bring_back(Store::Documents);
    assert!(platform.run(crate::init).is_ok());
    platform.set_setting("requests-per-minute", "many");
    assert!(matches!(platform.run(crate::init), Err(InitError::Settings(_))));
}
