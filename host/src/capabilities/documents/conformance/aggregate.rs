//! Pipelines: what they answer, and many that are run on both stores: the same documents to the byte, or errors of the same
//! case.

mod cases;

use bson::{DateTime, RawDocumentBuf, oid::ObjectId, rawdoc};

use super::Bench;
use crate::capabilities::error::{Error, Result};

type Answer = Result<Vec<RawDocumentBuf>>;

async fn aggregate(bench: &Bench, pipeline: &[RawDocumentBuf]) -> Answer {
    let pipeline = pipeline.iter().map(|stage| stage.clone().into_bytes()).collect();
    let found = bench.store.aggregate("things", pipeline).await?;
    Ok(found.into_iter().map(|found| RawDocumentBuf::from_bytes(found).unwrap()).collect())
}

fn at(millis: i64) -> DateTime {
    DateTime::from_millis(millis)
}

/// Numbers of all types, texts, dates, arrays, documents, and none of them.
fn documents() -> Vec<RawDocumentBuf> {
    vec![
        rawdoc! { "_id": 0 },
        rawdoc! { "_id": 1, "k": "a", "n": 1, "m": 2, "s": "Hello", "d": at(951_782_399_999), "l": [1, 2, 3] },
        rawdoc! { "_id": 2, "k": "a", "n": 2_i64, "m": 0, "s": "", "d": at(0), "l": [] },
        rawdoc! { "_id": 3, "k": "b", "n": 2.5, "m": -3, "s": "Ünïcode", "d": at(-1), "l": [{ "p": 1 }, { "p": "x", "q": 2 }, 3] },
        rawdoc! { "_id": 4, "k": "b", "n": i32::MAX, "m": 1, "s": "x", "d": at(1_709_164_800_000), "o": { "p": 1, "q": { "r": 2 } } },
        rawdoc! { "_id": 5, "k": "b", "n": i64::MAX, "m": 2, "s": null, "d": at(4_102_444_799_123), "o": { "p": [1, 2] } },
        rawdoc! { "_id": 6, "k": null, "n": null, "m": 7, "l": [[1, 2], [3], null], "o": [{ "p": 5 }, { "p": 6, "q": 1 }, 9] },
        rawdoc! { "_id": 7, "n": f64::NAN, "m": 3_i64, "l": ["b", "a", "b"], "d": at(1_704_067_199_999) },
        rawdoc! { "_id": 8, "k": "c", "n": -7, "m": 2.5, "s": "a.b$c", "l": [5, null, 1.5, 7_i64, "z"], "o": 7 },
        rawdoc! { "_id": 9, "k": "c", "n": f64::INFINITY, "m": 4, "d": ObjectId::from_bytes([0x5f; 12]), "l": [true, false] },
        rawdoc! { "_id": 10, "k": 1, "n": 0.1, "m": 1, "l": null, "o": {} },
        rawdoc! { "_id": 11, "k": 1.0, "n": 0.2, "m": 1, "d": at(1_735_689_600_000), "o": { "q": null } },
        rawdoc! { "_id": 12, "k": { "x": 1 }, "n": 9_007_199_254_740_993_i64, "m": 1, "s": "same" },
        rawdoc! { "_id": 13, "k": { "x": 1.0 }, "n": -0.0, "m": i32::MIN, "s": "same", "d": at(1_719_792_000_000) },
    ]
}

fn same(ours: &Answer, theirs: &Answer) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| ours.as_bytes() == theirs.as_bytes())
        }
        (Err(ours), Err(theirs)) => ours.case() == theirs.case(),
        _ => false,
    }
}

/// Compares the pipelines; those that the embedded store may refuse are counted in `lacking`.
async fn compare(pipelines: Vec<Vec<RawDocumentBuf>>) {
    let (embedded, real) = (Bench::embedded(), Bench::real().await);
    embedded.insert(documents()).await.unwrap();
    real.run(async |real| {
        real.insert(documents()).await.unwrap();
        let mut differences = Vec::new();
        for pipeline in &pipelines {
            let (ours, theirs) = (aggregate(&embedded, pipeline).await, aggregate(real, pipeline).await);
            if !same(&ours, &theirs) {
                differences.push(format!("{pipeline:?}\n  embedded: {ours:?}\n  MongoDB:  {theirs:?}"));
            }
        }
        let (different, all) = (differences.len(), pipelines.len());
        assert!(differences.is_empty(), "{different} of {all} pipelines differ:\n{}", differences.join("\n"));
    })
    .await;
}

