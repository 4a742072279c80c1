//! Plain values, and keys of any type.

use super::*;

pub(super) async fn what_is_set_is_read(cache: &Cache) {
    let key = cache.key("k");
    assert_eq!(cache.get(&key).await, Ok(None));
    for value in [&b""[..], b"text", b"OK", b"\0\r\n\xff", b"42"] {
        cache.set(&key, Bytes::copy_from_slice(value), None).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap().unwrap(), value);
    }
}

pub(super) async fn set_replaces_any_type_and_its_life(cache: &Cache) {
    let key = cache.key("k");
    cache.list_push(&key, all(&["v"]), None, HOUR).await.unwrap();
    cache.set(&key, "plain".into(), None).await.unwrap();
    assert_eq!(cache.get(&key).await.unwrap().unwrap(), "plain");
    assert_eq!(cache.life(&key).await, Ok(Some(Duration::ZERO)));
    cache.set(&key, "plain".into(), HOUR).await.unwrap();
    assert!(an_hour(cache.life(&key).await.unwrap()));
}

pub(super) async fn set_if_absent_needs_an_absent_key(cache: &Cache) {
    let (key, list) = (cache.key("k"), cache.key("l"));
    assert_eq!(cache.set_if_absent(&key, "first".into(), HOUR).await, Ok(true));
    assert_eq!(cache.set_if_absent(&key, "second".into(), None).await, Ok(false));
    assert_eq!(cache.get(&key).await.unwrap().unwrap(), "first");
    assert!(an_hour(cache.life(&key).await.unwrap()));
    cache.list_push(&list, all(&["v"]), None, None).await.unwrap();
    assert_eq!(cache.set_if_absent(&list, "v".into(), None).await, Ok(false));
}

pub(super) async fn compare_and_set_needs_what_it_expects(cache: &Cache) {
    let (key, set) = (cache.key("k"), cache.key("s"));
    let cas = async |expected: Option<&[u8]>, value: &'static str, life| {
        cache.compare_and_set(&key, expected, Bytes::from(value), life).await
    };
    assert_eq!(cas(Some(b""), "1", None).await, Ok(false));
    assert_eq!(cas(None, "1", HOUR).await, Ok(true));
    assert!(an_hour(cache.life(&key).await.unwrap()));
    assert_eq!(cas(None, "2", None).await, Ok(false));
    assert_eq!(cas(Some(b"2"), "3", None).await, Ok(false));
    assert_eq!(cache.get(&key).await.unwrap().unwrap(), "1");
    assert_eq!(cas(Some(b"1"), "", None).await, Ok(true));
    assert_eq!(cache.life(&key).await, Ok(Some(Duration::ZERO)));
    assert_eq!(cas(Some(b""), "\0\u{ff}", HOUR).await, Ok(true));
    assert_eq!(cas(Some("\0\u{ff}".as_bytes()), "end", HOUR).await, Ok(true));
    assert!(an_hour(cache.life(&key).await.unwrap()));
    assert_eq!(cache.get(&key).await.unwrap().unwrap(), "end");

    cache.set_add(&set, all(&["m"]), None).await.unwrap();
    assert_eq!(case(cache.compare_and_set(&set, Some(b"m"), "v".into(), None).await), "invalid");
    assert_eq!(cache.compare_and_set(&set, None, "v".into(), None).await, Ok(false));
    assert_eq!(cache.set_size(&set).await, Ok(1));
}

pub(super) async fn increment_counts_in_64_bits(cache: &Cache) {
    for life in [None, HOUR] {
        let key = cache.key("n");
        cache.delete(std::slice::from_ref(&key)).await.unwrap();
        assert_eq!(cache.increment(&key, 5, life).await, Ok(5));
        assert_eq!(cache.increment(&key, -7, life).await, Ok(-2));
        assert_eq!(cache.increment(&key, 0, life).await, Ok(-2));
        assert_eq!(cache.get(&key).await.unwrap().unwrap(), "-2");
        // Above what a double holds: no digit may be lost.
        assert_eq!(cache.increment(&key, (1 << 53) + 3, life).await, Ok((1 << 53) + 1));

        cache.set(&key, i64::MAX.to_string().into(), None).await.unwrap();
        assert_eq!(cache.increment(&key, 0, life).await, Ok(i64::MAX));
        assert_eq!(case(cache.increment(&key, 1, life).await), "invalid");
        assert_eq!(cache.get(&key).await.unwrap().unwrap(), i64::MAX.to_string());
        cache.set(&key, i64::MIN.to_string().into(), None).await.unwrap();
        assert_eq!(case(cache.increment(&key, -1, life).await), "invalid");
        assert_eq!(cache.increment(&key, i64::MAX, life).await, Ok(-1));

        cache.delete(std::slice::from_ref(&key)).await.unwrap();
        assert_eq!(cache.increment(&key, i64::MIN, life).await, Ok(i64::MIN));
        assert_eq!(case(cache.increment(&key, i64::MIN, life).await), "invalid");
    }
}

