use std::collections::BTreeSet;

use super::*;
use crate::capabilities::cache::backend::check::MAX_MEMBERS;

fn bytes(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from(*text)).collect()
}

#[test]
fn a_list_keeps_the_newest_first() {
    let (cache, _) = cache();
    assert_eq!(now(cache.list_push("l", bytes(&["a", "b"]), None, None)), Ok(2));
    assert_eq!(now(cache.list_push("l", bytes(&["c", "d"]), Some(3), None)), Ok(3));
    assert_eq!(now(cache.list_range("l", 0, -1)).unwrap(), ["d", "c", "b"]);
    assert_eq!(now(cache.list_range("l", 1, 1)).unwrap(), ["c"]);
    assert_eq!(now(cache.list_range("l", 5, 9)).unwrap(), bytes(&[]));
    assert_eq!(now(cache.list_range("absent", 0, -1)).unwrap(), bytes(&[]));
    // Nothing pushed onto nothing leaves nothing.
    assert_eq!(now(cache.list_push("none", vec![], None, None)), Ok(0));
    assert_eq!(now(cache.life("none")), Ok(None));
    assert_eq!(now(cache.list_push("l", bytes(&["e"]), Some(0), None)), Ok(0));
    assert_eq!(now(cache.life("l")), Ok(None));
    assert_eq!(cache.stats().bytes, 0);
    check(&cache);
}

#[test]
fn a_set_holds_each_member_once() {
    let (cache, _) = cache();
    assert_eq!(now(cache.set_add("s", bytes(&["a", "b", "a"]), None)), Ok(2));
    assert_eq!(now(cache.set_add("s", bytes(&["b", "c"]), None)), Ok(1));
    assert_eq!(now(cache.set_size("s")), Ok(3));
    let members: BTreeSet<Bytes> = now(cache.set_members("s")).unwrap().into_iter().collect();
    assert_eq!(members, BTreeSet::from(["a".into(), "b".into(), "c".into()]));
    assert_eq!(now(cache.set_remove("s", &bytes(&["a", "x"]))), Ok(1));
    assert_eq!(now(cache.set_remove("s", &bytes(&["b", "c"]))), Ok(2));
    assert_eq!(now(cache.life("s")), Ok(None));
    assert_eq!(now(cache.set_size("s")), Ok(0));
    assert_eq!(now(cache.set_members("s")).unwrap(), bytes(&[]));
    check(&cache);
}

#[test]
fn a_sorted_set_answers_by_score() {
    let (cache, _) = cache();
    let add = |members: &[(f64, &'static str)]| {
        now(cache.sorted_add("z", members.iter().map(|(s, m)| (*s, Bytes::from(*m))).collect(), None))
    };
    let range = |low, high, limit, reverse| -> Vec<Bytes> {
        let range = now(cache.sorted_range("z", low, high, limit, reverse)).unwrap();
        range.into_iter().map(|(_, member)| member).collect()
    };
    assert_eq!(add(&[(1.0, "a"), (2.0, "b"), (3.0, "c")]), Ok(3));
    assert_eq!(add(&[(9.0, "a"), (2.0, "d")]), Ok(1));
    assert_eq!(range(2.0, 9.0, 100, false), ["b", "d", "c", "a"]);
    assert_eq!(range(2.0, 9.0, 2, true), ["a", "c"]);
    assert_eq!(range(2.0, 9.0, 0, true), bytes(&[]));
    assert_eq!(range(f64::NEG_INFINITY, f64::INFINITY, u32::MAX, false).len(), 4);
    assert_eq!(range(9.0, 2.0, 100, false), bytes(&[]));
    assert_eq!(add(&[(1.0, "ok"), (f64::NAN, "bad")]).unwrap_err().case(), "invalid");
    assert_eq!(range(1.0, 1.0, 1, false), bytes(&[]));
    assert_eq!(case(cache.sorted_range("z", f64::NAN, 1.0, 1, false)), "invalid");
    assert_eq!(case(cache.sorted_range("z", 0.0, f64::NAN, 1, false)), "invalid");
    assert_eq!(now(cache.sorted_remove("z", &bytes(&["a", "b", "c", "d", "e"]))), Ok(4));
    assert_eq!(now(cache.life("z")), Ok(None));
    check(&cache);
}

#[test]
fn a_hash_answers_fields_in_the_order_asked() {
    let (cache, _) = cache();
    let field = |name: &str, value: &'static str| (name.to_owned(), Bytes::from(value));
    assert_eq!(now(cache.hash_set("h", vec![field("a", "1"), field("b", "2"), field("a", "3")], None)), Ok(2));
    let got = now(cache.hash_get("h", &keys(&["b", "x", "a", "b"]))).unwrap();
    assert_eq!(got, [Some("2".into()), None, Some("3".into()), Some("2".into())]);
    assert_eq!(now(cache.hash_get("absent", &keys(&["a", "b"]))).unwrap(), [None, None]);
    let all: BTreeSet<(String, Bytes)> = now(cache.hash_get_all("h")).unwrap().into_iter().collect();
    assert_eq!(all, BTreeSet::from([field("a", "3"), field("b", "2")]));
    assert_eq!(now(cache.hash_increment("h", "a", 4)), Ok(7));
    assert_eq!(now(cache.hash_increment("h", "new", -1)), Ok(-1));
    assert_eq!(now(cache.hash_set("h", vec![field("text", "x")], None)), Ok(1));
    assert_eq!(case(cache.hash_increment("h", "text", 1)), "invalid");
    assert_eq!(now(cache.hash_increment("h", "new", i64::MIN)).unwrap_err().case(), "invalid");
    assert_eq!(now(cache.hash_increment("fresh", "n", 2)), Ok(2));
    assert_eq!(now(cache.hash_delete("h", &keys(&["a", "b", "new", "text", "x"]))), Ok(4));
    assert_eq!(now(cache.life("h")), Ok(None));
    check(&cache);
}

#[test]
fn an_answer_above_the_limit_is_refused_and_one_at_it_is_not() {
    let (cache, _) = cache();
    let many = |from: usize, to: usize| (from..to).map(|number| Bytes::from(number.to_string())).collect::<Vec<_>>();
    now(cache.set_add("s", many(0, MAX_MEMBERS), None)).unwrap();
    assert_eq!(now(cache.set_members("s")).unwrap().len(), MAX_MEMBERS);
    now(cache.set_add("s", many(MAX_MEMBERS, MAX_MEMBERS + 1), None)).unwrap();
    assert_eq!(case(cache.set_members("s")), "too-large");
    assert_eq!(now(cache.set_size("s")), Ok(10_001));

    now(cache.list_push("l", many(0, MAX_MEMBERS + 1), None, None)).unwrap();
    assert_eq!(case(cache.list_range("l", 0, -1)), "too-large");
    assert_eq!(now(cache.list_range("l", 0, -2)).unwrap().len(), MAX_MEMBERS);

    let scored = many(0, MAX_MEMBERS + 1).into_iter().map(|member| (1.0, member)).collect();
    now(cache.sorted_add("z", scored, None)).unwrap();
    assert_eq!(case(cache.sorted_range("z", 0.0, 2.0, u32::MAX, false)), "too-large");
    assert_eq!(now(cache.sorted_range("z", 0.0, 2.0, 10_000, true)).unwrap().len(), MAX_MEMBERS);

    let fields = many(0, MAX_MEMBERS + 1).into_iter().map(|value| (format!("{value:?}"), value)).collect();
    now(cache.hash_set("h", fields, None)).unwrap();
    assert_eq!(case(cache.hash_get_all("h")), "too-large");
}
