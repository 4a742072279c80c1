use super::*;

#[test]
fn requests_received_show_who_asks() {
    let app = app();
    let bob = user(&app, "Bob");
    let ada = user_with(&app, "Ada", doc! { "photoUrl": "https://example.com/ada.png", "about": "secret" });
    let request = ask(&app, ada, bob);
    let reply = get(&app, bob, "/user/requests/received");
    assert_eq!(reply.status(), 200, "{reply:?}");
    let answer = reply.value();
    assert!(answer["message"].is_string());
    let expected = json!([{
        "_id": request,
        "fromUserId":
            { "_id": ada, "firstName": "Ada", "lastName": "Example", "photoUrl": "https://example.com/ada.png" },
        "toUserId": bob,
        "status": "interested",
        "createdAt": NOW,
        "updatedAt": NOW,
    }]);
    assert_eq!(answer["data"], expected);
    assert_eq!(get(&app, ada, "/user/requests/received").value()["data"], json!([]), "what one sent is not received");
}

#[test]
fn only_pending_ones_are_there() {
    let app = app();
    let bob = user(&app, "Bob");
    let [first, second, third, fourth] = ["A", "B", "C", "D"].map(|name| user(&app, name));
    let waiting = ask(&app, first, bob);
    connect(&app, second, bob);
    let rejected = ask(&app, third, bob);
    review(&app, bob, "rejected", rejected);
    send(&app, fourth, "ignore", bob);
    let list = get(&app, bob, "/user/requests/received").value();
    assert_eq!(each(&list["data"], "_id"), [json!(waiting)]);
}

#[test]
fn the_newest_come_first_in_pages() {
    let app = app();
    let bob = user(&app, "Bob");
    let mut requests: Vec<Id> = (0..5).map(|index| ask(&app, user(&app, &format!("User{index}")), bob)).collect();
    requests.reverse();
    let page = |query: &str| {
        let list = get(&app, bob, &format!("/user/requests/received{query}")).value();
        each(&list["data"], "_id").iter().map(id).collect::<Vec<Id>>()
    };
    assert_eq!(page(""), requests);
    assert_eq!(page("?limit=2"), requests[..2]);
    assert_eq!(page(&format!("?limit=2&before={}", requests[1])), requests[2..4]);
    assert_eq!(page(&format!("?limit=100000&before={}", requests[3])), requests[4..]);
    assert_eq!(page("?before=&limit="), requests);
    for (nonsense, field) in
        [("?limit=0", "limit"), ("?limit=-1", "limit"), ("?limit=x", "limit"), ("?before=1", "before")]
    {
        let reply = get(&app, bob, &format!("/user/requests/received{nonsense}"));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field]);
    }
}

#[test]
fn a_hundred_are_there_unless_asked() {
    let app = app();
    let bob = user(&app, "Bob");
    for index in 0..101 {
        ask(&app, user(&app, &format!("User{index}")), bob);
    }
    let count = |query: &str| {
        let list = get(&app, bob, &format!("/user/requests/received{query}")).value();
        list["data"].as_array().unwrap().len()
    };
    assert_eq!((count(""), count("?limit=101")), (100, 101));
}

#[test]
fn connections_are_the_other_side() {
    let app = app();
    let [ada, bob, eve] = ["Ada", "Bob", "Eve"].map(|name| {
        user_with(&app, name, doc! { "age": 30.0, "gender": "others", "skills": ["rust"], "phone": "123" })
    });
    connect(&app, ada, bob);
    connect(&app, eve, ada);
    let safe = |id: Id, name: &str| {
        json!({
            "_id": id, "firstName": name, "lastName": "Example", "age": 30, "gender": "others", "skills": ["rust"],
            "photoUrl": "https://www.gravatar.com/avatar/?d=mp&s=200", "about": "This is a default about of the user",
            "isPremium": false, "membershipTier": "free",
        })
    };
    let list = get(&app, ada, "/user/connections").value();
    assert_eq!(list["data"], json!([safe(eve, "Eve"), safe(bob, "Bob")]));
    assert!(list["message"].is_string());
    assert_eq!(get(&app, bob, "/user/connections").value()["data"], json!([safe(ada, "Ada")]));
}

#[test]
fn who_only_asked_is_no_connection() {
    let app = app();
    let [ada, bob, eve] = ["Ada", "Bob", "Eve"].map(|name| user(&app, name));
    ask(&app, ada, bob);
    let rejected = ask(&app, eve, ada);
    review(&app, ada, "rejected", rejected);
    for who in [ada, bob, eve] {
        assert_eq!(get(&app, who, "/user/connections").value()["data"], json!([]));
    }
}

#[test]
fn connections_come_in_pages_by_the_users_id() {
    let app = app();
    let ada = user(&app, "Ada");
    let mut others: Vec<Id> = (0..5).map(|index| user(&app, &format!("User{index}"))).collect();
    // Connected in another order than they signed up in.
    others.swap(0, 3);
    for (index, other) in others.iter().enumerate() {
        if index % 2 == 0 {
            connect(&app, ada, *other)
        } else {
            connect(&app, *other, ada)
        };
    }
    others.reverse();
    let page = |query: &str| {
        let list = get(&app, ada, &format!("/user/connections{query}")).value();
        each(&list["data"], "_id").iter().map(id).collect::<Vec<Id>>()
    };
    assert_eq!(page(""), others);
    assert_eq!(page("?limit=2"), others[..2]);
    assert_eq!(page(&format!("?limit=2&before={}", others[1])), others[2..4]);
    assert_eq!(page(&format!("?before={}", others[3])), others[4..]);
    assert_eq!(page(&format!("?before={}", others[4])), []);
}

#[test]
fn rows_of_the_former_system_are_shown() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    let row = |from: Id, to: Id, status: &str| {
        doc! { "_id": Id::new(), "fromUserId": from, "toUserId": to, "status": status, "__v": 0 }
    };
    let eve = user_with(
        &app,
        "Eve",
        doc! { "photoUrl": null, "about": null, "skills": null, "membershipTier": null, "isPremium": null, "age": null },
    );
    // The former system stored both of two crossing requests, and forgot users who were deleted.
    app.platform().put_documents(
        "connectionrequests",
        [
            row(ada, bob, "accepted"),
            row(bob, ada, "accepted"),
            row(eve, ada, "interested"),
            row(Id::new(), ada, "interested"),
            row(Id::new(), ada, "accepted"),
        ],
    );
    let connections = get(&app, ada, "/user/connections").value();
    assert_eq!(each(&connections["data"], "_id"), [json!(bob)]);
    let received = get(&app, ada, "/user/requests/received").value();
    assert_eq!(each(&received["data"], "fromUserId")[0]["_id"], json!(eve));
    assert_eq!(received["data"].as_array().unwrap().len(), 1);
    let request = received["data"][0]["_id"].as_str().unwrap().parse().unwrap();
    let accepted = review(&app, ada, "accepted", request);
    assert_eq!(accepted.status(), 200, "{accepted:?}");
    let connections = get(&app, ada, "/user/connections").value();
    assert_eq!(each(&connections["data"], "membershipTier"), [json!("free"), json!("free")]);
}
