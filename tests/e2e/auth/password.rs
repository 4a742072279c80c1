//! A new password.

use super::{PASSWORD, faulty_fields, log_in, sign_up, start};
use serde_json::json;

const FRESH: &str = "Fresh-Battery-9";

#[test]
fn a_new_password_counts_and_ends_the_other_sessions() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let (mut other, answer) = log_in(&host, &ann.email, PASSWORD);
    answer.expect(200);
    other.get("/profile/view").expect(200);
    let body = json!({ "currentPassword": PASSWORD, "newPassword": FRESH });
    let changed = ann.client.patch("/profile/password", &body).expect(200).json();
    assert!(changed["message"].is_string());
    ann.client.get("/profile/view").expect(200);
    other.get("/profile/view").problem(401);
    let old = log_in(&host, &ann.email, PASSWORD).1;
    assert!(matches!(old.status, 400 | 401), "{old:?}");
    let (mut fresh, answer) = log_in(&host, &ann.email, FRESH);
    answer.expect(200);
    fresh.get("/profile/view").expect(200);
}

#[test]
fn the_current_password_must_be_right_and_the_new_one_good() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let answer =
        ann.client.patch("/profile/password", &json!({ "currentPassword": "Wrong-Horse-7", "newPassword": FRESH }));
    assert!(matches!(answer.status, 400 | 401 | 403), "{answer:?}");
    let weak = ann.client.patch("/profile/password", &json!({ "currentPassword": PASSWORD, "newPassword": "weak" }));
    assert_eq!(faulty_fields(weak), ["newPassword"]);
    host.client()
        .patch("/profile/password", &json!({ "currentPassword": PASSWORD, "newPassword": FRESH }))
        .problem(401);
    log_in(&host, &ann.email, PASSWORD).1.expect(200);
}
