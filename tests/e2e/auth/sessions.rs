//! Tokens and sessions: what counts, and what ends them.

use super::{PASSWORD, SECRET, log_in, sign_up, start};
use crate::harness::{Answer, Host};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

pub(super) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A token as the former system signed it: no `kid`, no `jti`.
pub(super) fn former_token(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

pub(super) fn view(host: &Host, token: &str) -> Answer {
    host.client().request("GET", "/profile/view").header("Authorization", &format!("Bearer {token}")).send()
}

#[test]
fn the_tokens_of_the_former_system_count_until_they_expire() {
    let host = start();
    let ann = sign_up(&host, "Ann");
    let claims = |from: u64, to: u64| json!({ "_id": ann.id, "emailId": ann.email, "iat": from, "exp": to });
    let good = former_token(&claims(now() + 1, now() + 3600), SECRET, Algorithm::HS256);
    assert_eq!(view(&host, &good).expect(200).json()["_id"], ann.id.as_str());
    let over = former_token(&claims(now() - 7200, now() - 3600), SECRET, Algorithm::HS256);
    view(&host, &over).problem(401);
}

#[test]
fn a_former_token_that_was_logged_out_counts_no_more() {
    let host = start();
    let ann = sign_up(&host, "Ann");
    let claims = json!({ "_id": ann.id, "emailId": ann.email, "iat": now() + 1, "exp": now() + 3600 });
    let token = former_token(&claims, SECRET, Algorithm::HS256);
    view(&host, &token).expect(200);
    host.client().request("POST", "/logout").header("Cookie", &format!("token={token}")).body("").send().expect(200);
    view(&host, &token).problem(401);
    // Also when the cache forgets, and when everything restarts.
    host.client().request("DELETE", &format!("/store/cache/session:{token}")).send().expect(200);
    view(&host, &token).problem(401);
}

#[test]
fn forged_tokens_do_not_count() {
    let host = start();
    let ann = sign_up(&host, "Ann");
    let claims = json!({ "_id": ann.id, "emailId": ann.email, "iat": now() + 1, "exp": now() + 3600 });
    view(&host, &former_token(&claims, "another secret of sufficient length", Algorithm::HS256)).problem(401);
    view(&host, &former_token(&claims, SECRET, Algorithm::HS512)).problem(401);
    // `alg: none`, the oldest trick.
    let encoded = former_token(&claims, SECRET, Algorithm::HS256);
    let payload = encoded.split('.').nth(1).unwrap();
    view(&host, &format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.")).problem(401);
    let without_end = json!({ "_id": ann.id, "emailId": ann.email, "iat": now() });
    view(&host, &former_token(&without_end, SECRET, Algorithm::HS256)).problem(401);
    let for_a_link =
        json!({ "_id": ann.id, "emailId": ann.email, "iat": now() + 1, "exp": now() + 3600, "aud": "unsubscribe" });
    view(&host, &former_token(&for_a_link, SECRET, Algorithm::HS256)).problem(401);
    for id in [json!("000000000000000000000000"), json!("nonsense"), json!(7), json!({ "$ne": null }), Value::Null] {
        let claims = json!({ "_id": id, "emailId": "x@example.com", "iat": now() + 1, "exp": now() + 3600 });
        view(&host, &former_token(&claims, SECRET, Algorithm::HS256)).problem(401);
    }
}

#[test]
fn a_session_survives_a_restart_and_so_does_its_end() {
    let site = crate::harness::Site::new(&super::config(super::WIDE));
    let host = Host::launch(std::sync::Arc::new(site), &[("JWT_SECRET", SECRET)]);
    let ann = sign_up(&host, "Ann");
    let (mut ended, answer) = log_in(&host, &ann.email, PASSWORD);
    answer.expect(200);
    let ended_token = ended.cookies["token"].clone();
    ended.request("POST", "/logout").body("").send().expect(200);
    let site = std::sync::Arc::clone(&host.site);
    // As a power cut would, so that nothing is written at the end and the cache is lost.
    drop(host);
    let host = Host::launch(site, &[("JWT_SECRET", SECRET)]);
    view(&host, &ann.client.cookies["token"]).expect(200);
    view(&host, &ended_token).problem(401);
}

#[test]
fn a_session_of_a_user_that_is_gone_does_not_count() {
    let host = start();
    let ann = sign_up(&host, "Ann");
    let former =
        json!({ "_id": "aaaaaaaaaaaaaaaaaaaaaaaa", "emailId": ann.email, "iat": now() + 1, "exp": now() + 3600 });
    view(&host, &former_token(&former, SECRET, Algorithm::HS256)).problem(401);
}

#[test]
fn the_filter_serves_other_plugins() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let text = ann.client.get("/guarded/session/1").expect(200).text();
    assert!(text.starts_with(&format!("{} ", ann.id)), "{text}");
    host.client().get("/guarded/session/1").problem(401);
    ann.client.get("/guarded/admin").problem(403);
    assert_eq!(host.client().get("/guarded/optional").expect(200).text(), "nobody");
    // A cookie that counts no more makes nobody of its owner, not an error.
    let stale = host.client().request("GET", "/guarded/optional").header("Cookie", "token=nonsense").send();
    assert_eq!(stale.expect(200).text(), "nobody");
    let mut cross = host.client();
    cross.cookies = ann.client.cookies.clone();
    let foreign = cross.request("PATCH", "/profile/edit").header("Origin", "https://evil.example.com");
    foreign.json(&json!({ "about": "forged" })).send().problem(403);
}

#[test]
fn the_cookie_is_secure_in_production() {
    let site =
        crate::harness::Site::new(&format!("[server]\nenvironment = \"production\"\n{}", super::config(super::WIDE)));
    let host = site.start_with(&[("JWT_SECRET", SECRET)]);
    let body = json!({ "firstName": "Ann", "emailId": "ann@example.com", "password": PASSWORD });
    let answer = host.client().post("/signup", &body).expect(200);
    let cookie = answer.header("set-cookie").unwrap().to_lowercase();
    assert!(cookie.contains("secure") && cookie.contains("samesite=none") && cookie.contains("httponly"), "{cookie}");
}
