//! What each event counts as.

use super::*;

fn counted(deliveries: &[Delivery]) -> Value {
    let app = app();
    consume_all(&app, deliveries);
    summary(&app)
}

fn expected(changed: &[(&str, i64)]) -> Value {
    let mut all = json!({
        "signups": 0, "logins": 0, "messages": 0, "requests": 0, "accepted": 0, "profileViews": 0, "online": 0,
    });
    for (name, value) in changed {
        all[*name] = json!(value);
    }
    all
}

#[test]
fn each_type_has_its_counter() {
    let (ada, bob) = (Id::new(), Id::new());
    for (delivery, counter) in [
        (user_event("USER_SIGNUP", ada), Some("signups")),
        (user_event("USER_LOGIN", ada), Some("logins")),
        (user_event("USER_ONLINE", ada), Some("online")),
        (message(ada, bob), Some("messages")),
        (request(ada, bob, "interested"), Some("requests")),
        (request(ada, bob, "ignore"), None),
        (review(ada, bob, "accepted"), Some("accepted")),
        (review(ada, bob, "rejected"), None),
        (view(ada, bob), Some("profileViews")),
        (user_event("USER_LOGOUT", ada), None),
        (user_event("PROFILE_UPDATED", ada), None),
        (event("message-events", "MESSAGE_READ", ada, json!({ "byUserId": ada })), None),
        (event("message-events", "MESSAGE_DELETED", ada, json!({ "messageId": ada })), None),
        (event("analytics-events", "MESSAGE_ANALYTICS", ada, json!({ "userId": ada, "messageCount": 7 })), None),
        (event("analytics-events", "BUTTON_PRESSED", ada, json!({})), None),
    ] {
        let changed: Vec<_> = counter.into_iter().map(|name| (name, 1)).collect();
        assert_eq!(counted(std::slice::from_ref(&delivery)), expected(&changed), "{delivery:?}");
    }
}

#[test]
fn a_type_counts_in_its_own_topic_alone() {
    let (ada, bob) = (Id::new(), Id::new());
    for (mut delivery, topic) in [
        (user_event("USER_SIGNUP", ada), "analytics-events"),
        (message(ada, bob), "analytics-events"),
        (request(ada, bob, "interested"), "user-events"),
        (view(ada, bob), "message-events"),
    ] {
        topic.clone_into(&mut delivery.topic);
        assert_eq!(counted(&[delivery]), expected(&[]));
    }
}

#[test]
fn what_a_client_says_does_not_count() {
    let ada = Id::new();
    let value = json!({
        "eventType": "PROFILE_VIEW", "userId": ada, "timestamp": NOW, "source": "client",
        "data": { "userId": ada, "viewerId": ada, "timestamp": NOW },
    });
    assert_eq!(counted(&[raw("analytics-events", &value.to_string())]), expected(&[]));
}

#[test]
fn users_have_numbers_of_their_own() {
    let app = app();
    let [ada, bob] = [Id::new(), Id::new()];
    consume_all(&app, &[message(ada, bob), message(ada, bob), message(bob, ada), message(ada, ada)]);
    consume_all(&app, &[request(ada, bob, "interested"), review(ada, bob, "accepted"), view(bob, ada), view(ada, ada)]);
    let numbers = |who: Id| get(&app, who, &format!("/analytics/users/{who}")).value();
    let expected = json!({
        "userId": ada, "profileViews": 2, "messagesSent": 3, "messagesReceived": 2, "requestsSent": 1,
        "requestsReceived": 0, "lastSeen": NOW,
    });
    assert_eq!(numbers(ada), expected);
    let expected = json!({
        "userId": bob, "profileViews": 0, "messagesSent": 1, "messagesReceived": 2, "requestsSent": 0,
        "requestsReceived": 1, "lastSeen": NOW,
    });
    assert_eq!(numbers(bob), expected);
}

