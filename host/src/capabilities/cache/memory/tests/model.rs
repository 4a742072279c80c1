//! Random operations on the cache and on a model that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Get(u8),
    Set(u8, Vec<u8>, Option<u64>),
    SetIfAbsent(u8, Vec<u8>, Option<u64>),
    CompareAndSet(u8, Option<Vec<u8>>, Vec<u8>, Option<u64>),
    Delete(Vec<u8>),
    Increment(u8, i64, Option<u64>),
    Expire(u8, u64),
    Life(u8),
    ListPush(u8, Vec<u8>, Option<u32>, Option<u64>),
    ListRange(u8, i32, i32),
    SetAdd(u8, Vec<u8>, Option<u64>),
    SetRemove(u8, Vec<u8>),
    SetMembers(u8),
    SortedAdd(u8, Vec<(i8, u8)>, Option<u64>),
    SortedRemove(u8, Vec<u8>),
    SortedRange(u8, i8, i8, u32, bool),
    HashSet(u8, Vec<(u8, u8)>, Option<u64>),
    HashGet(u8, Vec<u8>),
    HashDelete(u8, Vec<u8>),
    HashIncrement(u8, u8, i64),
    Pass(u64),
    Sweep,
}

#[derive(Clone, Debug, PartialEq)]
enum Held {
    Text(Vec<u8>),
    List(Vec<u8>),
    Set(BTreeSet<u8>),
    Sorted(BTreeMap<u8, i8>),
    Hash(BTreeMap<u8, Vec<u8>>),
}

/// What a call answers, in one shape. Errors are all alike here.
#[derive(Debug, PartialEq)]
enum Answer {
    Refused,
    Nothing,
    Bytes(Option<Vec<u8>>),
    Flag(bool),
    Number(i64),
    Life(Option<u64>),
    Members(Vec<Vec<u8>>),
    Fields(Vec<Option<Vec<u8>>>),
    Scored(Vec<(i8, u8)>),
}

#[derive(Default)]
struct Model {
    now: u64,
    keys: HashMap<u8, (Held, Option<u64>)>,
}

impl Model {
    fn end(&self, life: Option<u64>) -> Option<u64> {
        life.map(|life| self.now + life)
    }

    /// Runs `change` on a collection of one type; `fresh` is an empty one.
    fn change<R>(
        &mut self,
        key: u8,
        life: Option<u64>,
        fresh: Held,
        change: impl FnOnce(&mut Held) -> Option<R>,
    ) -> Option<R> {
        let end = self.end(life);
        let (mut held, mut ends) = self.keys.remove(&key).unwrap_or((fresh, None));
        let answer = change(&mut held);
        if answer.is_some() && end.is_some() {
            ends = end;
        }
        let gone = match &held {
            Held::Text(_) => false,
            Held::List(list) => list.is_empty(),
            Held::Set(set) => set.is_empty(),
            Held::Sorted(sorted) => sorted.is_empty(),
            Held::Hash(hash) => hash.is_empty(),
        };
        if !gone {
            self.keys.insert(key, (held, ends));
        }
        answer
    }

    fn run(&mut self, op: &Op) -> Answer {
        let now = self.now;
        self.keys.retain(|_, (_, end)| end.is_none_or(|end| end > now));
        self.answer(op).unwrap_or(Answer::Refused)
    }

