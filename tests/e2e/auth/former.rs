//! Accounts that the former system stored.

use super::{check_user, insert, log_in, start, stored_user};
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

const PASSWORD: &str = "Former#Pass1";

fn former(email: &str, hash: &str) -> Document {
    doc! {
        "_id": ObjectId::new(), "firstName": "Old", "lastName": "Hand", "emailId": email, "password": hash,
        "age": 44, "gender": "male", "skills": ["node.js"], "isPremium": false,
        "createdAt": DateTime::from_millis(1_600_000_000_000), "updatedAt": DateTime::from_millis(1_600_000_000_000),
        "__v": 3, "aFieldOfTheirOwn": { "kept": true },
    }
}

#[test]
fn a_bcrypt_hash_verifies_and_is_replaced() {
    let host = start();
    let hash = bcrypt::hash(PASSWORD, 5).unwrap();
    assert!(hash.starts_with("$2b$"));
    for (email, hash) in [("b@example.com", hash.clone()), ("a@example.com", hash.replacen("$2b$", "$2a$", 1))] {
        let document = former(email, &hash);
        let id = document.get_object_id("_id").unwrap().to_hex();
        insert(&host, "users", &document);
        let refused = log_in(&host, email, "Wrong#Pass1").1;
        assert!(matches!(refused.status, 400 | 401), "{refused:?}");
        assert_eq!(stored_user(&host, &id).get_str("password").unwrap(), hash);
        let (mut client, answer) = log_in(&host, email, PASSWORD);
        let user = answer.expect(200).json();
        check_user(&user);
        assert_eq!(user["_id"], id.as_str());
        client.get("/profile/view").expect(200);
        let after = stored_user(&host, &id);
        assert!(after.get_str("password").unwrap().starts_with("$argon2id$"), "{after}");
        // Everything else is as it was.
        assert_eq!(after.get_document("aFieldOfTheirOwn").unwrap(), &doc! { "kept": true });
        assert_eq!(after.get("__v"), document.get("__v"));
        assert_eq!(after.get("createdAt"), document.get("createdAt"));
        log_in(&host, email, PASSWORD).1.expect(200);
    }
}

#[test]
fn a_user_with_almost_nothing_is_a_user() {
    let host = start();
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    insert(&host, "users", &doc! { "firstName": "Old", "emailId": "old@example.com", "password": hash });
    let (mut client, answer) = log_in(&host, "old@example.com", PASSWORD);
    let user = answer.expect(200).json();
    for (field, value) in [("membershipTier", "free"), ("firstName", "Old")] {
        assert_eq!(user[field], value, "{user}");
    }
    assert!(user["skills"].is_array() && user["photoUrl"].is_string() && user["about"].is_string(), "{user}");
    assert_eq!(user["emailPreferences"]["welcomeEmail"], true);
    client.patch("/profile/edit", &serde_json::json!({ "about": "still here" })).expect(200);
}

#[test]
fn a_hash_that_cannot_be_read_lets_nobody_in() {
    let host = start();
    for (index, hash) in
        ["", "plain", "$2b$", "$argon2id$v=19$m=1$", "$2b$31$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
            .iter()
            .enumerate()
    {
        let email = format!("u{index}@example.com");
        insert(&host, "users", &former(&email, hash));
        let answer = log_in(&host, &email, PASSWORD).1;
        assert!(matches!(answer.status, 400 | 401), "{hash:?}: {answer:?}");
    }
}
