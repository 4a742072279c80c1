//! Finding, ordering, shaping, counting.

use bson::{DateTime, RawDocumentBuf, oid::ObjectId, rawdoc};

use super::super::backend::{FindOptions, IndexOptions, MOST_ANSWER_BYTES, MOST_PIECE_BYTES};
use super::{Bench, raw, sort};
use crate::capabilities::error::Error;

fn mixed() -> Vec<RawDocumentBuf> {
    vec![
        rawdoc! { "_id": 0 },
        rawdoc! { "_id": 1, "a": null },
        rawdoc! { "_id": 2, "a": 1 },
        rawdoc! { "_id": 3, "a": 2_i64 },
        rawdoc! { "_id": 4, "a": 2.5 },
        rawdoc! { "_id": 5, "a": "x" },
        rawdoc! { "_id": 6, "a": { "b": 1, "c": [1, 2] } },
        rawdoc! { "_id": 7, "a": [1, 5] },
        rawdoc! { "_id": 8, "a": [{ "b": 1 }, { "b": 3, "c": 1 }] },
        rawdoc! { "_id": 9, "a": [] },
        rawdoc! { "_id": 10, "a": true },
        rawdoc! { "_id": 11, "a": DateTime::from_millis(1_000) },
        rawdoc! { "_id": 12, "a": ObjectId::from_bytes([7; 12]) },
        rawdoc! { "_id": 13, "a": [[1]] },
        rawdoc! { "_id": 14, "a": f64::NAN },
        rawdoc! { "_id": 15, "a": bson::RawBson::MinKey },
        rawdoc! { "_id": 16, "a": bson::RawBson::MaxKey },
    ]
}

pub(super) async fn filters_find_what_they_say(bench: &Bench) {
    bench.insert(mixed()).await.unwrap();
    let all: Vec<i32> = (0..17).collect();
    let but = |out: &[i32]| all.iter().copied().filter(|id| !out.contains(id)).collect::<Vec<i32>>();
    let cases = [
        (rawdoc! {}, all.clone()),
        (rawdoc! { "a": 1 }, vec![2, 7]),
        (rawdoc! { "a": { "$eq": 2.0 } }, vec![3]),
        (rawdoc! { "a": { "$ne": 1 } }, but(&[2, 7])),
        (rawdoc! { "a": { "$gt": 1 } }, vec![3, 4, 7]),
        (rawdoc! { "a": { "$gte": 2, "$lt": 5 } }, vec![3, 4, 7]),
        (rawdoc! { "a": { "$lte": 1 } }, vec![2, 7]),
        (rawdoc! { "a": null }, vec![0, 1]),
        (rawdoc! { "a": { "$exists": true } }, but(&[0])),
        (rawdoc! { "a": { "$exists": false } }, vec![0]),
        (rawdoc! { "a": { "$in": [1, "x", null] } }, vec![0, 1, 2, 5, 7]),
        (rawdoc! { "a": { "$nin": [1, "x", null] } }, but(&[0, 1, 2, 5, 7])),
        (rawdoc! { "a": { "$in": [] } }, vec![]),
        (rawdoc! { "a.b": 1 }, vec![6, 8]),
        (rawdoc! { "a.c": 1 }, vec![6, 8]),
        (rawdoc! { "a.0": 1 }, vec![7]),
        (rawdoc! { "a.0.b": 1 }, vec![8]),
        (rawdoc! { "a.1.b": { "$gt": 1 } }, vec![8]),
        (rawdoc! { "a": [1, 5] }, vec![7]),
        (rawdoc! { "a": [1] }, vec![13]),
        (rawdoc! { "a": { "b": 1, "c": [1, 2] } }, vec![6]),
        (rawdoc! { "a": { "c": [1, 2], "b": 1 } }, vec![]),
        (rawdoc! { "a": { "$size": 2 } }, vec![7, 8]),
        (rawdoc! { "a": { "$size": 0 } }, vec![9]),
        (rawdoc! { "a": { "$all": [1, 5] } }, vec![7]),
        (rawdoc! { "a": { "$elemMatch": { "b": 3, "c": 1 } } }, vec![8]),
        (rawdoc! { "a": { "$elemMatch": { "$gt": 1, "$lt": 6 } } }, vec![7]),
        (rawdoc! { "a": { "$not": { "$gt": 1 } } }, but(&[3, 4, 7])),
        (rawdoc! { "a": { "$type": "number" } }, vec![2, 3, 4, 7, 14]),
        (rawdoc! { "a": { "$type": "array" } }, vec![7, 8, 9, 13]),
        (rawdoc! { "a": { "$type": ["string", "bool"] } }, vec![5, 10]),
        (rawdoc! { "$or": [{ "a": 1 }, { "a": "x" }] }, vec![2, 5, 7]),
        (rawdoc! { "$and": [{ "a": 1 }, { "a": 5 }] }, vec![7]),
        (rawdoc! { "$nor": [{ "a": { "$exists": true } }, { "_id": 3 }] }, vec![0]),
        (rawdoc! { "_id": { "$gt": 14 }, "a": { "$exists": 1 } }, vec![15, 16]),
        (rawdoc! { "a": f64::NAN }, vec![14]),
        (rawdoc! { "a": { "$gte": f64::NAN } }, vec![14]),
        (rawdoc! { "a": { "$gt": bson::RawBson::MinKey } }, but(&[15])),
        (rawdoc! { "a": { "$lt": DateTime::from_millis(2_000) } }, vec![11]),
        (rawdoc! { "a.b": { "$exists": false } }, but(&[6, 8])),
        (rawdoc! { "a.b": null }, vec![0, 1, 2, 3, 4, 5, 10, 11, 12, 14, 15, 16]),
    ];
    for (filter, expected) in cases {
        assert_eq!(bench.ids(filter.clone()).await, Ok(expected), "{filter:?}");
    }
}

