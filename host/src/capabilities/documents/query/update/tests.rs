use bson::{Bson, DateTime, Document, bson, doc, oid::ObjectId};
use proptest::prelude::*;

use super::{Applying, Replacement, Update};
use crate::capabilities::documents::query::tests::{document, filter, owned, raw};

fn update(update: Document) -> Update {
    Update::parse(&raw(update)).unwrap()
}

/// Documents are compared as text, which shows the order of fields and, by `canonical`, the types of numbers.
fn canonical(document: &Document) -> String {
    format!("{document:?}")
}

/// Update, document before, document after; the same means that nothing was modified.
fn check(cases: Vec<(Document, Document, Document)>) {
    for (change, before, after) in cases {
        let modified = canonical(&before) != canonical(&after);
        let mut changed = before.clone();
        let answer = update(change.clone()).apply(&mut changed, Applying::Update);
        assert_eq!(canonical(&changed), canonical(&after), "{change} on {before}");
        assert_eq!(answer, Ok(modified), "{change} on {before}");
        let stored = update(change).run(&raw(before)).unwrap();
        assert_eq!(stored.map(|stored| canonical(&owned(&stored))), modified.then(|| canonical(&after)));
    }
}

#[test]
fn set_and_unset() {
    check(vec![
        (doc! { "$set": { "a": 2 } }, doc! { "a": 1 }, doc! { "a": 2 }),
        (doc! { "$set": { "a": 1 } }, doc! { "a": 1 }, doc! { "a": 1 }),
        // Another type or another order of fields is another value.
        (doc! { "$set": { "a": 1.0 } }, doc! { "a": 1 }, doc! { "a": 1.0 }),
        (doc! { "$set": { "a": -0.0 } }, doc! { "a": 0.0 }, doc! { "a": -0.0 }),
        (doc! { "$set": { "a": f64::NAN } }, doc! { "a": f64::NAN }, doc! { "a": f64::NAN }),
        (
            doc! { "$set": { "a": { "y": 1, "x": 1 } } },
            doc! { "a": { "x": 1, "y": 1 } },
            doc! { "a": { "y": 1, "x": 1 } },
        ),
        (doc! { "$set": {} }, doc! { "a": 1 }, doc! { "a": 1 }),
        (doc! { "$set": { "a.b.c": 1 } }, doc! {}, doc! { "a": { "b": { "c": 1 } } }),
        (doc! { "$set": { "a.b": 1 } }, doc! { "a": { "x": 0 }, "z": 0 }, doc! { "a": { "x": 0, "b": 1 }, "z": 0 }),
        // New fields stand in the order of their paths, positions by number; old ones stay where they are.
        (doc! { "$set": { "c": 1, "b": 1, "a": 1 } }, doc! { "b": 0 }, doc! { "b": 1, "a": 1, "c": 1 }),
        (doc! { "$set": { "x.10": 1, "x.9": 1 } }, doc! {}, doc! { "x": { "9": 1, "10": 1 } }),
        (doc! { "$inc": { "a": 1 }, "$set": { "b": 1, "0": 1 } }, doc! {}, doc! { "0": 1, "a": 1, "b": 1 }),
        // Arrays by position: the gap is filled with null.
        (doc! { "$set": { "a.1": 9 } }, doc! { "a": [1, 2] }, doc! { "a": [1, 9] }),
        (doc! { "$set": { "a.3": 9 } }, doc! { "a": [1] }, doc! { "a": [1, null, null, 9] }),
        (doc! { "$set": { "a.0.b": 9 } }, doc! { "a": [{ "b": 1, "c": 2 }] }, doc! { "a": [{ "b": 9, "c": 2 }] }),
        (doc! { "$set": { "a.1.b": 9 } }, doc! { "a": [0] }, doc! { "a": [0, { "b": 9 }] }),
        (doc! { "$set": { "a.0": 9 } }, doc! { "a": {} }, doc! { "a": { "0": 9 } }),
        (doc! { "$set": { "_id": 1.0, "a": 1 } }, doc! { "_id": 1 }, doc! { "_id": 1.0, "a": 1 }),
        (doc! { "$setOnInsert": { "a": 2 } }, doc! { "a": 1 }, doc! { "a": 1 }),
        (doc! { "$unset": { "a": "" } }, doc! { "a": 1, "b": 2, "c": 3 }, doc! { "b": 2, "c": 3 }),
        (doc! { "$unset": { "a": "" } }, doc! { "b": 2 }, doc! { "b": 2 }),
        (doc! { "$unset": { "a.b": 1 } }, doc! { "a": { "b": 1, "c": 2 } }, doc! { "a": { "c": 2 } }),
        (doc! { "$unset": { "a.b.c": 1 } }, doc! { "a": 5 }, doc! { "a": 5 }),
        // An element leaves null behind, so that the others keep their positions.
        (doc! { "$unset": { "a.0": 1 } }, doc! { "a": [1, 2] }, doc! { "a": [null, 2] }),
        (doc! { "$unset": { "a.5": 1 } }, doc! { "a": [1] }, doc! { "a": [1] }),
        (doc! { "$unset": { "a.b": 1 } }, doc! { "a": [{ "b": 1 }] }, doc! { "a": [{ "b": 1 }] }),
    ]);
}