mod real {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn expressions_are_the_same() {
        // Each document alone, so that an error for one hides no other.
        let mut pipelines = Vec::new();
        for expression in cases::expressions() {
            for document in documents() {
                let id = document.get_i32("_id").unwrap();
                let mut computed = RawDocumentBuf::new();
                computed.append(bson::raw::cstr!("c"), expression.clone());
                pipelines.push(vec![rawdoc! { "$match": { "_id": id } }, rawdoc! { "$project": computed }]);
            }
        }
        compare(pipelines).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn pipelines_are_the_same() {
        compare(cases::pipelines()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn wrong_pipelines_are_refused_by_both() {
        let pipelines = cases::wrong();
        let embedded = Bench::embedded();
        embedded.insert(documents()).await.unwrap();
        for pipeline in &pipelines {
            let answer = aggregate(&embedded, pipeline).await;
            assert!(matches!(answer, Err(Error::Invalid(_))), "{pipeline:?}: {answer:?}");
        }
        compare(pipelines).await;
    }
}

/// What the other tests compare, said once in so many words.
pub(super) async fn pipelines_answer(bench: &Bench) {
    bench.insert(documents()).await.unwrap();
    let cases = [
        (
            vec![
                rawdoc! { "$match": { "k": { "$in": ["a", "b"] }, "n": { "$type": "int" } } },
                rawdoc! { "$group": { "_id": "$k", "n": { "$sum": "$m" }, "most": { "$max": "$n" }, "all": { "$push": "$_id" } } },
                rawdoc! { "$sort": { "_id": 1 } },
            ],
            vec![
                rawdoc! { "_id": "a", "n": 2, "most": 1, "all": [1] },
                rawdoc! { "_id": "b", "n": 1, "most": i32::MAX, "all": [4] },
            ],
        ),
        (
            vec![
                rawdoc! { "$match": { "_id": { "$in": [1, 7] } } },
                rawdoc! { "$unwind": "$l" },
                rawdoc! { "$sort": { "_id": -1, "l": 1 } },
                rawdoc! { "$skip": 1 },
                rawdoc! { "$limit": 3 },
                rawdoc! { "$project": { "l": 1, "twice": { "$concat": [{ "$ifNull": ["$s", "-"] }, "!"] } } },
            ],
            vec![
                rawdoc! { "_id": 7, "l": "b", "twice": "-!" },
                rawdoc! { "_id": 7, "l": "b", "twice": "-!" },
                rawdoc! { "_id": 1, "l": 1, "twice": "Hello!" },
            ],
        ),
        (
            vec![
                rawdoc! { "$match": { "d": { "$gte": at(1_700_000_000_000), "$lt": at(1_710_000_000_000) } } },
                rawdoc! { "$addFields": { "day": { "$dateTrunc": { "date": "$d", "unit": "day" } } } },
                rawdoc! { "$group": { "_id": "$day", "n": { "$sum": 1 } } },
                rawdoc! { "$sort": { "_id": 1 } },
            ],
            vec![rawdoc! { "_id": at(1_703_980_800_000), "n": 1 }, rawdoc! { "_id": at(1_709_164_800_000), "n": 1 }],
        ),
        (vec![rawdoc! { "$match": { "s": "same" } }, rawdoc! { "$count": "n" }], vec![rawdoc! { "n": 2 }]),
    ];
    for (pipeline, expected) in cases {
        assert_eq!(aggregate(bench, &pipeline).await, Ok(expected), "{pipeline:?}");
    }
}

/// A grant is for one collection, and for documents, not for code.
pub(super) async fn other_collections_are_out_of_reach(bench: &Bench) {
    bench.insert([rawdoc! { "_id": 1 }]).await.unwrap();
    for stage in [
        rawdoc! { "$lookup": { "from": "others", "localField": "a", "foreignField": "b", "as": "c" } },
        rawdoc! { "$graphLookup": { "from": "others", "startWith": "$a", "connectFromField": "a", "connectToField": "b", "as": "c" } },
        rawdoc! { "$unionWith": "others" },
        rawdoc! { "$out": "others" },
        rawdoc! { "$merge": { "into": "others" } },
    ] {
        let name = stage.iter().next().unwrap().unwrap().0.as_str().to_owned();
        let error = aggregate(bench, &[rawdoc! { "$match": {} }, stage]).await.unwrap_err();
        assert_eq!(
            error,
            Error::invalid(format!(
                "aggregate in things: stage 1: the stage `{name}` reaches another collection than the one that the plugin's grant was checked for; read or write that one by itself"
            ))
        );
    }
    let error = aggregate(bench, &[rawdoc! { "$collStats": {} }]).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(failure) if failure.message.contains("`$collStats`")), "{error}");
    let code = rawdoc! { "$function": { "body": "function() { return 1 }", "args": [], "lang": "js" } };
    let error = aggregate(bench, &[rawdoc! { "$project": { "a": code } }]).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(failure) if failure.message.contains("$function")), "{error}");
}

pub(super) async fn a_pipeline_answers_within_its_limit(bench: &Bench) {
    let large = "x".repeat(900_000);
    for number in 0..12 {
        bench.insert([rawdoc! { "_id": number, "large": large.as_str() }]).await.unwrap();
    }
    let error = aggregate(bench, &[rawdoc! { "$sort": { "_id": 1 } }]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
    let few = aggregate(bench, &[rawdoc! { "$sort": { "_id": 1 } }, rawdoc! { "$limit": 9 }]).await.unwrap();
    assert_eq!(few.len(), 9);
    let many = aggregate(bench, &[rawdoc! { "$count": "n" }]).await.unwrap();
    assert_eq!(many, [rawdoc! { "n": 12 }]);
}

/// What the embedded store lacks is named.
#[tokio::test]
async fn what_is_lacking_is_named() {
    let bench = Bench::embedded();
    bench.insert(documents()).await.unwrap();
    for (stage, named) in cases::lacking() {
        let error = aggregate(&bench, std::slice::from_ref(&stage)).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{stage:?}: {error}");
        assert!(error.message().starts_with("aggregate in things: stage 0: "), "{error}");
        assert!(error.message().contains(named), "{stage:?}: {error}");
    }
}
