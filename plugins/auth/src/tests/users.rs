use super::*;

#[test]
fn anybody_with_a_session_sees_the_safe_fields() {
    let app = app();
    let ada = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    patch(&app, &ada, "/profile/edit", json!({ "age": 36, "gender": "female" }));
    let reply = app.call(bob.signs(Request::get(format!("/user/{}", ada.id))));
    let expected = json!({
        "_id": ada.id,
        "firstName": "Ada",
        "lastName": "Example",
        "photoUrl": crate::user::DEFAULT_PHOTO,
        "age": 36,
        "gender": "female",
        "about": crate::user::DEFAULT_ABOUT,
        "skills": [],
        "isPremium": false,
        "membershipTier": "free",
    });
    assert_eq!((reply.status(), reply.value()), (200, expected));
}

#[test]
fn a_view_is_told() {
    let app = app();
    let ada = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    app.call(bob.signs(Request::get(format!("/user/{}", ada.id))));
    let [event] = &app.platform().events_of("analytics-events")[..] else { panic!("one event") };
    let now = "2026-11-24T09:30:00.250Z";
    let expected = json!({
        "eventType": "PROFILE_VIEW", "userId": bob.id, "timestamp": now,
        "data": { "userId": ada.id, "viewerId": bob.id, "timestamp": now },
    });
    assert_eq!((event.json(), event.key.as_deref()), (expected, Some(bob.id.as_str())));
}

#[test]
fn unknown_and_malformed_ids_are_told_apart() {
    let app = app();
    let ada = sign_up(&app, "Ada");
    assert_problem(&app.call(ada.signs(Request::get(format!("/user/{}", Id::new())))), 404);
    let malformed = app.call(ada.signs(Request::get("/user/42")));
    assert_problem(&malformed, 400);
    assert_eq!(malformed.invalid_fields(), ["userId"]);
    assert!(app.platform().events_of("analytics-events").is_empty());
}

#[test]
fn one_changes_oneself_and_nobody_else() {
    let app = app();
    let ada = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    let path = format!("/user/{}", ada.id);
    let reply = patch(&app, &ada, &path, json!({ "about": "mine", "skills": ["Rust"] }));
    assert_eq!(reply.status(), 200, "{reply:?}");
    assert_eq!(reply.value()["message"], "User updated successfully");
    assert_eq!(
        (&reply.value()["user"]["about"], &reply.value()["user"]["emailId"]),
        (&json!("mine"), &json!("ada@example.com"))
    );

    for body in [json!({ "about": "theirs" }), json!({ "nonsense": true })] {
        assert_problem(&patch(&app, &bob, &path, body), 403);
    }
    assert_eq!(view(&app, &ada).value()["about"], "mine");
    assert_eq!(events_of(&app, "user-events", "PROFILE_UPDATED").len(), 1);
}

#[test]
fn the_address_is_not_among_the_fields() {
    let app = app();
    let ada = sign_up(&app, "Ada");
    let path = format!("/user/{}", ada.id);
    for field in ["emailId", "password", "role"] {
        let reply = patch(&app, &ada, &path, json!({ field: "x@example.com" }));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field]);
    }
    assert_eq!(patch(&app, &ada, &path, json!({ "age": 5 })).invalid_fields(), ["age"]);
}
