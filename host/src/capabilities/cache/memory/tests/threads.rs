use std::thread;

use super::*;

const THREADS: usize = 8;

fn everywhere<R: Send>(cache: &Memory, work: impl Fn(&Memory, usize) -> R + Sync) -> Vec<R> {
    let start = std::sync::Barrier::new(THREADS);
    let run = |number| {
        start.wait();
        work(cache, number)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || run(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn no_increment_is_lost() {
    let (cache, _) = cache();
    everywhere(&cache, |cache, _| {
        for number in 0..1_000 {
            now(cache.increment("n", 1, ms(1_000))).unwrap();
            now(cache.hash_increment("h", "f", 1)).unwrap();
            now(cache.increment(&format!("n:{}", number % 7), 1, None)).unwrap();
        }
    });
    assert_eq!(get(&cache, "n").unwrap(), "8000");
    assert_eq!(now(cache.hash_increment("h", "f", 0)), Ok(8_000));
    let sum: i64 = (0..7).map(|number| now(cache.increment(&format!("n:{number}"), 0, None)).unwrap()).sum();
    assert_eq!(sum, 8_000);
    check(&cache);
}

#[test]
fn set_if_absent_has_one_winner() {
    let (cache, _) = cache();
    for round in 0..200 {
        let key = format!("lock:{round}");
        let won = everywhere(&cache, |cache, number| {
            now(cache.set_if_absent(&key, number.to_string().into(), None)).unwrap().then_some(number)
        });
        let winners: Vec<usize> = won.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(get(&cache, &key).unwrap(), winners[0].to_string());
    }
}

#[test]
fn compare_and_set_counts_like_a_lock() {
    let (cache, _) = cache();
    set(&cache, "n", "0", None);
    everywhere(&cache, |cache, _| {
        let mut done = 0;
        while done < 500 {
            let held = get(cache, "n").unwrap();
            let next: u64 = std::str::from_utf8(&held).unwrap().parse::<u64>().unwrap() + 1;
            if now(cache.compare_and_set("n", Some(&held), next.to_string().into(), None)).unwrap() {
                done += 1;
            }
        }
    });
    assert_eq!(get(&cache, "n").unwrap(), "4000");
}

#[test]
fn the_books_balance_after_a_storm_of_writes_evictions_and_sweeps() {
    let (cache, clock) = cache_of(Config { budget: 128 << 10, shards: 4 });
    everywhere(&cache, |cache, number| {
        for round in 0..3_000_usize {
            let key = format!("k:{}", (round * 31 + number * 17) % 900);
            match round % 6 {
                0 => set(cache, &key, vec![0; round % 1_500], ms(5)),
                1 => drop(now(cache.list_push(&key, vec![vec![1; 200].into()], Some(9), None))),
                2 => drop(now(cache.increment(&key, 1, ms(3)))),
                3 => drop(now(cache.delete(&[key]))),
                4 => drop(now(cache.sorted_add(&key, vec![(1.0, key.clone().into())], ms(7)))),
                _ => {
                    clock.pass(1);
                    cache.sweep();
                }
            }
        }
    });
    check(&cache);
    assert!(cache.stats().bytes <= 128 << 10, "{:?}", cache.stats());
}
