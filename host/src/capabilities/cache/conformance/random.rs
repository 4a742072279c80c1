//! Random operations on the host's memory and on Redis: every answer is compared.
//!
//! A failure prints the seed, which `CONFORMANCE_SEED` repeats, and the shortest sequence that still fails.

use std::env;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::super::backend::{Command, Reply};
use super::*;

#[derive(Clone, Debug)]
enum Op {
    One(Single),
    CompareAndSet(u8, Option<Vec<u8>>, Vec<u8>, Life),
    Life(u8),
    ListPush(u8, Vec<Vec<u8>>, Option<u32>, Life),
    ListRange(u8, i32, i32),
    SetAdd(u8, Vec<Vec<u8>>, Life),
    SetRemove(u8, Vec<Vec<u8>>),
    SetMembers(u8),
    SortedAdd(u8, Vec<(f64, Vec<u8>)>, Life),
    SortedRemove(u8, Vec<Vec<u8>>),
    SortedRange(u8, f64, f64, u32, bool),
    HashSet(u8, Vec<(u8, Vec<u8>)>, Life),
    HashGet(u8, Vec<u8>),
    HashGetAll(u8),
    HashDelete(u8, Vec<u8>),
    HashIncrement(u8, u8, i64),
    Batch(Vec<Single>),
}

/// What stands alone or in a batch.
#[derive(Clone, Debug)]
enum Single {
    Get(u8),
    Set(u8, Vec<u8>, Life),
    SetIfAbsent(u8, Vec<u8>, Life),
    Delete(Vec<u8>),
    Increment(u8, i64, Life),
    Expire(u8, u64),
}

/// Hours: no life ends during the test, and each is told from the others.
type Life = Option<u64>;

/// What a call answers, in one shape that can be compared.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Refused(&'static str),
    One(Reply),
    Hours(Option<u64>),
    Members(Vec<Bytes>),
    Fields(Vec<Option<Bytes>>),
    Pairs(Vec<(String, Bytes)>),
    Scored(Vec<(f64, Bytes)>),
    Each(Vec<Answer>),
}

fn hours(life: Life) -> Option<Duration> {
    life.map(|hours| Duration::from_secs(hours * 3_600))
}

fn bytes(values: &[Vec<u8>]) -> Vec<Bytes> {
    values.iter().map(|value| Bytes::copy_from_slice(value)).collect()
}

fn number(number: u32) -> Answer {
    Answer::One(Reply::Number(number.into()))
}

fn command(cache: &Cache, single: &Single) -> Command {
    let key = |key: &u8| cache.key(&key.to_string());
    match single {
        Single::Get(k) => Command::Get(key(k)),
        Single::Set(k, value, life) => Command::Set(key(k), value.clone().into(), hours(*life)),
        Single::SetIfAbsent(k, value, life) => Command::SetIfAbsent(key(k), value.clone().into(), hours(*life)),
        Single::Delete(keys) => Command::Delete(keys.iter().map(key).collect()),
        Single::Increment(k, by, life) => Command::Increment(key(k), *by, hours(*life)),
        Single::Expire(k, life) => Command::Expire(key(k), Duration::from_secs(life * 3_600)),
    }
}

async fn alone(cache: &Cache, single: &Single) -> Result<Reply> {
    match command(cache, single) {
        Command::Get(key) => cache.get(&key).await.map(Reply::Value),
        Command::Set(key, value, life) => cache.set(&key, value, life).await.map(|()| Reply::Done),
        Command::SetIfAbsent(key, value, life) => cache.set_if_absent(&key, value, life).await.map(Reply::Changed),
        Command::Delete(keys) => cache.delete(&keys).await.map(|number| Reply::Number(number.into())),
        Command::Increment(key, by, life) => cache.increment(&key, by, life).await.map(Reply::Number),
        Command::Expire(key, life) => cache.expire(&key, life).await.map(Reply::Changed),
    }
}