#[test]
fn arithmetic() {
    let long = Bson::Int64;
    check(vec![
        (doc! { "$inc": { "a": 2 } }, doc! { "a": 1 }, doc! { "a": 3 }),
        (doc! { "$inc": { "a": -2 } }, doc! {}, doc! { "a": -2 }),
        (doc! { "$inc": { "a.b": 1 } }, doc! {}, doc! { "a": { "b": 1 } }),
        (doc! { "$inc": { "a.1": 1 } }, doc! { "a": [1, 2] }, doc! { "a": [1, 3] }),
        (doc! { "$inc": { "a": 0 } }, doc! { "a": 1 }, doc! { "a": 1 }),
        // An int32 grows into an int64; the wider type wins.
        (doc! { "$inc": { "a": 1 } }, doc! { "a": i32::MAX }, doc! { "a": long(1 << 31) }),
        (doc! { "$inc": { "a": -1 } }, doc! { "a": i32::MIN }, doc! { "a": long(i64::from(i32::MIN) - 1) }),
        (doc! { "$inc": { "a": long(1) } }, doc! { "a": 1 }, doc! { "a": long(2) }),
        (doc! { "$inc": { "a": long(0) } }, doc! { "a": 1 }, doc! { "a": long(1) }),
        (doc! { "$inc": { "a": 1.5 } }, doc! { "a": 1 }, doc! { "a": 2.5 }),
        (doc! { "$inc": { "a": 1 } }, doc! { "a": 1.5 }, doc! { "a": 2.5 }),
        (doc! { "$mul": { "a": 3 } }, doc! { "a": 2 }, doc! { "a": 6 }),
        (doc! { "$mul": { "a": 3 } }, doc! {}, doc! { "a": 0 }),
        (doc! { "$mul": { "a": 1.5 } }, doc! {}, doc! { "a": 0.0 }),
        (doc! { "$mul": { "a": 65_536 } }, doc! { "a": 65_536 }, doc! { "a": long(1 << 32) }),
        (doc! { "$min": { "a": 1 } }, doc! { "a": 2 }, doc! { "a": 1 }),
        (doc! { "$min": { "a": 3 } }, doc! { "a": 2 }, doc! { "a": 2 }),
        (doc! { "$min": { "a": 3 } }, doc! {}, doc! { "a": 3 }),
        (doc! { "$max": { "a": 3 } }, doc! { "a": 2 }, doc! { "a": 3 }),
        (doc! { "$max": { "a": 2.0 } }, doc! { "a": 2 }, doc! { "a": 2 }),
        // By the order of all types.
        (doc! { "$max": { "a": "x" } }, doc! { "a": 2 }, doc! { "a": "x" }),
        (
            doc! { "$max": { "a": DateTime::from_millis(5) } },
            doc! { "a": DateTime::from_millis(1) },
            doc! { "a": DateTime::from_millis(5) },
        ),
    ]);
}

