//! Lists, sets, sorted sets and hashes.

use super::super::backend::check::MAX_MEMBERS;
use super::*;

pub(super) async fn a_list_is_pushed_in_front_and_kept_short(cache: &Cache) {
    let key = cache.key("l");
    assert_eq!(cache.list_push(&key, all(&["a", "b"]), None, None).await, Ok(2));
    assert_eq!(cache.list_push(&key, all(&["c"]), Some(9), None).await, Ok(3));
    assert_eq!(cache.list_range(&key, 0, -1).await.unwrap(), ["c", "b", "a"]);
    assert_eq!(cache.list_push(&key, all(&["d", "e"]), Some(3), None).await, Ok(3));
    assert_eq!(cache.list_range(&key, 0, -1).await.unwrap(), ["e", "d", "c"]);
    assert_eq!(cache.list_push(&key, vec![], Some(2), None).await, Ok(2));
    assert_eq!(cache.list_push(&key, vec![], None, None).await, Ok(2));
    assert_eq!(cache.list_push(&key, all(&["f"]), Some(0), HOUR).await, Ok(0));
    assert_eq!(cache.life(&key).await, Ok(None));
    let many: Vec<Bytes> = (0..2_500).map(|number: u32| number.to_string().into()).collect();
    assert_eq!(cache.list_push(&key, many, Some(2_001), HOUR).await, Ok(2_001));
    assert_eq!(cache.list_range(&key, 0, 1).await.unwrap(), ["2499", "2498"]);
    assert_eq!(cache.list_range(&key, -1, -1).await.unwrap(), ["499"]);
}

pub(super) async fn a_list_is_read_from_both_ends(cache: &Cache) {
    let key = cache.key("l");
    cache.list_push(&key, all(&["d", "c", "b", "a"]), None, None).await.unwrap();
    let edges = [i32::MIN, -30_000, -5, -4, -3, -1, 0, 1, 3, 4, 30_000, i32::MAX];
    let held = ["a", "b", "c", "d"];
    for start in edges {
        for stop in edges {
            let place = |index: i32| if index < 0 { i64::from(index) + 4 } else { i64::from(index) };
            let within = |index: usize| (place(start)..=place(stop)).contains(&(index as i64));
            let expected: Vec<&str> = (0..4).filter(|index| within(*index)).map(|index| held[index]).collect();
            assert_eq!(cache.list_range(&key, start, stop).await.unwrap(), expected, "{start}..={stop}");
            assert!(cache.list_range(&cache.key("absent"), start, stop).await.unwrap().is_empty());
        }
    }
}

pub(super) async fn a_set_has_each_member_once(cache: &Cache) {
    let key = cache.key("s");
    assert_eq!(cache.set_members(&key).await, Ok(vec![]));
    assert_eq!(cache.set_size(&key).await, Ok(0));
    assert_eq!(cache.set_add(&key, all(&["a", "b", "a", ""]), None).await, Ok(3));
    assert_eq!(cache.set_add(&key, all(&["b", "c"]), HOUR).await, Ok(1));
    let mut members = cache.set_members(&key).await.unwrap();
    members.sort();
    assert_eq!(members, ["", "a", "b", "c"]);
    assert_eq!(cache.set_size(&key).await, Ok(4));
    assert_eq!(cache.set_remove(&key, &all(&["a", "a", "x"])).await, Ok(1));
    assert_eq!(cache.set_size(&key).await, Ok(3));
}

