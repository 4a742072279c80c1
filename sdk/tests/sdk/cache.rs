use std::time::Duration;

use devconnect_sdk::cache::{Batch, Counter, Key, RateLimit, Standing};
use devconnect_sdk::prelude::*;
use devconnect_sdk::test::{Platform, Store};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Session {
    user_id: String,
}

const SESSION: Key<Session> = Key::new("session:{}", Duration::from_secs(60));
const NAME: Key<String> = Key::lasting("name:{}:{}");
const VISITS: Counter = Counter::new("visits:{}", Duration::from_secs(60));
const LIMIT: RateLimit = RateLimit::new("ratelimit:{}:{}", Duration::from_secs(60));

fn ada() -> Session {
    Session { user_id: "ada".to_owned() }
}

#[test]
fn values_live_as_long_as_their_key_says() {
    let platform = Platform::new();
    platform.set_time(DateTime::from_millis(1_000_000));
    platform.run(|| {
        assert_eq!(SESSION.get("t").unwrap(), None);
        SESSION.set("t", &ada()).unwrap();
        assert_eq!(SESSION.get("t").unwrap(), Some(ada()));
        assert_eq!(SESSION.life_left("t").unwrap(), Some(Duration::from_secs(60)));
        platform.advance(Duration::from_secs(59));
        assert!(SESSION.renew("t").unwrap());
        platform.advance(Duration::from_secs(59));
        assert!(SESSION.get("t").unwrap().is_some());
        platform.advance(Duration::from_secs(1));
        assert_eq!(SESSION.get("t").unwrap(), None);
        assert!(!SESSION.renew("t").unwrap());

        NAME.set(("a", 7_u64), &"x".to_owned()).unwrap();
        platform.advance(Duration::from_secs(1_000_000));
        assert_eq!(NAME.get(("a", 7_u64)).unwrap().as_deref(), Some("x"));
        assert_eq!(platform.cached_keys(), ["name:a:7"]);
        assert!(NAME.delete(("a", 7_u64)).unwrap());
        assert!(!NAME.delete(("a", 7_u64)).unwrap());
    });
}

#[test]
fn one_of_many_writers_wins() {
    Platform::new().run(|| {
        assert!(SESSION.set_if_absent("t", &ada()).unwrap());
        assert!(!SESSION.set_if_absent("t", &ada()).unwrap());
        let bob = Session { user_id: "bob".to_owned() };
        assert!(!SESSION.compare_and_set("t", Some(&bob), &bob).unwrap());
        assert!(SESSION.compare_and_set("t", Some(&ada()), &bob).unwrap());
        assert!(!SESSION.compare_and_set("t", None, &ada()).unwrap());
        assert_eq!(SESSION.get("t").unwrap(), Some(bob));
    });
}

#[test]
fn a_value_of_another_shape_counts_as_absent() {
    const OLD: Key<u32> = Key::new("session:{}", Duration::from_secs(60));
    Platform::new().run(|| {
        OLD.set("t", &7).unwrap();
        assert_eq!(SESSION.get("t").unwrap(), None);
    });
}

#[test]
fn what_is_not_there_is_made_also_without_the_cache() {
    let platform = Platform::new();
    platform.run(|| {
        let make = || Ok::<_, Problem>(ada());
        assert_eq!(SESSION.get_or_make("t", make).unwrap(), ada());
        let never = || Err::<Session, _>(Problem::internal("asked again"));
        assert_eq!(SESSION.get_or_make("t", never).unwrap(), ada());
        platform.take_away(Store::Cache);
        assert!(SESSION.get("t").unwrap_err().is_away());
        assert_eq!(SESSION.get_or_make("t", make).unwrap(), ada());
    });
}

#[test]
fn a_window_does_not_slide() {
    let platform = Platform::new();
    platform.set_time(DateTime::from_millis(0));
    platform.run(|| {
        assert_eq!(VISITS.add("x", 1).unwrap(), 1);
        platform.advance(Duration::from_secs(59));
        assert_eq!(VISITS.add("x", 2).unwrap(), 3);
        assert_eq!(VISITS.get("x").unwrap(), 3);
        platform.advance(Duration::from_secs(1));
        assert_eq!(VISITS.get("x").unwrap(), 0);
        assert_eq!(VISITS.add("x", 1).unwrap(), 1);
        VISITS.reset("x").unwrap();
        assert_eq!(VISITS.get("x").unwrap(), 0);
    });
}

#[test]
fn a_limit_refuses_with_the_rest_of_the_window() {
    let platform = Platform::new();
    platform.set_time(DateTime::from_millis(0));
    platform.run(|| {
        assert_eq!(LIMIT.count(("ada", "/x"), 2), Standing::Within { left: 1 });
        platform.advance(Duration::from_secs(20));
        assert_eq!(LIMIT.count(("ada", "/x"), 2), Standing::Within { left: 0 });
        assert_eq!(LIMIT.count(("ada", "/x"), 2), Standing::Over { retry_after: Duration::from_secs(40) });
        assert_eq!(LIMIT.check(("ada", "/x"), 2).unwrap_err().status(), 429);
        assert_eq!(LIMIT.count(("bob", "/x"), 2), Standing::Within { left: 1 });
        platform.take_away(Store::Cache);
        assert!(matches!(LIMIT.count(("ada", "/x"), 2), Standing::Unknown(error) if error.is_away()));
        assert!(LIMIT.check(("ada", "/x"), 2).is_ok());
        assert_eq!(platform.lines().len(), 1);
    });
}

#[test]
fn a_batch_answers_each_command() {
    let platform = Platform::new();
    platform.run(|| {
        let mut batch = Batch::new();
        let set = batch.set(&SESSION, "t", &ada());
        let get = batch.get(&SESSION, "t");
        let absent = batch.set_if_absent(&SESSION, "t", &ada());
        let renewed = batch.renew(&SESSION, "t");
        let count = batch.add(&VISITS, "x", 5);
        let wrong = batch.add(&Counter::new("session:{}", Duration::from_secs(1)), "t", 1);
        let deleted = batch.delete(&SESSION, "t");
        let mut replies = batch.run().unwrap();
        replies.take(set).unwrap();
        assert_eq!(replies.take(get).unwrap(), Some(ada()));
        assert!(!replies.take(absent).unwrap());
        assert!(replies.take(renewed).unwrap());
        assert_eq!(replies.take(count).unwrap(), 5);
        assert_eq!(replies.take(wrong).unwrap_err().kind(), ErrorKind::Invalid);
        assert!(replies.take(deleted).unwrap());
        assert!(platform.cached_keys().contains(&"visits:x".to_owned()));
    });
}