#[test]
fn arrays_grow() {
    check(vec![
        (doc! { "$push": { "a": 3 } }, doc! { "a": [1] }, doc! { "a": [1, 3] }),
        (doc! { "$push": { "a": [2, 3] } }, doc! { "a": [1] }, doc! { "a": [1, [2, 3]] }),
        (doc! { "$push": { "a.b": { "c": 1 } } }, doc! {}, doc! { "a": { "b": [{ "c": 1 }] } }),
        (doc! { "$push": { "a": { "$each": [2, 3] } } }, doc! { "a": [1] }, doc! { "a": [1, 2, 3] }),
        (doc! { "$push": { "a": { "$each": [] } } }, doc! { "a": [1] }, doc! { "a": [1] }),
        (doc! { "$push": { "a": { "$each": [] } } }, doc! {}, doc! { "a": [] }),
        (doc! { "$push": { "a": { "$each": [8, 9], "$position": 0 } } }, doc! { "a": [1] }, doc! { "a": [8, 9, 1] }),
        (doc! { "$push": { "a": { "$each": [8], "$position": 1 } } }, doc! { "a": [1, 2] }, doc! { "a": [1, 8, 2] }),
        (doc! { "$push": { "a": { "$each": [8], "$position": 9 } } }, doc! { "a": [1] }, doc! { "a": [1, 8] }),
        (doc! { "$push": { "a": { "$each": [8], "$position": -1 } } }, doc! { "a": [1, 2] }, doc! { "a": [1, 8, 2] }),
        (doc! { "$push": { "a": { "$each": [8], "$position": -9 } } }, doc! { "a": [1] }, doc! { "a": [8, 1] }),
        (doc! { "$push": { "a": { "$each": [3, 4], "$slice": 2 } } }, doc! { "a": [1] }, doc! { "a": [1, 3] }),
        (doc! { "$push": { "a": { "$each": [3, 4], "$slice": -2 } } }, doc! { "a": [1] }, doc! { "a": [3, 4] }),
        (doc! { "$push": { "a": { "$each": [3], "$slice": 0.0 } } }, doc! { "a": [1] }, doc! { "a": [] }),
        (
            doc! { "$push": { "a": { "$each": [2], "$sort": 1 } } },
            doc! { "a": [3, "x", 1] },
            doc! { "a": [1, 2, 3, "x"] },
        ),
        (
            doc! { "$push": { "a": { "$each": [{ "s": 2 }], "$sort": { "s": -1 }, "$slice": 2 } } },
            doc! { "a": [{ "s": 1 }, { "s": 3 }, {}] },
            doc! { "a": [{ "s": 3 }, { "s": 2 }] },
        ),
        (
            doc! { "$push": { "a": { "$each": [], "$sort": { "s.t": 1 } } } },
            doc! { "a": [{ "s": { "t": 2 } }, 5] },
            doc! { "a": [5, { "s": { "t": 2 } }] },
        ),
        (doc! { "$addToSet": { "a": 1 } }, doc! { "a": [1.0] }, doc! { "a": [1.0] }),
        (doc! { "$addToSet": { "a": 2 } }, doc! { "a": [1] }, doc! { "a": [1, 2] }),
        (doc! { "$addToSet": { "a": [1] } }, doc! { "a": [1] }, doc! { "a": [1, [1]] }),
        (doc! { "$addToSet": { "a": { "$each": [1, 2, 2] } } }, doc! { "a": [1, 1] }, doc! { "a": [1, 1, 2] }),
        (doc! { "$addToSet": { "a": 1 } }, doc! {}, doc! { "a": [1] }),
    ]);
}

