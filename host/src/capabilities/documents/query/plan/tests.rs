use bson::{Bson, Document, bson, doc};
use proptest::prelude::*;

use super::Plan;
use crate::capabilities::documents::query::{
    Index,
    key::{self, Direction},
    tests::{document, filter, raw, raw_value},
};

fn plan(keys: Document, query: Document, multikey: bool) -> Option<Plan> {
    Index::parse(&raw(keys)).unwrap().plan(&filter(query).given(), multikey)
}

#[test]
fn equalities_and_ranges_are_found() {
    let nested = filter(
        doc! { "$and": [{ "a": 1 }, { "$and": [{ "b": { "$in": [2, 1] } }] }], "c": [1], "d": { "$gte": null } },
    );
    assert_eq!(nested.given().equality("a"), Some(raw_value(1).as_raw_bson_ref()));
    assert_eq!(nested.given().equality("b"), None);
    assert_eq!(nested.given().one_of("b").unwrap().len(), 2);
    assert_eq!(nested.given().equality("c"), None, "an array's equality is not one key's");
    assert_eq!(nested.given().equality("d"), Some(bson::raw::RawBsonRef::Null));
    assert!(nested.given().bounds("x", false).is_none());
    let under_or = filter(doc! { "$or": [{ "a": 1 }], "b": { "$not": { "$eq": 1 } }, "c": { "$ne": 1 } });
    assert!(
        ["a", "b", "c"]
            .iter()
            .all(|path| under_or.given().one_of(path).is_none() && under_or.given().bounds(path, false).is_none())
    );
}

#[test]
fn plans() {
    let cases = [
        // Index, filter, multikey; number of ranges, leading equalities, point.
        (doc! { "a": 1 }, doc! { "a": 5 }, false, Some((1, 1, true))),
        (doc! { "a": 1 }, doc! { "b": 5 }, false, None),
        (doc! { "a": 1 }, doc! {}, false, None),
        (doc! { "a": 1 }, doc! { "a": { "$in": [3, 1, 2, 1.0] } }, false, Some((3, 0, true))),
        (doc! { "a": 1 }, doc! { "a": { "$in": [] } }, false, Some((0, 0, true))),
        (doc! { "a": 1 }, doc! { "a": { "$gt": 1, "$lt": 5 } }, false, Some((1, 0, false))),
        (doc! { "a": 1 }, doc! { "a": { "$gt": 5, "$lt": 1 } }, false, Some((0, 0, false))),
        (doc! { "a": 1 }, doc! { "a": { "$gt": 5, "$lt": 1 } }, true, Some((1, 0, false))),
        (doc! { "a": 1, "b": -1 }, doc! { "a": 1, "b": { "$lt": 3 } }, false, Some((1, 1, false))),
        (doc! { "a": 1, "b": -1 }, doc! { "a": 1, "b": 3 }, false, Some((1, 2, true))),
        (doc! { "a": 1, "b": -1 }, doc! { "a": 1, "b": 3 }, true, Some((1, 1, false))),
        (doc! { "a": 1, "b": 1 }, doc! { "a": { "$in": [1, 2] }, "b": { "$in": [3, 4] } }, false, Some((4, 0, true))),
        (doc! { "a": 1, "b": 1 }, doc! { "b": 1 }, false, None),
        (doc! { "a": 1 }, doc! { "a": { "$gt": bson::Bson::MinKey } }, false, None),
        (doc! { "a": 1 }, doc! { "a": { "$exists": true } }, false, None),
        (doc! { "a": 1 }, doc! { "a": { "$in": [[1]] } }, false, None),
    ];
    for (keys, query, multikey, expected) in cases {
        let found = plan(keys.clone(), query.clone(), multikey);
        let summary = found.as_ref().map(|plan| (plan.ranges.len(), plan.equalities, plan.point));
        assert_eq!(summary, expected, "{keys} for {query}");
    }
}

#[test]
fn products_are_limited() {
    let many: Vec<i32> = (0..2_000).collect();
    let query = doc! { "a": { "$in": many.clone() }, "b": { "$in": many } };
    let numbers = plan(doc! { "a": 1, "b": 1 }, query, false).unwrap();
    assert_eq!((numbers.ranges.len(), numbers.point), (2_000, false));

    let query = doc! { "a": "x".repeat(100_000), "b": { "$in": (0..100).collect::<Vec<i32>>() } };
    let long = plan(doc! { "a": 1, "b": 1 }, query, false).unwrap();
    assert_eq!((long.ranges.len(), long.equalities, long.point), (1, 1, false));
}

