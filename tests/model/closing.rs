//! Closing, while others are inside.

use super::{Thing, check, closed, pool, sorted, spawn, things};

#[test]
fn close_against_put_loses_nothing_and_leaves_nothing() {
    for worker in [0, 1] {
        check(move || {
            let pool = pool([&[1], &[]]);
            let closer = spawn(&pool, |pool| {
                let out = pool.close();
                closed(pool);
                out
            });
            let refused = pool.put(worker, Thing(2));
            let out = closer.join().unwrap();
            closed(&pool);
            assert_eq!(sorted(out.into_iter().chain(refused)), things([1, 2]));
        });
    }
}

#[test]
fn close_against_two_puts() {
    check(|| {
        let pool = pool([&[], &[]]);
        let first = spawn(&pool, |pool| pool.put(0, Thing(1)));
        let second = spawn(&pool, |pool| pool.put(1, Thing(2)));
        let out = pool.close();
        // Both may still be inside: what they bring must not stay.
        let refused = [first.join().unwrap(), second.join().unwrap()];
        closed(&pool);
        assert_eq!(sorted(out.into_iter().chain(refused.into_iter().flatten())), things([1, 2]));
    });
}

#[test]
fn close_against_take() {
    check(|| {
        let pool = pool([&[1], &[2]]);
        let closer = spawn(&pool, |pool| {
            let out = pool.close();
            closed(pool);
            out
        });
        let taken = pool.take(1);
        let out = closer.join().unwrap();
        closed(&pool);
        assert_eq!(sorted(out.into_iter().chain(taken)), things([1, 2]));
    });
}

#[test]
fn close_against_a_call_that_ends_on_another_worker() {
    check(|| {
        let pool = pool([&[1], &[]]);
        let closer = spawn(&pool, |pool| {
            let out = pool.close();
            closed(pool);
            out
        });
        let taken = pool.take(0);
        let refused = pool.put(1, taken.unwrap_or(Thing(2)));
        let out = sorted(closer.join().unwrap().into_iter().chain(refused));
        closed(&pool);
        // The call came after the pool was emptied, and made a thing; or it had the one that lay there.
        assert!(out == things([1]) || out == things([1, 2]), "{out:?}");
    });
}

#[test]
fn two_may_close() {
    check(|| {
        let pool = pool([&[1], &[2]]);
        let other = spawn(&pool, |pool| {
            let out = pool.close();
            closed(pool);
            out
        });
        let out = pool.close();
        closed(&pool);
        assert_eq!(sorted(other.join().unwrap().into_iter().chain(out)), things([1, 2]));
    });
}

#[test]
fn the_count_is_never_absurd_while_closing() {
    check(|| {
        let pool = pool([&[1], &[2]]);
        let closer = spawn(&pool, |pool| pool.close());
        let taker = spawn(&pool, |pool| pool.take(1));
        let idle = pool.idle();
        assert!(idle <= 2, "{idle}");
        let (out, taken) = (closer.join().unwrap(), taker.join().unwrap());
        closed(&pool);
        assert_eq!(sorted(out.into_iter().chain(taken)), things([1, 2]));
    });
}

#[test]
fn close_against_trim() {
    check(|| {
        let pool = pool([&[1], &[2]]);
        let closer = spawn(&pool, |pool| pool.close());
        let trimmed = pool.trim(0, |_| true);
        let out = closer.join().unwrap();
        closed(&pool);
        assert_eq!(sorted(out.into_iter().chain(trimmed)), things([1, 2]));
    });
}
