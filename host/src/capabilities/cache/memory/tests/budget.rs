use super::*;
use crate::capabilities::cache::memory::shard::{NEVER, Shard};
use crate::capabilities::cache::memory::value::Value;

const SMALL: Config = Config { budget: 256 << 10, shards: 4 };

#[test]
fn the_budget_holds_whatever_is_written() {
    // The clock stands still: nothing but being written last tells the new entry from the old ones.
    let (cache, _) = cache_of(SMALL);
    for number in 0..5_000_usize {
        set(&cache, &format!("key:{number}"), vec![0; number % 700], None);
        assert!(cache.stats().bytes <= SMALL.budget);
        // What was written last is never what has to go.
        assert!(get(&cache, &format!("key:{number}")).is_some());
    }
    assert!(cache.stats().evicted > 3_000);
    check(&cache);
}

#[test]
fn collections_count_against_the_budget_too() {
    let (cache, clock) = cache_of(SMALL);
    for number in 0..2_000 {
        clock.pass(1);
        now(cache.set_add(&format!("set:{}", number % 40), vec![format!("member:{number}").into()], None)).unwrap();
        now(cache.hash_set(&format!("hash:{number}"), vec![("f".into(), vec![1; 300].into())], None)).unwrap();
    }
    assert!(cache.stats().bytes <= SMALL.budget);
    check(&cache);
}

#[test]
fn what_is_used_stays_longer_than_what_is_not() {
    let (cache, clock) = cache_of(SMALL);
    for number in 0..100 {
        set(&cache, &format!("hot:{number}"), vec![0; 64], None);
        set(&cache, &format!("cold:{number}"), vec![0; 64], None);
    }
    for number in 0..1_000 {
        clock.pass(1);
        set(&cache, &format!("new:{number}"), vec![0; 64], None);
        for hot in 0..100 {
            get(&cache, &format!("hot:{hot}"));
        }
    }
    let alive = |kind: &str| (0..100).filter(|number| get(&cache, &format!("{kind}:{number}")).is_some()).count();
    let (hot, cold) = (alive("hot"), alive("cold"));
    assert!(cache.stats().evicted > 50, "{:?}", cache.stats());
    assert!(hot > 90 && cold < 50, "{hot} hot and {cold} cold entries are left");
}

#[test]
fn entries_whose_life_is_over_go_first() {
    let (cache, clock) = cache_of(Config { budget: 64 << 10, shards: 1 });
    let fill = |kind: &str, life| {
        for number in 0..100 {
            set(&cache, &format!("{kind}:{number:03}"), vec![0; 64], life);
        }
        clock.pass(1);
    };
    fill("alive", None);
    // Used later than the others, but over.
    fill("over", ms(1));
    fill("new", None);
    let alive = (0..100).filter(|number| get(&cache, &format!("alive:{number:03}")).is_some()).count();
    let evicted = cache.stats().evicted;
    assert!(evicted > 25 && alive > 80, "{alive} of 100 are left after {evicted} evictions");
}

#[test]
fn what_was_used_since_it_was_drawn_is_not_evicted() {
    let mut shard = Shard::default();
    shard.put("k", Value::Text("v".into()), NEVER, 1);
    let drawn = shard.draw(7).unwrap().used;
    assert!(shard.find("k", 2).is_some());
    assert!(shard.remove_unused("k", drawn).is_none());
    assert!(shard.remove_unused("k", 2).is_some());
    assert!(shard.remove_unused("k", 2).is_none());
    shard.check();
}

#[test]
fn one_key_takes_an_eighth_at_most() {
    let (cache, _) = cache_of(SMALL);
    let eighth = SMALL.budget / 8;
    set(&cache, "k", vec![0; eighth - 300], None);
    assert_eq!(case(cache.set("k", vec![0; eighth].into(), None)), "too-large");
    assert_eq!(case(cache.set_if_absent("x", vec![0; eighth].into(), None)), "too-large");
    assert_eq!(case(cache.compare_and_set("x", None, vec![0; eighth].into(), None)), "too-large");
    assert_eq!(get(&cache, "k").unwrap().len(), eighth - 300);

    let piece = || vec![Bytes::from(vec![0; eighth / 2])];
    now(cache.list_push("l", piece(), None, None)).unwrap();
    assert_eq!(case(cache.list_push("l", piece(), None, None)), "too-large");
    assert_eq!(now(cache.list_range("l", 0, -1)).unwrap().len(), 1);
    // What only removes passes, however large the key is.
    now(cache.set_add("s", piece(), None)).unwrap();
    assert_eq!(now(cache.set_remove("s", &piece())), Ok(1));
    check(&cache);
}

#[test]
fn a_budget_of_nothing_stores_nothing_and_does_not_hang() {
    let (cache, _) = cache_of(Config { budget: 0, shards: 0 });
    assert_eq!(case(cache.set("k", "v".into(), None)), "too-large");
    assert_eq!(get(&cache, "k"), None);
    // An increment is not measured beforehand: it ends by eviction, in vain here.
    assert_eq!(now(cache.increment("n", 1, None)), Ok(1));
}
