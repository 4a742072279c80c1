use bson::{Bson, Document, RawDocument, RawDocumentBuf, bson, doc, oid::ObjectId};
use proptest::prelude::*;

use super::{Limits, for_insert, validate};
use crate::capabilities::documents::query::tests::{owned, raw, value};

fn check(bytes: &[u8]) -> Result<&RawDocument, String> {
    validate(bytes, Limits::DOCUMENT).map_err(|invalid| invalid.message)
}

/// A document around one element's bytes.
fn around(element: &[u8]) -> Vec<u8> {
    let length = i32::try_from(element.len() + 5).unwrap();
    [&length.to_le_bytes()[..], element, &[0]].concat()
}

#[test]
fn malformed_bytes_are_refused() {
    let cases: [(&str, Vec<u8>, &str); 21] = [
        ("nothing", vec![], "ends within"),
        ("a length alone", vec![5, 0, 0, 0], "ends within"),
        ("too short a length", vec![4, 0, 0, 0, 0], "no end"),
        ("no terminator", vec![5, 0, 0, 0, 1], "no end"),
        ("a negative length", vec![0xff, 0xff, 0xff, 0xff, 0], "negative"),
        ("bytes after it", vec![5, 0, 0, 0, 0, 0], "bytes follow"),
        ("a huge length", vec![0xff, 0xff, 0xff, 0x7f, 0], "ends within"),
        ("a name without an end", around(b"\x10aaaa"), "name has no end"),
        ("a name that is not UTF-8", around(b"\x0a\xff\0"), "name is not UTF-8"),
        ("an unknown type", around(b"\x20a\0"), "unknown type 0x20"),
        ("a short int32", around(b"\x10a\0\x01\x01\x01"), "ends within"),
        ("a boolean of 2", around(b"\x08a\0\x02"), "boolean"),
        ("a string of length 0", around(b"\x02a\0\0\0\0\0"), "string has no end"),
        ("a string without an end", around(b"\x02a\0\x01\0\0\0x"), "string has no end"),
        ("a string that is not UTF-8", around(b"\x02a\0\x02\0\0\0\xff\0"), "string is not UTF-8"),
        ("a string beyond the end", around(b"\x02a\0\x7f\0\0\0x\0"), "ends within"),
        ("a document beyond the end", around(b"\x03a\0\x7f\0\0\0\0"), "ends within"),
        ("a document shorter than itself", around(b"\x03a\0\x04\0\0\0\0"), "no end"),
        ("a binary of negative length", around(b"\x05a\0\xff\xff\xff\xff\0"), "negative"),
        ("an old binary with a wrong length", around(b"\x05a\0\x05\0\0\0\x02\x02\0\0\0x"), "inner length"),
        ("code with a wrong length", around(b"\x0fa\0\x0d\0\0\0\x01\0\0\0\0\x05\0\0\0\0"), "code with scope"),
    ];
    for (name, bytes, expected) in cases {
        let message = check(&bytes).expect_err(name);
        assert!(message.contains(expected), "{name}: {message}");
    }
}

#[test]
fn unsupported_types_are_named() {
    let decimal: bson::Decimal128 = "1.5".parse().unwrap();
    let cases = [
        (raw(doc! { "price": decimal }), "field `price` is a decimal128"),
        (raw(doc! { "a": Bson::Undefined }), "field `a` is of a deprecated type"),
    ];
    for (document, expected) in cases {
        let message = check(document.as_bytes()).expect_err(expected);
        assert!(message.contains(expected), "{message}");
    }
}

fn nested(levels: usize, array: bool) -> RawDocumentBuf {
    let inner = (1..levels).fold(doc! {}, |inner, _| {
        if array {
            doc! { "0": Bson::Array(vec![Bson::Document(inner)]) }
        } else {
            doc! { "a": inner }
        }
    });
    raw(inner)
}

