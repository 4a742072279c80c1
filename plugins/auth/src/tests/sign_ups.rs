use devconnect_sdk::bson::{Bson, DateTime as BsonDateTime};

use super::*;

fn form() -> Value {
    json!({ "firstName": " Ada ", "lastName": "Lovelace", "emailId": "  Ada@Example.COM ", "password": PASSWORD })
}

#[test]
fn an_account_is_opened_with_a_session() {
    let app = app();
    let reply = app.call(Request::post("/signup").json(&form()));
    assert_eq!(reply.status(), 200, "{reply:?}");
    let answer = reply.value();
    assert_eq!(answer["message"], "User added successfully");
    let user = &answer["data"];
    let expected = json!({
        "_id": user["_id"],
        "firstName": "Ada",
        "lastName": "Lovelace",
        "emailId": "ada@example.com",
        "photoUrl": crate::user::DEFAULT_PHOTO,
        "about": crate::user::DEFAULT_ABOUT,
        "skills": [],
        "emailPreferences":
            { "welcomeEmail": true, "connectionRequests": true, "loginSuggestions": true, "marketingEmails": false },
        "isPremium": false,
        "membershipTier": "free",
        "role": "user",
        "createdAt": "2026-11-24T09:30:00.250Z",
        "updatedAt": "2026-11-24T09:30:00.250Z",
    });
    assert_eq!(*user, expected);
    assert!(text(&user["_id"]).parse::<Id>().is_ok());

    let token = reply.cookie("token").unwrap();
    let member = Member { id: text(&user["_id"]), token: token.to_owned() };
    assert_eq!(view(&app, &member).value(), expected);
    let cookie = reply.header("set-cookie").unwrap();
    assert_eq!(cookie, format!("token={token}; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax"));
}

#[test]
fn it_is_stored_as_mongoose_does() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let rows = app.platform().documents("users");
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row.get_object_id("_id").unwrap().to_hex(), member.id);
    assert_eq!(row.get("__v"), Some(&Bson::Int32(0)));
    let now = Bson::DateTime(BsonDateTime::from_millis(app.platform().now().millis()));
    assert_eq!((row.get("createdAt"), row.get("updatedAt")), (Some(&now), Some(&now)));
    let hash = row.get_str("password").unwrap();
    assert!(!hash.is_empty() && hash != PASSWORD);
    assert_eq!(row.get_str("emailId").unwrap(), "ada@example.com");
}

#[test]
fn the_event_is_in_the_same_commit() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let [event] = &app.platform().events_of("user-events")[..] else { panic!("one event") };
    assert_eq!(event.key.as_deref(), Some(member.id.as_str()));
    let now = "2026-11-24T09:30:00.250Z";
    let expected = json!({
        "eventType": "USER_SIGNUP",
        "userId": member.id,
        "timestamp": now,
        "data": { "firstName": "Ada", "lastName": "Example", "emailId": "ada@example.com", "signupTime": now },
    });
    assert_eq!(event.json(), expected);

    let again = app.call(Request::post("/signup").json(&form()));
    assert_eq!(again.status(), 400);
    assert_eq!(app.platform().events().len(), 1, "what was refused tells of nothing");
}

#[test]
fn an_address_has_one_account() {
    let app = app();
    sign_up(&app, "Ada");
    let reply = app.call(Request::post("/signup").json(&form()));
    assert_problem(&reply, 400);
    assert_eq!(reply.invalid_fields(), ["emailId"]);
    assert_eq!(reply.cookie("token"), None);
    assert_eq!(app.platform().documents("users").len(), 1);
}

#[test]
fn the_last_name_may_be_absent_or_empty() {
    for (index, last_name) in [None, Some(json!("")), Some(json!("  ")), Some(Value::Null)].into_iter().enumerate() {
        let app = app();
        let mut form = form();
        match last_name {
            None => drop(form.as_object_mut().unwrap().remove("lastName")),
            Some(value) => form["lastName"] = value,
        }
        let reply = app.call(Request::post("/signup").json(&form));
        assert_eq!((reply.status(), &reply.value()["data"]["lastName"]), (200, &json!("")), "{index}");
    }
}

