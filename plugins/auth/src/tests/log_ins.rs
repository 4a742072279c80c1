use super::*;

#[test]
fn a_session_is_opened() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let reply = log_in(&app, " ADA@example.com ", PASSWORD);
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.value()["_id"], json!(member.id), "the bare user");
    assert_eq!(reply.value()["firstName"], "Ada");
    let second = Member { id: member.id.clone(), token: reply.cookie("token").unwrap().to_owned() };
    assert_ne!(second.token, member.token, "each log-in is a session of its own");
    assert_eq!((view(&app, &member).status(), view(&app, &second).status()), (200, 200));
    // The former system failed here: the user is cached now.
    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).status(), 200);
}

#[test]
fn the_event_tells_from_where() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let form = json!({ "emailId": "ada@example.com", "password": PASSWORD });
    app.call(Request::post("/login").json(&form).from("198.51.100.7"));
    let events = events_of(&app, "user-events", "USER_LOGIN");
    let now = "2026-11-24T09:30:00.250Z";
    let expected = json!([{
        "eventType": "USER_LOGIN",
        "userId": member.id,
        "timestamp": now,
        "data": {
            "emailId": "ada@example.com", "loginTime": now,
            "ipAddress": "198.51.100.7", "ip": "198.51.100.7", "timestamp": now,
        },
    }]);
    assert_eq!(json!(events), expected);
    assert_eq!(app.platform().events().last().unwrap().key.as_deref(), Some(member.id.as_str()));
}

#[test]
fn wrong_address_and_wrong_password_look_the_same() {
    let app = app();
    sign_up(&app, "Ada");
    let wrong_password = log_in(&app, "ada@example.com", "Wrong-Horse-1");
    let wrong_address = log_in(&app, "bob@example.com", PASSWORD);
    let no_address = log_in(&app, "nonsense", "");
    assert_problem(&wrong_password, 401);
    for reply in [&wrong_address, &no_address] {
        assert_eq!((reply.status(), reply.value()), (401, wrong_password.value()));
        assert_eq!((reply.cookie("token"), reply.header("set-cookie")), (None, None));
    }
    assert!(events_of(&app, "user-events", "USER_LOGIN").is_empty());
}

#[test]
fn what_is_no_text_is_refused() {
    let app = app();
    sign_up(&app, "Ada");
    for (field, form) in [
        ("password", json!({ "emailId": "ada@example.com", "password": { "$ne": "" } })),
        ("emailId", json!({ "emailId": { "$gt": "" }, "password": PASSWORD })),
        ("password", json!({ "emailId": "ada@example.com" })),
        ("password", json!({ "emailId": "ada@example.com", "password": "x".repeat(1_025) })),
    ] {
        let reply = app.call(Request::post("/login").json(&form));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field]);
    }
}

#[test]
fn an_outdated_hash_verifies_and_is_replaced() {
    let app = app();
    let outdated = Platform::outdated_hash("old password");
    app.platform().put_documents(
        "users",
        [doc! {
            "_id": Id::new(), "firstName": "Eve", "emailId": "eve@example.com", "password": &outdated,
        }],
    );
    assert_eq!(log_in(&app, "eve@example.com", "wrong").status(), 401);
    assert_eq!(app.platform().documents("users")[0].get_str("password").unwrap(), outdated);

    assert_eq!(log_in(&app, "eve@example.com", "old password").status(), 200);
    let renewed = app.platform().documents("users")[0].get_str("password").unwrap().to_owned();
    assert_ne!(renewed, outdated);
    assert_eq!(log_in(&app, "eve@example.com", "old password").status(), 200);
    assert_eq!(app.platform().documents("users")[0].get_str("password").unwrap(), renewed, "once");
}

#[test]
fn a_user_without_a_readable_hash_cannot_log_in() {
    let app = app();
    app.platform().put_documents(
        "users",
        [
            doc! { "_id": Id::new(), "firstName": "No", "emailId": "no@example.com" },
            doc! { "_id": Id::new(), "firstName": "Nil", "emailId": "nil@example.com", "password": null },
        ],
    );
    for email in ["no@example.com", "nil@example.com"] {
        for password in ["", "null", PASSWORD] {
            assert_eq!(log_in(&app, email, password).status(), 401);
        }
    }
}

#[test]
fn the_cached_address_is_only_where_to_look() {
    let app = app();
    let ada = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    assert_eq!(app.platform().cached::<String>("user:email:ada@example.com"), Some(ada.id.clone()));
    // An entry that is wrong, as one from before a change of addresses may be.
    app.platform().run(|| {
        const WRONG: Key<String> = Key::lasting("user:email:{}");
        WRONG.set("ada@example.com", &bob.id).unwrap();
    });
    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).value()["_id"], json!(ada.id));
}