#[test]
fn arrays_shrink() {
    check(vec![
        (doc! { "$pull": { "a": 1 } }, doc! { "a": [1, 2, 1.0, "1"] }, doc! { "a": [2, "1"] }),
        (doc! { "$pull": { "a": 1 } }, doc! { "a": [2] }, doc! { "a": [2] }),
        (doc! { "$pull": { "a": 1 } }, doc! {}, doc! {}),
        (doc! { "$pull": { "a": [1, 2] } }, doc! { "a": [1, [1, 2], [2, 1]] }, doc! { "a": [1, [2, 1]] }),
        (doc! { "$pull": { "a": { "$gte": 2 } } }, doc! { "a": [1, 2, 3, "x"] }, doc! { "a": [1, "x"] }),
        (doc! { "$pull": { "a": { "$in": [1, "x"] } } }, doc! { "a": [1, 2, "x"] }, doc! { "a": [2] }),
        (doc! { "$pull": { "a": null } }, doc! { "a": [1, null, {}] }, doc! { "a": [1, {}] }),
        // A document is a filter: other fields may be there, in any order.
        (
            doc! { "$pull": { "a": { "x": 1, "y": { "$gt": 1 } } } },
            doc! { "a": [{ "y": 2, "x": 1, "z": 0 }, { "x": 1 }, { "x": 1, "y": 1 }, 1] },
            doc! { "a": [{ "x": 1 }, { "x": 1, "y": 1 }, 1] },
        ),
        (doc! { "$pull": { "a.0.b": 1 } }, doc! { "a": [{ "b": [1, 2] }] }, doc! { "a": [{ "b": [2] }] }),
        (doc! { "$pullAll": { "a": [1, "x"] } }, doc! { "a": [1, 2, "x", 1.0] }, doc! { "a": [2] }),
        (doc! { "$pop": { "a": 1 } }, doc! { "a": [1, 2, 3] }, doc! { "a": [1, 2] }),
        (doc! { "$pop": { "a": -1 } }, doc! { "a": [1, 2, 3] }, doc! { "a": [2, 3] }),
        (doc! { "$pop": { "a": 1 } }, doc! { "a": [] }, doc! { "a": [] }),
        (doc! { "$pop": { "a.b": 1 } }, doc! {}, doc! {}),
    ]);
}

#[test]
fn a_push_that_leaves_what_was_there_counts_as_a_change() {
    for (push, modified) in [
        (doc! { "$each": [3], "$slice": 1 }, true),
        (doc! { "$each": [], "$sort": 1 }, true),
        (doc! { "$each": [] }, false),
        (doc! { "$each": [], "$slice": 5 }, false),
    ] {
        let mut changed = doc! { "a": [1] };
        let answer = update(doc! { "$push": { "a": push } }).apply(&mut changed, Applying::Update);
        assert_eq!((answer, changed), (Ok(modified), doc! { "a": [1] }));
    }
}

