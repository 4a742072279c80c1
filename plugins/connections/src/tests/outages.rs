use devconnect_sdk::test::Store;

use super::*;

#[test]
fn without_documents_nothing_is_half_done() {
    let app = app();
    let [ada, bob, eve] = ["Ada", "Bob", "Eve"].map(|name| user(&app, name));
    let request = ask(&app, ada, bob);
    app.platform().take_away(Store::Documents);
    let refused = [
        send(&app, ada, "interested", eve),
        send(&app, ada, "ignore", eve),
        review(&app, bob, "accepted", request),
        respond(&app, bob, request, &json!("accept")),
        get(&app, bob, "/user/requests/received"),
        get(&app, bob, "/user/connections"),
        get(&app, bob, "/feed"),
        get(&app, bob, "/feed?ml=true"),
    ];
    for reply in refused {
        assert_problem(&reply, 503);
        assert!(reply.header("retry-after").is_some());
    }
    assert_eq!(app.platform().events().len(), 1);
    app.platform().bring_back(Store::Documents);
    assert_eq!(app.platform().documents("connectionrequests").len(), 1);
    assert_eq!(review(&app, bob, "accepted", request).status(), 200);
}

#[test]
fn without_the_cache_all_goes_on() {
    let app = app();
    let ada = skilled(&app, "Ada", &["rust"], NOW);
    let [bob, eve] = ["Bob", "Eve"].map(|name| skilled(&app, name, &["rust"], NOW));
    app.platform().take_away(Store::Cache);
    connect(&app, ada, bob);
    for (path, count) in [("/user/connections", 1), ("/feed", 1), ("/feed?ml=true", 1)] {
        let reply = get(&app, ada, path);
        assert_eq!((reply.status(), reply.value()["data"].as_array().unwrap().len()), (200, count), "{path}");
    }
    assert_eq!(get(&app, ada, "/feed").value()["data"][0]["_id"], json!(eve));
}

#[test]
fn events_wait_for_the_broker() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    app.platform().take_away(Store::Events);
    connect(&app, ada, bob);
    assert_eq!(events(&app, "connection-events").len(), 2);
}

#[test]
fn a_notification_waits_for_documents() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    ask(&app, ada, bob);
    let deliveries: Vec<_> =
        app.platform().events_of("connection-events").iter().map(|event| event.delivered()).collect();
    app.platform().take_away(Store::Documents);
    let failed = app.platform().run(|| crate::consumer().handle(&deliveries));
    assert!(matches!(failed[..], [Err(Failure::Retry(_))]), "{failed:?}");
    assert!(app.platform().run(|| crate::schedules().run("weekly-digest")).unwrap_err().is_away());
    app.platform().bring_back(Store::Documents);
    assert!(events(&app, "notification-events").is_empty());
    assert_eq!(app.platform().run(|| crate::consumer().handle(&deliveries)), [Ok(())]);
    assert_eq!(events(&app, "notification-events").len(), 1);
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