pub(super) async fn increment_takes_one_spelling_of_a_number(cache: &Cache) {
    let (key, hash) = (cache.key("k"), cache.key("h"));
    for text in ["", "one", "1.5", " 1", "1 ", "+1", "01", "-0", "-", "9223372036854775808", "\0"] {
        cache.set(&key, text.into(), None).await.unwrap();
        assert_eq!(case(cache.increment(&key, 1, None).await), "invalid", "{text:?}");
        assert_eq!(case(cache.increment(&key, 1, HOUR).await), "invalid", "{text:?}");
        assert_eq!(cache.get(&key).await.unwrap().unwrap(), text);
        cache.hash_set(&hash, vec![("f".into(), text.into())], None).await.unwrap();
        assert_eq!(case(cache.hash_increment(&hash, "f", 1).await), "invalid", "{text:?}");
    }
}

pub(super) async fn delete_counts_what_existed(cache: &Cache) {
    let keys: Vec<String> = ["a", "b", "c", "d"].iter().map(|name| cache.key(name)).collect();
    assert_eq!(cache.delete(&[]).await, Ok(0));
    assert_eq!(cache.delete(&keys).await, Ok(0));
    cache.set(&keys[0], "v".into(), None).await.unwrap();
    cache.list_push(&keys[1], all(&["v"]), None, None).await.unwrap();
    cache.hash_set(&keys[2], vec![("f".into(), "v".into())], None).await.unwrap();
    assert_eq!(cache.delete(&[keys[0].clone(), keys[0].clone()]).await, Ok(1));
    assert_eq!(cache.delete(&keys).await, Ok(2));
    assert_eq!(cache.delete(&keys).await, Ok(0));
}

pub(super) async fn every_function_refuses_a_key_of_another_type(cache: &Cache) {
    let (text, list) = (cache.key("text"), cache.key("list"));
    cache.set(&text, "1".into(), None).await.unwrap();
    cache.list_push(&list, all(&["v"]), None, None).await.unwrap();
    let one = || all(&["v"]);
    assert_eq!(case(cache.get(&list).await), "invalid");
    for life in [None, HOUR] {
        assert_eq!(case(cache.increment(&list, 1, life).await), "invalid");
        for values in [one(), vec![]] {
            assert_eq!(case(cache.list_push(&text, values.clone(), None, life).await), "invalid");
            assert_eq!(case(cache.list_push(&text, values.clone(), Some(0), life).await), "invalid");
            assert_eq!(case(cache.list_push(&text, values.clone(), Some(3), life).await), "invalid");
            assert_eq!(case(cache.set_add(&list, values, life).await), "invalid");
        }
        assert_eq!(case(cache.sorted_add(&list, vec![(1.0, "m".into())], life).await), "invalid");
        assert_eq!(case(cache.sorted_add(&list, vec![], life).await), "invalid");
        assert_eq!(case(cache.hash_set(&list, vec![("f".into(), "v".into())], life).await), "invalid");
        assert_eq!(case(cache.hash_set(&list, vec![], life).await), "invalid");
    }
    for (start, stop) in [(0, -1), (0, 1), (5, 1), (-3, -1), (-30_000, 40_000)] {
        assert_eq!(case(cache.list_range(&text, start, stop).await), "invalid");
    }
    for removed in [one(), vec![]] {
        assert_eq!(case(cache.set_remove(&list, &removed).await), "invalid");
        assert_eq!(case(cache.sorted_remove(&list, &removed).await), "invalid");
    }
    assert_eq!(case(cache.set_members(&list).await), "invalid");
    assert_eq!(case(cache.set_size(&list).await), "invalid");
    for (limit, reverse) in [(0, false), (1, false), (1, true)] {
        assert_eq!(case(cache.sorted_range(&list, 0.0, 1.0, limit, reverse).await), "invalid");
        assert_eq!(case(cache.sorted_range(&list, 1.0, 0.0, limit, reverse).await), "invalid");
    }
    for fields in [names(&["f"]), vec![]] {
        assert_eq!(case(cache.hash_get(&list, &fields).await), "invalid");
        assert_eq!(case(cache.hash_delete(&list, &fields).await), "invalid");
    }
    assert_eq!(case(cache.hash_get_all(&list).await), "invalid");
    assert_eq!(case(cache.hash_increment(&list, "f", 1).await), "invalid");

    // Nothing was changed, also no life.
    assert_eq!(cache.list_range(&list, 0, -1).await.unwrap(), ["v"]);
    assert_eq!(cache.get(&text).await.unwrap().unwrap(), "1");
    assert_eq!(cache.life(&list).await, Ok(Some(Duration::ZERO)));
    assert_eq!(cache.life(&text).await, Ok(Some(Duration::ZERO)));
}

pub(super) async fn large_values_and_strange_keys_pass(cache: &Cache) {
    let large = Bytes::from(vec![7_u8; 1 << 20]);
    for name in ["ключ \r\n*1\r\n", "{tag}", "{", "}{", "*", "\0"] {
        let key = cache.key(name);
        cache.set(&key, large.clone(), HOUR).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap().unwrap(), large);
        assert_eq!(cache.delete(&[key]).await, Ok(1));
    }
}