#[test]
fn each_rule_names_its_field() {
    let long = "x".repeat(51);
    let cases = [
        ("firstName", json!("A")),
        ("firstName", json!("  A  ")),
        ("firstName", json!("")),
        ("firstName", json!("A\u{7}da")),
        ("firstName", json!(long)),
        ("firstName", json!(5)),
        ("firstName", Value::Null),
        ("lastName", json!("L")),
        ("lastName", json!(long)),
        ("lastName", json!({ "$gt": "" })),
        ("emailId", json!("ada")),
        ("emailId", json!("ada@example")),
        ("emailId", json!("")),
        ("emailId", json!({ "$ne": null })),
        ("password", json!("Sh0rt-1")),
        ("password", json!("no-upper-case-1")),
        ("password", json!("NO-LOWER-CASE-1")),
        ("password", json!("No-Digit-At-All")),
        ("password", json!("NoSymbolAtAll1")),
        ("password", json!("No Symbol At 1")),
        ("password", json!(format!("Aa1-{}", "x".repeat(125)))),
    ];
    for (field, value) in cases {
        let app = app();
        let mut form = form();
        form[field] = value.clone();
        let reply = app.call(Request::post("/signup").json(&form));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field], "{value}");
        assert!(app.platform().documents("users").is_empty());
    }
    for field in ["firstName", "emailId", "password"] {
        let mut form = form();
        form.as_object_mut().unwrap().remove(field);
        let reply = app().call(Request::post("/signup").json(&form));
        assert_eq!((reply.status(), reply.invalid_fields()), (400, vec![field.to_owned()]));
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let reply = app().call(Request::post("/signup").json(&json!({
        "firstName": "A", "lastName": "L", "emailId": "nobody", "password": "x",
    })));
    assert_eq!(reply.invalid_fields(), ["firstName", "lastName", "emailId", "password"]);
    let nonsense = app().call(Request::post("/signup").body("{"));
    assert_problem(&nonsense, 400);
}

#[test]
fn the_longest_and_the_shortest_pass() {
    for (first_name, password) in
        [("Al", "Aa1-5678".to_owned()), (&*"é".repeat(50), format!("Aa1-{}", "ü".repeat(124)))]
    {
        let app = app();
        let mut form = form();
        form["firstName"] = json!(first_name);
        form["password"] = json!(password);
        assert_eq!(app.call(Request::post("/signup").json(&form)).status(), 200);
        assert_eq!(log_in(&app, "ada@example.com", &password).status(), 200);
    }
}

#[test]
fn an_address_too_long_for_a_key_works_all_the_same() {
    let app = app();
    let email = format!("{}@{}.example.com", "a".repeat(64), "b".repeat(60));
    let mut form = form();
    form["emailId"] = json!(email);
    let reply = app.call(Request::post("/signup").json(&form));
    let member = Member { id: String::new(), token: reply.cookie("token").unwrap().to_owned() };
    assert!(member.token.len() > 512);
    assert_eq!(view(&app, &member).status(), 200);
    assert_eq!(log_out(&app, &member).status(), 200);
    assert_eq!(view(&app, &member).status(), 401);
}

#[test]
fn in_production_cookies_cross_sites_over_tls_alone() {
    let app = app();
    app.platform().set_setting("production", true);
    let reply = app.call(Request::post("/signup").json(&form()));
    assert!(reply.header("set-cookie").unwrap().ends_with("; HttpOnly; SameSite=None; Secure"));
    let gone = app.call(Request::post("/logout"));
    assert_eq!(gone.header("set-cookie"), Some("token=; Path=/; Max-Age=0; HttpOnly; SameSite=None; Secure"));
}

#[test]
fn an_address_has_one_account_also_where_no_index_says_so() {
    // As after an index that somebody made with other options: that is logged, and not fatal.
    let app = App::new(crate::routes()).with_filter(crate::filter::filter);
    let ada = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    assert_eq!(app.call(Request::post("/signup").json(&form())).invalid_fields(), ["emailId"]);
    let edit = patch(&app, &bob, "/profile/edit", json!({ "emailId": "ada@example.com" }));
    assert_eq!(edit.invalid_fields(), ["emailId"]);
    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).value()["_id"], json!(ada.id));
}
