use super::*;

fn post(app: &App, who: Id, body: &Value) -> Reply {
    app.call(Request::post("/analytics/events").identity(who.to_string()).json(body))
}

#[test]
fn a_client_tells_what_it_saw() {
    let app = app();
    let ada = Id::new();
    let reply = post(&app, ada, &json!({ "eventType": "BUTTON_PRESSED", "data": { "button": "like", "times": 3 } }));
    assert_eq!(reply.status(), 202, "{reply:?}");
    let [event] = &app.platform().events()[..] else { panic!("one event") };
    assert_eq!((event.topic.as_str(), event.key.clone()), ("analytics-events", Some(ada.to_string())));
    let expected = json!({
        "eventType": "BUTTON_PRESSED",
        "userId": ada,
        "timestamp": NOW,
        "data": { "button": "like", "times": 3 },
        "source": "client",
    });
    assert_eq!(event.json(), expected);
    let event_id = event.delivered().event_id;
    assert_eq!(reply.value(), json!({ "eventId": event_id }));
    assert_eq!(event_id.len(), 36);
    let second = post(&app, ada, &json!({ "eventType": "BUTTON_PRESSED" })).value();
    assert_ne!(second["eventId"], json!(event_id));
    assert_eq!(app.platform().events()[1].json()["data"], json!({}));
}

#[test]
fn it_changes_no_counter() {
    let app = app();
    let ada = Id::new();
    for event_type in ["PAGE_VIEW", "___", &"A".repeat(40)] {
        assert_eq!(post(&app, ada, &json!({ "eventType": event_type, "data": null })).status(), 202, "{event_type}");
    }
    let all: Vec<_> = app.platform().events().iter().map(|event| event.delivered()).collect();
    consume_all(&app, &all);
    assert!(app.platform().documents("analytics_totals").is_empty());
}

#[test]
fn nobody_poses_as_the_system() {
    let app = app();
    let (ada, bob) = (Id::new(), Id::new());
    for event_type in crate::effect::RESERVED {
        let reply = post(&app, ada, &json!({ "eventType": event_type, "data": { "userId": bob } }));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), ["eventType"]);
    }
    // The envelope is not the client's to write.
    let forged = json!({
        "eventType": "PAGE_VIEW", "userId": bob, "source": "system", "timestamp": "2020-01-01T00:00:00Z",
        "data": { "userId": bob, "eventType": "PROFILE_VIEW" },
    });
    assert_eq!(post(&app, ada, &forged).status(), 202);
    let told = app.platform().events()[0].json();
    assert_eq!((&told["userId"], &told["source"], &told["timestamp"]), (&json!(ada), &json!("client"), &json!(NOW)));
}

#[test]
fn each_rule_names_its_field() {
    let app = app();
    let ada = Id::new();
    let large = json!({ "text": "x".repeat(4_096) });
    for (body, fields) in [
        (json!({}), vec!["eventType"]),
        (json!({ "eventType": "AB" }), vec!["eventType"]),
        (json!({ "eventType": "A".repeat(41) }), vec!["eventType"]),
        (json!({ "eventType": "Page_View" }), vec!["eventType"]),
        (json!({ "eventType": "PAGE VIEW" }), vec!["eventType"]),
        (json!({ "eventType": "PAGE1" }), vec!["eventType"]),
        (json!({ "eventType": "ÄÖÜ" }), vec!["eventType"]),
        (json!({ "eventType": 7 }), vec!["eventType"]),
        (json!({ "eventType": "PAGE_VIEW", "data": 7 }), vec!["data"]),
        (json!({ "eventType": "PAGE_VIEW", "data": [1] }), vec!["data"]),
        (json!({ "eventType": "PAGE_VIEW", "data": large }), vec!["data"]),
        (json!({ "eventType": "x", "data": large }), vec!["eventType", "data"]),
    ] {
        let reply = post(&app, ada, &body);
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), fields, "{body}");
    }
    // {"text":"…"} has 11 bytes beside the text.
    let most = json!({ "eventType": "PAGE_VIEW", "data": { "text": "x".repeat(4_096 - 11) } });
    assert_eq!(post(&app, ada, &most).status(), 202);
    let more = json!({ "eventType": "PAGE_VIEW", "data": { "text": "x".repeat(4_096 - 10) } });
    assert_eq!(post(&app, ada, &more).status(), 400);
    assert_eq!(app.call(Request::post("/analytics/events").json(&json!({ "eventType": "PAGE_VIEW" }))).status(), 401);
    assert_eq!(app.platform().events().len(), 1);
}