#[test]
fn ranges_are_tight() {
    let within = |query: Document, value: Bson, direction: i32| {
        let plan = plan(doc! { "a": direction }, query, false).unwrap();
        let mut found = Vec::new();
        let side = if direction == 1 { Direction::Ascending } else { Direction::Descending };
        key::append(&mut found, raw_value(value).as_raw_bson_ref(), side);
        // A record's id follows the key.
        found.extend_from_slice(&[0xff, 0x00]);
        plan.ranges.iter().any(|range| range.contains(&found))
    };
    for direction in [1, -1] {
        for (query, inside, outside) in [
            (doc! { "$gt": 1 }, bson!([2, 1.5, f64::INFINITY]), bson!([1, 1.0, 0, "x", null])),
            (doc! { "$gte": 1 }, bson!([1, 2]), bson!([0.5, "x", null])),
            (doc! { "$lt": 1 }, bson!([0, -5]), bson!([1, 2, "x", null])),
            (doc! { "$lte": 1 }, bson!([1, 0]), bson!([2, "x", null])),
            (doc! { "$gt": 1, "$lte": 3 }, bson!([2, 3]), bson!([1, 4])),
            (doc! { "$gte": 1, "$gt": 1, "$lt": 3 }, bson!([2]), bson!([1, 3])),
            (doc! { "$gte": "b" }, bson!(["b", "b\0", "c"]), bson!(["a", 5, {}])),
            (doc! { "$gt": "b" }, bson!(["b\0", "c"]), bson!(["a", "b"])),
            (doc! { "$eq": "b" }, bson!(["b"]), bson!(["b\0", "a"])),
        ] {
            for (values, expected) in [(inside, true), (outside, false)] {
                for value in values.as_array().unwrap() {
                    let query = doc! { "a": query.clone() };
                    assert_eq!(
                        within(query.clone(), value.clone(), direction),
                        expected,
                        "{query} {value} {direction}"
                    );
                }
            }
        }
    }
}

#[test]
fn implication() {
    for (given, partial, expected) in [
        (doc! { "a": 5 }, doc! { "a": { "$exists": true } }, true),
        (doc! { "a": null }, doc! { "a": { "$exists": true } }, false),
        (doc! { "a": { "$gt": Bson::MinKey } }, doc! { "a": { "$exists": true } }, false),
        (doc! { "a": 5, "b": 1 }, doc! { "a": { "$gt": 3 } }, true),
        (doc! { "a": 2 }, doc! { "a": { "$gt": 3 } }, false),
        (doc! { "a": { "$gt": 3 }, "b": 1 }, doc! { "a": { "$gt": 3 } }, true),
        (doc! { "b": 1 }, doc! { "a": { "$gt": 3 } }, false),
        (doc! { "$and": [{ "a": 1 }, { "b": 2 }] }, doc! { "a": 1, "b": 2 }, true),
        (doc! { "$or": [{ "a": 1 }, { "a": 2 }] }, doc! { "a": 1 }, false),
        (doc! { "a": 1.0 }, doc! { "a": { "$type": "int" } }, false),
        (doc! { "a": 1 }, doc! {}, true),
    ] {
        assert_eq!(filter(given.clone()).given().implies(&filter(partial.clone())), expected, "{given} => {partial}");
    }
}

#[test]
fn an_upsert_begins_with_the_equalities() {
    for (query, expected) in [
        (doc! { "a": 1, "b": { "$gt": 2 } }, Some(doc! { "a": 1 })),
        (doc! { "a.b": 1, "a.c": { "$eq": 2 } }, Some(doc! { "a": { "b": 1, "c": 2 } })),
        (doc! { "$and": [{ "a": 1 }, { "b": [2] }] }, Some(doc! { "a": 1, "b": [2] })),
        (doc! { "$or": [{ "a": 1 }] }, Some(doc! { "a": 1 })),
        (doc! { "$or": [{ "a": 1 }, { "b": 1 }] }, Some(doc! {})),
        (doc! { "a": { "$in": [1] }, "b": { "$in": [1, 2] } }, Some(doc! { "a": 1 })),
        (doc! { "a": { "$all": [1] } }, Some(doc! { "a": 1 })),
        (doc! { "a": null, "b": { "$ne": 1 }, "c": { "$not": { "$eq": 1 } } }, Some(doc! { "a": null })),
        (doc! { "$and": [{ "a": 1 }, { "a": 1 }] }, None),
        (doc! { "a": { "x": 1 }, "a.y": 2 }, None),
        (doc! { "a.y": 2, "a": { "x": 1 } }, None),
    ] {
        assert_eq!(filter(query.clone()).seed().ok(), expected, "{query}");
    }
}