#[test]
fn rename() {
    check(vec![
        (doc! { "$rename": { "a": "b" } }, doc! { "a": 1, "c": 2 }, doc! { "c": 2, "b": 1 }),
        (doc! { "$rename": { "a": "b" } }, doc! { "b": 0, "a": 1 }, doc! { "b": 1 }),
        (doc! { "$rename": { "a": "b" } }, doc! { "c": 2 }, doc! { "c": 2 }),
        (doc! { "$rename": { "a.x": "b.y" } }, doc! { "a": { "x": 1 } }, doc! { "a": {}, "b": { "y": 1 } }),
    ]);
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (change, before, expected) in [
        (doc! { "$set": { "_id": 2 } }, doc! { "_id": 1 }, "cannot change `_id`"),
        (doc! { "$unset": { "_id": 1 } }, doc! { "_id": 1 }, "cannot change `_id`"),
        (doc! { "$inc": { "_id": 1 } }, doc! { "_id": 1 }, "cannot change `_id`"),
        (doc! { "$set": { "_id.a": 2 } }, doc! { "_id": { "a": 1 } }, "cannot change `_id`"),
        (doc! { "$rename": { "_id": "b" } }, doc! { "_id": 1 }, "cannot change `_id`"),
        (
            doc! { "$set": { "a.b": 1 } },
            doc! { "a": 5 },
            "cannot create field `b` of path `a.b`: it would be inside a value of type int",
        ),
        (doc! { "$set": { "a.b": 1 } }, doc! { "a": null }, "of type null"),
        (doc! { "$set": { "a.b": 1 } }, doc! { "a": [{ "b": 1 }] }, "of type array"),
        (doc! { "$set": { "a.01": 1 } }, doc! { "a": [1] }, "of type array"),
        (doc! { "$push": { "a.b.c": 1 } }, doc! { "a": { "b": "x" } }, "of type string"),
        (doc! { "$set": { "a.4000000000": 1 } }, doc! { "a": [] }, "`a.4000000000` makes more values"),
        (
            (0..100).map(|field| (format!("a.{field}.2000"), 1)).fold(doc! {}, |mut update, (path, value)| {
                update.entry("$set").or_insert_with(|| bson!({})).as_document_mut().unwrap().insert(path, value);
                update
            }),
            doc! { "a": vec![bson!([]); 100] },
            "makes more values than a document can hold",
        ),
        (doc! { "$inc": { "a": 1 } }, doc! { "a": "5" }, "`$inc` needs a number, but `a` is of type string"),
        (doc! { "$inc": { "a": 1 } }, doc! { "a": null }, "of type null"),
        (doc! { "$inc": { "a": Bson::Int64(1) } }, doc! { "a": Bson::Int64(i64::MAX) }, "passes the range of an int64"),
        (doc! { "$mul": { "a": 3 } }, doc! { "a": Bson::Int64(i64::MAX / 2) }, "passes the range of an int64"),
        (doc! { "$push": { "a": 1 } }, doc! { "a": 5 }, "`$push` needs an array, but `a` is of type int"),
        (doc! { "$pull": { "a": 1 } }, doc! { "a": null }, "`$pull` needs an array"),
        (doc! { "$addToSet": { "a": 1 } }, doc! { "a": {} }, "`$addToSet` needs an array"),
        (doc! { "$rename": { "a.0": "b" } }, doc! { "a": [1] }, "lead through an array, as `a.0`"),
        (doc! { "$rename": { "b": "a.0" } }, doc! { "b": 1, "a": [1] }, "lead through an array, as `a.0`"),
    ] {
        let message = update(change.clone()).run(&raw(before.clone())).expect_err(expected).message;
        assert!(message.contains(expected), "{change} on {before}: {message}");
    }
}

#[test]
fn the_outcome_stays_within_the_limits() {
    let mut grown = raw(doc! { "a": ["x".repeat(300_000)] });
    let push = update(doc! { "$push": { "a": "x".repeat(300_000) } });
    let message = loop {
        match push.run(&grown) {
            Ok(next) => grown = next.unwrap(),
            Err(invalid) => break invalid.message,
        }
    };
    assert!(message.contains("after the change: the document has"), "{message}");
    let nested = (0..30).fold(doc! { "a": 1 }, |inner, _| doc! { "a": inner });
    let message = update(doc! { "$set": { "b.c.d": nested } }).run(&raw(doc! {})).unwrap_err().message;
    assert!(message.contains("deeper than 32"), "{message}");
}