pub(super) async fn a_sorted_set_is_read_by_score_and_then_by_bytes(cache: &Cache) {
    let key = cache.key("z");
    let add = |members: &[(f64, &'static str)]| {
        members.iter().map(|(score, member)| (*score, Bytes::from(*member))).collect::<Vec<_>>()
    };
    let range = async |low, high, limit, reverse| {
        let found = cache.sorted_range(&key, low, high, limit, reverse).await.unwrap();
        found
            .into_iter()
            .map(|(score, member)| (score, String::from_utf8(member.to_vec()).unwrap()))
            .collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(f64, &str)]| pairs.iter().map(|(at, name)| (*at, (*name).to_owned())).collect::<Vec<_>>();
    assert!(range(f64::NEG_INFINITY, f64::INFINITY, 9, false).await.is_empty());
    assert_eq!(cache.sorted_add(&key, add(&[(2.0, "b"), (1.0, "z"), (2.0, "a"), (3.0, "c")]), None).await, Ok(4));
    assert_eq!(cache.sorted_add(&key, add(&[(1.5, "z"), (0.1, "n"), (0.2, "n")]), HOUR).await, Ok(1));
    let whole = [(0.2, "n"), (1.5, "z"), (2.0, "a"), (2.0, "b"), (3.0, "c")];
    assert_eq!(range(f64::NEG_INFINITY, f64::INFINITY, 99, false).await, pairs(&whole));
    assert_eq!(range(2.0, 2.0, 99, true).await, pairs(&[(2.0, "b"), (2.0, "a")]));
    assert_eq!(range(0.0, 2.0, 2, false).await, pairs(&whole[..2]));
    assert_eq!(range(0.0, 2.0, 2, true).await, pairs(&[(2.0, "b"), (2.0, "a")]));
    assert!(range(0.0, 9.0, 0, false).await.is_empty());
    assert!(range(2.0, 1.0, 9, false).await.is_empty());
    assert!(range(2.0, 1.0, 9, true).await.is_empty());
    assert_eq!(range(0.0, 9.0, u32::MAX, true).await.len(), 5);
    assert_eq!(cache.sorted_remove(&key, &all(&["z", "z", "x"])).await, Ok(1));
    assert_eq!(range(0.0, 2.0, 1, false).await, pairs(&whole[..1]));
}

pub(super) async fn scores_have_all_values_but_one(cache: &Cache) {
    let key = cache.key("z");
    let scores = [
        f64::NEG_INFINITY,
        f64::MIN,
        -1e300,
        -1.000_000_000_000_1,
        -f64::MIN_POSITIVE,
        -5e-324,
        0.0,
        5e-324,
        0.1,
        1.0 / 3.0,
        1_700_000_000_123.456_7,
        9_007_199_254_740_992.0,
        1e22,
        f64::MAX,
        f64::INFINITY,
    ];
    let members = scores.iter().map(|score| (*score, Bytes::from(format!("{score:e}")))).collect();
    assert_eq!(cache.sorted_add(&key, members, None).await, Ok(15));
    let found = cache.sorted_range(&key, f64::NEG_INFINITY, f64::INFINITY, 99, false).await.unwrap();
    assert_eq!(found.iter().map(|(score, _)| *score).collect::<Vec<_>>(), scores);
    for score in scores {
        assert_eq!(cache.sorted_range(&key, score, score, 9, false).await.unwrap().len(), 1, "{score}");
    }
    assert_eq!(cache.sorted_add(&key, vec![(-0.0, "minus".into())], None).await, Ok(1));
    let zeros = cache.sorted_range(&key, -0.0, -0.0, 9, false).await.unwrap();
    assert_eq!(zeros.len(), 2);
    assert!(zeros.iter().all(|(score, _)| score.is_sign_positive()));

    let nan = vec![(1.0, "x".into()), (f64::NAN, "y".into())];
    assert_eq!(case(cache.sorted_add(&key, nan, None).await), "invalid");
    assert_eq!(cache.sorted_range(&key, 1.0, 1.0, 9, false).await.unwrap(), [], "the whole call is refused");
    assert_eq!(case(cache.sorted_range(&key, f64::NAN, 1.0, 9, false).await), "invalid");
    assert_eq!(case(cache.sorted_range(&key, 1.0, f64::NAN, 9, true).await), "invalid");
}

pub(super) async fn a_hash_has_fields(cache: &Cache) {
    let key = cache.key("h");
    let fields = |fields: &[(&str, &'static str)]| {
        fields.iter().map(|(name, value)| ((*name).to_owned(), Bytes::from(*value))).collect::<Vec<_>>()
    };
    assert_eq!(cache.hash_get(&key, &names(&["a", "b"])).await, Ok(vec![None, None]));
    assert_eq!(cache.hash_get_all(&key).await, Ok(vec![]));
    assert_eq!(cache.hash_set(&key, fields(&[("a", "1"), ("b", "2"), ("a", "3"), ("", "")]), None).await, Ok(3));
    assert_eq!(cache.hash_set(&key, fields(&[("b", "4"), ("ключ", "5")]), HOUR).await, Ok(1));
    let values = cache.hash_get(&key, &names(&["b", "x", "a", "a", ""])).await.unwrap();
    let some = |value: &'static str| Some(Bytes::from(value));
    assert_eq!(values, [some("4"), None, some("3"), some("3"), some("")]);
    let mut whole = cache.hash_get_all(&key).await.unwrap();
    whole.sort();
    assert_eq!(whole, fields(&[("", ""), ("a", "3"), ("b", "4"), ("ключ", "5")]));
    assert_eq!(cache.hash_delete(&key, &names(&["a", "a", "x"])).await, Ok(1));
    assert_eq!(cache.hash_get(&key, &names(&["a"])).await, Ok(vec![None]));
}

pub(super) async fn a_hash_counts(cache: &Cache) {
    let key = cache.key("h");
    assert_eq!(cache.hash_increment(&key, "n", 5).await, Ok(5));
    assert_eq!(cache.hash_increment(&key, "n", i64::MAX - 5).await, Ok(i64::MAX));
    assert_eq!(case(cache.hash_increment(&key, "n", 1).await), "invalid");
    assert_eq!(cache.hash_increment(&key, "n", i64::MIN).await, Ok(-1));
    assert_eq!(cache.hash_get(&key, &names(&["n"])).await.unwrap(), [Some(Bytes::from("-1"))]);
}

pub(super) async fn nothing_to_add_changes_nothing(cache: &Cache) {
    let (list, absent) = (cache.key("l"), cache.key("absent"));
    for life in [None, HOUR] {
        for keep in [None, Some(0), Some(3)] {
            assert_eq!(cache.list_push(&absent, vec![], keep, life).await, Ok(0));
        }
        assert_eq!(cache.set_add(&absent, vec![], life).await, Ok(0));
        assert_eq!(cache.sorted_add(&absent, vec![], life).await, Ok(0));
        assert_eq!(cache.hash_set(&absent, vec![], life).await, Ok(0));
    }
    assert_eq!(cache.set_remove(&absent, &[]).await, Ok(0));
    assert_eq!(cache.sorted_remove(&absent, &[]).await, Ok(0));
    assert_eq!(cache.hash_delete(&absent, &[]).await, Ok(0));
    assert_eq!(cache.hash_get(&absent, &[]).await, Ok(vec![]));
    assert_eq!(cache.life(&absent).await, Ok(None));
    // But a life is renewed.
    cache.list_push(&list, all(&["v"]), None, None).await.unwrap();
    assert_eq!(cache.list_push(&list, vec![], None, HOUR).await, Ok(1));
    assert!(an_hour(cache.life(&list).await.unwrap()));
}

pub(super) async fn an_empty_collection_is_gone(cache: &Cache) {
    let (set, sorted, hash) = (cache.key("s"), cache.key("z"), cache.key("h"));
    cache.set_add(&set, all(&["m"]), HOUR).await.unwrap();
    cache.sorted_add(&sorted, vec![(1.0, "m".into())], HOUR).await.unwrap();
    cache.hash_set(&hash, vec![("m".into(), "v".into())], HOUR).await.unwrap();
    assert_eq!(cache.set_remove(&set, &all(&["m"])).await, Ok(1));
    assert_eq!(cache.sorted_remove(&sorted, &all(&["m"])).await, Ok(1));
    assert_eq!(cache.hash_delete(&hash, &names(&["m"])).await, Ok(1));
    for key in [set, sorted, hash] {
        assert_eq!(cache.life(&key).await, Ok(None));
        assert_eq!(cache.set_if_absent(&key, "v".into(), None).await, Ok(true));
    }
}

pub(super) async fn ten_thousand_are_answered_and_one_more_is_not(cache: &Cache) {
    let (list, set, sorted, hash) = (cache.key("l"), cache.key("s"), cache.key("z"), cache.key("h"));
    let add = async |numbers: std::ops::Range<usize>| {
        let values: Vec<Bytes> = numbers.map(|number| format!("{number:05}").into()).collect();
        let named = |value: &Bytes| String::from_utf8(value.to_vec()).unwrap();
        cache.list_push(&list, values.clone(), None, None).await.unwrap();
        cache.set_add(&set, values.clone(), HOUR).await.unwrap();
        cache.sorted_add(&sorted, values.iter().map(|value| (1.0, value.clone())).collect(), HOUR).await.unwrap();
        cache.hash_set(&hash, values.iter().map(|value| (named(value), "v".into())).collect(), HOUR).await.unwrap();
    };
    add(0..MAX_MEMBERS).await;
    for (start, stop) in [(0, -1), (0, 9_999), (-10_000, -1), (-30_000, 30_000), (i32::MIN, i32::MAX)] {
        assert_eq!(cache.list_range(&list, start, stop).await.unwrap().len(), MAX_MEMBERS, "{start}..={stop}");
    }
    assert_eq!(cache.set_members(&set).await.unwrap().len(), MAX_MEMBERS);
    assert_eq!(cache.sorted_range(&sorted, 1.0, 1.0, u32::MAX, false).await.unwrap().len(), MAX_MEMBERS);
    assert_eq!(cache.hash_get_all(&hash).await.unwrap().len(), MAX_MEMBERS);
    add(MAX_MEMBERS..MAX_MEMBERS + 1).await;
    for (start, stop) in [(0, -1), (0, 10_000), (-10_001, -1), (-30_000, 30_000), (i32::MIN, i32::MAX)] {
        assert_eq!(case(cache.list_range(&list, start, stop).await), "too-large", "{start}..={stop}");
    }
    assert_eq!(cache.list_range(&list, 1, -1).await.unwrap().len(), MAX_MEMBERS);
    assert_eq!(cache.list_range(&list, 0, -2).await.unwrap().len(), MAX_MEMBERS);
    assert_eq!(case(cache.set_members(&set).await), "too-large");
    assert_eq!(cache.set_size(&set).await, Ok(10_001));
    assert_eq!(case(cache.hash_get_all(&hash).await), "too-large");
    for reverse in [false, true] {
        assert_eq!(case(cache.sorted_range(&sorted, 1.0, 1.0, u32::MAX, reverse).await), "too-large");
        let some = cache.sorted_range(&sorted, 1.0, 1.0, 10_000, reverse).await.unwrap();
        assert_eq!(some.len(), MAX_MEMBERS);
    }
}
