use super::*;

#[test]
fn a_request_is_answered() {
    for status in ["accepted", "rejected"] {
        let app = app();
        let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
        let request = ask(&app, ada, bob);
        app.platform().advance(std::time::Duration::from_secs(60));
        let reply = review(&app, bob, status, request);
        assert_eq!(reply.status(), 200, "{reply:?}");
        let answer = reply.value();
        assert_eq!(answer["message"], format!("Connection request {status}"));
        let expected = json!({
            "_id": request,
            "fromUserId": ada,
            "toUserId": bob,
            "status": status,
            "createdAt": NOW,
            "updatedAt": "2026-11-24T09:31:00.250Z",
        });
        assert_eq!(answer["data"], expected);
        let row = app.platform().documents("connectionrequests").pop().unwrap();
        assert_eq!(row.get_str("status").unwrap(), status);
        assert_eq!(row.get_datetime("updatedAt").unwrap().timestamp_millis(), app.platform().now().millis());
        assert_eq!((row.get_i32("__v").unwrap(), row.contains_key("pair")), (0, true));
    }
}

#[test]
fn its_event_is_of_who_answered() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let request = connect(&app, ada, bob);
    let event = app.platform().events_of("connection-events").pop().unwrap();
    assert_eq!(event.key, Some(bob.to_string()));
    let expected = json!({
        "eventType": "CONNECTION_REVIEW",
        "userId": bob,
        "timestamp": NOW,
        "data": { "requestId": request, "fromUserId": ada, "toUserId": bob, "status": "accepted", "timestamp": NOW },
    });
    assert_eq!(event.json(), expected);
}

#[test]
fn only_the_receiver_reviews_and_only_once() {
    let app = app();
    let [ada, bob, eve] = ["Ada", "Bob", "Eve"].map(|name| user(&app, name));
    let request = ask(&app, ada, bob);
    for who in [ada, eve] {
        assert_problem(&review(&app, who, "accepted", request), 404);
    }
    assert_problem(&review(&app, bob, "accepted", Id::new()), 404);
    assert_problem(&review(&app, bob, "interested", request), 400);
    assert_problem(&review(&app, bob, "accept", request), 400);
    let malformed = app.call(Request::post("/request/review/accepted/1").identity(bob.to_string()));
    assert_problem(&malformed, 400);
    assert_eq!(review(&app, bob, "accepted", request).status(), 200);
    for status in ["accepted", "rejected"] {
        assert_problem(&review(&app, bob, status, request), 404);
    }
    assert_eq!(events(&app, "connection-events").len(), 2);
}

#[test]
fn an_ignored_user_has_nothing_to_review() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let ignored = id(&send(&app, ada, "ignore", bob).value()["data"]["_id"]);
    assert_problem(&review(&app, bob, "accepted", ignored), 404);
    assert_problem(&respond(&app, bob, ignored, &json!("accept")), 404);
}

#[test]
fn respond_is_the_other_way_to_review() {
    for (action, status) in [("accept", "accepted"), ("reject", "rejected")] {
        let app = app();
        let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
        let request = ask(&app, ada, bob);
        let reply = respond(&app, bob, request, &json!(action));
        assert_eq!(reply.status(), 200, "{reply:?}");
        let answer = reply.value();
        assert_eq!((&answer["data"]["_id"], &answer["data"]["status"]), (&json!(request), &json!(status)));
        assert!(answer["message"].is_string());
        assert_eq!(events(&app, "connection-events")[1]["eventType"], "CONNECTION_REVIEW");
    }
}

#[test]
fn respond_says_why_not() {
    let app = app();
    let [ada, bob, eve] = ["Ada", "Bob", "Eve"].map(|name| user(&app, name));
    let request = ask(&app, ada, bob);
    for action in [json!("accepted"), json!(""), json!(null), json!(1), json!({ "$ne": "" })] {
        let reply = respond(&app, bob, request, &action);
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), ["action"], "{action}");
    }
    let path = format!("/user/requests/{request}/respond");
    assert_problem(&app.call(Request::patch(path).identity(bob.to_string()).body("{")), 400);
    for who in [ada, eve] {
        assert_problem(&respond(&app, who, request, &json!("accept")), 403);
    }
    assert_problem(&respond(&app, bob, Id::new(), &json!("accept")), 404);
    assert_eq!(respond(&app, bob, request, &json!("reject")).status(), 200);
    for action in ["accept", "reject"] {
        assert_problem(&respond(&app, bob, request, &json!(action)), 409);
    }
}
