//! Profiles.

use super::{check_user, says_no_secret, sign_up, start, stored_user};
use serde_json::json;

#[test]
fn a_profile_is_edited_and_seen_at_once() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    // Into the cache first, so that the edit has something to invalidate.
    ann.client.get("/profile/view").expect(200);
    let edit = json!({
        "firstName": "Anna", "lastName": "Li", "photoUrl": "https://example.com/a.png", "gender": "female", "age": 30,
        "about": "writes tests", "skills": ["Rust", "wasm"],
    });
    let answer = ann.client.patch("/profile/edit", &edit).expect(200).json();
    assert!(answer["message"].is_string());
    check_user(&answer["data"]);
    let seen = ann.client.get("/profile/view").expect(200).json();
    for (field, value) in edit.as_object().unwrap() {
        assert_eq!(&answer["data"][field], value);
        assert_eq!(&seen[field], value);
    }
    let document = stored_user(&host, &ann.id);
    assert_eq!(document.get_str("firstName").unwrap(), "Anna");
    assert!(document.get_datetime("updatedAt").unwrap() >= document.get_datetime("createdAt").unwrap());
}

#[test]
fn empty_age_gender_and_photo_mean_unset() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let first = ann.client.get("/profile/view").expect(200).json();
    let filled = json!({ "age": 30, "gender": "female", "photoUrl": "https://example.com/a.png" });
    ann.client.patch("/profile/edit", &filled).expect(200);
    for empty in
        [json!({ "age": "", "gender": "", "photoUrl": "" }), json!({ "age": null, "gender": null, "photoUrl": null })]
    {
        ann.client.patch("/profile/edit", &filled).expect(200);
        let answer = ann.client.patch("/profile/edit", &empty);
        if empty["age"].is_null() && answer.status == 400 {
            continue;
        }
        let user = answer.expect(200).json();
        assert!(user["data"]["age"].is_null() && user["data"]["gender"].is_null(), "{user}");
        // Without a photo of one's own there is the default picture.
        assert_eq!(user["data"]["photoUrl"], first["photoUrl"]);
    }
}

#[test]
fn the_address_moves_with_its_account() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let ben = sign_up(&host, "Ben");
    ann.client.patch("/profile/edit", &json!({ "emailId": ben.email })).problem(400);
    ann.client.patch("/profile/edit", &json!({ "emailId": " New@Example.com" })).expect(200);
    super::log_in(&host, "new@example.com", super::PASSWORD).1.expect(200);
    let old = super::log_in(&host, "ann@example.com", super::PASSWORD).1;
    assert!(matches!(old.status, 400 | 401), "{old:?}");
}

#[test]
fn only_oneself_can_be_edited() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let ben = sign_up(&host, "Ben");
    ann.client.patch(&format!("/user/{}", ben.id), &json!({ "about": "hacked" })).problem(403);
    let own = ann.client.patch(&format!("/user/{}", ann.id), &json!({ "about": "mine" })).expect(200).json();
    assert_eq!(own["user"]["about"], "mine");
    assert!(own["message"].is_string());
    ann.client.patch(&format!("/user/{}", ann.id), &json!({ "emailId": "else@example.com" })).problem(400);
    assert_ne!(stored_user(&host, &ben.id).get_str("about").unwrap_or_default(), "hacked");
    host.client().patch(&format!("/user/{}", ann.id), &json!({ "about": "x" })).problem(401);
}

#[test]
fn others_see_the_safe_fields_only() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let ben = sign_up(&host, "Ben");
    let safe =
        ["_id", "firstName", "lastName", "photoUrl", "age", "gender", "about", "skills", "isPremium", "membershipTier"];
    // Twice: from the documents, and from the cache.
    for _ in 0..2 {
        let user = ann.client.get(&format!("/user/{}", ben.id)).expect(200).json();
        let fields: Vec<_> = user.as_object().unwrap().keys().cloned().collect();
        assert!(fields.iter().all(|field| safe.contains(&field.as_str())), "{fields:?}");
        assert_eq!(user["firstName"], "Ben");
        says_no_secret(&user);
    }
    ann.client.get("/user/000000000000000000000000").problem(404);
    ann.client.get("/user/nonsense").problem(400);
    host.client().get(&format!("/user/{}", ben.id)).problem(401);
}

#[test]
fn a_profile_survives_the_loss_of_the_cache() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    ann.client.get("/profile/view").expect(200);
    for key in [
        format!("user:{}", ann.id),
        format!("user:email:{}", ann.email),
        format!("session:{}", ann.client.cookies["token"]),
    ] {
        host.client().request("DELETE", &format!("/store/cache/{key}")).send().expect(200);
    }
    assert_eq!(ann.client.get("/profile/view").expect(200).json()["_id"], ann.id.as_str());
    super::log_in(&host, &ann.email, super::PASSWORD).1.expect(200);
}

#[test]
fn nonsense_in_the_cache_is_no_profile() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let key = format!("/store/cache/user:{}", ann.id);
    for nonsense in ["", "{", "null", "[1]", "\u{0}"] {
        host.client().request("PUT", &key).body(nonsense).send().expect(200);
        assert_eq!(ann.client.get("/profile/view").expect(200).json()["firstName"], "Ann", "{nonsense:?}");
    }
}
