use bson::{Document, bson, doc};

use super::Index;
use crate::capabilities::documents::query::{
    key::{Direction, encode},
    tests::{raw, raw_value},
};

fn index(keys: Document) -> Index {
    Index::parse(&raw(keys)).unwrap()
}

#[test]
fn the_keys_of_documents() {
    // The index, a document, the rows of values it is found under, whether by an array.
    let cases = [
        (doc! { "a": 1 }, doc! { "a": 5 }, bson!([[5]]), false),
        (doc! { "a": 1 }, doc! {}, bson!([[null]]), false),
        (doc! { "a": 1 }, doc! { "a": null }, bson!([[null]]), false),
        (doc! { "a": 1 }, doc! { "a": [2, 1, 2.0] }, bson!([[1], [2]]), true),
        (doc! { "a": 1 }, doc! { "a": [] }, bson!([[bson::Bson::Undefined]]), true),
        (doc! { "a": 1 }, doc! { "a": [[1, 2], 3] }, bson!([[3], [[1, 2]]]), true),
        (doc! { "a": 1 }, doc! { "a": { "b": 1 } }, bson!([[{ "b": 1 }]]), false),
        (doc! { "a.b": 1 }, doc! { "a": { "b": 1 } }, bson!([[1]]), false),
        (doc! { "a.b": 1 }, doc! { "a": 7 }, bson!([[null]]), false),
        (doc! { "a.b": 1 }, doc! { "a": [{ "b": 1 }, { "b": 2 }, {}, 5] }, bson!([[null], [1], [2]]), true),
        (doc! { "a.b": 1 }, doc! { "a": [{ "b": [1, 2] }, { "b": 3 }] }, bson!([[1], [2], [3]]), true),
        (doc! { "a.b": 1 }, doc! { "a": [] }, bson!([[null]]), true),
        (doc! { "a": 1, "b": 1 }, doc! { "a": 1, "b": 2 }, bson!([[1, 2]]), false),
        (doc! { "a": 1, "b": 1 }, doc! { "b": [1, 2] }, bson!([[null, 1], [null, 2]]), true),
        // Fields below the same array move together.
        (doc! { "a.b": 1, "a.c": 1 }, doc! { "a": [{ "b": 1, "c": 2 }, { "b": 3 }] }, bson!([[1, 2], [3, null]]), true),
        (doc! { "a": 1, "a.b": 1 }, doc! { "a": [{ "b": 1 }] }, bson!([[{ "b": 1 }, 1]]), true),
    ];
    for (keys, document, rows, multikey) in cases {
        let entries = index(keys.clone()).entries(&raw(document.clone())).unwrap();
        let mut expected: Vec<Vec<u8>> = Vec::new();
        for row in rows.as_array().unwrap() {
            let row: Vec<_> = row.as_array().unwrap().iter().map(|value| raw_value(value.clone())).collect();
            expected.push(encode(&row.iter().map(|value| value.as_raw_bson_ref()).collect::<Vec<_>>(), &[]));
        }
        assert_eq!(entries.keys, expected, "{keys} of {document}");
        assert_eq!(entries.multikey, multikey, "{keys} of {document}");
    }
}

#[test]
fn parallel_arrays_are_refused() {
    let parallel = index(doc! { "a": 1, "b": 1 });
    let message = parallel.entries(&raw(doc! { "a": [1], "b": [2] })).unwrap_err().message;
    assert!(message.contains("`b` is the second"), "{message}");
    let nested = index(doc! { "a.b": 1, "a.c": 1 });
    assert!(nested.entries(&raw(doc! { "a": [{ "b": [1], "c": [1] }] })).is_err());
    // One of them at a time is fine.
    assert!(parallel.entries(&raw(doc! { "a": [1], "b": 2 })).is_ok());
}

#[test]
fn keys_of_one_document_are_limited() {
    let document = doc! { "a": "x".repeat(100_000), "b": (0..1_000).collect::<Vec<i32>>() };
    let message = index(doc! { "b": 1, "a": 1 }).entries(&raw(document)).unwrap_err().message;
    assert!(message.contains("16 MiB"), "{message}");
}

#[test]
fn definitions() {
    let compound = index(doc! { "roomId": 1, "at.ms": -1.0 });
    assert_eq!(compound.name(), "roomId_1_at.ms_-1");
    assert_eq!(compound.fields()[1].direction, Direction::Descending);
    for (keys, expected) in [
        (doc! {}, "1 to 32 fields"),
        (doc! { "a": "text" }, "`a` must be 1 or -1"),
        (doc! { "a": "hashed" }, "`a` must be 1 or -1"),
        (doc! { "a": 2 }, "`a` must be 1 or -1"),
        (doc! { "a.0": 1 }, "position in an array"),
        (doc! { "a..b": 1 }, "empty name"),
        (doc! { "$a": 1 }, "not the name of a field"),
    ] {
        let message = Index::parse(&raw(keys)).expect_err(expected).message;
        assert!(message.contains(expected), "{message}");
    }
}