#[test]
fn depth_and_size_are_limited() {
    assert!(check(nested(32, false).as_bytes()).is_ok());
    let message = check(nested(33, false).as_bytes()).expect_err("33 levels");
    assert!(message.contains("deeper than 32 levels"), "{message}");
    // Arrays are levels, too: each turn adds two.
    assert!(check(nested(16, true).as_bytes()).is_ok());
    assert!(check(nested(17, true).as_bytes()).is_err());

    // A million levels are as many as the bytes allow; they must not end the stack.
    let mut deep = Vec::new();
    for level in (1..=100_000_i32).rev() {
        deep.extend_from_slice(&(level * 8 + 5).to_le_bytes());
        deep.extend_from_slice(b"\x03a\0");
    }
    deep.extend_from_slice(&[5, 0, 0, 0, 0]);
    deep.extend(std::iter::repeat_n(0, 100_000));
    assert!(check(&deep).is_err());

    let fits = raw(doc! { "a": "x".repeat(Limits::DOCUMENT.bytes - 13) });
    assert_eq!(fits.as_bytes().len(), Limits::DOCUMENT.bytes);
    assert!(check(fits.as_bytes()).is_ok());
    let message = check(raw(doc! { "a": "x".repeat(Limits::DOCUMENT.bytes - 12) }).as_bytes()).expect_err("1 MiB + 1");
    assert!(message.contains("1048577 bytes"), "{message}");
    let message = for_insert(&fits, ObjectId::new).expect_err("no room for an `_id`").message;
    assert!(message.contains("1048593 bytes"), "{message}");
}

#[test]
fn a_document_is_stored_with_its_id_first() {
    let made = ObjectId::from_bytes([7; 12]);
    let cases = [
        (doc! { "a": 1 }, doc! { "_id": made, "a": 1 }),
        (doc! { "a": 1, "_id": 5, "b": 2 }, doc! { "_id": 5, "a": 1, "b": 2 }),
        (doc! { "_id": "x", "b": 2 }, doc! { "_id": "x", "b": 2 }),
        (doc! { "_id": null }, doc! { "_id": null }),
        (doc! { "_id": { "a": 1 } }, doc! { "_id": { "a": 1 } }),
        (doc! {}, doc! { "_id": made }),
    ];
    for (document, expected) in cases {
        let stored = for_insert(&raw(document), || made).unwrap();
        assert_eq!(owned(&stored).to_string(), expected.to_string());
    }
}

#[test]
fn an_id_that_cannot_be_a_key_is_refused() {
    let mut twice = RawDocumentBuf::new();
    twice.append(bson::raw::cstr!("_id"), 1);
    twice.append(bson::raw::cstr!("_id"), 2);
    let regex = Bson::RegularExpression(bson::Regex {
        pattern: bson::raw::cstr!("a").into(),
        options: bson::raw::cstr!("").into(),
    });
    for (document, expected) in [
        (twice, "two `_id`"),
        (raw(doc! { "_id": [1] }), "array"),
        (raw(doc! { "_id": regex }), "regular expression"),
        (raw(doc! { "_id": { "$a": 1 } }), "begin with `$`"),
    ] {
        let message = for_insert(&document, ObjectId::new).expect_err(expected).message;
        assert!(message.contains(expected), "{message}");
    }
}

/// Everything behind the gate reads without an error.
fn reads_whole(document: &RawDocument) {
    let owned = Document::try_from(document).expect("a validated document is readable");
    assert!(RawDocumentBuf::try_from(&owned).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_the_driver_writes_is_accepted(value in value()) {
        let document = raw(doc! { "value": value });
        prop_assert!(check(document.as_bytes()).is_ok());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(document) = check(&around(&bytes)) {
            reads_whole(document);
        }
    }

    #[test]
    fn changed_bytes_never_panic(
        value in value(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<proptest::sample::Index>(),
        cutting in any::<bool>(),
    ) {
        let mut bytes = raw(doc! { "value": value, "other": bson!({ "a": 1 }) }).into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cutting {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(document) = check(&bytes) {
            reads_whole(document);
        }
    }
}
