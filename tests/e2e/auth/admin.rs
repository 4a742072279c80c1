//! Administrators.

use super::{WIDE, sign_up, start_with};
use serde_json::json;

#[test]
fn an_admin_by_setting_changes_tier_and_role_and_nobody_else_does() {
    let host = start_with(&format!("{WIDE}, admins = [\"ann@example.com\"]"));
    let mut ann = sign_up(&host, "Ann");
    let mut ben = sign_up(&host, "Ben");
    let path = format!("/admin/users/{}", ben.id);
    host.client().patch(&path, &json!({ "membershipTier": "gold" })).problem(401);
    ben.client.patch(&path, &json!({ "membershipTier": "gold" })).problem(403);
    let answer = ann.client.patch(&path, &json!({ "membershipTier": "gold" })).expect(200).json();
    assert!(answer["message"].is_string());
    assert_eq!(answer["user"]["membershipTier"], "gold");
    let seen = ben.client.get("/profile/view").expect(200).json();
    assert_eq!(seen["membershipTier"], "gold");
    assert_eq!(seen["isPremium"], true);

    // A role counts in the session that is there already, or after a new log-in at the latest.
    ann.client.patch(&path, &json!({ "role": "admin" })).expect(200);
    let (mut ben_again, answer) = super::log_in(&host, &ben.email, super::PASSWORD);
    answer.expect(200);
    ben_again.patch(&format!("/admin/users/{}", ann.id), &json!({ "membershipTier": "silver" })).expect(200);

    // And it is taken away at once: nobody keeps a power that they lost.
    ann.client.patch(&path, &json!({ "role": "user" })).expect(200);
    ben_again.patch(&format!("/admin/users/{}", ann.id), &json!({ "membershipTier": "free" })).problem(403);
}

#[test]
fn what_an_admin_sends_is_checked_too() {
    let host = start_with(&format!("{WIDE}, admins = [\"ann@example.com\"]"));
    let mut ann = sign_up(&host, "Ann");
    let path = format!("/admin/users/{}", ann.id);
    for body in [json!({ "membershipTier": "platinum" }), json!({ "role": 7 }), json!({ "password": "x" })] {
        ann.client.patch(&path, &body).problem(400);
    }
    ann.client.patch("/admin/users/000000000000000000000000", &json!({ "membershipTier": "gold" })).problem(404);
    ann.client.patch("/admin/users/nonsense", &json!({ "membershipTier": "gold" })).problem(400);
}
