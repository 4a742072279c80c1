use devconnect_sdk::test::Store;

use super::*;

#[test]
fn counting_waits_for_documents() {
    let app = app();
    let ada = Id::new();
    let broken = raw("user-events", "{}");
    let batch =
        [user_event("USER_LOGIN", ada), broken, user_event("USER_ONLINE", ada), user_event("PROFILE_UPDATED", ada)];
    app.platform().take_away(Store::Documents);
    let results = consume(&app, &batch);
    assert!(
        matches!(results[..], [Err(Failure::Retry(_)), Err(Failure::Reject(_)), Err(Failure::Retry(_)), Ok(())]),
        "{results:?}"
    );
    app.platform().bring_back(Store::Documents);
    for collection in ["analytics_totals", "analytics_users", "analytics_series", "analytics_processed"] {
        assert!(app.platform().documents(collection).is_empty(), "nothing is half done: {collection}");
    }
    let again = [batch[0].clone(), batch[2].clone()];
    consume_all(&app, &again);
    let all = summary(&app);
    assert_eq!((&all["logins"], &all["online"]), (&json!(1), &json!(1)));
}

#[test]
fn answers_need_documents() {
    let app = app();
    let ada = Id::new();
    app.platform().take_away(Store::Documents);
    for path in ["/analytics/summary", &format!("/analytics/users/{ada}"), "/analytics/timeseries?metric=logins"] {
        for reply in [get(&app, ada, path), get_as_admin(&app, path)] {
            assert_problem(&reply, 503);
            assert!(reply.header("retry-after").is_some());
        }
    }
}

#[test]
fn what_clients_tell_needs_no_store() {
    let app = app();
    for store in [Store::Documents, Store::Cache, Store::Events] {
        app.platform().take_away(store);
    }
    let post = Request::post("/analytics/events").identity(Id::new().to_string());
    assert_eq!(app.call(post.json(&json!({ "eventType": "PAGE_VIEW" }))).status(), 202);
    assert_eq!(app.platform().events().len(), 1, "the outbox has it");
}

#[test]
fn indexes_wait_for_documents() {
    let platform = Platform::new();
    platform.take_away(Store::Documents);
    assert!(matches!(platform.run(crate::init), Err(InitError::Unavailable(_))));
    platform.bring_back(Store::Documents);
    assert!(platform.run(crate::init).is_ok());
    assert!(platform.run(crate::init).is_ok(), "it may run again");
}
