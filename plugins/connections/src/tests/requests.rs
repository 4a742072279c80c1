use devconnect_sdk::bson::{Bson, DateTime as BsonDateTime};

use super::*;

#[test]
fn somebody_is_interested_in_somebody() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let reply = send(&app, ada, "interested", bob);
    assert_eq!(reply.status(), 200, "{reply:?}");
    let answer = reply.value();
    assert_eq!(answer["message"], "Ada is interested in Bob");
    let expected = json!({
        "_id": answer["data"]["_id"],
        "fromUserId": ada,
        "toUserId": bob,
        "status": "interested",
        "createdAt": NOW,
        "updatedAt": NOW,
    });
    assert_eq!(answer["data"], expected);
}

#[test]
fn it_is_stored_as_mongoose_does() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let request = ask(&app, bob, ada);
    let rows = app.platform().documents("connectionrequests");
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let now = Bson::DateTime(BsonDateTime::from_millis(app.platform().now().millis()));
    assert!(ada < bob);
    let expected = doc! {
        "_id": request, "fromUserId": bob, "toUserId": ada, "status": "interested", "createdAt": now.clone(), "updatedAt": now,
        "pair": format!("{ada}:{bob}"), "__v": 0,
    };
    assert_eq!(*row, expected);
}

#[test]
fn the_event_is_in_the_same_commit() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let request = ask(&app, ada, bob);
    let [event] = &app.platform().events_of("connection-events")[..] else { panic!("one event") };
    assert_eq!(event.key, Some(ada.to_string()));
    let expected = json!({
        "eventType": "CONNECTION_REQUEST",
        "userId": ada,
        "timestamp": NOW,
        "data": { "requestId": request, "fromUserId": ada, "toUserId": bob, "status": "interested", "timestamp": NOW },
    });
    assert_eq!(event.json(), expected);

    assert_problem(&send(&app, ada, "interested", bob), 400);
    assert_eq!(app.platform().events().len(), 1, "what was refused tells of nothing");
}

#[test]
fn somebody_is_ignored() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let reply = send(&app, ada, "ignore", bob);
    assert_eq!((reply.status(), &reply.value()["data"]["status"]), (200, &json!("ignore")));
    assert_eq!(events(&app, "connection-events")[0]["data"]["status"], "ignore");
    assert_eq!(get(&app, bob, "/user/requests/received").value()["data"], json!([]));
    assert!(app.platform().documents("connection_days").is_empty(), "it counts against no limit");
}

#[test]
fn two_users_have_one_request() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let first = ask(&app, ada, bob);
    for (from, to) in [(ada, bob), (bob, ada)] {
        for status in ["interested", "ignore"] {
            let reply = send(&app, from, status, to);
            assert_problem(&reply, 400);
            assert_eq!(reply.value()["message"], "connection request already present");
        }
    }
    review(&app, bob, "rejected", first);
    assert_problem(&send(&app, bob, "interested", ada), 400);
    assert_eq!(app.platform().documents("connectionrequests").len(), 1);
}

#[test]
fn a_request_of_the_former_system_counts_in_both_directions() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    app.platform().put_documents(
        "connectionrequests",
        [doc! { "_id": Id::new(), "fromUserId": ada, "toUserId": bob, "status": "accepted", "__v": 0 }],
    );
    for (from, to) in [(ada, bob), (bob, ada)] {
        let reply = send(&app, from, "interested", to);
        assert_eq!((reply.status(), &reply.value()["message"]), (400, &json!("connection request already present")));
    }
}

/// What the look-up in both directions does not see yet, the index refuses.
#[test]
fn of_two_that_cross_one_is_stored() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let mut crossing = app.platform().documents("connectionrequests");
    assert!(crossing.is_empty());
    // As a row of the other direction is after the look-up of this one: only its `pair` can be seen.
    crossing.push(doc! { "_id": Id::new(), "pair": format!("{}:{}", ada.min(bob), ada.max(bob)) });
    app.platform().put_documents("connectionrequests", crossing);
    let reply = send(&app, bob, "interested", ada);
    assert_eq!((reply.status(), &reply.value()["message"]), (400, &json!("connection request already present")));
    assert_eq!(app.platform().documents("connectionrequests").len(), 1);
    assert!(app.platform().events().is_empty());
    let day = app.platform().documents("connection_days").pop();
    assert!(day.is_none_or(|day| day.get_i64("count").unwrap_or(0) == 0), "what was not stored does not count");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    for status in ["accepted", "rejected", "interest", "Interested", "%24ne"] {
        let reply = send(&app, ada, status, bob);
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), ["status"]);
    }
    for target in ["1", "zzzzzzzzzzzzzzzzzzzzzzzz", "%7B%22$ne%22:null%7D"] {
        let path = format!("/request/send/interested/{target}");
        let reply = app.call(Request::post(path).identity(ada.to_string()));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), ["toUserId"]);
    }
    assert_problem(&send(&app, ada, "interested", ada), 400);
    assert_problem(&send(&app, ada, "interested", Id::new()), 404);
    assert_problem(&send(&app, ada, "ignore", Id::new()), 404);
    assert!(app.platform().documents("connectionrequests").is_empty() && app.platform().events().is_empty());
}

#[test]
fn a_session_is_needed() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    assert_eq!(app.call(Request::post(format!("/request/send/interested/{bob}"))).status(), 401);
    let deleted = Id::new();
    assert_problem(&send(&app, deleted, "interested", ada), 401);
    assert_problem(&get(&app, deleted, "/feed"), 401);
}
