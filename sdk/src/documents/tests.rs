//! The codec against the crate `bson`, which decides what is right.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};

use super::{decode, encode, from_document, to_document};
use crate::{DateTime, Id};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Everything {
    #[serde(rename = "_id")]
    id: Id,
    at: DateTime,
    text: String,
    small: u8,
    whole: i32,
    long: i64,
    real: f64,
    yes: bool,
    letter: char,
    nothing: Option<String>,
    something: Option<Id>,
    list: Vec<Inner>,
    pair: (i32, String),
    map: BTreeMap<String, i32>,
    wrapped: Wrapped,
    kinds: Vec<Kind>,
    any: Bson,
    object_id: bson::oid::ObjectId,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    name: String,
    at: DateTime,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(i64);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Name(String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rest {
    owner: Id,
    since: DateTime,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Plain,
    Number(i32),
    Pair(i32, bool),
    Fields { a: String, at: DateTime },
}

fn everything() -> Everything {
    let at = DateTime::from_millis(1_795_512_600_123);
    Everything {
        id: Id::new(),
        at,
        text: "naïve \u{1f980}".to_owned(),
        small: 255,
        whole: -7,
        long: i64::MIN,
        real: -0.25,
        yes: true,
        letter: 'é',
        nothing: None,
        something: Some(Id::new()),
        list: vec![Inner { name: String::new(), at: DateTime::from_millis(-1) }, Inner { name: "x".to_owned(), at }],
        pair: (1, "one".to_owned()),
        map: [("a".to_owned(), 1), ("b".to_owned(), 2)].into(),
        wrapped: Wrapped(9),
        kinds: vec![
            Kind::Plain,
            Kind::Number(3),
            Kind::Pair(4, true),
            Kind::Fields { a: "a".to_owned(), at: DateTime::from_millis(0) },
        ],
        any: Bson::Array(vec![Bson::Null, Bson::ObjectId(Id::new().into()), Bson::DateTime(at.into()), Bson::Int32(1)]),
        object_id: bson::oid::ObjectId::new(),
        rest: Rest { owner: Id::new(), since: at },
    }
}

#[test]
fn what_is_written_is_what_the_crate_reads() {
    let value = everything();
    let bytes = encode::encode(&value).unwrap();
    let document = Document::from_reader(bytes.as_slice()).unwrap();
    assert_eq!(document, Document::from_reader(bson::serialize_to_vec(&value).unwrap().as_slice()).unwrap());
    assert!(matches!(document.get("_id"), Some(Bson::ObjectId(_))));
    assert!(matches!(document.get("at"), Some(Bson::DateTime(_))));
    assert_eq!(bson::deserialize_from_slice::<Everything>(&bytes).unwrap(), value);
}

#[test]
fn what_the_crate_writes_is_what_is_read() {
    let value = everything();
    assert_eq!(decode::decode::<Everything>(&bson::serialize_to_vec(&value).unwrap()).unwrap(), value);
    assert_eq!(from_document::<Everything>(&to_document(&value).unwrap()).unwrap(), value);
}

#[test]
fn the_keys_of_maps_may_be_of_any_type_that_is_a_text() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Maps {
        by_name: BTreeMap<Name, i32>,
        by_id: BTreeMap<Id, Kind>,
    }
    let id = Id::new();
    let maps = Maps { by_name: [(Name("x".to_owned()), 1)].into(), by_id: [(id, Kind::Plain)].into() };
    let document = to_document(&maps).unwrap();
    assert_eq!(document, doc! { "by_name": { "x": 1 }, "by_id": { id.to_string(): "plain" } });
    assert_eq!(from_document::<Maps>(&document).unwrap(), maps);
}

#[test]
fn untyped_documents_pass_through() {
    let document = doc! {
        "a": 1, "b": [1.5, { "c": Bson::Null }], "id": Id::new(), "at": DateTime::from_millis(5), "long": 1_i64 << 40,
    };
    let bytes = encode::encode(&document).unwrap();
    assert_eq!(bytes, document.to_vec().unwrap());
    assert_eq!(decode::decode::<Document>(&bytes).unwrap(), document);
}

#[derive(Debug, PartialEq, Deserialize)]
struct Age {
    age: u8,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Person {
    person: Age,
}

fn age(value: impl Into<Bson>) -> Result<u8, String> {
    let bytes = doc! { "other": [1], "person": { "age": value } }.to_vec().unwrap();
    decode::decode::<Person>(&bytes).map(|it| it.person.age).map_err(|error| error.to_string())
}

#[test]
fn numbers_fit_where_their_value_fits() {
    assert_eq!(age(7), Ok(7));
    assert_eq!(age(7_i64), Ok(7));
    assert_eq!(age(7.0), Ok(7));
    for wrong in [Bson::from(7.5), Bson::from(256), Bson::from(-1), Bson::from("7"), Bson::Null, Bson::from(1e300)] {
        let error = age(wrong.clone()).unwrap_err();
        assert!(error.starts_with("person.age: invalid"), "{wrong}: {error}");
    }
}

#[test]
fn other_kinds_are_skipped_where_nobody_asks_for_them() {
    let bytes = doc! {
        "regex": Bson::RegularExpression(bson::Regex { pattern: "a".try_into().unwrap(), options: "i".try_into().unwrap() }),
        "stamp": bson::Timestamp { time: 1, increment: 2 },
        "decimal": "1.5".parse::<bson::Decimal128>().unwrap(),
        "bytes": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2, 3] },
        "code": Bson::JavaScriptCode("x".to_owned()),
        "min": Bson::MinKey,
        "age": 7,
    };
    assert_eq!(decode::decode::<Age>(&bytes.to_vec().unwrap()).unwrap(), Age { age: 7 });
}

#[test]
fn broken_bytes_are_refused_at_every_length() {
    let bytes = encode::encode(&everything()).unwrap();
    for end in 0..bytes.len() {
        let mut cut = bytes[..end].to_vec();
        assert!(decode::decode::<Everything>(&cut).is_err(), "{end}");
        cut.push(0);
        assert!(cut == bytes || decode::decode::<Everything>(&cut).is_err(), "{end} and a zero");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0xff;
        // It may still be a document; what counts is that nothing panics.
        let _ = decode::decode::<Everything>(&changed);
    }
}

#[test]
fn what_bson_has_not_is_refused() {
    assert!(encode::encode(&7).is_err());
    assert!(encode::encode(&vec![1]).is_err());
    assert!(encode::encode(&BTreeMap::from([("a\0b", 1)])).is_err());
    assert!(encode::encode(&BTreeMap::from([("a", u64::MAX)])).is_err());
    assert!(encode::encode(&BTreeMap::from([((1, 2), 1)])).is_err());
    let regex =
        Bson::RegularExpression(bson::Regex { pattern: "a".try_into().unwrap(), options: "".try_into().unwrap() });
    let error = encode::encode(&doc! { "a": regex }).unwrap_err().to_string();
    assert!(error.contains("$regularExpression"), "{error}");
}
