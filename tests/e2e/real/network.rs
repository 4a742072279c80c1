//! The journey of `network` on real servers, and what the topics have of it.

use super::Stores;
use crate::network::{CONFIG, journey};
use serde_json::Value;

#[test]
fn people_meet_and_the_topics_tell_of_it() {
    let stores = Stores::shared();
    let mut topics = stores.topics(&["connection-events", "notification-events", "analytics-events"]);
    // A group of its own: the topics are shared with other tests.
    let group = format!("[stores.kafka]\nbrokers = \"{}\"\ngroup-id = \"{}\"\n", stores.kafka, stores.domain);
    let host = stores.host_with(&format!("{group}{CONFIG}"));
    journey(&host, &stores.domain);

    let users = stores.mongodb.find("users", bson::doc! {});
    let id = |name: &str| {
        let user = users.iter().find(|user| user.get_str("firstName").is_ok_and(|found| found == name)).unwrap();
        user.get_object_id("_id").unwrap().to_hex()
    };
    let (ada, ben) = (id("Ada"), id("Ben"));
    let request = topics.wait_until("a request", |records| {
        let found = records.iter().find(|one| one.is("connection-events", "CONNECTION_REQUEST") && one.key == ada);
        found.cloned().ok_or_else(|| format!("{records:?}"))
    });
    assert_eq!(request.value["data"]["toUserId"], ben.as_str());
    assert_eq!(request.value["data"]["status"], "interested");
    super::check_time(&request.value["data"]["timestamp"]);
    for (kind, receiver, from) in
        [("CONNECTION_REQUEST_NOTIFICATION", &ben, &ada), ("CONNECTION_ACCEPTED_NOTIFICATION", &ada, &ben)]
    {
        let told = topics.wait_until(kind, |records| {
            let found: Vec<_> =
                records.iter().filter(|one| one.is("notification-events", kind) && one.key == **receiver).collect();
            match found[..] {
                [one] => Ok(one.clone()),
                _ => Err(format!("{records:?}")),
            }
        });
        assert_eq!(told.value["data"]["userId"], Value::from(receiver.as_str()));
        assert_eq!(told.value["data"]["fromUserId"], Value::from(from.as_str()));
        assert!(told.value["data"]["message"].is_string());
    }
    let posted = topics.wait_until("what the client posted", |records| {
        let found = records.iter().find(|one| one.is("analytics-events", "BUTTON_PRESSED") && one.key == ada);
        found.cloned().ok_or_else(|| format!("{records:?}"))
    });
    assert_eq!(posted.value["userId"], ada.as_str());
}
