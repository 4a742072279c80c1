use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;

use super::{Clock, Config, Memory};
use crate::capabilities::cache::backend::{Backend, Command, Reply};
use crate::capabilities::error::Result;

mod budget;
mod collections;
mod lives;
mod model;
mod snapshots;
mod threads;

/// A clock that stands still until it is moved. Wall time runs a thousand days ahead of the monotonic one.
#[derive(Debug, Default)]
pub(super) struct ManualClock {
    now: AtomicU64,
    wall_ahead: AtomicU64,
}

impl ManualClock {
    pub(super) fn pass(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn monotonic_ms(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn unix_ms(&self) -> u64 {
        self.now.load(Ordering::Relaxed) + self.wall_ahead.load(Ordering::Relaxed)
    }
}

pub(super) fn cache() -> (Memory, Arc<ManualClock>) {
    cache_of(Config::default())
}

pub(super) fn cache_of(config: Config) -> (Memory, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock { now: AtomicU64::new(1_000), wall_ahead: AtomicU64::new(86_400_000_000) });
    (Memory::new(config, Arc::clone(&clock) as Arc<dyn Clock>), clock)
}

/// The answer of a call, which for this backend is there at once.
pub(super) fn now<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("the cache in memory never waits")
}

pub(super) fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

pub(super) fn get(cache: &Memory, key: &str) -> Option<Bytes> {
    now(cache.get(key)).unwrap()
}

pub(super) fn set(cache: &Memory, key: &str, value: impl Into<Bytes>, life: Option<Duration>) {
    now(cache.set(key, value.into(), life)).unwrap();
}

/// The case of the error that a call must end with.
pub(super) fn case<T: std::fmt::Debug>(answer: impl Future<Output = Result<T>>) -> &'static str {
    now(answer).unwrap_err().case()
}

pub(super) fn check(cache: &Memory) {
    let mut bytes = 0;
    for shard in cache.shards() {
        let shard = shard.lock();
        shard.check();
        bytes += shard.bytes();
    }
    assert_eq!(cache.bytes.load(Ordering::Relaxed), bytes);
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

#[test]
fn a_value_is_there_until_it_is_deleted() {
    let (cache, _) = cache();
    assert_eq!(get(&cache, "k"), None);
    set(&cache, "k", "v", None);
    assert_eq!(get(&cache, "k").unwrap(), "v");
    set(&cache, "k", "w", None);
    assert_eq!(get(&cache, "k").unwrap(), "w");
    assert_eq!(now(cache.delete(&keys(&["k", "k", "other"]))), Ok(1));
    assert_eq!(get(&cache, "k"), None);
    assert_eq!(cache.stats().entries, 0);
    assert_eq!(cache.stats().bytes, 0);
    check(&cache);
}

#[test]
fn empty_values_and_odd_keys_are_values_and_keys() {
    let (cache, _) = cache();
    for key in ["", " ", "\0", "a\nb", "ключ", &"k".repeat(512)] {
        set(&cache, key, Bytes::new(), None);
        assert_eq!(get(&cache, key).unwrap(), "");
    }
    set(&cache, "bin", vec![0, 255, 10], None);
    assert_eq!(get(&cache, "bin").unwrap(), [0, 255, 10].as_slice());
}

#[test]
fn a_read_shares_what_is_stored() {
    let (cache, _) = cache();
    set(&cache, "k", vec![7; 4096], None);
    let (one, two) = (get(&cache, "k").unwrap(), get(&cache, "k").unwrap());
    assert_eq!(one.as_ptr(), two.as_ptr());
    // And stays whole after it was deleted.
    now(cache.delete(&keys(&["k"]))).unwrap();
    assert_eq!(one, vec![7; 4096]);
}

#[test]
fn set_if_absent_never_overwrites() {
    let (cache, _) = cache();
    assert_eq!(now(cache.set_if_absent("k", "first".into(), None)), Ok(true));
    assert_eq!(now(cache.set_if_absent("k", "second".into(), ms(5))), Ok(false));
    assert_eq!(get(&cache, "k").unwrap(), "first");
    assert_eq!(now(cache.life("k")), Ok(Some(Duration::ZERO)));
    now(cache.list_push("l", vec!["x".into()], None, None)).unwrap();
    assert_eq!(now(cache.set_if_absent("l", "v".into(), None)), Ok(false));
}

#[test]
fn compare_and_set_needs_what_it_expects() {
    let (cache, clock) = cache();
    let cas = |expected: Option<&[u8]>, value: &'static str, life| {
        now(cache.compare_and_set("k", expected, Bytes::from(value), life))
    };
    assert_eq!(cas(Some(b"x"), "1", None), Ok(false));
    assert_eq!(cas(None, "1", None), Ok(true));
    assert_eq!(cas(None, "2", None), Ok(false));
    assert_eq!(cas(Some(b"2"), "3", None), Ok(false));
    assert_eq!(get(&cache, "k").unwrap(), "1");
    assert_eq!(cas(Some(b"1"), "3", ms(10)), Ok(true));
    assert_eq!(get(&cache, "k").unwrap(), "3");
    clock.pass(10);
    assert_eq!(cas(Some(b"3"), "4", None), Ok(false));
    assert_eq!(cas(None, "4", None), Ok(true));

    now(cache.set_add("s", vec!["m".into()], None)).unwrap();
    assert_eq!(case(cache.compare_and_set("s", Some(b"m"), "v".into(), None)), "invalid");
    assert_eq!(now(cache.compare_and_set("s", None, "v".into(), None)), Ok(false));
}

