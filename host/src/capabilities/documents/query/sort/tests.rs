use bson::{Document, doc};

use super::Sort;
use crate::capabilities::documents::query::tests::raw;

fn sorted(sort: Document, mut documents: Vec<Document>) -> Vec<Document> {
    let sort = Sort::parse(&raw(sort)).unwrap();
    documents.sort_by_key(|document| sort.key(&raw(document.clone())).unwrap());
    documents
}

#[test]
fn documents_are_sorted_as_mongodb_does() {
    let cases = [
        // What is missing stands with null, below numbers; an empty array below both.
        (
            doc! { "a": 1 },
            vec![
                doc! { "a": "x" },
                doc! { "a": 2 },
                doc! { "b": 1 },
                doc! { "a": [] },
                doc! { "a": 1.5 },
                doc! { "a": null },
            ],
            vec![
                doc! { "a": [] },
                doc! { "b": 1 },
                doc! { "a": null },
                doc! { "a": 1.5 },
                doc! { "a": 2 },
                doc! { "a": "x" },
            ],
        ),
        (
            doc! { "a": -1 },
            vec![doc! { "a": 1 }, doc! {}, doc! { "a": "x" }, doc! { "a": 2 }],
            vec![doc! { "a": "x" }, doc! { "a": 2 }, doc! { "a": 1 }, doc! {}],
        ),
        // An array stands for its least element upwards, for its greatest downwards.
        (
            doc! { "a": 1 },
            vec![doc! { "a": 2 }, doc! { "a": [1, 9] }, doc! { "a": 3 }],
            vec![doc! { "a": [1, 9] }, doc! { "a": 2 }, doc! { "a": 3 }],
        ),
        (
            doc! { "a": -1 },
            vec![doc! { "a": 2 }, doc! { "a": [1, 9] }, doc! { "a": 3 }],
            vec![doc! { "a": [1, 9] }, doc! { "a": 3 }, doc! { "a": 2 }],
        ),
        (
            doc! { "a": 1, "b": -1 },
            vec![doc! { "a": 1, "b": 1 }, doc! { "a": 0, "b": 0 }, doc! { "a": 1.0, "b": 2 }],
            vec![doc! { "a": 0, "b": 0 }, doc! { "a": 1.0, "b": 2 }, doc! { "a": 1, "b": 1 }],
        ),
        (
            doc! { "a.b": 1 },
            vec![doc! { "a": [{ "b": 5 }, { "b": 2 }] }, doc! { "a": { "b": 3 } }, doc! { "a": 1 }],
            vec![doc! { "a": 1 }, doc! { "a": [{ "b": 5 }, { "b": 2 }] }, doc! { "a": { "b": 3 } }],
        ),
        // A position in an array is that element alone.
        (
            doc! { "a.1": 1 },
            vec![doc! { "a": [0, 5] }, doc! { "a": [9, 1] }],
            vec![doc! { "a": [9, 1] }, doc! { "a": [0, 5] }],
        ),
        (
            doc! { "a.0.b": -1 },
            vec![doc! { "a": [{ "b": 1 }, { "b": 9 }] }, doc! { "a": [{ "b": 2 }] }],
            vec![doc! { "a": [{ "b": 2 }] }, doc! { "a": [{ "b": 1 }, { "b": 9 }] }],
        ),
        // No order: as they come.
        (doc! {}, vec![doc! { "a": 2 }, doc! { "a": 1 }], vec![doc! { "a": 2 }, doc! { "a": 1 }]),
    ];
    for (sort, documents, expected) in cases {
        assert_eq!(sorted(sort.clone(), documents), expected, "{sort}");
    }
}

#[test]
fn what_has_no_order_is_refused() {
    for (sort, expected) in [
        (doc! { "a": 0 }, "`a` must be 1 or -1"),
        (doc! { "a": { "$meta": "textScore" } }, "`a` must be 1 or -1"),
        (doc! { "$natural": 1 }, "`$natural` is not the name of a field"),
        ((0..33).map(|field| (format!("f{field}"), 1.into())).collect(), "at most 32"),
    ] {
        let message = Sort::parse(&raw(sort)).expect_err(expected).message;
        assert!(message.contains(expected), "{message}");
    }
    let both = Sort::parse(&raw(doc! { "a": 1, "b": 1 })).unwrap();
    assert!(both.key(&raw(doc! { "a": [1], "b": [1] })).is_err());
}
