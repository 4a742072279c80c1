use std::cmp::Ordering;

use bson::{Bson, DateTime, Timestamp, bson, doc, oid::ObjectId};
use proptest::prelude::*;

use crate::capabilities::documents::query::{
    compare,
    tests::{raw_value, value},
};

fn order(left: &Bson, right: &Bson) -> Ordering {
    compare(raw_value(left.clone()).as_raw_bson_ref(), raw_value(right.clone()).as_raw_bson_ref())
}

#[test]
fn values_stand_in_mongodbs_order() {
    let binary =
        |subtype: u8, bytes: &[u8]| Bson::Binary(bson::Binary { subtype: subtype.into(), bytes: bytes.to_vec() });
    let regex = |pattern: &str, options: &str| {
        Bson::RegularExpression(bson::Regex {
            pattern: pattern.try_into().unwrap(),
            options: options.try_into().unwrap(),
        })
    };
    let ladder = [
        Bson::MinKey,
        Bson::Null,
        Bson::Double(f64::NAN),
        Bson::Double(f64::NEG_INFINITY),
        Bson::Int64(i64::MIN),
        Bson::Int32(-1),
        Bson::Double(-0.5),
        Bson::Int32(0),
        Bson::Double(5e-324),
        Bson::Double(0.5),
        Bson::Int64(1),
        Bson::Double(1.5),
        Bson::Int64((1 << 53) - 1),
        Bson::Double(9_007_199_254_740_992.0),
        Bson::Int64((1 << 53) + 1),
        Bson::Double(9_007_199_254_740_994.0),
        Bson::Int64(i64::MAX - 1),
        Bson::Int64(i64::MAX),
        Bson::Double(9_223_372_036_854_775_808.0),
        Bson::Double(f64::INFINITY),
        bson!(""),
        bson!("A"),
        bson!("a"),
        bson!("a\0"),
        bson!("aa"),
        bson!("é"),
        bson!({}),
        // The class of the value goes before the name, the name before the value.
        bson!({ "b": 1 }),
        bson!({ "b": 1, "a": 1 }),
        bson!({ "b": 2 }),
        bson!({ "a": "x" }),
        bson!({ "a": {} }),
        bson!([]),
        bson!([1]),
        bson!([1, 0]),
        bson!([2]),
        bson!(["a"]),
        // Length, then subtype, then bytes.
        binary(0, &[9]),
        binary(5, &[0]),
        binary(0, &[0, 1]),
        Bson::ObjectId(ObjectId::from_bytes([0; 12])),
        Bson::ObjectId(ObjectId::from_bytes([255; 12])),
        Bson::Boolean(false),
        Bson::Boolean(true),
        Bson::DateTime(DateTime::from_millis(-1)),
        Bson::DateTime(DateTime::from_millis(1)),
        Bson::Timestamp(Timestamp { time: 1, increment: u32::MAX }),
        Bson::Timestamp(Timestamp { time: u32::MAX, increment: 0 }),
        regex("a", ""),
        regex("a", "i"),
        regex("b", ""),
        Bson::JavaScriptCode("f".to_owned()),
        Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope { code: "e".to_owned(), scope: doc! {} }),
        Bson::MaxKey,
    ];
    for (i, left) in ladder.iter().enumerate() {
        for (j, right) in ladder.iter().enumerate() {
            assert_eq!(order(left, right), i.cmp(&j), "{left:?} with {right:?}");
        }
    }
}

#[test]
fn different_forms_of_a_value_are_equal() {
    let pairs = [
        (Bson::Int32(1), Bson::Double(1.0)),
        (Bson::Int32(1), Bson::Int64(1)),
        (Bson::Double(-0.0), Bson::Int32(0)),
        (Bson::Double(f64::NAN), Bson::Double(-f64::NAN)),
        (Bson::Int64(1 << 62), Bson::Double((1_i64 << 62) as f64)),
        (Bson::String("a".to_owned()), Bson::Symbol("a".to_owned())),
        (bson!({ "a": [1, { "b": 2 }] }), bson!({ "a": [1.0, { "b": Bson::Int64(2) }] })),
    ];
    for (left, right) in pairs {
        assert_eq!(order(&left, &right), Ordering::Equal, "{left:?} with {right:?}");
    }
}

proptest! {
    #[test]
    fn the_order_is_total(a in value(), b in value(), c in value()) {
        prop_assert_eq!(order(&a, &a), Ordering::Equal);
        prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
        if order(&a, &b).is_le() && order(&b, &c).is_le() {
            prop_assert!(order(&a, &c).is_le());
        }
    }
}
