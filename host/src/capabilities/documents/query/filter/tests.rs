use bson::{Bson, DateTime, Document, bson, doc};
use proptest::prelude::*;

use super::Filter;
use crate::capabilities::documents::query::tests::{document, filter, raw};

fn matches(query: Document, document: Document) -> bool {
    filter(query).matches(&raw(document))
}

/// Filter, documents that match, documents that do not.
type Case = (Document, Vec<Document>, Vec<Document>);

fn check(cases: Vec<Case>) {
    for (query, yes, no) in cases {
        for (documents, expected) in [(yes, true), (no, false)] {
            for document in documents {
                assert_eq!(matches(query.clone(), document.clone()), expected, "{query} on {document}");
            }
        }
    }
}

#[test]
fn equality() {
    let nan = f64::NAN;
    check(vec![
        (doc! {}, vec![doc! {}, doc! { "a": 1 }], vec![]),
        (
            doc! { "a": 1 },
            vec![doc! { "a": 1 }, doc! { "a": 1.0 }, doc! { "a": Bson::Int64(1) }, doc! { "a": [0, 1] }],
            vec![doc! {}, doc! { "a": "1" }, doc! { "a": true }, doc! { "a": [[1]] }, doc! { "a": { "b": 1 } }],
        ),
        (doc! { "a": 0 }, vec![doc! { "a": -0.0 }], vec![doc! { "a": null }, doc! { "a": false }]),
        (doc! { "a": nan }, vec![doc! { "a": nan }, doc! { "a": [nan] }], vec![doc! { "a": 0 }, doc! {}]),
        (
            doc! { "a": Bson::Int64((1 << 53) + 1) },
            vec![doc! { "a": Bson::Int64((1 << 53) + 1) }],
            vec![doc! { "a": 9_007_199_254_740_992.0 }],
        ),
        // Null finds what is missing, too.
        (
            doc! { "a": null },
            vec![doc! {}, doc! { "a": null }, doc! { "a": [1, null] }],
            vec![doc! { "a": 0 }, doc! { "a": [] }, doc! { "a": [1] }, doc! { "a": false }],
        ),
        (
            doc! { "a.b": null },
            vec![
                doc! {},
                doc! { "a": 1 },
                doc! { "a": {} },
                doc! { "a": [{}] },
                doc! { "a": [{ "b": 1 }, { "c": 1 }] },
            ],
            vec![doc! { "a": { "b": 1 } }, doc! { "a": [] }, doc! { "a": [1] }, doc! { "a": [{ "b": 1 }] }],
        ),
        // A whole array, or one that is an element.
        (
            doc! { "a": [1, 2] },
            vec![doc! { "a": [1, 2] }, doc! { "a": [1.0, 2] }, doc! { "a": [0, [1, 2]] }],
            vec![doc! { "a": [2, 1] }, doc! { "a": [1, 2, 3] }, doc! { "a": 1 }, doc! { "a": [[[1, 2]]] }],
        ),
        (
            doc! { "a": [] },
            vec![doc! { "a": [] }, doc! { "a": [[]] }],
            vec![doc! {}, doc! { "a": [1] }, doc! { "a": null }],
        ),
        // Documents are exact: all the fields in their order.
        (
            doc! { "a": { "x": 1, "y": 2 } },
            vec![doc! { "a": { "x": 1, "y": 2.0 } }, doc! { "a": [{ "x": 1, "y": 2 }] }],
            vec![doc! { "a": { "y": 2, "x": 1 } }, doc! { "a": { "x": 1 } }, doc! { "a": { "x": 1, "y": 2, "z": 3 } }],
        ),
        (doc! { "a": { "$eq": { "$x": 1 } } }, vec![doc! { "a": { "$x": 1 } }], vec![doc! { "a": 1 }]),
        (doc! { "a": { "$ref": "c", "$id": 1 } }, vec![doc! { "a": { "$ref": "c", "$id": 1 } }], vec![doc! {}]),
        (doc! { "a": 1, "b": 2 }, vec![doc! { "a": 1, "b": 2 }], vec![doc! { "a": 1 }, doc! { "b": 2 }]),
        (
            doc! { "a": { "$ne": 1 } },
            vec![doc! {}, doc! { "a": 2 }, doc! { "a": [2, 3] }, doc! { "a": "1" }],
            vec![doc! { "a": 1 }, doc! { "a": 1.0 }, doc! { "a": [2, 1] }],
        ),
        (
            doc! { "a": { "$ne": null } },
            vec![doc! { "a": 1 }, doc! { "a": [] }],
            vec![doc! {}, doc! { "a": null }, doc! { "a": [null] }],
        ),
    ]);
}