fn regex(pattern: &str, options: &str) -> bson::RawBson {
    let text = |text: &str| bson::raw::CString::try_from(text).unwrap();
    bson::RawBson::RegularExpression(bson::Regex { pattern: text(pattern), options: text(options) })
}

pub(super) async fn regular_expressions_find_texts(bench: &Bench) {
    bench
        .insert([
            rawdoc! { "_id": 0 },
            rawdoc! { "_id": 1, "a": "Ada Lovelace" },
            rawdoc! { "_id": 2, "a": "ada\nlovelace\n" },
            rawdoc! { "_id": 3, "a": ["x", "adam"] },
            rawdoc! { "_id": 4, "a": 7 },
            rawdoc! { "_id": 5, "a": "\u{c9}mile" },
            rawdoc! { "_id": 6, "a": regex("^ad", "") },
            rawdoc! { "_id": 7, "a": null },
            rawdoc! { "_id": 8, "a": [{ "b": "ad" }, { "b": "da" }] },
            rawdoc! { "_id": 9, "a": "a.b[c]" },
            rawdoc! { "_id": 10, "a": "ac" },
            rawdoc! { "_id": 11, "a": "\u{663}\u{17f}" },
        ])
        .await
        .unwrap();
    let cases = || {
        [
            (rawdoc! { "a": { "$regex": "ad" } }, vec![2, 3]),
            (rawdoc! { "a": { "$regex": "AD", "$options": "i" } }, vec![1, 2, 3]),
            (rawdoc! { "a": { "$options": "i", "$regex": "^ada" } }, vec![1, 2, 3]),
            (rawdoc! { "a": regex("^ad", "") }, vec![2, 3, 6]),
            (rawdoc! { "a": regex("^ad", ""), "_id": { "$gt": 2 } }, vec![3, 6]),
            (rawdoc! { "a": { "$regex": "^love", "$options": "m" } }, vec![2]),
            (rawdoc! { "a": { "$regex": "lovelace$", "$options": "i" } }, vec![1, 2]),
            (rawdoc! { "a": { "$regex": "ada.love" } }, vec![]),
            (rawdoc! { "a": { "$regex": "ada.love", "$options": "s" } }, vec![2]),
            (rawdoc! { "a": { "$regex": "ad a # x\n", "$options": "x" } }, vec![2, 3]),
            (rawdoc! { "a": { "$regex": "^\u{e9}", "$options": "i" } }, vec![5]),
            (rawdoc! { "a": { "$regex": r"^\w" } }, vec![1, 2, 3, 9, 10]),
            (rawdoc! { "a": { "$regex": r"\d|^\W" } }, vec![5, 11]),
            (rawdoc! { "a": { "$regex": r"[\w]$", "$options": "i" } }, vec![1, 2, 3, 5, 10]),
            (rawdoc! { "a": { "$regex": r"b\[c\]$" } }, vec![9]),
            (rawdoc! { "a": { "$regex": r"^a\.b" } }, vec![9]),
            (rawdoc! { "a": { "$regex": r"[[x]" } }, vec![3, 9]),
            (rawdoc! { "a.b": { "$regex": "^a" } }, vec![8]),
            (rawdoc! { "a": { "$not": regex("a", "i") } }, vec![0, 4, 5, 6, 7, 8, 11]),
            (rawdoc! { "a": { "$not": { "$regex": "^a" } } }, vec![0, 1, 4, 5, 6, 7, 8, 11]),
            (rawdoc! { "a": { "$in": [regex("^ad", ""), 7, null] } }, vec![0, 2, 3, 4, 6, 7]),
            (rawdoc! { "a": { "$nin": [regex("^a", ""), 7] } }, vec![0, 1, 5, 6, 7, 8, 11]),
            (rawdoc! { "a": { "$all": [regex("^a", ""), "x"] } }, vec![3]),
            (rawdoc! { "a": { "$elemMatch": { "b": regex("^d", "") } } }, vec![8]),
            (rawdoc! { "a": { "$elemMatch": { "$regex": "^ada" } } }, vec![3]),
            (rawdoc! { "a": { "$gt": "ab", "$regex": "^a" } }, vec![2, 3, 10]),
            (rawdoc! { "a": { "$eq": regex("^ad", "") } }, vec![6]),
        ]
    };
    for (filter, expected) in cases() {
        assert_eq!(bench.ids(filter.clone()).await, Ok(expected), "{filter:?}");
    }
    bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
    for (filter, expected) in cases() {
        assert_eq!(bench.ids(filter.clone()).await, Ok(expected), "with an index: {filter:?}");
    }
}

