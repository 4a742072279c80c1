use devconnect_sdk::bson::Bson;

use super::*;

#[test]
fn every_field_can_be_edited() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().advance(minutes(1));
    let reply = patch(
        &app,
        &member,
        "/profile/edit",
        json!({
            "firstName": " Augusta ", "lastName": "King", "emailId": " Countess@Example.com ",
            "photoUrl": "https://example.com/a.png", "gender": "female", "age": 36, "about": "Mathematics",
            "skills": [" Rust ", "Analytical Engine", ""],
        }),
    );
    assert_eq!(reply.status(), 200, "{reply:?}");
    let answer = reply.value();
    assert_eq!(answer["message"], "Profile updated successfully");
    let user = &answer["data"];
    assert_eq!((&user["firstName"], &user["lastName"]), (&json!("Augusta"), &json!("King")));
    assert_eq!((&user["emailId"], &user["age"]), (&json!("countess@example.com"), &json!(36)));
    assert_eq!((&user["photoUrl"], &user["gender"]), (&json!("https://example.com/a.png"), &json!("female")));
    assert_eq!((&user["about"], &user["skills"]), (&json!("Mathematics"), &json!(["Rust", "Analytical Engine"])));
    assert_eq!(
        (&user["createdAt"], &user["updatedAt"]),
        (&json!("2026-11-24T09:30:00.250Z"), &json!("2026-11-24T09:31:00.250Z"))
    );
    assert_eq!(view(&app, &member).value(), *user);
    assert_eq!(app.platform().documents("users")[0].get("age"), Some(&Bson::Int32(36)), "as mongoose stores it");
}

#[test]
fn the_event_names_the_fields() {
    let app = app();
    let member = sign_up(&app, "Ada");
    patch(&app, &member, "/profile/edit", json!({ "age": 36, "about": "x" }));
    let now = "2026-11-24T09:30:00.250Z";
    let expected = json!([{
        "eventType": "PROFILE_UPDATED", "userId": member.id, "timestamp": now,
        "data": { "fieldsChanged": ["age", "about"], "updateTime": now },
    }]);
    assert_eq!(json!(events_of(&app, "user-events", "PROFILE_UPDATED")), expected);
    assert_eq!(app.platform().events().pop().unwrap().key, Some(member.id.clone()));
    let nothing = patch(&app, &member, "/profile/edit", json!({}));
    assert_eq!((nothing.status(), &nothing.value()["data"]["about"]), (200, &json!("x")));
    assert_eq!(events_of(&app, "user-events", "PROFILE_UPDATED").len(), 1, "nothing changed");
}

#[test]
fn empty_means_unset() {
    for empty in [json!(""), Value::Null, json!("  ")] {
        let app = app();
        let member = sign_up(&app, "Ada");
        let filled = json!({ "age": 36, "gender": "female", "photoUrl": "http://example.com/a", "lastName": "L2" });
        assert_eq!(patch(&app, &member, "/profile/edit", filled).status(), 200);
        let body = json!({ "age": empty, "gender": empty, "photoUrl": empty, "lastName": empty });
        let reply = patch(&app, &member, "/profile/edit", body);
        assert_eq!(reply.status(), 200, "{empty}: {reply:?}");
        let user = &reply.value()["data"];
        assert_eq!((user.get("age"), user.get("gender")), (None, None));
        assert_eq!((&user["photoUrl"], &user["lastName"]), (&json!(crate::user::DEFAULT_PHOTO), &json!("")));
    }
}

#[test]
fn an_age_may_be_a_text_as_forms_have_it() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let reply = patch(&app, &member, "/profile/edit", json!({ "age": " 36 " }));
    assert_eq!(reply.value()["data"]["age"], 36);
}

#[test]
fn each_rule_names_its_field() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let before = view(&app, &member).value();
    let url = format!("https://example.com/{}", "x".repeat(2_048));
    let eleven: Vec<_> = (0..11).map(|number| format!("skill {number}")).collect();
    for (field, value) in [
        ("firstName", json!("A")),
        ("firstName", json!("")),
        ("firstName", Value::Null),
        ("firstName", json!(1)),
        ("lastName", json!("K")),
        ("emailId", json!("nobody")),
        ("emailId", json!("")),
        ("emailId", json!({ "$gt": "" })),
        ("photoUrl", json!("ftp://example.com/a.png")),
        ("photoUrl", json!("javascript:alert(1)")),
        ("photoUrl", json!(url)),
        ("gender", json!("Female")),
        ("gender", json!("robot")),
        ("age", json!(12)),
        ("age", json!(121)),
        ("age", json!(30.5)),
        ("age", json!("thirty")),
        ("age", json!("NaN")),
        ("age", json!([30])),
        ("about", json!("x".repeat(1_001))),
        ("about", json!(5)),
        ("skills", json!(eleven)),
        ("skills", json!(["x".repeat(51)])),
        ("skills", json!("Rust")),
        ("skills", json!([1])),
        ("password", json!("Other-Horse-1")),
        ("role", json!("admin")),
        ("isPremium", json!(true)),
        ("membershipTier", json!("gold")),
        ("_id", json!("0123456789abcdef01234567")),
        ("$set", json!({ "role": "admin" })),
        ("sessionGeneration", json!(7)),
    ] {
        let reply = patch(&app, &member, "/profile/edit", json!({ field: value }));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field], "{value}");
    }
    assert_eq!(view(&app, &member).value(), before);
    assert!(events_of(&app, "user-events", "PROFILE_UPDATED").is_empty());
}

#[test]
fn the_limits_themselves_pass() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let url = format!("https://example.com/{}", "x".repeat(2_048 - 20));
    assert_eq!(url.len(), 2_048);
    for body in [
        json!({ "age": 13 }),
        json!({ "age": 120 }),
        json!({ "about": "é".repeat(1_000) }),
        json!({ "about": "" }),
        json!({ "skills": vec!["é".repeat(50); 10] }),
        json!({ "skills": [] }),
        json!({ "photoUrl": url }),
        json!({ "gender": "others" }),
    ] {
        assert_eq!(patch(&app, &member, "/profile/edit", body.clone()).status(), 200, "{body}");
    }
    assert_eq!(view(&app, &member).value()["about"], "", "an empty text was chosen");
}

#[test]
fn an_address_of_another_is_refused() {
    let app = app();
    let member = sign_up(&app, "Ada");
    sign_up(&app, "Bob");
    let reply = patch(&app, &member, "/profile/edit", json!({ "emailId": "BOB@example.com", "about": "x" }));
    assert_problem(&reply, 400);
    assert_eq!(reply.invalid_fields(), ["emailId"]);
    assert_eq!(view(&app, &member).value()["about"], crate::user::DEFAULT_ABOUT, "nothing of it was done");
    let own = patch(&app, &member, "/profile/edit", json!({ "emailId": "ada@example.com" }));
    assert_eq!(own.status(), 200, "one's own may be repeated");
}

#[test]
fn a_session_survives_a_new_address() {
    let app = app();
    let member = sign_up(&app, "Ada");
    patch(&app, &member, "/profile/edit", json!({ "emailId": "countess@example.com" }));
    assert_eq!(view(&app, &member).value()["emailId"], "countess@example.com");
    app.platform().clear_cache();
    assert_eq!(view(&app, &member).status(), 200);
}