#[test]
fn comparisons_stay_within_a_class() {
    let date = |millis| Bson::DateTime(DateTime::from_millis(millis));
    check(vec![
        (
            doc! { "a": { "$gt": 5 } },
            vec![doc! { "a": 6 }, doc! { "a": 5.5 }, doc! { "a": [1, 6] }, doc! { "a": f64::INFINITY }],
            vec![
                doc! { "a": 5 },
                doc! { "a": "6" },
                doc! {},
                doc! { "a": null },
                doc! { "a": date(9) },
                doc! { "a": f64::NAN },
            ],
        ),
        (doc! { "a": { "$gte": 5 } }, vec![doc! { "a": 5.0 }], vec![doc! { "a": 4.9 }]),
        (
            doc! { "a": { "$lt": 5 } },
            vec![doc! { "a": -1 }],
            vec![doc! { "a": 5 }, doc! { "a": null }, doc! {}, doc! { "a": f64::NAN }],
        ),
        (doc! { "a": { "$lte": 5 } }, vec![doc! { "a": 5 }], vec![doc! { "a": 6 }]),
        (
            doc! { "a": { "$lt": "b" } },
            vec![doc! { "a": "a" }, doc! { "a": "" }],
            vec![doc! { "a": 1 }, doc! { "a": "b" }],
        ),
        (doc! { "a": { "$gte": date(0) } }, vec![doc! { "a": date(0) }], vec![doc! { "a": date(-1) }, doc! { "a": 1 }]),
        (doc! { "a": { "$gt": false } }, vec![doc! { "a": true }], vec![doc! { "a": false }, doc! { "a": 1 }]),
        // Both may be met, by different elements.
        (
            doc! { "a": { "$gt": 3, "$lt": 5 } },
            vec![doc! { "a": 4 }, doc! { "a": [1, 10] }],
            vec![doc! { "a": [5, 6] }],
        ),
        (doc! { "a": { "$gte": null } }, vec![doc! {}, doc! { "a": null }], vec![doc! { "a": 1 }]),
        (doc! { "a": { "$gt": null } }, vec![], vec![doc! {}, doc! { "a": null }, doc! { "a": 1 }]),
        (doc! { "a": { "$lte": f64::NAN } }, vec![doc! { "a": f64::NAN }], vec![doc! { "a": 1 }]),
        (doc! { "a": { "$lt": f64::NAN } }, vec![], vec![doc! { "a": f64::NAN }, doc! { "a": -1 }]),
        (
            doc! { "a": { "$gt": [1] } },
            vec![doc! { "a": [1, 0] }, doc! { "a": [2] }],
            vec![doc! { "a": [1] }, doc! { "a": 2 }],
        ),
        (doc! { "a": { "$gt": { "b": 1 } } }, vec![doc! { "a": { "b": 2 } }], vec![doc! { "a": { "b": 1 } }]),
        // The two ends are compared with all classes.
        (doc! { "a": { "$gt": Bson::MinKey } }, vec![doc! { "a": 1 }, doc! {}], vec![doc! { "a": Bson::MinKey }]),
        (doc! { "a": { "$lt": Bson::MaxKey } }, vec![doc! { "a": "x" }], vec![doc! { "a": Bson::MaxKey }]),
        (doc! { "a": Bson::MaxKey }, vec![doc! { "a": Bson::MaxKey }], vec![doc! { "a": 1 }]),
    ]);
}

