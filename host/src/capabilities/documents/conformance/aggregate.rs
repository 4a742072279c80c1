//! Pipelines, each on both stores: the same documents to the byte, or errors of the same case.

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
    let theirs = real.insert(documents()).await;
    real.run(async |real| {
        theirs.unwrap();
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
