//! What the tests of this module share: documents in short, and strategies for values and documents in which equal and
//! nearly equal ones are frequent.

use bson::{
    Binary, Bson, DateTime, Document, RawDocumentBuf, Regex, Timestamp, doc,
    oid::ObjectId,
    raw::{CString, RawBson},
    spec::BinarySubtype,
};
use proptest::prelude::*;

use super::{Filter, Invalid};

pub(super) fn raw(document: Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).unwrap()
}

pub(super) fn raw_value(value: impl Into<Bson>) -> RawBson {
    RawBson::try_from(value.into()).unwrap()
}

pub(super) fn filter(document: Document) -> Filter {
    Filter::parse(&raw(document)).unwrap()
}

pub(super) fn owned(document: &bson::RawDocument) -> Document {
    Document::try_from(document).unwrap()
}

const TWO_TO_53: i64 = 1 << 53;

pub(super) fn number() -> impl Strategy<Value = Bson> {
    prop_oneof![
        (-2..3_i32).prop_map(Bson::Int32),
        any::<i32>().prop_map(Bson::Int32),
        (-2..3_i64).prop_map(Bson::Int64),
        (-3..4_i64).prop_map(|near| Bson::Int64(TWO_TO_53 + near)),
        (-3..4_i64).prop_map(|near| Bson::Int64(-TWO_TO_53 + near)),
        (0..3_000_i64).prop_map(|near| Bson::Int64(i64::MAX - near)),
        (0..3_000_i64).prop_map(|near| Bson::Int64(i64::MIN + near)),
        any::<i64>().prop_map(Bson::Int64),
        any::<i64>().prop_map(|value| Bson::Double(value as f64)),
        (-2..3_i32).prop_map(|value| Bson::Double(f64::from(value) / 2.0)),
        (-3..4_i64).prop_map(|near| Bson::Double((TWO_TO_53 + near) as f64)),
        (0..3_000_i64).prop_map(|near| Bson::Double((i64::MAX - near) as f64)),
        proptest::sample::select(vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            0.0,
            f64::MIN_POSITIVE,
            -5e-324,
            5e-324,
            1e300,
        ])
        .prop_map(Bson::Double),
        any::<f64>().prop_map(Bson::Double),
    ]
}

/// Field names and strings: few, short, with a zero byte and with one the beginning of another.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec!["", "a", "b", "ab", "a\0", "a\0b", "a\u{1}", "é", "\u{10ffff}"])
            .prop_map(str::to_owned),
        ".{0,6}",
    ]
}

pub(super) fn scalar() -> impl Strategy<Value = Bson> {
    prop_oneof![
        4 => number(),
        2 => text().prop_map(Bson::String),
        1 => text().prop_map(Bson::Symbol),
        1 => text().prop_map(Bson::JavaScriptCode),
        1 => Just(Bson::Null),
        1 => Just(Bson::MinKey),
        1 => Just(Bson::MaxKey),
        1 => any::<bool>().prop_map(Bson::Boolean),
        1 => (-2..3_i64).prop_map(|millis| Bson::DateTime(DateTime::from_millis(millis))),
        1 => any::<i64>().prop_map(|millis| Bson::DateTime(DateTime::from_millis(millis))),
        1 => (0..3_u32, 0..3_u32).prop_map(|(time, increment)| Bson::Timestamp(Timestamp { time, increment })),
        1 => any::<[u8; 12]>().prop_map(|id| Bson::ObjectId(ObjectId::from_bytes(id))),
        1 => (0..4_u8, proptest::collection::vec(0..3_u8, 0..4)).prop_map(|(subtype, bytes)| {
            Bson::Binary(Binary { subtype: BinarySubtype::from(subtype), bytes })
        }),
        1 => ("[ab]{0,2}", "[im]{0,1}").prop_map(|(pattern, options)| {
            Bson::RegularExpression(Regex {
                pattern: CString::try_from(pattern).unwrap(),
                options: CString::try_from(options).unwrap(),
            })
        }),
    ]
}

pub(super) fn value() -> impl Strategy<Value = Bson> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Bson::Array),
            proptest::collection::vec(("[ab]{0,2}", inner.clone()), 0..4)
                .prop_map(|fields| Bson::Document(fields.into_iter().collect())),
            ("[ab]{0,1}", "[ab]{0,1}", inner).prop_map(|(code, name, value)| {
                Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope { code, scope: doc! { name: value } })
            }),
        ]
    })
}

/// Documents with the fields `a`, `b`, `c` and `0`, nested in each other and in arrays.
pub(super) fn document() -> impl Strategy<Value = Document> {
    let small = prop_oneof![
        3 => (0..4_i32).prop_map(Bson::Int32),
        1 => (0..4_i32).prop_map(|value| Bson::Double(f64::from(value))),
        1 => Just(Bson::Null),
        1 => Just(Bson::Double(f64::NAN)),
        1 => "[ab]".prop_map(Bson::String),
    ];
    let fields = |inner: BoxedStrategy<Bson>| {
        proptest::collection::vec(("[abc0]", inner), 0..4).prop_map(|fields| fields.into_iter().collect::<Document>())
    };
    let value = small.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Bson::Array),
            fields(inner.boxed()).prop_map(Bson::Document),
        ]
    });
    fields(value.boxed())
}

#[test]
fn a_long_message_is_cut() {
    let invalid = Invalid::new("é".repeat(10_000));
    assert!(invalid.message.len() < 1_010, "{}", invalid.message.len());
    assert!(invalid.message.ends_with('…'));
}
