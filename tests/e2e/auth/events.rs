//! What others are told.

use super::{PASSWORD, log_in, sign_up, start};
use crate::harness::{Host, eventually};
use serde_json::json;

/// How many records of the acting user a topic has, besides those that this function itself writes: it reads the
/// position of one more record with that user's key.
fn records(host: &Host, topic: &str, key: &str, own: &mut u64) -> u64 {
    let target = format!("/store/publish/{topic}/{key}");
    let answer = host.client().request("POST", &target).body("{}").send().expect(200).text();
    let offset: u64 = answer.split_once(' ').unwrap().1.parse().unwrap();
    let others = offset - *own;
    *own += 1;
    others
}

#[track_caller]
fn wait_for_records(host: &Host, topic: &str, key: &str, wanted: u64, own: &mut u64) {
    eventually(&format!("{wanted} records in {topic}"), || match records(host, topic, key, own) {
        found if found == wanted => Ok(()),
        found => Err(found.to_string()),
    });
}

#[test]
fn what_a_user_does_is_published_once_each() {
    let host = start();
    // One user: every record is theirs, whatever the partition.
    let mut ann = sign_up(&host, "Ann");
    let own = &mut 0;
    wait_for_records(&host, "user-events", &ann.id, 1, own);
    let (mut second, answer) = log_in(&host, &ann.email, PASSWORD);
    answer.expect(200);
    wait_for_records(&host, "user-events", &ann.id, 2, own);
    ann.client.patch("/profile/edit", &json!({ "about": "changed" })).expect(200);
    wait_for_records(&host, "user-events", &ann.id, 3, own);
    second.request("POST", "/logout").body("").send().expect(200);
    wait_for_records(&host, "user-events", &ann.id, 4, own);
    // What was refused is not told.
    ann.client.patch("/profile/edit", &json!({ "age": 3 })).problem(400);
    log_in(&host, &ann.email, "Wrong-Horse-7").1.problem(401);
    assert_eq!(records(&host, "user-events", &ann.id, own), 4);
}

#[test]
fn a_look_at_a_profile_is_published() {
    let host = start();
    let mut ann = sign_up(&host, "Ann");
    let ben = sign_up(&host, "Ben");
    ann.client.get(&format!("/user/{}", ben.id)).expect(200);
    wait_for_records(&host, "analytics-events", &ann.id, 1, &mut 0);
}