#[test]
fn paths_enter_documents_and_arrays() {
    check(vec![
        (
            doc! { "a.b": 1 },
            vec![
                doc! { "a": { "b": 1 } },
                doc! { "a": { "b": [0, 1] } },
                doc! { "a": [{ "b": 0 }, { "b": 1 }] },
                doc! { "a": [{ "b": [1] }] },
            ],
            vec![doc! { "a.b": 1 }, doc! { "a": 1 }, doc! { "a": [1] }, doc! { "a": [[{ "b": 1 }]] }],
        ),
        (
            doc! { "a.0": 1 },
            vec![doc! { "a": [1, 2] }, doc! { "a": { "0": 1 } }, doc! { "a": [2, { "0": 1 }] }],
            // An array that is named by its position is not entered.
            vec![doc! { "a": [2, 1] }, doc! { "a": [[1]] }, doc! { "a": 1 }],
        ),
        (doc! { "a.0": [1] }, vec![doc! { "a": [[1]] }], vec![doc! { "a": [1] }]),
        (doc! { "a.00": 1 }, vec![doc! { "a": { "00": 1 } }], vec![doc! { "a": [1] }]),
        (
            doc! { "a.1.b": 1 },
            vec![doc! { "a": [0, { "b": 1 }] }, doc! { "a": [0, [{ "b": 1 }]] }, doc! { "a": [{ "1": { "b": 1 } }] }],
            vec![doc! { "a": [{ "b": 1 }, 0] }],
        ),
        (doc! { "a.0.0": 1 }, vec![doc! { "a": [[1]] }], vec![doc! { "a": [1] }]),
        (doc! { "a.b.c": 1 }, vec![doc! { "a": [{ "b": [{ "c": 1 }] }] }], vec![doc! { "a": { "b": 1 } }]),
        (doc! { "a.b": { "$gt": 1 } }, vec![doc! { "a": [{ "b": 0 }, { "b": 2 }] }], vec![doc! { "a": [{ "b": 1 }] }]),
        // Each condition may be met by another element …
        (
            doc! { "a.b": 1, "a.c": 2 },
            vec![doc! { "a": [{ "b": 1, "c": 0 }, { "b": 0, "c": 2 }] }],
            vec![doc! { "a": [{ "b": 1, "c": 0 }] }],
        ),
        // … but not here.
        (
            doc! { "a": { "$elemMatch": { "b": 1, "c": 2 } } },
            vec![doc! { "a": [{ "b": 1, "c": 2 }] }, doc! { "a": [0, { "b": 1, "c": 2 }] }],
            vec![doc! { "a": [{ "b": 1, "c": 0 }, { "b": 0, "c": 2 }] }, doc! { "a": { "b": 1, "c": 2 } }],
        ),
        (doc! { "": 1 }, vec![doc! { "": 1 }], vec![doc! { "a": 1 }]),
        (doc! { "a.": 1 }, vec![doc! { "a": { "": 1 } }], vec![doc! { "a": 1 }]),
    ]);
}

