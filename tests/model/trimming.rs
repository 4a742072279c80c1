//! Throwing away what has been idle for long, while others are inside.

use super::{Thing, check, pool, settle, sorted, spawn, things};

/// Things with small numbers have been idle for too long.
fn expired(thing: &Thing) -> bool {
    thing.0 < 10
}

#[test]
fn trim_takes_the_longest_idle_that_have_expired() {
    check(|| {
        let pool = pool([&[1, 2, 10], &[11]]);
        assert_eq!(pool.trim(3, expired), things([1]));
        assert_eq!(pool.idle(), 3);
        assert_eq!(pool.trim(0, expired), things([2]));
        assert_eq!(pool.trim(0, expired), []);
        assert_eq!(settle(&pool), things([10, 11]));
    });
}

#[test]
fn trim_keeps_what_is_to_be_kept() {
    check(|| {
        let pool = pool([&[1, 2], &[3]]);
        assert_eq!(pool.trim(4, expired), []);
        assert_eq!(pool.trim(3, expired), []);
        assert_eq!(pool.trim(1, expired).len(), 2);
        assert_eq!(settle(&pool).len(), 1);
    });
}

#[test]
fn trim_against_a_call() {
    for worker in [0, 1] {
        check(move || {
            let pool = pool([&[1], &[2]]);
            let trimmer = spawn(&pool, |pool| pool.trim(1, expired));
            let taken = pool.take(worker);
            // At most one could be spared, so that one was left to take.
            assert_eq!(pool.put(worker, taken.expect("`keep` is left")), None);
            let trimmed = trimmer.join().unwrap();
            assert!(trimmed.len() <= 1, "{trimmed:?}");
            assert_eq!(sorted(trimmed.into_iter().chain(settle(&pool))), things([1, 2]));
        });
    }
}

#[test]
fn trim_against_take() {
    check(|| {
        let pool = pool([&[1], &[2]]);
        let trimmer = spawn(&pool, |pool| pool.trim(1, expired));
        let taken = pool.take(1);
        let trimmed = trimmer.join().unwrap();
        assert!(taken.is_some() && trimmed.len() <= 1, "{taken:?} {trimmed:?}");
        assert_eq!(sorted(trimmed.into_iter().chain(taken).chain(settle(&pool))), things([1, 2]));
    });
}

#[test]
fn trim_against_put() {
    check(|| {
        let pool = pool([&[1], &[]]);
        let trimmer = spawn(&pool, |pool| pool.trim(1, expired));
        assert_eq!(pool.put(1, Thing(10)), None);
        let trimmed = trimmer.join().unwrap();
        assert!(trimmed.iter().all(expired), "{trimmed:?}");
        assert_eq!(sorted(trimmed.into_iter().chain(settle(&pool))), things([1, 10]));
    });
}

#[test]
fn two_trims_keep_what_is_to_be_kept() {
    check(|| {
        let pool = pool([&[1], &[2]]);
        let other = spawn(&pool, |pool| pool.trim(1, expired));
        let here = pool.trim(1, expired);
        let there = other.join().unwrap();
        assert_eq!(here.len() + there.len(), 1, "{here:?} {there:?}");
        assert_eq!(settle(&pool).len(), 1);
    });
}

/// The second finds expired what the first has passed over: they meet at different shards.
#[test]
fn two_trims_at_different_times_keep_what_is_to_be_kept() {
    check(|| {
        let pool = pool([&[10], &[1]]);
        let early = spawn(&pool, |pool| pool.trim(1, expired));
        let late = pool.trim(1, |_| true);
        let early = early.join().unwrap();
        assert_eq!(early.len() + late.len(), 1, "{early:?} {late:?}");
        assert_eq!(settle(&pool).len(), 1);
    });
}
