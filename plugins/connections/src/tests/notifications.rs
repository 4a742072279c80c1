use super::*;

/// All events so far, delivered in order.
fn deliveries(app: &App) -> Vec<Delivery> {
    app.platform().events_of("connection-events").iter().map(|event| event.delivered()).collect()
}

fn consume(app: &App, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
    app.platform().run(|| crate::consumer().handle(deliveries))
}

fn delivery(value: impl Into<Vec<u8>>) -> Delivery {
    Delivery {
        topic: "connection-events".to_owned(),
        partition: 0,
        offset: 7,
        key: None,
        value: value.into(),
        headers: Vec::new(),
        timestamp: NOW.parse().unwrap(),
        event_id: "connection-events-0-7".to_owned(),
        attempt: 1,
    }
}

#[test]
fn the_receiver_hears_of_a_request() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    ask(&app, ada, bob);
    let [event] = &deliveries(&app)[..] else { panic!("one event") };
    assert_eq!(consume(&app, std::slice::from_ref(event)), [Ok(())]);
    let [told] = &app.platform().events_of("notification-events")[..] else { panic!("one notification") };
    assert_eq!(told.key, Some(bob.to_string()));
    let expected = json!({
        "eventType": "CONNECTION_REQUEST_NOTIFICATION",
        "userId": bob,
        "timestamp": NOW,
        "data": { "userId": bob, "fromUserId": ada, "message": "Ada sent you a connection request" },
    });
    assert_eq!(told.json(), expected);
    assert_eq!(told.delivered().event_id, format!("{}.n", event.event_id));
}

#[test]
fn the_sender_hears_of_its_being_accepted() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    connect(&app, ada, bob);
    assert_eq!(consume(&app, &deliveries(&app)), [Ok(()), Ok(())]);
    let told = app.platform().events_of("notification-events").pop().unwrap();
    assert_eq!(told.key, Some(ada.to_string()));
    let value = told.json();
    assert_eq!((&value["eventType"], &value["userId"]), (&json!("CONNECTION_ACCEPTED_NOTIFICATION"), &json!(ada)));
    let data = json!({ "userId": ada, "fromUserId": bob, "message": "Bob accepted your connection request" });
    assert_eq!(value["data"], data);
}

#[test]
fn nobody_hears_of_being_ignored_or_rejected() {
    let app = app();
    let [ada, bob, eve] = ["Ada", "Bob", "Eve"].map(|name| user(&app, name));
    send(&app, ada, "ignore", bob);
    let request = ask(&app, eve, ada);
    review(&app, ada, "rejected", request);
    assert!(consume(&app, &deliveries(&app)).iter().all(Result::is_ok));
    let told = events(&app, "notification-events");
    assert_eq!(each(&json!(told), "eventType"), [json!("CONNECTION_REQUEST_NOTIFICATION")]);
}

#[test]
fn twice_delivered_is_once_told() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    connect(&app, ada, bob);
    let all = deliveries(&app);
    for _ in 0..3 {
        assert!(consume(&app, &all).iter().all(Result::is_ok));
        assert!(consume(&app, &all[1..]).iter().all(Result::is_ok));
    }
    assert_eq!(events(&app, "notification-events").len(), 2);
    assert_eq!(app.platform().documents("connections_processed").len(), 2);
}

#[test]
fn a_poison_record_is_rejected_and_others_go_on() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    ask(&app, ada, bob);
    let broken = [
        delivery("no JSON"),
        delivery(vec![0xff, 0xfe]),
        delivery("{}"),
        delivery(r#"{"eventType":"CONNECTION_REQUEST"}"#),
        delivery(
            r#"{"eventType":"CONNECTION_REQUEST","data":{"fromUserId":"1","toUserId":"2","status":"interested"}}"#,
        ),
    ];
    let mut all = broken.to_vec();
    all.extend(deliveries(&app));
    let results = consume(&app, &all);
    assert!(results[..5].iter().all(|result| matches!(result, Err(Failure::Reject(_)))), "{results:?}");
    assert_eq!(results[5], Ok(()));
    assert_eq!(events(&app, "notification-events").len(), 1);
}

#[test]
fn what_is_not_known_is_left_alone() {
    let app = app();
    let unknown = delivery(r#"{"eventType":"CONNECTION_BLESSED","data":7}"#);
    assert_eq!(consume(&app, &[unknown]), [Ok(())]);
    assert!(app.platform().events().is_empty());
}

#[test]
fn a_user_who_was_deleted_has_no_name() {
    let app = app();
    let value = json!({
        "eventType": "CONNECTION_REQUEST",
        "data": { "fromUserId": Id::new(), "toUserId": Id::new(), "status": "interested" },
    });
    assert_eq!(consume(&app, &[delivery(value.to_string())]), [Ok(())]);
    assert_eq!(events(&app, "notification-events")[0]["data"]["message"], "Somebody sent you a connection request");
}
