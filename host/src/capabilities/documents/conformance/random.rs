//! Random documents and operations on both stores, every answer compared.
//!
//! The seed of a run is printed with what failed, shrunk; `CONFORMANCE_SEED` runs one again, `CONFORMANCE_CASES` sets how
//! many cases there are.

mod generate;

use std::sync::Arc;

use bson::{RawDocument, RawDocumentBuf, rawdoc};
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner};

use super::super::backend::{Backend, FindAndUpdateOptions, FindOptions, IndexOptions, UpdateOptions};
use super::{MANY, UPSERT};
use crate::capabilities::error::{Error, Result};
use generate::{Case, Step};

/// How many cases a run has.
const CASES: u32 = 64;

/// What a step answered, as something that can be compared and shown.
type Answer = Result<Vec<RawDocumentBuf>>;

async fn apply(store: &dyn Backend, collection: &str, step: &Step) -> Answer {
    let bytes = |document: &RawDocumentBuf| document.clone().into_bytes();
    let one = |id: i32, filter: &RawDocumentBuf| rawdoc! { "$and": [{ "_id": id }, filter.clone()] }.into_bytes();
    let count = |name: &str, count: u64| {
        let mut answer = RawDocumentBuf::new();
        answer.append(bson::raw::CString::try_from(name).unwrap(), i64::try_from(count).unwrap());
        answer
    };
    let updated = |result: super::UpdateResult| {
        let mut answer = vec![count("matched", result.matched), count("modified", result.modified)];
        answer.extend(result.upserted.map(|id| RawDocumentBuf::from_bytes(id).unwrap()));
        answer
    };
    let parse = |found: Vec<Vec<u8>>| {
        found.into_iter().map(|found| RawDocumentBuf::from_bytes(found).unwrap()).collect::<Vec<_>>()
    };
    match step {
        Step::Insert(documents) => store.insert(collection, documents.iter().map(bytes).collect()).await.map(parse),
        Step::UpdateMany(filter, update) => {
            store.update(collection, bytes(filter), bytes(update), MANY).await.map(updated)
        }
        Step::UpdateOne(id, filter, update) => {
            let options = UpdateOptions { many: false, upsert: false };
            store.update(collection, one(*id, filter), bytes(update), options).await.map(updated)
        }
        Step::Upsert(id, update) => {
            store.update(collection, rawdoc! { "_id": *id }.into_bytes(), bytes(update), UPSERT).await.map(updated)
        }
        Step::Replace(id, replacement, upsert) => store
            .replace(collection, rawdoc! { "_id": *id }.into_bytes(), bytes(replacement), *upsert)
            .await
            .map(updated),
        Step::FindAndUpdate { filter, update, sort, projection, return_new } => {
            let options = FindAndUpdateOptions {
                sort: Some(bytes(sort)),
                projection: projection.as_ref().map(bytes),
                return_new: *return_new,
                upsert: false,
            };
            let found = store.find_one_and_update(collection, bytes(filter), bytes(update), options).await?;
            Ok(parse(found.into_iter().collect()))
        }
        Step::DeleteMany(filter) => {
            store.delete(collection, bytes(filter), true).await.map(|deleted| vec![count("deleted", deleted)])
        }
        Step::Count(filter, limit) => {
            store.count(collection, bytes(filter), *limit).await.map(|found| vec![count("found", found)])
        }
        Step::Find { filter, sort, skip, limit, projection } => {
            let options = FindOptions {
                sort: Some(bytes(sort)),
                projection: projection.as_ref().map(bytes),
                skip: *skip,
                limit: *limit,
            };
            store.find(collection, bytes(filter), options).await.map(parse)
        }
        Step::Aggregate(pipeline) => store.aggregate(collection, pipeline.iter().map(bytes).collect()).await.map(parse),
        Step::Index(keys, unique, partial) => {
            let partial = partial.as_ref().map(bytes);
            let options = IndexOptions { unique: *unique, partial, ..IndexOptions::default() };
            store.ensure_index(collection, bytes(keys), options).await.map(|()| Vec::new())
        }
    }
}

