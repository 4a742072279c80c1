use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::capabilities::cache::memory::{SystemClock, keep_swept};

#[test]
fn a_life_ends_at_its_moment_for_every_function() {
    let (cache, clock) = cache();
    set(&cache, "k", "v", ms(100));
    clock.pass(99);
    assert_eq!(get(&cache, "k").unwrap(), "v");
    assert_eq!(now(cache.life("k")), Ok(ms(1)));
    clock.pass(1);
    assert_eq!(now(cache.life("k")), Ok(None));
    assert_eq!(get(&cache, "k"), None);
    set(&cache, "k", "v", ms(1));
    clock.pass(1);
    assert_eq!(now(cache.expire("k", Duration::from_secs(1))), Ok(false));
    set(&cache, "k", "v", ms(1));
    clock.pass(1);
    assert_eq!(now(cache.delete(&["k".to_owned()])), Ok(0));
    now(cache.list_push("l", vec!["a".into()], None, ms(1))).unwrap();
    clock.pass(1);
    assert_eq!(now(cache.set_size("l")), Ok(0));
    check(&cache);
}

#[test]
fn expire_and_set_renew_a_life() {
    let (cache, clock) = cache();
    set(&cache, "k", "v", None);
    assert_eq!(now(cache.life("k")), Ok(Some(Duration::ZERO)));
    assert_eq!(now(cache.expire("k", Duration::from_millis(10))), Ok(true));
    clock.pass(9);
    assert_eq!(now(cache.expire("k", Duration::from_millis(10))), Ok(true));
    clock.pass(9);
    assert_eq!(get(&cache, "k").unwrap(), "v");
    set(&cache, "k", "w", None);
    clock.pass(1_000_000);
    assert_eq!(get(&cache, "k").unwrap(), "w");
}

#[test]
fn the_longest_life_has_an_end_and_the_shortest_is_a_millisecond() {
    let (cache, clock) = cache();
    set(&cache, "long", "v", Some(Duration::MAX));
    assert!(now(cache.life("long")).unwrap().unwrap() > Duration::from_secs(u32::MAX.into()));
    set(&cache, "short", "v", Some(Duration::from_nanos(1)));
    assert_eq!(now(cache.life("short")), Ok(ms(1)));
    clock.pass(1);
    assert_eq!(get(&cache, "short"), None);
}

#[test]
fn collections_renew_their_life_only_when_one_is_given() {
    let (cache, clock) = cache();
    now(cache.list_push("l", vec!["a".into()], None, ms(10))).unwrap();
    clock.pass(6);
    now(cache.list_push("l", vec!["b".into()], None, None)).unwrap();
    assert_eq!(now(cache.life("l")), Ok(ms(4)));
    now(cache.list_push("l", vec!["c".into()], None, ms(10))).unwrap();
    assert_eq!(now(cache.life("l")), Ok(ms(10)));
}

#[test]
fn sweeping_gives_back_what_nobody_touches() {
    let (cache, clock) = cache();
    for number in 0..5_000 {
        set(&cache, &format!("short:{number}"), "v", ms(10));
    }
    for number in 0..50 {
        set(&cache, &format!("long:{number}"), "v", ms(1_000_000));
        set(&cache, &format!("endless:{number}"), "v", None);
    }
    cache.sweep();
    assert_eq!(cache.stats().entries, 5_100);
    clock.pass(10);
    for _ in 0..200 {
        cache.sweep();
    }
    let stats = cache.stats();
    // What is left may hold a few that were never drawn, but fewer than a quarter.
    assert!(stats.entries < 5_100 / 4, "{stats:?}");
    assert!(stats.expired > 3_800, "{stats:?}");
    for number in 0..50 {
        assert!(get(&cache, &format!("long:{number}")).is_some());
        assert!(get(&cache, &format!("endless:{number}")).is_some());
    }
    check(&cache);
}

#[tokio::test]
async fn the_sweeper_works_and_ends_with_its_cache() {
    let (cache, clock) = cache();
    let cache = Arc::new(cache);
    let sweeper = tokio::spawn(keep_swept(&cache));
    set(&cache, "k", "v", ms(10));
    clock.pass(10);
    while cache.stats().entries > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cache.stats().expired, 1);
    drop(cache);
    sweeper.await.unwrap();
}

#[test]
fn the_systems_clocks_go_forward() {
    let clock = SystemClock::default();
    let first = clock.monotonic_ms();
    assert!(clock.monotonic_ms() >= first);
    // 2020; a machine before it has no clock.
    assert!(clock.unix_ms() > 1_577_836_800_000);
}