/// Few values, few fields, many arrays: two conditions are often met, by different elements.
fn crowded() -> impl Strategy<Value = Document> {
    let number = || (0..3_i32).prop_map(Bson::Int32);
    let fields = ("[bc]", number(), "[bc]", number())
        .prop_map(|(one, first, other, second)| Bson::Document([(one, first), (other, second)].into_iter().collect()));
    let element = prop_oneof![3 => number(), 3 => fields, 1 => Just(Bson::Null), 1 => Just(Bson::Double(f64::NAN))];
    let value = prop_oneof![element.clone(), proptest::collection::vec(element, 0..4).prop_map(Bson::Array),];
    proptest::collection::vec(("[ab]", value), 0..3).prop_map(|fields| fields.into_iter().collect())
}

fn condition() -> impl Strategy<Value = Document> {
    let operand = prop_oneof![
        12 => (0..3_i32).prop_map(Bson::Int32),
        1 => Just(Bson::Double(1.0)),
        2 => Just(Bson::Null),
        1 => Just(Bson::Double(f64::NAN)),
        1 => Just(bson!({ "b": 1 })),
        1 => Just(bson!([1])),
        1 => Just(Bson::MinKey),
    ];
    let path = proptest::sample::select(vec!["a", "a", "b", "a.b", "a.c"]);
    let operator = proptest::sample::select(vec!["$eq", "$gt", "$gte", "$lt", "$lte", "$in"]);
    (path, operator, operand.clone(), operand).prop_map(|(path, operator, operand, other)| match operator {
        "$in" => doc! { path: { operator: [operand, other] } },
        operator => doc! { path: { operator: operand } },
    })
}

/// Two conditions that two elements meet, over all small cases: random ones rarely get there.
#[test]
fn conditions_may_be_met_by_different_elements() {
    let pairs: Vec<(i32, i32)> = (0..2).flat_map(|first| (0..2).map(move |second| (first, second))).collect();
    let operators = ["$eq", "$gt", "$gte", "$lt", "$lte"];
    let conditions: Vec<Document> = operators.iter().flat_map(|of| (0..2).map(move |at| doc! { *of: at })).collect();
    let mut missed = Vec::new();
    let mut try_one = |keys: &Document, query: Document, document: Document| {
        let index = Index::parse(&raw(keys.clone())).unwrap();
        let (filter, stored) = (filter(query.clone()), raw(document.clone()));
        let entries = index.entries(&stored).unwrap();
        if let Some(plan) = index.plan(&filter.given(), entries.multikey)
            && filter.matches(&stored)
            && !entries.keys.iter().any(|key| plan.ranges.iter().any(|range| range.contains(key)))
        {
            missed.push((query, document));
        }
    };
    for (left, right) in conditions.iter().flat_map(|left| conditions.iter().map(move |right| (left, right))) {
        for (x, y) in &pairs {
            let both = doc! { "$and": [{ "a": left.clone() }, { "a": right.clone() }] };
            try_one(&doc! { "a": 1 }, both, doc! { "a": [*x, *y] });
            for (z, w) in &pairs {
                let document = doc! { "a": [{ "b": *x, "c": *y }, { "b": *z, "c": *w }] };
                try_one(&doc! { "a.b": 1, "a.c": -1 }, doc! { "a.b": left.clone(), "a.c": right.clone() }, document);
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The one promise of a plan: what matches is in the ranges.
    #[test]
    fn a_plan_misses_nothing(
        document in prop_oneof![3 => crowded().boxed(), 1 => document().boxed()],
        conditions in proptest::collection::vec(condition(), 1..4),
        keys in proptest::sample::select(vec![
            doc! { "a": 1 }, doc! { "a": -1 }, doc! { "a.b": 1 }, doc! { "a": 1, "b": -1 }, doc! { "a.b": -1, "a.c": 1 },
            doc! { "b": 1, "a": 1 }, doc! { "a.b": -1, "a": 1 },
        ]),
    ) {
        let index = Index::parse(&raw(keys)).unwrap();
        let document = raw(document);
        let filter = filter(doc! { "$and": conditions });
        let Ok(entries) = index.entries(&document) else { return Ok(()) };
        for multikey in [entries.multikey, true] {
            let Some(plan) = index.plan(&filter.given(), multikey) else { continue };
            prop_assert!(plan.ranges.is_sorted_by(|left, right| left.end.as_ref().is_some_and(|end| *end <= right.start)));
            if filter.matches(&document) {
                prop_assert!(
                    entries.keys.iter().any(|key| plan.ranges.iter().any(|range| range.contains(key))),
                    "{plan:?} misses {entries:?}"
                );
            }
        }
    }

    /// A partial index that is used for a filter it is not implied by would hide documents.
    #[test]
    fn implication_is_true(document in prop_oneof![3 => crowded().boxed(), 1 => document().boxed()], given in condition(), partial in condition()) {
        let (given, partial) = (filter(given), filter(partial));
        let document = raw(document);
        if given.given().implies(&partial) && given.matches(&document) {
            prop_assert!(partial.matches(&document));
        }
    }
}