pub(super) async fn symbols_are_texts(bench: &Bench) {
    let symbol = |text: &str| bson::RawBson::Symbol(text.to_owned());
    let documents = [
        rawdoc! { "_id": 1, "a": symbol("b") },
        rawdoc! { "_id": 2, "a": "a" },
        rawdoc! { "_id": 3, "a": symbol("c") },
    ];
    bench.insert(documents).await.unwrap();
    for indexed in [false, true] {
        assert_eq!(bench.ids(rawdoc! { "a": "b" }).await.unwrap(), [1], "{indexed}");
        assert_eq!(bench.ids(rawdoc! { "a": symbol("a") }).await.unwrap(), [2], "{indexed}");
        assert_eq!(bench.ids(rawdoc! { "a": { "$gt": "a" } }).await.unwrap(), [1, 3], "{indexed}");
        assert_eq!(bench.ids(rawdoc! { "a": { "$in": ["c", "a"] } }).await.unwrap(), [2, 3], "{indexed}");
        assert_eq!(bench.ids(rawdoc! { "a": { "$regex": "^[bc]" } }).await.unwrap(), [1, 3], "{indexed}");
        assert_eq!(bench.ids(rawdoc! { "a": { "$type": "symbol" } }).await.unwrap(), [1, 3], "{indexed}");
        assert_eq!(bench.ids_with(rawdoc! {}, sort(rawdoc! { "a": -1 })).await.unwrap(), [3, 1, 2], "{indexed}");
        bench.index(rawdoc! { "a": 1 }, IndexOptions::default()).await.unwrap();
    }
    bench.insert([rawdoc! { "_id": 4, "a": "b" }]).await.unwrap();
    let pipeline =
        [rawdoc! { "$group": { "_id": "$a", "n": { "$sum": 1 } } }, rawdoc! { "$sort": { "n": -1, "_id": 1 } }];
    let found = bench.store.aggregate("things", pipeline.map(RawDocumentBuf::into_bytes).to_vec()).await.unwrap();
    let counts: Vec<i32> = found.iter().map(|group| raw(group).get_i32("n").unwrap()).collect();
    assert_eq!(counts, [2, 1, 1]);
}

