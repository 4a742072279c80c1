use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::json;
use devconnect_sdk::test::{Platform, Store};

#[derive(Serialize, Event)]
#[serde(rename_all = "camelCase")]
#[event(topic = "user-events", key = user_id)]
struct UserEvent<D: Serialize> {
    event_type: &'static str,
    user_id: Id,
    timestamp: DateTime,
    data: D,
}

#[derive(Serialize, Event)]
#[event(topic = "page-views")]
struct PageView {
    path: &'static str,
}

#[derive(Serialize)]
struct Names {
    #[serde(rename = "firstName")]
    first_name: &'static str,
}

#[test]
fn the_envelope_is_the_plugins_own() {
    let platform = Platform::new();
    platform.set_time("2026-11-24T09:30:00Z".parse().unwrap());
    let user_id: Id = "0123456789abcdef01234567".parse().unwrap();
    platform.run(|| {
        let data = Names { first_name: "Ada" };
        let event = UserEvent { event_type: "USER_SIGNUP", user_id, timestamp: DateTime::now(), data };
        events::publish_later(&event).unwrap();
    });
    let event = &platform.events()[0];
    assert_eq!((event.topic.as_str(), event.key.as_deref()), ("user-events", Some("0123456789abcdef01234567")));
    assert_eq!(
        event.json(),
        json!({
            "eventType": "USER_SIGNUP",
            "userId": "0123456789abcdef01234567",
            "timestamp": "2026-11-24T09:30:00.000Z",
            "data": { "firstName": "Ada" },
        })
    );
}

#[test]
fn the_outbox_takes_events_while_the_broker_is_away() {
    let platform = Platform::new();
    platform.take_away(Store::Events);
    platform.run(|| {
        let view = PageView { path: "/" };
        assert!(events::publish(&view).unwrap_err().is_away());
        assert!(events::publish_all([&view]).unwrap_err().is_away());
        events::publish_later(&view).unwrap();
        platform.bring_back(Store::Events);
        events::publish(&view).unwrap();
        assert_eq!(events::publish_all([&view, &view]).unwrap().len(), 2);
    });
    assert_eq!(platform.events_of("page-views").len(), 4);
    assert_eq!(platform.events()[0].key, None);
}
