//! Rate limits.

use super::{PASSWORD, WIDE, log_in, sign_up, start_with};
use crate::harness::Answer;
use serde_json::json;

#[track_caller]
fn limited(answer: Answer) {
    let seconds: u64 =
        answer.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {answer:?}")).parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    answer.problem(429);
}

#[test]
fn log_ins_are_limited_by_address() {
    let host = start_with("requests-per-minute = 100000, sign-ups-per-minute = 100000, log-ins-per-minute = 3");
    let ann = sign_up(&host, "Ann");
    for _ in 0..3 {
        let answer = log_in(&host, &ann.email, "Wrong-Horse-7").1;
        assert!(matches!(answer.status, 400 | 401), "{answer:?}");
    }
    // The right password does not help: who guesses must not learn by it.
    limited(log_in(&host, &ann.email, PASSWORD).1);
    limited(log_in(&host, "nobody@example.com", PASSWORD).1);
}

#[test]
fn sign_ups_are_limited_by_address() {
    let host = start_with("requests-per-minute = 100000, sign-ups-per-minute = 2, log-ins-per-minute = 100000");
    sign_up(&host, "Ann");
    sign_up(&host, "Ben");
    let body = json!({ "firstName": "Cid", "emailId": "cid@example.com", "password": PASSWORD });
    limited(host.client().post("/signup", &body));
}

#[test]
fn requests_are_limited_by_session_and_route() {
    let host = start_with("requests-per-minute = 5, sign-ups-per-minute = 100000, log-ins-per-minute = 100000");
    let mut ann = sign_up(&host, "Ann");
    let mut ben = sign_up(&host, "Ben");
    for _ in 0..5 {
        ann.client.get("/profile/view").expect(200);
    }
    limited(ann.client.get("/profile/view"));
    ann.client.get("/email-preferences").expect(200);
    ben.client.get("/profile/view").expect(200);
}

#[test]
fn a_forged_forwarded_address_is_no_way_around() {
    let host = start_with("requests-per-minute = 100000, sign-ups-per-minute = 100000, log-ins-per-minute = 3");
    let ann = sign_up(&host, "Ann");
    let mut statuses = Vec::new();
    for turn in 0..5 {
        let mut client = host.client();
        let request = client.request("POST", "/login").header("X-Forwarded-For", &format!("203.0.113.{turn}"));
        statuses.push(request.json(&json!({ "emailId": ann.email, "password": "Wrong-Horse-7" })).send().status);
    }
    assert_eq!(statuses[3..], [429, 429], "{statuses:?}");
}

#[test]
fn the_shipped_limits_let_an_honest_client_work() {
    let host = start_with("");
    let mut ann = sign_up(&host, "Ann");
    for _ in 0..60 {
        ann.client.get("/profile/view").expect(200);
    }
    assert_ne!(WIDE, "");
}
