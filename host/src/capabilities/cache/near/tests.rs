use std::time::Instant;

use bytes::Bytes;

use super::held::Look;
use super::*;
use crate::capabilities::cache::redis::tests::{UNSET, config, patient, until};

mod real;

/// A near cache in front of the server that all tests share, once it is valid.
pub(in crate::capabilities::cache) async fn held_from(pattern: &str) -> Near {
    near(&std::env::var("REDIS_URL").expect(UNSET), pattern).await
}

async fn near(url: &str, pattern: &str) -> Near {
    let near = Near::open(patient(config(url)), Config { patterns: vec![pattern.to_owned()], size: 4 << 20 }).unwrap();
    until("the near cache is valid", async || near.is_valid()).await;
    near
}

/// What is held, valid for a while without any server.
fn held() -> Held {
    let held = Held::new(1 << 20);
    let session = held.renew();
    held.confirm(session, Instant::now() + Duration::from_secs(600));
    held
}

fn ticket(held: &Held, key: &str) -> held::Ticket {
    match held.look(key) {
        Look::Miss(ticket) => ticket,
        Look::Hit(value) => panic!("{key} is held: {value:?}"),
        Look::Blind => panic!("nothing is valid"),
    }
}

fn hit(held: &Held, key: &str) -> Option<Option<Bytes>> {
    match held.look(key) {
        Look::Hit(value) => Some(value),
        Look::Miss(_) | Look::Blind => None,
    }
}

#[test]
fn a_value_is_held_until_it_is_told_to_have_changed() {
    let held = held();
    held.store("k", &ticket(&held, "k"), Some("v".into()), -1);
    assert_eq!(hit(&held, "k"), Some(Some("v".into())));
    held.forget("other");
    assert_eq!(hit(&held, "k"), Some(Some("v".into())));
    held.forget("k");
    assert_eq!(hit(&held, "k"), None);
    assert_eq!((held.hits(), held.misses()), (2, 2));
}

#[test]
fn a_change_that_is_told_during_the_read_wins() {
    let held = held();
    let changes: [&dyn Fn(); 2] = [&|| held.forget("k"), &|| held.forget_all()];
    for change in changes {
        let read = ticket(&held, "k");
        change();
        held.store("k", &read, Some("old".into()), -1);
        assert_eq!(hit(&held, "k"), None);
        held.store("k", &ticket(&held, "k"), Some("new".into()), -1);
        assert_eq!(hit(&held, "k"), Some(Some("new".into())));
        held.forget("k");
    }
    let read = ticket(&held, "k");
    let session = held.renew();
    held.store("k", &read, Some("old".into()), -1);
    held.confirm(session, Instant::now());
    assert_eq!(hit(&held, "k"), None);
}

#[test]
fn that_a_key_is_absent_is_held_and_no_value_looks_like_it() {
    let held = held();
    held.store("k", &ticket(&held, "k"), None, -2);
    assert_eq!(hit(&held, "k"), Some(None));
    held.forget("k");
    // A copy, as what comes from Redis is: the linker makes one of literals that are alike.
    let value = String::from("absent");
    held.store("k", &ticket(&held, "k"), Some(value.into()), -1);
    assert_eq!(hit(&held, "k"), Some(Some("absent".into())));
}

#[test]
fn what_is_about_to_end_is_not_held() {
    let held = held();
    for left in [0, -2] {
        held.store("k", &ticket(&held, "k"), Some("v".into()), left);
        assert_eq!(hit(&held, "k"), None);
    }
    held.store("k", &ticket(&held, "k"), Some("v".into()), 600_000);
    assert_eq!(hit(&held, "k"), Some(Some("v".into())));
}

#[test]
fn nothing_counts_without_a_connection_that_answers() {
    let held = Held::new(1 << 20);
    assert!(matches!(held.look("k"), Look::Blind));
    let session = held.renew();
    assert!(!held.is_valid());
    held.confirm(session, Instant::now());
    assert!(held.is_valid());
    held.store("k", &ticket(&held, "k"), Some("v".into()), -1);
    // The next connection begins with nothing, and the last words of the old one do not vouch for it.
    let next = held.renew();
    held.confirm(session, Instant::now());
    assert!(matches!(held.look("k"), Look::Blind));
    held.confirm(next, Instant::now());
    assert_eq!(hit(&held, "k"), None);
}

#[test]
fn the_budget_of_bytes_holds() {
    let held = held();
    for number in 0..1_000 {
        let key = format!("k{number}");
        held.store(&key, &ticket(&held, &key), Some(vec![0; 10_000].into()), -1);
        assert!(held.bytes() <= 1 << 20);
    }
    assert!(held.bytes() > 1 << 19);
    held.store("large", &ticket(&held, "large"), Some(vec![0; 1 << 20].into()), -1);
    assert_eq!(hit(&held, "large"), None);
    held.forget_all();
    assert_eq!(held.bytes(), 0);
}

#[test]
fn patterns_are_exact_or_prefixes() {
    let patterns =
        |typed: &[&str]| Patterns::new(&typed.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>());
    let some = patterns(&["session:*", "session:a*", "config", "config:x", "user:1"]);
    for key in ["session:", "session:abc", "config", "config:x", "user:1"] {
        assert!(some.match_key(key), "{key}");
    }
    for key in ["session", "config:", "config:y", "user:10", ""] {
        assert!(!some.match_key(key), "{key}");
    }
    // Redis refuses prefixes of which one covers another.
    assert_eq!(some.prefixes(), ["config", "session:", "user:1"]);
    assert_eq!(patterns(&["a*", "*", "b"]).prefixes(), [""]);
    assert!(patterns(&["*"]).match_key("anything"));
    assert!(!patterns(&[]).match_key("anything"));
}
