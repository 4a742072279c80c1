//! Taking and putting back.

use loom::sync::Arc;

use super::{Pool, Thing, check, pool, settle, spawn, things};

/// A call as the host makes it: with a thing of the pool, or with a new one. Tells whether it was new.
fn call(pool: &Pool, from: usize, to: usize, new: usize) -> bool {
    let taken = pool.take(from);
    let made = taken.is_none();
    assert_eq!(pool.put(to, taken.unwrap_or(Thing(new))), None);
    made
}

#[test]
fn last_in_is_first_out_of_ones_own_shard() {
    check(|| {
        let pool = pool([&[1, 2], &[3]]);
        assert_eq!(pool.take(0), Some(Thing(2)));
        // Workers beyond the shards share them.
        assert_eq!(pool.take(3), Some(Thing(3)));
        assert_eq!(pool.take(1), Some(Thing(1)));
        assert_eq!(pool.take(1), None);
        assert_eq!(settle(&pool), []);
    });
}

#[test]
fn a_pool_without_workers_still_holds_things() {
    check(|| {
        let pool = Pool::new(0);
        assert_eq!(pool.put(5, Thing(1)), None);
        assert_eq!(pool.take(7), Some(Thing(1)));
        assert_eq!(settle(&pool), []);
    });
}

/// Two workers take and put, twice the first: nothing is lost, and no third thing is made for two workers.
fn two_workers(first: (usize, usize), second: (usize, usize)) {
    check(move || {
        let pool = pool([&[0], &[]]);
        let other = spawn(&pool, move |pool| call(pool, second.0, second.1, 1));
        let mut made = u32::from(call(&pool, first.0, first.1, 2));
        made += u32::from(call(&pool, first.0, first.1, 3));
        made += u32::from(other.join().unwrap());
        let left = settle(&pool);
        assert!(left.contains(&Thing(0)), "what was put in is not lost: {left:?}");
        assert_eq!(left.len(), 1 + made as usize, "nor is what was made: {left:?}");
        assert!(made <= 1, "two workers never need three: {left:?}");
    });
}

#[test]
fn two_workers_share_a_shard() {
    two_workers((0, 0), (0, 0));
}

#[test]
fn two_workers_have_their_own_shards() {
    two_workers((0, 0), (1, 1));
}

#[test]
fn a_call_may_end_on_another_worker() {
    two_workers((0, 1), (1, 0));
}

#[test]
fn one_thing_goes_to_one_of_two_takers() {
    for shards in [[0, 0], [0, 1], [1, 2]] {
        check(move || {
            let pool = pool([&[1], &[], &[]]);
            let [here, there] = shards;
            let other = spawn(&pool, move |pool| pool.take(there));
            let taken = [pool.take(here), other.join().unwrap()];
            assert_eq!(Vec::from_iter(taken.into_iter().flatten()), things([1]));
            assert_eq!(settle(&pool), []);
        });
    }
}

#[test]
fn two_takers_find_two_things_wherever_they_lie() {
    check(|| {
        let pool = pool([&[], &[1], &[2]]);
        let other = spawn(&pool, |pool| pool.take(0));
        let taken = [pool.take(1), other.join().unwrap()];
        assert!(taken.iter().all(Option::is_some), "{taken:?}");
        assert_eq!(settle(&pool), []);
    });
}

#[test]
fn a_thing_that_was_put_is_found() {
    check(|| {
        let pool = pool([&[], &[]]);
        let other = spawn(&pool, |pool| pool.put(1, Thing(1)));
        let early = pool.take(0);
        assert_eq!(other.join().unwrap(), None);
        // Put before this call began: there is no excuse left.
        let late = pool.take(0);
        assert_eq!(early.or(late), Some(Thing(1)));
        assert_eq!(settle(&pool), []);
    });
}

/// Another thread carries both things past the one who looks, from a shard ahead to one behind. One of them lies in the
/// pool at all times.
#[test]
fn a_pool_that_is_never_empty_never_comes_back_with_nothing() {
    check(|| {
        let pool = pool([&[], &[], &[1, 2]]);
        let mover = spawn(&pool, |pool| {
            for _ in 0..2 {
                let Some(thing) = pool.take(2) else { return };
                assert_eq!(pool.put(1, thing), None);
            }
        });
        let taken = pool.take(0);
        mover.join().unwrap();
        assert!(taken.is_some());
        assert_eq!(settle(&pool).len(), 1);
    });
}

#[test]
fn the_count_is_never_absurd() {
    check(|| {
        let pool = pool([&[1], &[]]);
        let worker = spawn(&pool, |pool| call(pool, 0, 1, 2));
        let thief = spawn(&pool, |pool| call(pool, 1, 1, 3));
        for _ in 0..2 {
            let idle = pool.idle();
            assert!(idle <= 2, "{idle}");
        }
        let made = [worker.join().unwrap(), thief.join().unwrap()].into_iter().filter(|made| *made).count();
        assert_eq!(settle(&pool).len(), 1 + made);
    });
}

#[test]
fn a_dropped_pool_drops_what_lies_in_it() {
    check(|| {
        // Loom counts on its own: an `Arc` that outlives its model fails it.
        let thing = Arc::new(());
        let pool = super::pool::Pool::new(2);
        assert!(pool.put(0, Arc::clone(&thing)).is_none());
        drop(pool);
        assert_eq!(Arc::strong_count(&thing), 1);
    });
}