#[test]
fn lists_and_logic() {
    check(vec![
        (
            doc! { "a": { "$in": [1, "x", null] } },
            vec![doc! { "a": 1.0 }, doc! { "a": "x" }, doc! {}, doc! { "a": [5, 1] }],
            vec![doc! { "a": 2 }, doc! { "a": [] }],
        ),
        (doc! { "a": { "$in": [] } }, vec![], vec![doc! {}, doc! { "a": 1 }]),
        (doc! { "a": { "$in": [[1, 2]] } }, vec![doc! { "a": [1, 2] }], vec![doc! { "a": [1] }]),
        (doc! { "a": { "$nin": [1, 2] } }, vec![doc! {}, doc! { "a": 3 }], vec![doc! { "a": [3, 1] }, doc! { "a": 2 }]),
        (doc! { "a": { "$nin": [] } }, vec![doc! {}], vec![]),
        (doc! { "$and": [{ "a": 1 }, { "a": 2 }] }, vec![doc! { "a": [1, 2] }], vec![doc! { "a": 1 }]),
        (doc! { "$or": [{ "a": 1 }, { "b": 2 }] }, vec![doc! { "a": 1 }, doc! { "b": 2 }], vec![doc! {}]),
        (doc! { "$or": [{}] }, vec![doc! {}], vec![]),
        (doc! { "$nor": [{ "a": 1 }, { "b": 2 }] }, vec![doc! { "a": 2 }], vec![doc! { "a": 1 }, doc! { "b": 2 }]),
        (
            doc! { "c": 1, "$or": [{ "a": 1 }, { "$and": [{ "b": 1 }, { "a": { "$exists": false } }] }] },
            vec![doc! { "c": 1, "a": 1 }, doc! { "c": 1, "b": 1 }],
            vec![doc! { "a": 1 }, doc! { "c": 1, "b": 1, "a": 2 }],
        ),
        // `$not` matches what is missing or of another class.
        (
            doc! { "a": { "$not": { "$gt": 5 } } },
            vec![doc! {}, doc! { "a": 5 }, doc! { "a": "x" }],
            vec![doc! { "a": [1, 6] }],
        ),
        (
            doc! { "a": { "$not": { "$gt": 3, "$lt": 5 } } },
            vec![doc! { "a": 7 }],
            vec![doc! { "a": 4 }, doc! { "a": [1, 9] }],
        ),
        (doc! { "a": { "$not": { "$not": { "$eq": 1 } } } }, vec![doc! { "a": 1 }], vec![doc! {}]),
    ]);
}

#[test]
fn existence_types_and_arrays() {
    check(vec![
        (
            doc! { "a": { "$exists": true } },
            vec![doc! { "a": 1 }, doc! { "a": null }, doc! { "a": [] }],
            vec![doc! {}, doc! { "b": 1 }],
        ),
        (doc! { "a": { "$exists": 1 } }, vec![doc! { "a": 1 }], vec![doc! {}]),
        (doc! { "a": { "$exists": 0.0 } }, vec![doc! {}], vec![doc! { "a": null }]),
        (
            doc! { "a.b": { "$exists": false } },
            vec![doc! {}, doc! { "a": 1 }, doc! { "a": [] }, doc! { "a": [{ "c": 1 }] }],
            vec![doc! { "a": [{ "b": 1 }, {}] }, doc! { "a": { "b": null } }],
        ),
        (doc! { "a.1": { "$exists": true } }, vec![doc! { "a": [1, 2] }], vec![doc! { "a": [1] }]),
        (
            doc! { "a": { "$type": "string" } },
            vec![doc! { "a": "x" }, doc! { "a": [1, "x"] }],
            vec![doc! { "a": 1 }, doc! {}],
        ),
        (doc! { "a": { "$type": 2 } }, vec![doc! { "a": "x" }], vec![doc! { "a": 1 }]),
        (doc! { "a": { "$type": "number" } }, vec![doc! { "a": 1 }, doc! { "a": 1.5 }], vec![doc! { "a": "x" }]),
        (doc! { "a": { "$type": "array" } }, vec![doc! { "a": [] }, doc! { "a": [1] }], vec![doc! { "a": 1 }]),
        (
            doc! { "a": { "$type": ["null", "int"] } },
            vec![doc! { "a": null }, doc! { "a": 1 }],
            vec![doc! {}, doc! { "a": 1.5 }],
        ),
        (doc! { "a": { "$type": -1 } }, vec![doc! { "a": Bson::MinKey }], vec![doc! { "a": 1 }]),
        (
            doc! { "a": { "$size": 2 } },
            vec![doc! { "a": [1, [2, 3]] }],
            vec![doc! { "a": [1] }, doc! { "a": [[1, 2]] }, doc! { "a": 2 }, doc! {}],
        ),
        (doc! { "a": { "$size": 0.0 } }, vec![doc! { "a": [] }], vec![doc! {}]),
        (doc! { "a": { "$all": [1, 2] } }, vec![doc! { "a": [2, 3, 1] }], vec![doc! { "a": [1] }, doc! {}]),
        (doc! { "a": { "$all": [1] } }, vec![doc! { "a": 1 }], vec![doc! { "a": 2 }]),
        (
            doc! { "a": { "$all": [[1, 2]] } },
            vec![doc! { "a": [1, 2] }, doc! { "a": [[1, 2]] }],
            vec![doc! { "a": [2, 1] }],
        ),
        (doc! { "a": { "$all": [] } }, vec![], vec![doc! {}, doc! { "a": [] }]),
        (
            doc! { "a": { "$all": [{ "$elemMatch": { "b": 1 } }, { "$elemMatch": { "b": 2 } }] } },
            vec![doc! { "a": [{ "b": 1 }, { "b": 2 }] }],
            vec![doc! { "a": [{ "b": 1 }] }],
        ),
        (
            doc! { "a": { "$elemMatch": { "$gt": 3, "$lt": 5 } } },
            vec![doc! { "a": [1, 4] }],
            vec![doc! { "a": [1, 10] }, doc! { "a": 4 }, doc! { "a": [[4]] }],
        ),
        (
            doc! { "a": { "$elemMatch": { "$elemMatch": { "$eq": 4 } } } },
            vec![doc! { "a": [[4]] }],
            vec![doc! { "a": [4] }],
        ),
        (
            doc! { "a": { "$elemMatch": { "$or": [{ "b": 1 }, { "c": 1 }] } } },
            vec![doc! { "a": [{ "c": 1 }] }],
            vec![doc! { "a": [{ "d": 1 }] }],
        ),
        (
            doc! { "a.b": { "$elemMatch": { "$eq": 1 } } },
            vec![doc! { "a": [{ "b": [1] }] }],
            vec![doc! { "a": [{ "b": 1 }] }],
        ),
        (
            doc! { "a": { "$elemMatch": { "$ne": 1 } } },
            vec![doc! { "a": [1, 2] }],
            vec![doc! { "a": [1] }, doc! { "a": [] }],
        ),
        (doc! { "a": { "$elemMatch": { "0": 1 } } }, vec![doc! { "a": [[1]] }], vec![doc! { "a": [1] }]),
    ]);
}

