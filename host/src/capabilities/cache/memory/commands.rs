//! The cache's functions on the shards.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::Memory;
use super::shard::{NEVER, Shard, end, entry_cost, other_type};
use super::sorted::{Score, Sorted};
use super::value::{Hash, List, Set, Value, element, sum};
use crate::capabilities::cache::backend::reads::Reads;
use crate::capabilities::cache::backend::{Backend, Command, Reply, check};
use crate::capabilities::error::{Error, Result};

#[async_trait]
impl Backend for Memory {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.read(key)
    }

    async fn set(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<()> {
        self.write(key, value, life)
    }

    async fn set_if_absent(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<bool> {
        self.write_if_absent(key, value, life)
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        life: Option<Duration>,
    ) -> Result<bool> {
        self.fits("compare-and-set", key, value.len())?;
        let (written, _old) = self.on(key, |shard, now| {
            let held = match shard.find(key, now).map(|slot| &slot.value) {
                None => expected.is_none(),
                Some(Value::Text(text)) => expected.is_some_and(|expected| text == expected),
                Some(other) if expected.is_some() => return Err(other_type("compare-and-set", key, other.kind())),
                Some(_) => false,
            };
            let old = if held { shard.put(key, Value::Text(value), end(now, life), now) } else { None };
            Ok((held, old))
        })?;
        Ok(written)
    }

    async fn delete(&self, keys: &[String]) -> Result<u32> {
        Ok(self.remove(keys))
    }

    async fn increment(&self, key: &str, by: i64, life: Option<Duration>) -> Result<i64> {
        self.add(key, by, life)
    }

    async fn expire(&self, key: &str, life: Duration) -> Result<bool> {
        Ok(self.renew(key, life))
    }

    async fn life(&self, key: &str) -> Result<Option<Duration>> {
        Ok(self.on(key, |shard, now| {
            let expires = shard.find(key, now)?.expires;
            Some(if expires == NEVER { Duration::ZERO } else { Duration::from_millis(expires - now) })
        }))
    }

    async fn list_push(&self, key: &str, values: Vec<Bytes>, keep: Option<u32>, life: Option<Duration>) -> Result<u32> {
        let growth = values.iter().map(|value| element(value)).sum();
        self.on(key, |shard, now| {
            shard.change("list-push", key, now, life, (growth, self.most()), |list: &mut List| {
                list.push(values);
                if let Some(keep) = keep {
                    list.keep(size(keep));
                }
                Ok(number(list.items.len()))
            })
        })
    }

    async fn list_range(&self, key: &str, start: i32, stop: i32) -> Result<Vec<Bytes>> {
        self.on(key, |shard, now| {
            let Some(list) = shard.collection::<List>("list-range", key, now)? else { return Ok(Vec::new()) };
            check::answer("list-range", key, list.range(start, stop).count())?;
            check::weight("list-range", key, list.range(start, stop).map(Bytes::len))?;
            Ok(list.range(start, stop).cloned().collect())
        })
    }

    async fn set_add(&self, key: &str, members: Vec<Bytes>, life: Option<Duration>) -> Result<u32> {
        let growth = members.iter().map(|member| element(member)).sum();
        self.on(key, |shard, now| {
            shard.change("set-add", key, now, life, (growth, self.most()), |set: &mut Set| {
                Ok(count(members, |member| set.add(member)))
            })
        })
    }

    async fn set_remove(&self, key: &str, members: &[Bytes]) -> Result<u32> {
        self.on(key, |shard, now| {
            shard.change("set-remove", key, now, None, (0, self.most()), |set: &mut Set| {
                Ok(count(members, |member| set.remove(member)))
            })
        })
    }

    async fn set_members(&self, key: &str) -> Result<Vec<Bytes>> {
        self.on(key, |shard, now| {
            let Some(set) = shard.collection::<Set>("set-members", key, now)? else { return Ok(Vec::new()) };
            check::answer("set-members", key, set.members.len())?;
            check::weight("set-members", key, set.members.iter().map(Bytes::len))?;
            Ok(set.members.iter().cloned().collect())
        })
    }

    async fn set_size(&self, key: &str) -> Result<u32> {
        self.on(key, |shard, now| {
            let set = shard.collection::<Set>("set-size", key, now)?;
            Ok(set.map_or(0, |set| number(set.members.len())))
        })
    }

    async fn sorted_add(&self, key: &str, members: Vec<(f64, Bytes)>, life: Option<Duration>) -> Result<u32> {
        let growth = members.iter().map(|(_, member)| Sorted::element(member)).sum();
        let members = members
            .into_iter()
            .map(|(score, member)| Ok((self::score("sorted-add", key, score)?, member)))
            .collect::<Result<Vec<_>>>()?;
        self.on(key, |shard, now| {
            shard.change("sorted-add", key, now, life, (growth, self.most()), |sorted: &mut Sorted| {
                Ok(count(members, |(score, member)| sorted.add(score, member)))
            })
        })
    }

    async fn sorted_remove(&self, key: &str, members: &[Bytes]) -> Result<u32> {
        self.on(key, |shard, now| {
            shard.change("sorted-remove", key, now, None, (0, self.most()), |sorted: &mut Sorted| {
                Ok(count(members, |member| sorted.remove(member)))
            })
        })
    }

    async fn sorted_range(
        &self,
        key: &str,
        low: f64,
        high: f64,
        limit: u32,
        reverse: bool,
    ) -> Result<Vec<(f64, Bytes)>> {
        let (low, high) = (score("sorted-range", key, low)?, score("sorted-range", key, high)?);
        self.on(key, |shard, now| {
            let Some(sorted) = shard.collection::<Sorted>("sorted-range", key, now)? else { return Ok(Vec::new()) };
            let limit = size(limit);
            // One more than an answer may have is enough to know that it has too many.
            check::answer(
                "sorted-range",
                key,
                sorted.range(low, high).take(limit.min(check::MAX_MEMBERS + 1)).count(),
            )?;
            let owned = |(score, member): (f64, &Bytes)| (score, member.clone());
            let range = sorted.range(low, high);
            let found: Vec<(f64, Bytes)> = if reverse {
                range.rev().take(limit).map(owned).collect()
            } else {
                range.take(limit).map(owned).collect()
            };
            check::weight("sorted-range", key, found.iter().map(|(_, member)| member.len()))?;
            Ok(found)
        })
    }

    async fn hash_set(&self, key: &str, fields: Vec<(String, Bytes)>, life: Option<Duration>) -> Result<u32> {
        let growth = fields.iter().map(|(field, value)| element(field.as_bytes()) + value.len()).sum();
        self.on(key, |shard, now| {
            shard.change("hash-set", key, now, life, (growth, self.most()), |hash: &mut Hash| {
                Ok(count(fields, |(field, value)| hash.set(&field, value)))
            })
        })
    }

    async fn hash_get(&self, key: &str, fields: &[String]) -> Result<Vec<Option<Bytes>>> {
        self.on(key, |shard, now| {
            let hash = shard.collection::<Hash>("hash-get", key, now)?;
            let value = |field: &String| hash?.fields.get(field.as_str());
            check::weight("hash-get", key, fields.iter().filter_map(value).map(Bytes::len))?;
            Ok(fields.iter().map(|field| value(field).cloned()).collect())
        })
    }

    async fn hash_get_all(&self, key: &str) -> Result<Vec<(String, Bytes)>> {
        self.on(key, |shard, now| {
            let Some(hash) = shard.collection::<Hash>("hash-get-all", key, now)? else { return Ok(Vec::new()) };
            check::answer("hash-get-all", key, hash.fields.len())?;
            let weights = hash.fields.iter().map(|(field, value)| field.len() + value.len());
            check::weight("hash-get-all", key, weights)?;
            Ok(hash.fields.iter().map(|(field, value)| (field.to_string(), value.clone())).collect())
        })
    }

    async fn hash_delete(&self, key: &str, fields: &[String]) -> Result<u32> {
        self.on(key, |shard, now| {
            shard.change("hash-delete", key, now, None, (0, self.most()), |hash: &mut Hash| {
                Ok(count(fields, |field| hash.remove(field)))
            })
        })
    }

    async fn hash_increment(&self, key: &str, field: &str, by: i64) -> Result<i64> {
        const LONGEST: usize = "-9223372036854775808".len();
        let growth = element(field.as_bytes()) + LONGEST;
        self.on(key, |shard, now| {
            shard.change("hash-increment", key, now, None, (growth, self.most()), |hash: &mut Hash| {
                let held = hash.fields.get(field).map(|held| &**held);
                let sum = sum("hash-increment", key, held, by)?;
                hash.set(field, sum.to_string().into());
                Ok(sum)
            })
        })
    }

    async fn batch(&self, commands: Vec<Command>) -> Result<Vec<Result<Reply>>> {
        let reads = Reads::of(commands.iter().enumerate());
        let mut replies: Vec<Result<Reply>> = commands.into_iter().map(|command| self.run(command)).collect();
        if let Some(reads) = reads {
            reads.cap(&mut replies);
        }
        Ok(replies)
    }
}

impl Memory {
    fn run(&self, command: Command) -> Result<Reply> {
        match command {
            Command::Get(key) => self.read(&key).map(Reply::Value),
            Command::Set(key, value, life) => self.write(&key, value, life).map(|()| Reply::Done),
            Command::SetIfAbsent(key, value, life) => self.write_if_absent(&key, value, life).map(Reply::Changed),
            Command::Delete(keys) => Ok(Reply::Number(self.remove(&keys).into())),
            Command::Increment(key, by, life) => self.add(&key, by, life).map(Reply::Number),
            Command::Expire(key, life) => Ok(Reply::Changed(self.renew(&key, life))),
        }
    }

    /// [`Backend::get`], which never waits here.
    pub(in crate::capabilities::cache) fn read(&self, key: &str) -> Result<Option<Bytes>> {
        self.on(key, |shard, now| {
            let found = match shard.find(key, now).map(|slot| &slot.value) {
                None => None,
                Some(Value::Text(text)) => Some(text.clone()),
                Some(other) => return Err(other_type("get", key, other.kind())),
            };
            if found.is_some() {
                shard.hits += 1;
            } else {
                shard.misses += 1;
            }
            Ok(found)
        })
    }

    /// [`Backend::set`], which never waits here.
    pub(in crate::capabilities::cache) fn write(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<()> {
        self.fits("set", key, value.len())?;
        // The old value is dropped here, after the lock: it may be a large collection.
        let _old = self.on(key, |shard, now| shard.put(key, Value::Text(value), end(now, life), now));
        Ok(())
    }

    fn write_if_absent(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<bool> {
        self.fits("set-if-absent", key, value.len())?;
        Ok(self.on(key, |shard, now| {
            let absent = shard.find(key, now).is_none();
            if absent {
                shard.put(key, Value::Text(value), end(now, life), now);
            }
            absent
        }))
    }

    fn remove(&self, keys: &[String]) -> u32 {
        count(keys, |key| self.forget(key))
    }

    /// [`Backend::delete`] of one key, which never waits here.
    pub(in crate::capabilities::cache) fn forget(&self, key: &str) -> bool {
        // What was stored is dropped here, after the lock.
        self.on(key, |shard, now| shard.remove(key, now)).is_some()
    }

    fn add(&self, key: &str, by: i64, life: Option<Duration>) -> Result<i64> {
        self.on(key, |shard: &mut Shard, now| {
            let (held, expires) = match shard.find(key, now).map(|slot| (&slot.value, slot.expires)) {
                None => (None, end(now, life)),
                Some((Value::Text(text), expires)) => (Some(&**text), expires),
                Some((other, _)) => return Err(other_type("increment", key, other.kind())),
            };
            let sum = sum("increment", key, held, by)?;
            shard.put(key, Value::Text(sum.to_string().into()), expires, now);
            Ok(sum)
        })
    }

    fn renew(&self, key: &str, life: Duration) -> bool {
        self.on(key, |shard, now| match shard.find(key, now) {
            None => false,
            Some(slot) => {
                slot.expires = end(now, Some(life));
                true
            }
        })
    }

    fn fits(&self, function: &str, key: &str, value: usize) -> Result<()> {
        let (cost, most) = (entry_cost(key, value), self.most());
        if cost <= most {
            return Ok(());
        }
        Err(Error::too_large(format!(
            "cache.{function} of \"{key}\" would occupy {cost} bytes, at most {most} are allowed for one key"
        )))
    }
}

fn score(function: &str, key: &str, score: f64) -> Result<Score> {
    Score::new(score).ok_or_else(|| Error::invalid(format!("cache.{function} of \"{key}\": a score is not a number")))
}

fn count<T>(items: impl IntoIterator<Item = T>, mut counts: impl FnMut(T) -> bool) -> u32 {
    number(items.into_iter().filter_map(|item| counts(item).then_some(())).count())
}

/// A count as the interface has it; what does not fit is as good as the largest.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