pub(super) async fn wrong_filters_are_invalid(bench: &Bench) {
    bench.insert(mixed()).await.unwrap();
    let cases = [
        (rawdoc! { "a": { "$nonsense": 1 } }, "$nonsense"),
        (rawdoc! { "$nonsense": [] }, "$nonsense"),
        (rawdoc! { "$or": [] }, "$or"),
        (rawdoc! { "a": { "$in": 1 } }, "$in"),
        (rawdoc! { "a": { "$size": "x" } }, "$size"),
        (rawdoc! { "$where": "true" }, "$where"),
        (rawdoc! { "a": { "$regex": 1 } }, "$regex"),
        (rawdoc! { "a": { "$options": "i" } }, "$options"),
        (rawdoc! { "a": { "$ne": regex("a", "") } }, ""),
        (rawdoc! { "a": { "$gt": regex("a", "") } }, ""),
        (rawdoc! { "a": { "$regex": "(" } }, ""),
        (rawdoc! { "a": { "$regex": "a # b", "$options": "x" } }, ""),
    ];
    for (filter, named) in cases {
        let error = bench.find_with(filter.clone(), FindOptions::default()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{filter:?}: {error}");
        assert!(error.message().starts_with("find in things: "), "{error}");
        assert!(error.message().contains(named), "{filter:?}: {error}");
    }
    let wrong = FindOptions { sort: Some(rawdoc! { "a": 7 }.into_bytes()), ..FindOptions::default() };
    assert!(matches!(bench.find_with(rawdoc! {}, wrong).await, Err(Error::Invalid(_))));
    let both = FindOptions { projection: Some(rawdoc! { "a": 1, "b": 0 }.into_bytes()), ..FindOptions::default() };
    assert!(matches!(bench.find_with(rawdoc! {}, both).await, Err(Error::Invalid(_))));
}

pub(super) async fn sorts_order_all_types(bench: &Bench) {
    bench.insert(mixed()).await.unwrap();
    // An empty array is below null; an array stands for its least element, or descending for its greatest.
    let up = [15, 9, 0, 1, 14, 2, 7, 3, 4, 5, 8, 6, 13, 12, 10, 11, 16];
    assert_eq!(bench.ids_with(rawdoc! {}, sort(rawdoc! { "a": 1, "_id": 1 })).await.unwrap(), up);
    let down = [16, 11, 10, 12, 13, 8, 6, 5, 7, 4, 3, 2, 14, 0, 1, 9, 15];
    assert_eq!(bench.ids_with(rawdoc! {}, sort(rawdoc! { "a": -1, "_id": 1 })).await.unwrap(), down);
    let some = FindOptions { skip: 3, limit: 4, ..sort(rawdoc! { "a": 1, "_id": 1 }) };
    assert_eq!(bench.ids_with(rawdoc! {}, some).await.unwrap(), up[3..7]);
    let beyond = FindOptions { skip: 100, ..sort(rawdoc! { "a": 1 }) };
    assert_eq!(bench.ids_with(rawdoc! {}, beyond).await.unwrap(), [] as [i32; 0]);
    let dotted = sort(rawdoc! { "a.b": -1, "_id": 1 });
    assert_eq!(bench.ids_with(rawdoc! { "_id": { "$in": [2, 6, 8] } }, dotted).await.unwrap(), [8, 6, 2]);
}

pub(super) async fn projections_shape(bench: &Bench) {
    let document = rawdoc! { "_id": 1, "a": 1, "b": { "c": 2, "d": 3 }, "e": [{ "c": 4, "d": 5 }, 6] };
    bench.insert([document.clone()]).await.unwrap();
    let cases = [
        (rawdoc! { "a": 1 }, rawdoc! { "_id": 1, "a": 1 }),
        (rawdoc! { "a": true, "_id": 0 }, rawdoc! { "a": 1 }),
        (rawdoc! { "a": 0 }, rawdoc! { "_id": 1, "b": { "c": 2, "d": 3 }, "e": [{ "c": 4, "d": 5 }, 6] }),
        (rawdoc! { "_id": 0 }, rawdoc! { "a": 1, "b": { "c": 2, "d": 3 }, "e": [{ "c": 4, "d": 5 }, 6] }),
        (rawdoc! { "b.c": 1, "e.d": 1 }, rawdoc! { "_id": 1, "b": { "c": 2 }, "e": [{ "d": 5 }] }),
        (rawdoc! { "b.c": 0, "e.d": 0 }, rawdoc! { "_id": 1, "a": 1, "b": { "d": 3 }, "e": [{ "c": 4 }, 6] }),
        (rawdoc! { "missing": 1 }, rawdoc! { "_id": 1 }),
        (rawdoc! { "_id": 1 }, rawdoc! { "_id": 1 }),
        (rawdoc! {}, document),
    ];
    for (shape, expected) in cases {
        let options = FindOptions { projection: Some(shape.clone().into_bytes()), ..FindOptions::default() };
        assert_eq!(bench.find_with(rawdoc! {}, options).await.unwrap(), [expected], "{shape:?}");
    }
}

pub(super) async fn an_answer_beyond_its_limit_is_too_large(bench: &Bench) {
    let large = "x".repeat(900_000);
    for number in 0..12 {
        bench.insert([rawdoc! { "_id": number, "large": large.as_str() }]).await.unwrap();
    }
    let error = bench.find_with(rawdoc! {}, FindOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
    let most = u32::try_from(MOST_ANSWER_BYTES / 900_100).unwrap();
    let few = FindOptions { limit: most, ..FindOptions::default() };
    assert_eq!(bench.find_with(rawdoc! {}, few).await.unwrap().len(), 9);
}

pub(super) async fn a_cursor_reads_pieces(bench: &Bench) {
    bench.insert((0..350).map(|number| rawdoc! { "_id": number })).await.unwrap();
    let options = FindOptions { skip: 1, limit: 320, ..sort(rawdoc! { "_id": 1 }) };
    let mut cursor = bench.store.open("things", rawdoc! {}.into_bytes(), options).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let piece = cursor.next(130).await.unwrap();
        if piece.is_empty() {
            break;
        }
        assert!(piece.len() <= 130);
        seen.extend(piece.iter().map(|found| raw(found).get_i32("_id").unwrap()));
    }
    assert_eq!(seen, (1..321).collect::<Vec<i32>>());
    assert!(cursor.next(50).await.unwrap().is_empty());

    let large = "x".repeat(400_000);
    for number in 1_000..1_005 {
        bench.insert([rawdoc! { "_id": number, "large": large.as_str() }]).await.unwrap();
    }
    let filter = rawdoc! { "_id": { "$gte": 1_000 } };
    let mut cursor = bench.store.open("things", filter.into_bytes(), sort(rawdoc! { "_id": 1 })).await.unwrap();
    let mut pieces = Vec::new();
    loop {
        let piece = cursor.next(1_000).await.unwrap();
        if piece.is_empty() {
            break;
        }
        assert!(piece.iter().map(Vec::len).sum::<usize>() <= MOST_PIECE_BYTES);
        pieces.push(piece.len());
    }
    assert_eq!(pieces, [2, 2, 1]);
}

pub(super) async fn one_is_found_or_none(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1, "a": 1, "b": 2 }]).await.unwrap();
    let find = |filter: RawDocumentBuf| {
        bench.store.find_one("things", filter.into_bytes(), Some(rawdoc! { "b": 1 }.into_bytes()))
    };
    assert_eq!(find(rawdoc! { "a": 1 }).await.unwrap(), Some(rawdoc! { "_id": 1, "b": 2 }.into_bytes()));
    assert_eq!(find(rawdoc! { "a": 2 }).await.unwrap(), None);
    let nowhere = bench.store.find("nowhere", rawdoc! {}.into_bytes(), FindOptions::default()).await;
    assert_eq!(nowhere.unwrap(), [] as [Vec<u8>; 0]);
}

pub(super) async fn counting_stops_at_its_limit(bench: &Bench) {
    bench.insert((0..150).map(|number| rawdoc! { "_id": number, "a": number % 3 })).await.unwrap();
    let count = |filter: RawDocumentBuf, limit| bench.store.count("things", filter.into_bytes(), limit);
    assert_eq!(count(rawdoc! {}, 0).await.unwrap(), 150);
    assert_eq!(count(rawdoc! {}, 10).await.unwrap(), 10);
    assert_eq!(count(rawdoc! { "a": 0 }, 0).await.unwrap(), 50);
    assert_eq!(count(rawdoc! { "a": 9 }, 5).await.unwrap(), 0);
    assert_eq!(bench.store.count("nowhere", rawdoc! {}.into_bytes(), 0).await.unwrap(), 0);
}
