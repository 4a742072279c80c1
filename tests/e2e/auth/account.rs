//! Sign up, log in, log out.

use super::{PASSWORD, check_user, faulty_fields, log_in, sign_up, start, stored, stored_user};
use bson::doc;
use serde_json::json;

#[test]
fn a_person_signs_up_logs_out_and_logs_in() {
    let host = start();
    let mut client = host.client();
    let body =
        json!({ "firstName": "Ann", "lastName": "Lee", "emailId": "  Ann.Lee@Example.COM ", "password": PASSWORD });
    let answer = client.post("/signup", &body).expect(200);
    let signed_up = answer.json();
    assert_eq!(signed_up["message"], "User added successfully");
    check_user(&signed_up["data"]);
    assert_eq!(signed_up["data"]["emailId"], "ann.lee@example.com");
    assert_eq!(signed_up["data"]["membershipTier"], "free");
    assert_eq!(signed_up["data"]["isPremium"], false);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("token="), "{cookie}");
    let lower = cookie.to_lowercase();
    for part in ["httponly", "samesite=lax", "path=/", "max-age=28800"] {
        assert!(lower.contains(part), "no {part} in {cookie}");
    }
    assert!(!lower.contains("secure"), "{cookie}");

    let profile = client.get("/profile/view").expect(200).json();
    assert_eq!(profile["_id"], signed_up["data"]["_id"]);
    check_user(&profile);

    let out = client.request("POST", "/logout").body("").send().expect(200);
    assert_eq!(out.text(), "Logout successful");
    assert!(client.cookies.is_empty(), "the cookie is still there: {out:?}");
    client.get("/profile/view").problem(401);

    let (mut client, answer) = log_in(&host, "ANN.LEE@example.com", PASSWORD);
    let user = answer.expect(200).json();
    check_user(&user);
    assert_eq!(user["_id"], signed_up["data"]["_id"]);
    client.get("/profile/view").expect(200);
}

#[test]
fn the_second_log_in_of_a_user_works_like_the_first() {
    let host = start();
    let ann = sign_up(&host, "Ann");
    for _ in 0..3 {
        let (mut client, answer) = log_in(&host, &ann.email, PASSWORD);
        check_user(&answer.expect(200).json());
        client.get("/profile/view").expect(200);
    }
}

#[test]
fn the_session_travels_as_a_bearer_too() {
    let host = start();
    let ann = sign_up(&host, "Ann");
    let token = &ann.client.cookies["token"];
    let bearer = |token: &str| {
        host.client().request("GET", "/profile/view").header("Authorization", &format!("Bearer {token}")).send()
    };
    assert_eq!(bearer(token).expect(200).json()["_id"], ann.id.as_str());
    for bad in ["", "nonsense", "a.b.c", &token[..token.len() - 4]] {
        bearer(bad).problem(401);
    }
}

#[test]
fn a_log_out_is_always_200_and_ends_that_session_alone() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let token = ann.client.cookies["token"].clone();
    let (mut other, answer) = log_in(&host, &ann.email, PASSWORD);
    answer.expect(200);
    ann.client.request("POST", "/logout").body("").send().expect(200);
    // The stolen cookie of the session that ended is worth nothing.
    let replay = host.client().request("GET", "/profile/view").header("Cookie", &format!("token={token}")).send();
    replay.problem(401);
    other.get("/profile/view").expect(200);
    assert_eq!(ann.client.request("POST", "/logout").body("").send().expect(200).text(), "Logout successful");
    let nonsense = host.client().request("POST", "/logout").header("Cookie", "token=nonsense").body("").send();
    assert_eq!(nonsense.expect(200).text(), "Logout successful");
}

#[test]
fn an_address_has_one_account() {
    let host = start();
    sign_up(&host, "Ann");
    for email in ["ann@example.com", " ANN@example.com "] {
        let body = json!({ "firstName": "Eve", "emailId": email, "password": PASSWORD });
        let answer = host.client().post("/signup", &body);
        assert_eq!(answer.header("set-cookie"), None);
        answer.problem(400);
    }
    assert_eq!(stored(&host, "users", &doc! { "emailId": "ann@example.com" }).len(), 1);
}

#[test]
fn two_sign_ups_at_once_make_one_account() {
    let host = start();
    let statuses: Vec<_> = (0..8)
        .map(|_| {
            let mut client = host.client();
            std::thread::spawn(move || {
                let body = json!({ "firstName": "Ann", "emailId": "ann@example.com", "password": PASSWORD });
                client.post("/signup", &body).status
            })
        })
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 400)), "{statuses:?}");
    assert_eq!(stored(&host, "users", &doc! {}).len(), 1);
}

#[test]
fn a_wrong_address_and_a_wrong_password_are_told_apart_by_nothing() {
    let host = start();
    let ann = sign_up(&host, "Ann");
    let mut texts = Vec::new();
    for (email, password) in
        [(ann.email.as_str(), "Wrong-Horse-7"), ("nobody@example.com", PASSWORD), (ann.email.as_str(), "x")]
    {
        let (client, answer) = log_in(&host, email, password);
        assert!(client.cookies.is_empty());
        assert!(matches!(answer.status, 400 | 401), "{answer:?}");
        let mut problem = answer.json();
        problem["requestId"].take();
        texts.push(problem.to_string());
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
}

#[test]
fn the_last_name_may_be_absent_or_empty() {
    let host = start();
    for (index, body) in [
        json!({ "firstName": "Ann", "emailId": "a0@example.com", "password": PASSWORD }),
        json!({ "firstName": "Ann", "lastName": "", "emailId": "a1@example.com", "password": PASSWORD }),
    ]
    .iter()
    .enumerate()
    {
        let user = host.client().post("/signup", body).expect(200).json();
        assert_eq!(user["data"]["emailId"], format!("a{index}@example.com"));
    }
}

#[test]
fn what_is_stored_is_what_the_former_system_stored() {
    let host = start();
    let ann = sign_up(&host, "Ann");
    let document = stored_user(&host, &ann.id);
    assert!(document.get_object_id("_id").is_ok());
    assert_eq!(document.get_str("emailId").unwrap(), "ann@example.com");
    assert!(document.get_datetime("createdAt").is_ok() && document.get_datetime("updatedAt").is_ok(), "{document}");
    assert_eq!(document.get("__v").and_then(bson::Bson::as_i32), Some(0), "{document}");
    assert!(document.get_str("password").unwrap().starts_with("$argon2id$"));
    assert!(!document.to_string().contains(PASSWORD));
}

#[test]
fn passwords_and_tokens_are_not_in_the_log() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let token = ann.client.cookies["token"].clone();
    log_in(&host, &ann.email, "Wrong-Horse-7").1.problem(401);
    ann.client.get("/profile/view").expect(200);
    let log = host.log.text();
    for secret in [PASSWORD, "Wrong-Horse-7", &token, super::SECRET] {
        assert!(!log.contains(secret));
    }
}

#[test]
fn bodies_that_are_no_json_object_are_400() {
    let host = start();
    for body in ["", "{", "null", "[]", "\"text\"", "{\"firstName\": }", "{\"firstName\":\"\\ud800\"}"] {
        for path in ["/signup", "/login"] {
            let answer =
                host.client().request("POST", path).header("Content-Type", "application/json").body(body).send();
            answer.problem(400);
        }
    }
    assert_eq!(
        faulty_fields(host.client().post("/login", &json!({ "emailId": 5, "password": PASSWORD }))),
        ["emailId"]
    );
}
