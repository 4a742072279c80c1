use std::cmp::Ordering;

use bson::raw::RawBsonRef;
use proptest::prelude::*;

use super::{Direction, Range, encode, encode_one, prefix_end};
use crate::capabilities::documents::query::{
    compare,
    tests::{number, raw_value, value},
};

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)]
}

/// Two rows that often begin alike.
fn rows() -> impl Strategy<Value = (Vec<bson::Bson>, Vec<bson::Bson>)> {
    (proptest::collection::vec(value(), 3), proptest::collection::vec(value(), 3), 0..4_usize).prop_map(
        |(left, mut right, shared)| {
            right[..shared.min(3)].clone_from_slice(&left[..shared.min(3)]);
            (left, right)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn keys_of_numbers_are_ordered_as_numbers(left in number(), right in number()) {
        let (left, right) = (raw_value(left), raw_value(right));
        let (left, right) = (left.as_raw_bson_ref(), right.as_raw_bson_ref());
        prop_assert_eq!(encode_one(left).cmp(&encode_one(right)), compare(left, right));
    }

    #[test]
    fn keys_are_ordered_as_values(
        (left, right) in rows(),
        directions in proptest::collection::vec(direction(), 3),
    ) {
        let left: Vec<_> = left.into_iter().map(raw_value).collect();
        let right: Vec<_> = right.into_iter().map(raw_value).collect();
        let expected = left.iter().zip(&right).zip(&directions).fold(Ordering::Equal, |order, ((left, right), direction)| {
            let next = compare(left.as_raw_bson_ref(), right.as_raw_bson_ref());
            order.then(if *direction == Direction::Ascending { next } else { next.reverse() })
        });
        let refs = |row: &[bson::raw::RawBson]| -> Vec<u8> {
            encode(&row.iter().map(|value| value.as_raw_bson_ref()).collect::<Vec<_>>(), &directions)
        };
        prop_assert_eq!(refs(&left).cmp(&refs(&right)), expected);
    }

    #[test]
    fn no_key_is_the_beginning_of_another(left in value(), right in value()) {
        let (left, right) = (raw_value(left), raw_value(right));
        let (left, right) = (left.as_raw_bson_ref(), right.as_raw_bson_ref());
        if compare(left, right).is_ne() {
            prop_assert!(!encode_one(right).starts_with(&encode_one(left)));
        }
    }

    #[test]
    fn a_prefix_ends_where_it_no_longer_begins(prefix in proptest::collection::vec(250..=255_u8, 0..4), key in proptest::collection::vec(250..=255_u8, 0..6)) {
        let within = Range::prefix(prefix.clone()).contains(&key);
        prop_assert_eq!(within, key.starts_with(&prefix));
    }
}

#[test]
fn prefix_ends() {
    assert_eq!(prefix_end(&[1, 2]), Some(vec![1, 3]));
    assert_eq!(prefix_end(&[1, 255, 255]), Some(vec![2]));
    assert_eq!(prefix_end(&[255]), None);
    assert_eq!(prefix_end(&[]), None);
}

/// The format is on disk.
#[test]
fn the_format_stays() {
    let cases: [(RawBsonRef<'_>, &[u8]); 8] = [
        (RawBsonRef::Null, &[0x18]),
        (RawBsonRef::Boolean(true), &[0x80, 1]),
        (RawBsonRef::Int32(1), &[0x20, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0]),
        (RawBsonRef::Double(-1.0), &[0x20, 0x40, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (RawBsonRef::Int64((1 << 53) + 1), &[0x20, 0xc3, 0x40, 0, 0, 0, 0, 0, 0, 0, 1]),
        (RawBsonRef::String("a\0b"), &[0x30, b'a', 0, 0xff, b'b', 0, 0]),
        (RawBsonRef::DateTime(bson::DateTime::from_millis(1)), &[0x90, 0x80, 0, 0, 0, 0, 0, 0, 1]),
        (RawBsonRef::MaxKey, &[0xf0]),
    ];
    for (value, expected) in cases {
        assert_eq!(encode_one(value), expected, "{value:?}");
    }
    let nested = raw_value(bson::bson!({ "a": [1, "b"] }));
    assert_eq!(
        encode(&[nested.as_raw_bson_ref()], &[]),
        [&[0x40, 0x50, b'a', 0, 0, 0x20, 0xbf, 0xf0][..], &[0; 6], &[0x30, b'b', 0, 0, 0, 0]].concat()
    );
}