    fn answer(&mut self, op: &Op) -> Option<Answer> {
        let held = |key: &u8| self.keys.get(key).map(|(held, _)| held.clone());
        let count = |count: usize| Answer::Number(count as i64);
        Some(match op {
            Op::Get(key) => match held(key) {
                None => Answer::Bytes(None),
                Some(Held::Text(text)) => Answer::Bytes(Some(text)),
                Some(_) => return None,
            },
            Op::Set(key, value, life) => {
                self.keys.insert(*key, (Held::Text(value.clone()), self.end(*life)));
                Answer::Nothing
            }
            Op::SetIfAbsent(key, value, life) => {
                let absent = held(key).is_none();
                if absent {
                    self.keys.insert(*key, (Held::Text(value.clone()), self.end(*life)));
                }
                Answer::Flag(absent)
            }
            Op::CompareAndSet(key, expected, value, life) => {
                let same = match (held(key), expected) {
                    (None, expected) => expected.is_none(),
                    (Some(Held::Text(text)), expected) => Some(&text) == expected.as_ref(),
                    (Some(_), Some(_)) => return None,
                    (Some(_), None) => false,
                };
                if same {
                    self.keys.insert(*key, (Held::Text(value.clone()), self.end(*life)));
                }
                Answer::Flag(same)
            }
            Op::Delete(keys) => count(keys.iter().filter(|key| self.keys.remove(key).is_some()).count()),
            Op::Increment(key, by, life) => {
                let (number, end) = match self.keys.get(key) {
                    None => (0, self.end(*life)),
                    Some((Held::Text(text), end)) => (number(text)?, *end),
                    Some(_) => return None,
                };
                let sum = number.checked_add(*by)?;
                self.keys.insert(*key, (Held::Text(sum.to_string().into_bytes()), end));
                Answer::Number(sum)
            }
            Op::Expire(key, life) => {
                let end = self.end(Some(*life));
                Answer::Flag(self.keys.get_mut(key).map(|held| held.1 = end).is_some())
            }
            Op::Life(key) => Answer::Life(self.keys.get(key).map(|(_, end)| end.map_or(0, |end| end - self.now))),
            Op::ListPush(key, values, keep, life) => self.change(*key, *life, Held::List(vec![]), |held| {
                let Held::List(list) = held else { return None };
                values.iter().for_each(|value| list.insert(0, *value));
                list.truncate(keep.map_or(usize::MAX, |keep| keep as usize));
                Some(count(list.len()))
            })?,
            Op::ListRange(key, start, stop) => match held(key) {
                None => Answer::Members(vec![]),
                Some(Held::List(list)) => {
                    let place = |index: i32| if index < 0 { index + list.len() as i32 } else { index };
                    let within = |index: i32| (place(*start)..=place(*stop)).contains(&index);
                    let kept = list.iter().enumerate().filter(|(index, _)| within(*index as i32));
                    Answer::Members(kept.map(|(_, value)| vec![*value]).collect())
                }
                Some(_) => return None,
            },
            Op::SetAdd(key, members, life) => self.change(*key, *life, Held::Set(BTreeSet::new()), |held| {
                let Held::Set(set) = held else { return None };
                Some(count(members.iter().filter(|member| set.insert(**member)).count()))
            })?,
            Op::SetRemove(key, members) => self.change(*key, None, Held::Set(BTreeSet::new()), |held| {
                let Held::Set(set) = held else { return None };
                Some(count(members.iter().filter(|member| set.remove(*member)).count()))
            })?,
            Op::SetMembers(key) => match held(key) {
                None => Answer::Members(vec![]),
                Some(Held::Set(set)) => Answer::Members(set.into_iter().map(|member| vec![member]).collect()),
                Some(_) => return None,
            },
            Op::SortedAdd(key, members, life) => self.change(*key, *life, Held::Sorted(BTreeMap::new()), |held| {
                let Held::Sorted(sorted) = held else { return None };
                let new = members.iter().filter(|(score, member)| sorted.insert(*member, *score).is_none());
                Some(count(new.count()))
            })?,
            Op::SortedRemove(key, members) => self.change(*key, None, Held::Sorted(BTreeMap::new()), |held| {
                let Held::Sorted(sorted) = held else { return None };
                Some(count(members.iter().filter(|member| sorted.remove(member).is_some()).count()))
            })?,
            Op::SortedRange(key, low, high, limit, reverse) => match held(key) {
                None => Answer::Scored(vec![]),
                Some(Held::Sorted(sorted)) => {
                    let mut found: Vec<(i8, u8)> = sorted
                        .into_iter()
                        .map(|(member, score)| (score, member))
                        .filter(|(score, _)| low <= score && score <= high)
                        .collect();
                    found.sort_unstable();
                    if *reverse {
                        found.reverse();
                    }
                    found.truncate(*limit as usize);
                    Answer::Scored(found)
                }
                Some(_) => return None,
            },
            Op::HashSet(key, fields, life) => self.change(*key, *life, Held::Hash(BTreeMap::new()), |held| {
                let Held::Hash(hash) = held else { return None };
                let new = fields.iter().filter(|(field, value)| hash.insert(*field, vec![*value]).is_none());
                Some(count(new.count()))
            })?,
            Op::HashGet(key, fields) => match held(key) {
                None => Answer::Fields(vec![None; fields.len()]),
                Some(Held::Hash(hash)) => Answer::Fields(fields.iter().map(|field| hash.get(field).cloned()).collect()),
                Some(_) => return None,
            },
            Op::HashDelete(key, fields) => self.change(*key, None, Held::Hash(BTreeMap::new()), |held| {
                let Held::Hash(hash) = held else { return None };
                Some(count(fields.iter().filter(|field| hash.remove(field).is_some()).count()))
            })?,
            Op::HashIncrement(key, field, by) => self.change(*key, None, Held::Hash(BTreeMap::new()), |held| {
                let Held::Hash(hash) = held else { return None };
                let sum = hash.get(field).map_or(Some(0), |text| number(text))?.checked_add(*by)?;
                hash.insert(*field, sum.to_string().into_bytes());
                Some(Answer::Number(sum))
            })?,
            Op::Pass(ms) => {
                self.now += ms;
                Answer::Nothing
            }
            Op::Sweep => Answer::Nothing,
        })
    }
}

fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

fn run(cache: &Memory, clock: &ManualClock, op: &Op) -> Answer {
    let name = |key: &u8| format!("key:{key}");
    let life = |life: &Option<u64>| life.map(Duration::from_millis);
    let each = |bytes: &[u8]| -> Vec<Bytes> { bytes.iter().map(|byte| Bytes::from(vec![*byte])).collect() };
    let names = |bytes: &[u8]| -> Vec<String> { bytes.iter().map(name).collect() };
    let plain = |members: Vec<Bytes>| Answer::Members(members.into_iter().map(Into::into).collect());
    let count = |number: u32| Answer::Number(number.into());
    let answer = match op {
        Op::Get(key) => now(cache.get(&name(key))).map(|held| Answer::Bytes(held.map(Into::into))),
        Op::Set(key, value, ttl) => {
            now(cache.set(&name(key), value.clone().into(), life(ttl))).map(|()| Answer::Nothing)
        }
        Op::SetIfAbsent(key, value, ttl) => {
            now(cache.set_if_absent(&name(key), value.clone().into(), life(ttl))).map(Answer::Flag)
        }
        Op::CompareAndSet(key, expected, value, ttl) => {
            now(cache.compare_and_set(&name(key), expected.as_deref(), value.clone().into(), life(ttl)))
                .map(Answer::Flag)
        }
        Op::Delete(keys) => now(cache.delete(&names(keys))).map(count),
        Op::Increment(key, by, ttl) => now(cache.increment(&name(key), *by, life(ttl))).map(Answer::Number),
        Op::Expire(key, ttl) => now(cache.expire(&name(key), Duration::from_millis(*ttl))).map(Answer::Flag),
        Op::Life(key) => now(cache.life(&name(key)))
            .map(|life| Answer::Life(life.map(|life| u64::try_from(life.as_millis()).unwrap()))),
        Op::ListPush(key, values, keep, ttl) => {
            now(cache.list_push(&name(key), each(values), *keep, life(ttl))).map(count)
        }
        Op::ListRange(key, start, stop) => now(cache.list_range(&name(key), *start, *stop)).map(plain),
        Op::SetAdd(key, members, ttl) => now(cache.set_add(&name(key), each(members), life(ttl))).map(count),
        Op::SetRemove(key, members) => now(cache.set_remove(&name(key), &each(members))).map(count),
        Op::SetMembers(key) => now(cache.set_members(&name(key))).map(|mut members| {
            assert_eq!(now(cache.set_size(&name(key))).unwrap() as usize, members.len());
            assert_eq!(members.iter().collect::<HashSet<_>>().len(), members.len());
            members.sort();
            plain(members)
        }),
        Op::SortedAdd(key, members, ttl) => {
            let members = members.iter().map(|(score, member)| (f64::from(*score), vec![*member].into())).collect();
            now(cache.sorted_add(&name(key), members, life(ttl))).map(count)
        }
        Op::SortedRemove(key, members) => now(cache.sorted_remove(&name(key), &each(members))).map(count),
        Op::SortedRange(key, low, high, limit, reverse) => {
            now(cache.sorted_range(&name(key), (*low).into(), (*high).into(), *limit, *reverse)).map(|found| {
                Answer::Scored(found.into_iter().map(|(score, member)| (score as i8, member[0])).collect())
            })
        }
        Op::HashSet(key, fields, ttl) => {
            let fields = fields.iter().map(|(field, value)| (name(field), vec![*value].into())).collect();
            now(cache.hash_set(&name(key), fields, life(ttl))).map(count)
        }
        Op::HashGet(key, fields) => now(cache.hash_get(&name(key), &names(fields)))
            .map(|values| Answer::Fields(values.into_iter().map(|value| value.map(Into::into)).collect())),
        Op::HashDelete(key, fields) => now(cache.hash_delete(&name(key), &names(fields))).map(count),
        Op::HashIncrement(key, field, by) => {
            now(cache.hash_increment(&name(key), &name(field), *by)).map(Answer::Number)
        }
        Op::Pass(ms) => {
            clock.pass(*ms);
            Ok(Answer::Nothing)
        }
        Op::Sweep => {
            cache.sweep();
            Ok(Answer::Nothing)
        }
    };
    answer.unwrap_or_else(|error| {
        assert_eq!(error.case(), "invalid");
        Answer::Refused
    })
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..4_u8;
    let life = || prop::option::of(1..20_u64);
    let value = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..3),
            (-3..3_i64).prop_map(|number| number.to_string().into_bytes()),
            Just(i64::MAX.to_string().into_bytes()),
        ]
    };
    let members = || prop::collection::vec(0..6_u8, 0..5);
    prop_oneof![
        key().prop_map(Op::Get),
        (key(), value(), life()).prop_map(|(k, v, l)| Op::Set(k, v, l)),
        (key(), value(), life()).prop_map(|(k, v, l)| Op::SetIfAbsent(k, v, l)),
        (key(), prop::option::of(value()), value(), life()).prop_map(|(k, e, v, l)| Op::CompareAndSet(k, e, v, l)),
        prop::collection::vec(key(), 0..3).prop_map(Op::Delete),
        (key(), prop_oneof![-3..3_i64, any::<i64>()], life()).prop_map(|(k, b, l)| Op::Increment(k, b, l)),
        (key(), 1..20_u64).prop_map(|(k, l)| Op::Expire(k, l)),
        key().prop_map(Op::Life),
        (key(), members(), prop::option::of(0..5_u32), life()).prop_map(|(k, v, n, l)| Op::ListPush(k, v, n, l)),
        (key(), -7..7_i32, -7..7_i32).prop_map(|(k, a, b)| Op::ListRange(k, a, b)),
        (key(), members(), life()).prop_map(|(k, m, l)| Op::SetAdd(k, m, l)),
        (key(), members()).prop_map(|(k, m)| Op::SetRemove(k, m)),
        key().prop_map(Op::SetMembers),
        (key(), prop::collection::vec((-3..3_i8, 0..6_u8), 0..5), life()).prop_map(|(k, m, l)| Op::SortedAdd(k, m, l)),
        (key(), members()).prop_map(|(k, m)| Op::SortedRemove(k, m)),
        (key(), -4..4_i8, -4..4_i8, 0..4_u32, any::<bool>()).prop_map(|(k, a, b, n, r)| Op::SortedRange(k, a, b, n, r)),
        (key(), prop::collection::vec((0..4_u8, 48..58_u8), 0..4), life()).prop_map(|(k, f, l)| Op::HashSet(k, f, l)),
        (key(), prop::collection::vec(0..5_u8, 0..4)).prop_map(|(k, f)| Op::HashGet(k, f)),
        (key(), prop::collection::vec(0..5_u8, 0..4)).prop_map(|(k, f)| Op::HashDelete(k, f)),
        (key(), 0..4_u8, -9..9_i64).prop_map(|(k, f, b)| Op::HashIncrement(k, f, b)),
        (0..12_u64).prop_map(Op::Pass),
        Just(Op::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_cache_answers_as_the_model_does(ops in prop::collection::vec(op(), 1..120)) {
        let (cache, clock) = cache_of(Config { shards: 2, ..Config::default() });
        let mut model = Model { now: 1_000, ..Model::default() };
        for (step, op) in ops.iter().enumerate() {
            let (got, want) = (run(&cache, &clock, op), model.run(op));
            prop_assert_eq!(got, want, "step {}: {:?}", step, op);
        }
        check(&cache);
    }
}