async fn run(cache: &Cache, op: &Op) -> Answer {
    let key = |key: &u8| cache.key(&key.to_string());
    let fields = |fields: &[u8]| fields.iter().map(u8::to_string).collect::<Vec<_>>();
    let answer = match op {
        Op::One(single) => alone(cache, single).await.map(Answer::One),
        Op::CompareAndSet(k, expected, value, life) => cache
            .compare_and_set(&key(k), expected.as_deref(), value.clone().into(), hours(*life))
            .await
            .map(|done| Answer::One(Reply::Changed(done))),
        Op::Life(k) => {
            cache.life(&key(k)).await.map(|life| Answer::Hours(life.map(|life| (life.as_secs() + 1_800) / 3_600)))
        }
        Op::ListPush(k, values, keep, life) => {
            cache.list_push(&key(k), bytes(values), *keep, hours(*life)).await.map(number)
        }
        Op::ListRange(k, start, stop) => cache.list_range(&key(k), *start, *stop).await.map(Answer::Members),
        Op::SetAdd(k, members, life) => cache.set_add(&key(k), bytes(members), hours(*life)).await.map(number),
        Op::SetRemove(k, members) => cache.set_remove(&key(k), &bytes(members)).await.map(number),
        Op::SetMembers(k) => match (cache.set_members(&key(k)).await, cache.set_size(&key(k)).await) {
            (Ok(mut members), Ok(size)) => {
                assert_eq!(members.len(), size as usize);
                members.sort();
                Ok(Answer::Members(members))
            }
            (members, size) => {
                assert_eq!(members.is_err(), size.is_err());
                members.map(Answer::Members)
            }
        },
        Op::SortedAdd(k, members, life) => {
            let members = members.iter().map(|(score, member)| (*score, member.clone().into())).collect();
            cache.sorted_add(&key(k), members, hours(*life)).await.map(number)
        }
        Op::SortedRemove(k, members) => cache.sorted_remove(&key(k), &bytes(members)).await.map(number),
        Op::SortedRange(k, low, high, limit, reverse) => {
            cache.sorted_range(&key(k), *low, *high, *limit, *reverse).await.map(Answer::Scored)
        }
        Op::HashSet(k, values, life) => {
            let values = values.iter().map(|(field, value)| (field.to_string(), value.clone().into())).collect();
            cache.hash_set(&key(k), values, hours(*life)).await.map(number)
        }
        Op::HashGet(k, names) => cache.hash_get(&key(k), &fields(names)).await.map(Answer::Fields),
        Op::HashGetAll(k) => cache.hash_get_all(&key(k)).await.map(|mut pairs| {
            pairs.sort();
            Answer::Pairs(pairs)
        }),
        Op::HashDelete(k, names) => cache.hash_delete(&key(k), &fields(names)).await.map(number),
        Op::HashIncrement(k, field, by) => {
            cache.hash_increment(&key(k), &field.to_string(), *by).await.map(|sum| Answer::One(Reply::Number(sum)))
        }
        Op::Batch(singles) => {
            let commands = singles.iter().map(|single| command(cache, single)).collect();
            cache.batch(commands).await.map(|answers| {
                let one = |answer: Result<Reply>| answer.map_or_else(|e| Answer::Refused(e.case()), Answer::One);
                Answer::Each(answers.into_iter().map(one).collect())
            })
        }
    };
    answer.unwrap_or_else(|error| {
        assert!(matches!(error.case(), "invalid" | "too-large"), "{error}");
        Answer::Refused(error.case())
    })
}

fn key() -> impl Strategy<Value = u8> {
    0..4_u8
}

fn life() -> impl Strategy<Value = Life> {
    prop::option::of(1..5_u64)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..3),
        prop::sample::select(vec!["0", "-0", "00", "1", "-1", "+1", " 1", "1.0", "OK", "nan"])
            .prop_map(|text| text.as_bytes().to_vec()),
        prop_oneof![any::<i64>(), -3..3_i64, Just(i64::MAX), Just(i64::MIN)]
            .prop_map(|number| number.to_string().into_bytes()),
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(prop_oneof![Just(0_u8), Just(b'a'), Just(255)], 0..2), value()]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..3_i8).prop_map(f64::from),
        2 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        1 => prop::sample::select(vec![-0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX, 0.1, 0.3]),
    ]
}

fn by() -> impl Strategy<Value = i64> {
    prop_oneof![-3..3_i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
}

fn members() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(member(), 0..5)
}