#[test]
fn increment_follows_redis() {
    let (cache, clock) = cache();
    assert_eq!(now(cache.increment("n", 5, ms(100))), Ok(5));
    clock.pass(60);
    // The window does not slide.
    assert_eq!(now(cache.increment("n", -7, ms(100))), Ok(-2));
    assert_eq!(now(cache.life("n")), Ok(ms(40)));
    assert_eq!(get(&cache, "n").unwrap(), "-2");
    clock.pass(40);
    assert_eq!(now(cache.increment("n", 1, None)), Ok(1));
    assert_eq!(now(cache.life("n")), Ok(Some(Duration::ZERO)));

    set(&cache, "max", i64::MAX.to_string(), None);
    assert_eq!(now(cache.increment("max", 0, None)), Ok(i64::MAX));
    assert_eq!(case(cache.increment("max", 1, None)), "invalid");
    assert_eq!(get(&cache, "max").unwrap(), i64::MAX.to_string());
    set(&cache, "min", i64::MIN.to_string(), None);
    assert_eq!(case(cache.increment("min", -1, None)), "invalid");

    for text in ["", "one", "1.5", " 1", "+1", "01", "9223372036854775808"] {
        set(&cache, "text", text, None);
        assert_eq!(case(cache.increment("text", 1, None)), "invalid", "{text:?}");
        assert_eq!(get(&cache, "text").unwrap(), text);
    }
}

#[test]
fn a_batch_answers_each_command_in_order() {
    let (cache, _) = cache();
    now(cache.set_add("set", vec!["m".into()], None)).unwrap();
    let answers = now(cache.batch(vec![
        Command::Set("a".into(), "1".into(), ms(50)),
        Command::Get("a".into()),
        Command::SetIfAbsent("a".into(), "2".into(), None),
        Command::Increment("a".into(), 4, None),
        Command::Get("set".into()),
        Command::Expire("a".into(), Duration::from_millis(9)),
        Command::Expire("absent".into(), Duration::from_millis(9)),
        Command::Delete(keys(&["a", "absent", "set"])),
        Command::Get("a".into()),
    ]))
    .unwrap();
    let mut answers = answers.into_iter();
    assert_eq!(answers.next().unwrap(), Ok(Reply::Done));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Value(Some("1".into()))));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Changed(false)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Number(5)));
    assert_eq!(answers.next().unwrap().unwrap_err().case(), "invalid");
    assert_eq!(answers.next().unwrap(), Ok(Reply::Changed(true)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Changed(false)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Number(2)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Value(None)));
    assert_eq!(answers.next(), None);
}

#[test]
fn a_command_names_its_keys() {
    assert_eq!(Command::Get("a".into()).keys(), ["a"]);
    assert_eq!(Command::Increment("n".into(), 1, None).keys(), ["n"]);
    assert_eq!(Command::Delete(keys(&["a", "b"])).keys(), ["a", "b"]);
}

#[test]
fn every_function_refuses_a_key_of_another_type() {
    let (cache, _) = cache();
    set(&cache, "text", "v", None);
    now(cache.list_push("list", vec!["v".into()], None, None)).unwrap();
    let one = || vec![Bytes::from("v")];
    assert_eq!(case(cache.get("list")), "invalid");
    assert_eq!(case(cache.increment("list", 1, None)), "invalid");
    assert_eq!(case(cache.list_push("text", one(), None, None)), "invalid");
    assert_eq!(case(cache.list_range("text", 0, -1)), "invalid");
    assert_eq!(case(cache.set_add("list", one(), None)), "invalid");
    assert_eq!(case(cache.set_remove("list", &one())), "invalid");
    assert_eq!(case(cache.set_members("list")), "invalid");
    assert_eq!(case(cache.set_size("list")), "invalid");
    assert_eq!(case(cache.sorted_add("list", vec![(1.0, "m".into())], None)), "invalid");
    assert_eq!(case(cache.sorted_remove("list", &one())), "invalid");
    assert_eq!(case(cache.sorted_range("list", 0.0, 1.0, 1, false)), "invalid");
    assert_eq!(case(cache.hash_set("list", vec![("f".into(), "v".into())], None)), "invalid");
    assert_eq!(case(cache.hash_get("list", &keys(&["f"]))), "invalid");
    assert_eq!(case(cache.hash_get_all("list")), "invalid");
    assert_eq!(case(cache.hash_delete("list", &keys(&["f"]))), "invalid");
    assert_eq!(case(cache.hash_increment("list", "f", 1)), "invalid");
    // Nothing was changed, and plain `set` takes the key whatever it held.
    assert_eq!(now(cache.list_range("list", 0, -1)).unwrap(), ["v"]);
    set(&cache, "list", "plain", None);
    assert_eq!(get(&cache, "list").unwrap(), "plain");
    check(&cache);
}

#[test]
fn what_is_printed_holds_no_keys_or_values() {
    let (cache, _) = cache();
    set(&cache, "session:secret-token", "secret-value", None);
    let printed = format!("{cache:?}");
    assert!(printed.contains("entries: 1"), "{printed}");
    assert!(!printed.contains("secret"), "{printed}");
}
