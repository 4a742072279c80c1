use bson::{Document, bson, doc};

use super::Projection;
use crate::capabilities::documents::query::tests::{owned, raw};

#[test]
fn fields_are_kept_or_left_out() {
    let user = doc! { "_id": 1, "name": "n", "address": { "city": "c", "zip": "z" }, "tags": ["a"], "n": null };
    let items = doc! { "_id": 1, "i": [{ "a": 1, "b": 2 }, 5, [{ "a": 3, "b": 4 }, 6], {}] };
    let cases = [
        (doc! {}, &user, user.clone()),
        (doc! { "name": 1 }, &user, doc! { "_id": 1, "name": "n" }),
        // The document's order, not the projection's.
        (doc! { "tags": true, "name": 1.0 }, &user, doc! { "_id": 1, "name": "n", "tags": ["a"] }),
        (doc! { "name": 1, "_id": 0 }, &user, doc! { "name": "n" }),
        (doc! { "_id": 1 }, &user, doc! { "_id": 1 }),
        (
            doc! { "_id": 0, "name": 0 },
            &user,
            doc! { "address": { "city": "c", "zip": "z" }, "tags": ["a"], "n": null },
        ),
        (doc! { "_id": 0 }, &items, doc! { "i": [{ "a": 1, "b": 2 }, 5, [{ "a": 3, "b": 4 }, 6], {}] }),
        (doc! { "_id": 1, "i": 0 }, &items, doc! { "_id": 1 }),
        (doc! { "missing": 1 }, &user, doc! { "_id": 1 }),
        (doc! { "n": 1 }, &user, doc! { "_id": 1, "n": null }),
        (doc! { "address.city": 1 }, &user, doc! { "_id": 1, "address": { "city": "c" } }),
        (doc! { "address": { "city": 1 } }, &user, doc! { "_id": 1, "address": { "city": "c" } }),
        (doc! { "address.x": 1 }, &user, doc! { "_id": 1, "address": {} }),
        // A value without fields has none to keep, and keeps what it is when one is left out.
        (doc! { "name.first": 1 }, &user, doc! { "_id": 1 }),
        (doc! { "name.first": 0, "tags": 0, "n": 0, "address": 0 }, &user, doc! { "_id": 1, "name": "n" }),
        (
            doc! { "address.city": 0, "tags": 0 },
            &user,
            doc! { "_id": 1, "name": "n", "address": { "zip": "z" }, "n": null },
        ),
        // Through arrays.
        (doc! { "i.a": 1 }, &items, doc! { "_id": 1, "i": [{ "a": 1 }, [{ "a": 3 }], {}] }),
        (doc! { "i.a": 0 }, &items, doc! { "_id": 1, "i": [{ "b": 2 }, 5, [{ "b": 4 }, 6], {}] }),
        (doc! { "i.a": 1, "i.b": 1, "_id": 0 }, &items, doc! { "i": [{ "a": 1, "b": 2 }, [{ "a": 3, "b": 4 }], {}] }),
    ];
    for (projection, document, expected) in cases {
        let projected = Projection::parse(&raw(projection.clone())).unwrap().apply(&raw(document.clone()));
        assert_eq!(owned(&projected).to_string(), expected.to_string(), "{projection}");
    }
}

#[test]
fn what_is_not_supported_is_named() {
    for (projection, expected) in [
        (doc! { "a": 1, "b": 0 }, "`b` among them"),
        (doc! { "a": "$b" }, "`a` must be 1 or 0"),
        (doc! { "a": { "$slice": 1 } }, "`a.$slice`"),
        (doc! { "a": { "$elemMatch": { "b": 1 } } }, "`a.$elemMatch`"),
        (doc! { "a.$": 1 }, "`a.$`"),
        (doc! { "a": {} }, "`a` must be 1 or 0"),
        (doc! { "a": [1] }, "`a` must be 1 or 0"),
        (doc! { "a": 1, "a.b": 1 }, "`a.b` and a field within it"),
        (doc! { "a.b": 1, "a": 1 }, "`a` and a field within it"),
        (doc! { "a.b": 1, "a": { "b": 1 } }, "twice"),
        (doc! { "a..b": 1 }, "`a..b`"),
    ] {
        let message = Projection::parse(&raw(projection.clone())).expect_err(expected).message;
        assert!(message.contains(expected), "{projection}: {message}");
    }
    let nested: Document = (0..40).fold(doc! { "a": 1 }, |inner, _| doc! { "a": bson!(inner) });
    assert!(Projection::parse(&raw(nested)).is_err());
}
