//! Rows as the former system, or a person at a shell, left them.

use super::*;

fn put(app: &App, mut row: devconnect_sdk::bson::Document) -> Member {
    let id = Id::new();
    row.insert("_id", id);
    row.insert("password", Platform::outdated_hash(PASSWORD));
    let email = row.get_str("emailId").unwrap().to_owned();
    app.platform().put_documents("users", [row]);
    let reply = log_in(app, &email, PASSWORD);
    assert_eq!(reply.status(), 200, "{reply:?}");
    Member { id: id.to_string(), token: reply.cookie("token").unwrap().to_owned() }
}

#[test]
fn a_row_may_lack_all_that_is_optional() {
    let app = app();
    let member = put(&app, doc! { "firstName": "Eve", "emailId": "eve@example.com" });
    let expected = json!({
        "_id": member.id,
        "firstName": "Eve",
        "lastName": "",
        "emailId": "eve@example.com",
        "photoUrl": crate::user::DEFAULT_PHOTO,
        "about": crate::user::DEFAULT_ABOUT,
        "skills": [],
        "emailPreferences":
            { "welcomeEmail": true, "connectionRequests": true, "loginSuggestions": true, "marketingEmails": false },
        "isPremium": false,
        "membershipTier": "free",
        "role": "user",
    });
    assert_eq!(view(&app, &member).value(), expected);
    assert_eq!(app.call(member.signs(Request::get("/email-preferences"))).status(), 200);
    let reply = patch(&app, &member, "/email-preferences", json!({ "marketingEmails": true }));
    assert_eq!(reply.value()["emailPreferences"]["marketingEmails"], true);
    assert_eq!(reply.value()["emailPreferences"]["welcomeEmail"], true, "the others keep their defaults");
}

#[test]
fn a_row_may_have_null_and_doubles() {
    let app = app();
    let member = put(
        &app,
        doc! {
            "firstName": "Eve", "lastName": null, "emailId": "eve@example.com", "age": 30.0, "gender": null,
            "photoUrl": null, "about": null, "skills": null, "emailPreferences": { "marketingEmails": true },
            "isPremium": null, "membershipTier": null, "role": null, "createdAt": null, "updatedAt": null, "__v": 3.0,
            "phone": { "verified": true },
        },
    );
    let user = view(&app, &member).value();
    assert_eq!((&user["age"], &user["lastName"], &user["skills"]), (&json!(30), &json!(""), &json!([])));
    assert_eq!(user["emailPreferences"]["marketingEmails"], true);
    assert_eq!(user["emailPreferences"]["welcomeEmail"], true);
    assert_eq!((&user["membershipTier"], &user["role"]), (&json!("free"), &json!("user")));
}

#[test]
fn what_is_not_ours_stays_in_the_row() {
    let app = app();
    let member = put(
        &app,
        doc! {
            "firstName": "Eve", "emailId": "eve@example.com", "phone": "123", "__v": 3, "age": 30,
        },
    );
    patch(&app, &member, "/profile/edit", json!({ "about": "x", "age": "" }));
    let rows = app.platform().documents("users");
    assert_eq!((rows[0].get_str("phone").unwrap(), rows[0].get_i32("__v").unwrap()), ("123", 3));
    assert!(!rows[0].contains_key("age"));
}