#[test]
fn the_last_that_was_seen_counts_whatever_comes_later() {
    let app = app();
    let ada = Id::new();
    let at = |at: &str| event_at(at, "user-events", "USER_LOGIN", ada, json!({}));
    let seen = || get(&app, ada, &format!("/analytics/users/{ada}")).value()["lastSeen"].clone();
    assert_eq!(seen(), Value::Null);
    consume_all(&app, &[at("2026-11-24T09:00:00.000Z"), at("2026-11-24T08:00:00.000Z")]);
    assert_eq!(seen(), "2026-11-24T09:00:00.000Z");
    consume_all(&app, &[at("2026-11-24T08:30:00.000Z")]);
    assert_eq!(seen(), "2026-11-24T09:00:00.000Z");
    consume_all(&app, &[event_at("2026-11-24T09:10:00.000Z", "user-events", "USER_OFFLINE", ada, json!({}))]);
    assert_eq!(seen(), "2026-11-24T09:10:00.000Z");
}

#[test]
fn who_is_online_is_counted() {
    let app = app();
    let [ada, bob, eve] = [Id::new(), Id::new(), Id::new()];
    let online = || summary(&app)["online"].clone();
    consume_all(
        &app,
        &[user_event("USER_ONLINE", ada), user_event("USER_ONLINE", bob), user_event("USER_ONLINE", ada)],
    );
    assert_eq!(online(), 2);
    assert_eq!(get(&app, ada, "/analytics/summary").value()["online"], 1);
    consume_all(&app, &[user_event("USER_OFFLINE", ada)]);
    assert_eq!((online(), get(&app, ada, "/analytics/summary").value()["online"].clone()), (json!(1), json!(0)));
    // In one batch the last one counts.
    let went = [user_event("USER_ONLINE", eve), user_event("USER_OFFLINE", eve), user_event("USER_OFFLINE", bob)];
    consume_all(&app, &went);
    assert_eq!(online(), 0);
    consume_all(&app, &[user_event("USER_OFFLINE", eve), user_event("USER_ONLINE", eve)]);
    assert_eq!(online(), 1);
    // Whom nobody said to have gone is gone with the longest session.
    app.platform().advance(std::time::Duration::from_secs(8 * 24 * 60 * 60));
    assert_eq!(online(), 0);
}

#[test]
fn what_is_malformed_is_rejected() {
    let app = app();
    let broken = [
        raw("user-events", ""),
        raw("user-events", "null"),
        raw("user-events", "{}"),
        raw("user-events", r#"{"eventType":7}"#),
        raw("user-events", r#"{"eventType":"USER_LOGIN","userId":"1","data":{}}"#),
        raw("user-events", r#"{"eventType":"USER_LOGIN","timestamp":"yesterday","data":{}}"#),
        raw("message-events", r#"{"eventType":"MESSAGE_SENT"}"#),
        raw("message-events", r#"{"eventType":"MESSAGE_SENT","data":{"fromUserId":"1","toUserId":"2"}}"#),
        raw("connection-events", r#"{"eventType":"CONNECTION_REQUEST","data":{}}"#),
        raw("analytics-events", r#"{"eventType":"PROFILE_VIEW","data":{"userId":null}}"#),
    ];
    let good = user_event("USER_LOGIN", Id::new());
    for delivery in &broken {
        let results = consume(&app, &[delivery.clone(), Delivery { topic: delivery.topic.clone(), ..good.clone() }]);
        assert!(matches!(results[..], [Err(Failure::Reject(_)), Ok(())]), "{results:?} of {delivery:?}");
    }
    assert_eq!(summary(&app)["logins"], 1, "its neighbour was counted, once");
}

#[test]
fn what_is_not_known_is_done() {
    let app = app();
    consume_all(&app, &[raw("user-events", r#"{"eventType":"USER_BLESSED","userId":7,"data":[]}"#)]);
    assert!(app.platform().documents("analytics_processed").is_empty(), "and leaves nothing");
}

#[test]
fn events_of_the_former_system_count() {
    let app = app();
    let ada = Id::new();
    consume_all(
        &app,
        &[
            raw("user-events", r#"{"eventType":"USER_SIGNUP"}"#),
            raw("user-events", &json!({ "eventType": "USER_LOGIN", "userId": ada }).to_string()),
        ],
    );
    let all = summary(&app);
    assert_eq!((&all["signups"], &all["logins"]), (&json!(1), &json!(1)));
    let seen = get(&app, ada, &format!("/analytics/users/{ada}")).value()["lastSeen"].clone();
    assert_eq!(seen, "2026-11-24T09:29:00.000Z", "the record's time");
}