#[test]
fn what_is_not_supported_is_named() {
    let regex = Bson::RegularExpression(bson::Regex {
        pattern: bson::raw::cstr!("a").into(),
        options: bson::raw::cstr!("").into(),
    });
    let deep = vec!["a"; 40].join(".");
    let cases = [
        (doc! { "$where": "1" }, "$where"),
        (doc! { "$expr": {} }, "$expr"),
        (doc! { "$text": {} }, "$text"),
        (doc! { "a": { "$mod": [2, 0] } }, "$mod"),
        (doc! { "a": { "$near": [] } }, "$near"),
        (doc! { "a": { "$ne": regex.clone() } }, "$ne with a regular expression"),
        (doc! { "a": { "$gt": regex } }, "$gt with a regular expression"),
        (doc! { "a": { "$gt": 1, "b": 2 } }, "plain field `b`"),
        (doc! { "a": { "$in": 1 } }, "`$in` takes an array"),
        (doc! { "a": { "$in": [{ "$gt": 1 }] } }, "not operators"),
        (doc! { "a": { "$all": 1 } }, "`$all` takes an array"),
        (doc! { "a": { "$all": [{ "$gt": 1 }] } }, "`$all` takes values"),
        (doc! { "a": { "$not": {} } }, "`$not` of `a`"),
        (doc! { "a": { "$not": 1 } }, "`$not` of `a`"),
        (doc! { "a": { "$size": -1 } }, "`$size` of `a`"),
        (doc! { "a": { "$size": 1.5 } }, "`$size` of `a`"),
        (doc! { "a": { "$type": "text" } }, "`$type`"),
        (doc! { "a": { "$type": 0 } }, "`$type`"),
        (doc! { "a": { "$type": [] } }, "`$type`"),
        (doc! { "a": { "$elemMatch": 1 } }, "`$elemMatch` of `a`"),
        (doc! { "$and": [] }, "`$and` takes"),
        (doc! { "$or": [1] }, "`$or` takes"),
        (doc! { "$nor": { "a": 1 } }, "`$nor` takes"),
        (doc! { "$or": [{ "a": { "$foo": 1 } }] }, "$foo"),
        (doc! { deep: 1 }, "40 parts"),
        (doc! { "a": { "$all": vec![1; 1_001] } }, "at most 1000 conditions"),
        (doc! { "$or": vec![doc! { "a": { "$regex": "x" } }; 51] }, "at most 50 regular expressions"),
        (doc! { "a": { "$options": "i" } }, "`$options` needs"),
        (doc! { "a": { "$regex": 1 } }, "`$regex` takes"),
        (doc! { "a": { "$regex": "x", "$options": 1 } }, "`$options` takes"),
        (doc! { "$or": vec![doc! {}; 1_001] }, "at most 1000 conditions"),
        (doc! { "a": { "$elemMatch": { "$not": { "$all": vec![1; 999] } } } }, "at most 1000 conditions"),
    ];
    for (query, expected) in cases {
        let message = Filter::parse(&raw(query.clone())).expect_err(expected).message;
        assert!(message.contains(expected), "{query}: {message}");
    }
    assert!(Filter::parse(&raw(doc! { "a": { "$all": vec![1; 1_000] }})).is_ok());
    assert!(Filter::parse(&raw(doc! { "a": { "$in": vec![1; 10_000] }})).is_ok());
}