fn single() -> impl Strategy<Value = Single> {
    prop_oneof![
        key().prop_map(Single::Get),
        (key(), value(), life()).prop_map(|(k, v, l)| Single::Set(k, v, l)),
        (key(), value(), life()).prop_map(|(k, v, l)| Single::SetIfAbsent(k, v, l)),
        prop::collection::vec(key(), 0..3).prop_map(Single::Delete),
        (key(), by(), life()).prop_map(|(k, b, l)| Single::Increment(k, b, l)),
        (key(), 1..5_u64).prop_map(|(k, l)| Single::Expire(k, l)),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let index = || prop_oneof![-7..7_i32, any::<i32>()];
    let fields = || prop::collection::vec(0..5_u8, 0..4);
    prop_oneof![
        6 => single().prop_map(Op::One),
        1 => (key(), prop::option::of(value()), value(), life()).prop_map(|(k, e, v, l)| Op::CompareAndSet(k, e, v, l)),
        2 => key().prop_map(Op::Life),
        1 => (key(), members(), prop::option::of(0..5_u32), life()).prop_map(|(k, v, n, l)| Op::ListPush(k, v, n, l)),
        1 => (key(), index(), index()).prop_map(|(k, a, b)| Op::ListRange(k, a, b)),
        1 => (key(), members(), life()).prop_map(|(k, m, l)| Op::SetAdd(k, m, l)),
        1 => (key(), members()).prop_map(|(k, m)| Op::SetRemove(k, m)),
        1 => key().prop_map(Op::SetMembers),
        1 => (key(), prop::collection::vec((score(), member()), 0..5), life())
            .prop_map(|(k, m, l)| Op::SortedAdd(k, m, l)),
        1 => (key(), members()).prop_map(|(k, m)| Op::SortedRemove(k, m)),
        2 => (key(), score(), score(), 0..5_u32, any::<bool>())
            .prop_map(|(k, a, b, n, r)| Op::SortedRange(k, a, b, n, r)),
        1 => (key(), prop::collection::vec((0..4_u8, value()), 0..4), life()).prop_map(|(k, f, l)| Op::HashSet(k, f, l)),
        1 => (key(), fields()).prop_map(|(k, f)| Op::HashGet(k, f)),
        1 => key().prop_map(Op::HashGetAll),
        1 => (key(), fields()).prop_map(|(k, f)| Op::HashDelete(k, f)),
        1 => (key(), 0..4_u8, by()).prop_map(|(k, f, b)| Op::HashIncrement(k, f, b)),
        1 => prop::collection::vec(single(), 0..8).prop_map(Op::Batch),
    ]
}

/// Runs the same operations on both, on fresh keys.
async fn compare(memory: &Arc<dyn Backend>, redis: &Arc<dyn Backend>, ops: &[Op]) -> Result<(), TestCaseError> {
    let (memory, redis) = (Cache::new(Arc::clone(memory)), Cache::new(Arc::clone(redis)));
    let mut compared = Ok(());
    for (step, op) in ops.iter().enumerate() {
        let (held, real) = (run(&memory, op).await, run(&redis, op).await);
        if held != real {
            compared =
                Err(TestCaseError::fail(format!("step {step}, {op:?}: the memory says {held:?}, Redis {real:?}")));
            break;
        }
    }
    redis.clean().await;
    compared
}

/// Compares on as many random sequences as `cases`.
fn compare_on(cases: u32, open: impl AsyncFnOnce() -> Cache) {
    let seed = env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (memory, redis) = runtime.block_on(async { (Cache::memory().backend, open().await.backend) });
    let sequences = prop::collection::vec(op(), 1..80);
    match runner.run(&sequences, |ops| runtime.block_on(compare(&memory, &redis, &ops))) {
        Ok(()) => {}
        Err(TestError::Fail(reason, ops)) => panic!("CONFORMANCE_SEED={seed}: {reason}\nshortest: {ops:#?}"),
        Err(TestError::Abort(reason)) => panic!("CONFORMANCE_SEED={seed}: {reason}"),
    }
}

mod real {
    use super::*;

    #[test]
    fn memory_answers_as_redis_does() {
        compare_on(200, async || Cache::redis());
    }

    #[test]
    fn memory_answers_as_redis_behind_a_near_cache_does() {
        compare_on(100, async || Cache::near().await);
    }
}
