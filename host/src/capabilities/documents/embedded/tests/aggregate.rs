//! The limits of pipelines. What they answer is compared with MongoDB in `documents::conformance`.

use std::time::Instant;

use bson::RawArrayBuf;

use super::*;
use crate::capabilities::documents::backend::until;

async fn aggregate(bench: &Bench, pipeline: &[RawDocumentBuf]) -> Result<Vec<Document>> {
    let pipeline = pipeline.iter().map(|stage| stage.clone().into_bytes()).collect();
    bench.documents.aggregate("things", pipeline).await
}

fn array(elements: impl IntoIterator<Item = impl Into<bson::RawBson>>) -> RawArrayBuf {
    let mut array = RawArrayBuf::new();
    elements.into_iter().for_each(|element| array.push(element.into()));
    array
}

fn copies(count: usize) -> RawArrayBuf {
    array(vec!["$text"; count])
}

async fn large() -> Bench {
    let bench = Bench::new();
    let text = "x".repeat(900_000);
    for id in 0..12 {
        bench.insert([rawdoc! { "_id": id, "text": text.as_str() }]).await.unwrap();
    }
    bench
}

#[tokio::test]
async fn what_passes_a_limit_is_too_large() {
    let bench = large().await;
    let doubled = rawdoc! { "$project": { "text": { "$concat": copies(40) } } };
    let cases = [
        (vec![rawdoc! { "$match": {} }], "the answer passes 8 MiB"),
        (vec![rawdoc! { "$limit": 1 }, doubled], "for one document passes 16 MiB"),
        (
            vec![
                rawdoc! { "$addFields": { "copies": copies(4) } },
                rawdoc! { "$group": { "_id": null, "all": { "$push": "$copies" } } },
            ],
            "would hold more than 32 MiB",
        ),
        (
            vec![
                rawdoc! { "$addFields": { "copies": copies(4), "n": 1 } },
                rawdoc! { "$sort": { "n": 1 } },
                rawdoc! { "$count": "n" },
            ],
            "more than 32 MiB",
        ),
    ];
    for (pipeline, expected) in cases {
        let error = aggregate(&bench, &pipeline).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge(_)), "{error}");
        assert!(error.message().contains(expected), "{error}");
    }
    // What is not held and not answered has no limit, and of a sort with a limit only so much is held.
    let counted = aggregate(&bench, &[rawdoc! { "$unset": "x" }, rawdoc! { "$count": "n" }]).await.unwrap();
    assert_eq!(raw(&counted[0]), &*rawdoc! { "n": 12 });
    let few = [
        rawdoc! { "$addFields": { "copies": copies(4), "n": "$_id" } },
        rawdoc! { "$sort": { "n": -1 } },
        rawdoc! { "$limit": 2 },
        rawdoc! { "$project": { "n": 1 } },
    ];
    let found = aggregate(&bench, &few).await.unwrap();
    assert_eq!(found.iter().map(|found| raw(found).get_i32("n").unwrap()).collect::<Vec<_>>(), [11, 10]);
}

#[tokio::test]
async fn documents_are_not_nested_without_end() {
    let bench = large().await;
    let wrap = rawdoc! { "$project": { "a": { "b": { "c": { "d": ["$$ROOT"] } } } } };
    let error = aggregate(&bench, &vec![wrap; 60]).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)) && error.message().contains("at most 200"), "{error}");
}

/// Loops within loops for each of many documents, longer than anybody waits: the thread is given back.
#[tokio::test]
async fn a_pipeline_ends_at_its_deadline() {
    let bench = Bench::new();
    // One alone would soon pass what may be computed for a document.
    bench.insert((0..1_000).map(|id| rawdoc! { "_id": id, "l": array(0..200) })).await.unwrap();
    let sum = |inner: RawDocumentBuf| rawdoc! { "$sum": { "$map": { "input": "$l", "in": inner } } };
    let stage = rawdoc! { "$project": { "n": sum(sum(rawdoc! { "$add": ["$$this", 1] })) } };
    let before = Arc::strong_count(&bench.store);
    let deadline = Instant::now() + Duration::from_millis(200);
    let answer = until(deadline, aggregate(&bench, &[stage])).await;
    assert!(matches!(answer, Err(Error::Timeout(_))), "{answer:?}");
    // The store cannot be closed while a thread reads it.
    let patience = Instant::now() + Duration::from_mins(1);
    while Arc::strong_count(&bench.store) > before {
        assert!(Instant::now() < patience, "the pipeline goes on");
        tokio::task::yield_now().await;
    }
}