proptest! {
    #[test]
    fn negations_are_the_opposite(document in document(), path in "[abc0](\\.[abc0]){0,2}", number in 0..4_i32) {
        for (operator, operand, opposite) in [
            ("$eq", bson!(number), "$ne"),
            ("$eq", bson!(null), "$ne"),
            ("$in", bson!([number, "a"]), "$nin"),
        ] {
            let holds = matches(doc! { &path: { operator: operand.clone() } }, document.clone());
            prop_assert_eq!(matches(doc! { &path: { opposite: operand.clone() } }, document.clone()), !holds);
            prop_assert_eq!(matches(doc! { &path: { "$not": { operator: operand.clone() } } }, document.clone()), !holds);
            prop_assert_eq!(matches(doc! { "$nor": [{ &path: { operator: operand } }] }, document.clone()), !holds);
        }
        let exists = matches(doc! { &path: { "$exists": true } }, document.clone());
        prop_assert_eq!(matches(doc! { &path: { "$exists": false } }, document), !exists);
    }
}

#[test]
fn a_shape_has_no_values() {
    for (query, expected) in [
        (doc! {}, "{}"),
        (doc! { "a": "secret", "b.c": { "$gt": 1, "$lte": 2 } }, "{a: {$eq}, b.c: {$gt}, b.c: {$lte}}"),
        (doc! { "a": { "$nin": [1] }, "b": { "$in": ["x"] } }, "{a: {$nin}, b: {$in}}"),
        (doc! { "a": { "$regex": "^secret" }, "b": { "$exists": false } }, "{a: {$regex}, b: {$not: {$exists}}}"),
        (doc! { "$nor": [{ "a": 1 }, { "$and": [{ "b": 2 }] }] }, "{$nor: [{a: {$eq}}, {$and: [{b: {$eq}}]}]}"),
        (doc! { "a": { "$elemMatch": { "b": 1 } } }, "{a: {$elemMatch: {b: {$eq}}}}"),
        (doc! { "a": { "$elemMatch": { "$gt": 1, "$lt": 5 } } }, "{a: {$elemMatch: {$gt, $lt}}}"),
        (doc! { "a": { "$all": [1, 2] }, "c": { "$size": 2 } }, "{a: {$eq}, a: {$eq}, c: {$size}}"),
        (doc! { "a\n": 1 }, "{a\\n: {$eq}}"),
    ] {
        assert_eq!(filter(query.clone()).shape().to_string(), expected, "{query}");
    }
    let long = filter(doc! { "x".repeat(1_000): 1 }).shape().to_string();
    assert_eq!((long.len(), long.ends_with('…')), (500 + '…'.len_utf8(), true));
}