#[test]
fn malformed_updates_are_named() {
    for (change, expected) in [
        (doc! {}, "use replace"),
        (doc! { "a": 1 }, "not the plain field `a`"),
        (doc! { "$set": { "a": 1 }, "b": 1 }, "not the plain field `b`"),
        (doc! { "$bit": { "a": { "and": 1 } } }, "$bit"),
        (doc! { "$currentDate": { "a": 1 } }, "$currentDate"),
        (doc! { "$se": { "a": true } }, "does not support $se "),
        (doc! { "$set": 1 }, "`$set` takes a document"),
        (doc! { "$set": { "": 1 } }, "empty field name"),
        (doc! { "$set": { "a..b": 1 } }, "empty field name"),
        (doc! { "$set": { "a.$": 1 } }, "`$` in the path `a.$`"),
        (doc! { "$set": { "a.$[].b": 1 } }, "`$[]` in the path"),
        (doc! { "$set": { "a": 1, "a.b": 1 } }, "path `a.b` would create a conflict at `a`"),
        (doc! { "$set": { "a": 1 }, "$inc": { "a": 1 } }, "conflict at `a`"),
        (
            doc! { "$set": { "a.b.c": 1, "a.bb": 1 }, "$push": { "a.b": 1 } },
            "path `a.b.c` would create a conflict at `a.b`",
        ),
        (doc! { "$rename": { "a": "a.b" } }, "conflict at `a`"),
        (doc! { "$rename": { "a": "a" } }, "conflict at `a`"),
        (doc! { "$rename": { "a": "b" }, "$set": { "b": 1 } }, "conflict at `b`"),
        (doc! { "$rename": { "a": 1 } }, "`$rename` of `a` takes the new name"),
        (doc! { "$inc": { "a": "1" } }, "`$inc` of `a` takes a number"),
        (doc! { "$mul": { "a": null } }, "`$mul` of `a` takes a number"),
        (doc! { "$pop": { "a": 2 } }, "`$pop` of `a`"),
        (doc! { "$pullAll": { "a": 1 } }, "`$pullAll` of `a` takes an array"),
        (doc! { "$pull": { "a": { "$foo": 1 } } }, "$foo"),
        (doc! { "$push": { "a": { "$each": 1 } } }, "an array in $each"),
        (doc! { "$push": { "a": { "$slice": 1 } } }, "modifiers without `$each`"),
        (doc! { "$push": { "a": { "$each": [1], "x": 1 } } }, "does not know `x`"),
        (doc! { "$push": { "a": { "$each": [1], "$slice": 1.5 } } }, "$slice"),
        (doc! { "$push": { "a": { "$each": [1], "$position": "x" } } }, "$position"),
        (doc! { "$push": { "a": { "$each": [1], "$sort": 2 } } }, "$sort"),
        (doc! { "$push": { "a": { "$each": [1], "$sort": { "b": 2 } } } }, "`b` must be 1 or -1"),
        (doc! { "$addToSet": { "a": { "$each": [1], "$slice": 1 } } }, "does not know `$slice`"),
    ] {
        let message = Update::parse(&raw(change.clone())).expect_err(expected).message;
        assert!(message.contains(expected), "{change}: {message}");
    }
    // Names that only begin alike do not clash.
    assert!(Update::parse(&raw(doc! { "$set": { "a": 1, "ab": 1, "b.a": 1, "b.ab": 1, "b.a-": 1 } })).is_ok());
}

#[test]
fn upserts() {
    let made = ObjectId::from_bytes([7; 12]);
    for (query, change, expected) in [
        (doc! { "a": 1 }, doc! { "$set": { "b": 2 } }, Some(doc! { "_id": made, "a": 1, "b": 2 })),
        (doc! { "_id": 5, "n": { "$gt": 1 } }, doc! { "$inc": { "n": 1 } }, Some(doc! { "_id": 5, "n": 1 })),
        (
            doc! { "a": 1 },
            doc! { "$setOnInsert": { "_id": 9, "c": 1 }, "$set": { "a": 2 } },
            Some(doc! { "_id": 9, "a": 2, "c": 1 }),
        ),
        (doc! { "a.b": 1 }, doc! { "$push": { "a.c": 1 } }, Some(doc! { "_id": made, "a": { "b": 1, "c": [1] } })),
        (doc! { "_id": 5 }, doc! { "$set": { "_id": 6 } }, None),
        (doc! { "_id": [5] }, doc! { "$set": { "a": 6 } }, None),
        (doc! { "a": 1 }, doc! { "$set": { "a.b": 6 } }, None),
    ] {
        let inserted = update(change.clone()).upsert(&filter(query.clone()), || made).ok();
        let inserted = inserted.map(|inserted| canonical(&owned(&inserted)));
        assert_eq!(inserted, expected.map(|expected| canonical(&expected)), "{query}, {change}");
    }
}