async fn everything(store: &dyn Backend, collection: &str) -> Answer {
    let sort = Some(rawdoc! { "_id": 1 }.into_bytes());
    let found = store.find(collection, rawdoc! {}.into_bytes(), FindOptions { sort, ..FindOptions::default() }).await?;
    Ok(found.into_iter().map(|found| RawDocumentBuf::from_bytes(found).unwrap()).collect())
}

/// Whether the answers are the same: documents to the byte, errors in their case.
fn same(embedded: &Answer, real: &Answer) -> bool {
    match (embedded, real) {
        (Ok(embedded), Ok(real)) => {
            let bytes = |documents: &[RawDocumentBuf]| -> Vec<Vec<u8>> {
                documents
                    .iter()
                    .map(|document: &RawDocumentBuf| AsRef::<RawDocument>::as_ref(document).as_bytes().to_vec())
                    .collect()
            };
            bytes(embedded) == bytes(real)
        }
        (Err(embedded), Err(real)) => embedded.case() == real.case(),
        _ => false,
    }
}

/// What the embedded store says it cannot do, by name.
fn is_lacking(answer: &Answer) -> bool {
    matches!(answer, Err(Error::Invalid(failure)) if failure.message.contains("the embedded store does not"))
}

/// MongoDB computes constants beforehand, and refuses what is wrong in them though no document needs them.
fn is_beforehand(answer: &Answer) -> bool {
    matches!(answer, Err(Error::Invalid(failure)) if failure.message.contains("Failed to optimize pipeline"))
}

async fn compare(embedded: &dyn Backend, real: &dyn Backend, case: &Case) -> Result<(), TestCaseError> {
    let collection = format!("c{}", uuid::Uuid::new_v4().simple());
    for (number, step) in case.steps.iter().enumerate() {
        let ours = apply(embedded, &collection, step).await;
        if is_lacking(&ours) {
            continue;
        }
        let theirs = apply(real, &collection, step).await;
        if is_beforehand(&theirs) {
            continue;
        }
        if !same(&ours, &theirs) {
            let now = everything(real, &collection).await;
            return Err(TestCaseError::fail(format!(
                "step {number} {step:?}\n  embedded: {ours:?}\n  MongoDB:  {theirs:?}\n  documents after it: {now:?}"
            )));
        }
        let (ours, theirs) = (everything(embedded, &collection).await, everything(real, &collection).await);
        if !same(&ours, &theirs) {
            return Err(TestCaseError::fail(format!(
                "after step {number} {step:?}\n  embedded: {ours:?}\n  MongoDB:  {theirs:?}"
            )));
        }
    }
    Ok(())
}

mod real {
    use super::super::{Bench, patiently};
    use super::*;

    #[test]
    fn both_stores_give_the_same_answers() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
        let seed = number("CONFORMANCE_SEED").unwrap_or_else(|| u64::from(uuid::Uuid::new_v4().as_fields().0));
        let cases = number("CONFORMANCE_CASES").map_or(CASES, |cases| u32::try_from(cases).unwrap());
        let config = Config {
            cases,
            failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
            rng_seed: RngSeed::Fixed(seed),
            max_shrink_iters: 2_000,
            ..Config::default()
        };
        let (embedded, bench) = runtime.block_on(async { (Bench::embedded(), Bench::real().await) });
        let (ours, theirs) = (Arc::clone(&embedded.store), Arc::clone(&bench.store));
        let outcome = TestRunner::new(config).run(&generate::case(), |case| {
            let compared = async { Ok(compare(ours.as_ref(), theirs.as_ref(), &case).await) };
            let ended = runtime.block_on(patiently(compared));
            ended.unwrap_or_else(|error| Err(TestCaseError::fail(error.to_string())))
        });
        runtime.block_on(bench.run(async |_| {
            if let Err(failure) = outcome {
                panic!("CONFORMANCE_SEED={seed}: {failure}");
            }
        }));
    }
}