#[test]
fn replacements() {
    let made = ObjectId::from_bytes([7; 12]);
    let run = |replacement: Document, before: Document| {
        let replaced = Replacement::parse(&raw(replacement)).unwrap().run(&raw(before))?;
        Ok::<_, crate::capabilities::documents::query::Invalid>(replaced.map(|after| owned(&after).to_string()))
    };
    assert_eq!(run(doc! { "b": 1 }, doc! { "_id": 1, "a": 1 }), Ok(Some(doc! { "_id": 1, "b": 1 }.to_string())));
    // The stored `_id` stays as it is, and first.
    assert_eq!(run(doc! { "b": 1, "_id": 1.0 }, doc! { "_id": 1 }), Ok(Some(doc! { "_id": 1, "b": 1 }.to_string())));
    assert_eq!(run(doc! { "_id": 1, "a": 1 }, doc! { "_id": 1, "a": 1 }), Ok(None));
    assert_eq!(run(doc! { "a": 1 }, doc! { "_id": 1, "a": 1 }), Ok(Some(doc! { "_id": 1, "a": 1 }.to_string())));
    let message = run(doc! { "_id": 2 }, doc! { "_id": 1 }).unwrap_err().message;
    assert!(message.contains("cannot change `_id`"), "{message}");

    for change in [doc! { "$set": { "a": 1 } }, doc! { "a": 1, "$inc": { "b": 1 } }] {
        let message = Replacement::parse(&raw(change)).expect_err("operators").message;
        assert!(message.contains("plain document"), "{message}");
    }

    for (query, replacement, expected) in [
        (doc! { "a": 1 }, doc! { "b": 1 }, Some(doc! { "_id": made, "b": 1 })),
        (doc! { "_id": 5 }, doc! { "b": 1 }, Some(doc! { "_id": 5, "b": 1 })),
        (doc! { "a": 1 }, doc! { "b": 1, "_id": 6 }, Some(doc! { "_id": 6, "b": 1 })),
        (doc! { "_id": 5 }, doc! { "_id": 6 }, None),
        (doc! { "_id": [5] }, doc! { "b": 1 }, None),
        (doc! { "$and": [{ "_id": 5 }, { "a": 1 }], "a": 1 }, doc! { "b": 1 }, Some(doc! { "_id": 5, "b": 1 })),
        (doc! { "_id": { "$gt": 5 } }, doc! { "b": 1 }, Some(doc! { "_id": made, "b": 1 })),
    ] {
        let inserted = Replacement::parse(&raw(replacement)).unwrap().upsert(&filter(query), || made).ok();
        assert_eq!(
            inserted.map(|inserted| owned(&inserted).to_string()),
            expected.map(|expected| expected.to_string())
        );
    }
}

fn change() -> impl Strategy<Value = Document> {
    let path = "[abc0](\\.[abc0]){0,2}";
    let operand = prop_oneof![
        (0..3_i32).prop_map(Bson::Int32),
        Just(bson!({ "$each": [1, 2], "$position": -1, "$slice": 3, "$sort": 1 })),
        Just(bson!({ "a": 1 })),
        Just(bson!([1])),
        Just(bson!("b.c")),
    ];
    let operator = proptest::sample::select(vec![
        "$set",
        "$unset",
        "$inc",
        "$mul",
        "$min",
        "$max",
        "$push",
        "$addToSet",
        "$pull",
        "$pullAll",
        "$pop",
        "$rename",
        "$setOnInsert",
    ]);
    (operator, path, operand).prop_map(|(operator, path, operand)| doc! { operator: { path: operand } })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever comes out is a document, is different exactly if it says so, and is final for operators that can only
    /// be applied once.
    #[test]
    fn an_update_tells_the_truth(document in document(), change in change()) {
        let Ok(update) = Update::parse(&raw(change.clone())) else { return Ok(()) };
        let before = raw(document);
        if let Ok(after) = update.run(&before) {
            prop_assert_ne!(after.as_ref(), Some(&before));
            if let Some(after) = after
                && ["$set", "$unset", "$min", "$max", "$addToSet", "$pull", "$pullAll"].iter().any(|once| change.contains_key(once))
            {
                prop_assert_eq!(update.run(&after), Ok(None));
            }
        }
    }
}
