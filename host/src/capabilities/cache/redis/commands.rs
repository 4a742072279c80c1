//! The cache's functions, each as one command or one script.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{Cmd, Value};

use super::reply::{bytes, count, elements, flag, member, number, odd, pairs, score};
use super::{Redis, batch, scripts};
use crate::capabilities::cache::backend::{Backend, Command, Reply, check};
use crate::capabilities::error::{Error, Result};

#[async_trait]
impl Backend for Redis {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        bytes("get", self.ask("get", key, get(key)).await?)
    }

    async fn set(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<()> {
        self.ask("set", key, set(key, &value, life)).await.map(drop)
    }

    async fn set_if_absent(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<bool> {
        flag("set-if-absent", &self.ask("set-if-absent", key, set_if_absent(key, &value, life)).await?)
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        life: Option<Duration>,
    ) -> Result<bool> {
        const NAME: &str = "compare-and-set";
        let Some(expected) = expected else {
            return flag(NAME, &self.ask(NAME, key, set_if_absent(key, &value, life)).await?);
        };
        let swapped = self.run(NAME, key, &scripts::COMPARE_AND_SET, |command| {
            command.arg(expected).arg(&*value).arg(millis_or_zero(life));
        });
        flag(NAME, &swapped.await?)
    }

    async fn delete(&self, keys: &[String]) -> Result<u32> {
        match keys {
            [] => Ok(0),
            [key] => count("delete", &self.ask("delete", key, delete(keys)).await?),
            [key, ..] if !self.link.is_cluster() => count("delete", &self.ask("delete", key, delete(keys)).await?),
            // Keys of several slots: the batch knows how to send them.
            _ => match self.batch(vec![Command::Delete(keys.to_vec())]).await?.pop() {
                Some(Ok(Reply::Number(deleted))) => Ok(u32::try_from(deleted).unwrap_or(u32::MAX)),
                Some(Err(error)) => Err(error),
                _ => Err(odd("delete")),
            },
        }
    }

    async fn increment(&self, key: &str, by: i64, life: Option<Duration>) -> Result<i64> {
        let sum = match life {
            None => self.ask("increment", key, increment(key, by)).await,
            Some(life) => {
                let arguments = |command: &mut Cmd| {
                    command.arg(by).arg(millis(life));
                };
                self.run("increment", key, &scripts::INCREMENT, arguments).await
            }
        };
        number("increment", &sum?)
    }

    async fn expire(&self, key: &str, life: Duration) -> Result<bool> {
        flag("expire", &self.ask("expire", key, expire(key, life)).await?)
    }

    async fn life(&self, key: &str) -> Result<Option<Duration>> {
        let left = number("ttl-ms", &self.ask("ttl-ms", key, life(key)).await?)?;
        Ok(match left {
            -2 => None,
            -1 => Some(Duration::ZERO),
            // Less than a millisecond is left: not zero, which would mean that it has no end.
            left => Some(Duration::from_millis(u64::try_from(left).unwrap_or_default().max(1))),
        })
    }

    async fn list_push(&self, key: &str, values: Vec<Bytes>, keep: Option<u32>, life: Option<Duration>) -> Result<u32> {
        if let (None, None, false) = (keep, life, values.is_empty()) {
            let command = with("LPUSH", key, &values);
            return count("list-push", &self.ask("list-push", key, command).await?);
        }
        let pushed = self.run("list-push", key, &scripts::LIST_PUSH, |command| {
            command.arg(keep.map_or(-1, i64::from)).arg(millis_or_zero(life));
            add_all(command, &values);
        });
        count("list-push", &pushed.await?)
    }

    async fn list_range(&self, key: &str, start: i32, stop: i32) -> Result<Vec<Bytes>> {
        const NAME: &str = "list-range";
        let behind_first = usize::try_from(i64::from(stop) - i64::from(start));
        if (start < 0) == (stop < 0) && behind_first.is_ok_and(|count| count < check::FEW) {
            let mut command = on("LRANGE", key, 2, 32);
            command.arg(start).arg(stop);
            return members(NAME, self.ask(NAME, key, command).await?);
        }
        let range = self.run(NAME, key, &scripts::LIST_RANGE, |command| {
            command.arg(start).arg(stop).arg(check::MAX_MEMBERS).arg(check::MAX_ANSWER);
        });
        members(NAME, weighed(NAME, key, range.await?)?)
    }

    async fn set_add(&self, key: &str, added: Vec<Bytes>, life: Option<Duration>) -> Result<u32> {
        if let (None, false) = (life, added.is_empty()) {
            return count("set-add", &self.ask("set-add", key, with("SADD", key, &added)).await?);
        }
        let new = self.run("set-add", key, &scripts::ADD, |command| {
            command.arg("SADD").arg("SCARD").arg(millis_or_zero(life));
            add_all(command, &added);
        });
        count("set-add", &new.await?)
    }

    async fn set_remove(&self, key: &str, removed: &[Bytes]) -> Result<u32> {
        self.remove("set-remove", key, "SREM", "SCARD", removed).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<Bytes>> {
        members("set-members", self.whole("set-members", key, "SCARD", "SSCAN").await?)
    }

    async fn set_size(&self, key: &str) -> Result<u32> {
        count("set-size", &self.ask("set-size", key, on("SCARD", key, 0, 0)).await?)
    }

    async fn sorted_add(&self, key: &str, added: Vec<(f64, Bytes)>, life: Option<Duration>) -> Result<u32> {
        if added.iter().any(|(score, _)| score.is_nan()) {
            return Err(not_a_number("sorted-add", key));
        }
        let arguments = |command: &mut Cmd| {
            for (score, member) in &added {
                // Minus zero is zero: see `Score` of the cache in memory.
                command.arg(*score + 0.0).arg(&**member);
            }
        };
        if let (None, false) = (life, added.is_empty()) {
            let mut command = on("ZADD", key, added.len() * 2, added.iter().map(|(_, member)| member.len() + 8).sum());
            arguments(&mut command);
            return count("sorted-add", &self.ask("sorted-add", key, command).await?);
        }
        let new = self.run("sorted-add", key, &scripts::ADD, |command| {
            command.arg("ZADD").arg("ZCARD").arg(millis_or_zero(life));
            arguments(command);
        });
        count("sorted-add", &new.await?)
    }

    async fn sorted_remove(&self, key: &str, removed: &[Bytes]) -> Result<u32> {
        self.remove("sorted-remove", key, "ZREM", "ZCARD", removed).await
    }

    async fn sorted_range(
        &self,
        key: &str,
        low: f64,
        high: f64,
        limit: u32,
        reverse: bool,
    ) -> Result<Vec<(f64, Bytes)>> {
        const NAME: &str = "sorted-range";
        if low.is_nan() || high.is_nan() {
            return Err(not_a_number(NAME, key));
        }
        let range = self.run(NAME, key, &scripts::SORTED_RANGE, |command| {
            command
                .arg(low)
                .arg(high)
                .arg(limit)
                .arg(check::MAX_MEMBERS)
                .arg(check::MAX_ANSWER)
                .arg(i32::from(reverse));
        });
        let found = pairs(NAME, weighed(NAME, key, range.await?)?)?;
        found.into_iter().map(|(member, at)| Ok((score(NAME, &at)?, self::member(NAME, member)?))).collect()
    }

    async fn hash_set(&self, key: &str, fields: Vec<(String, Bytes)>, life: Option<Duration>) -> Result<u32> {
        let arguments = |command: &mut Cmd| {
            for (field, value) in &fields {
                command.arg(field).arg(&**value);
            }
        };
        if let (None, false) = (life, fields.is_empty()) {
            let room = fields.iter().map(|(field, value)| field.len() + value.len()).sum();
            let mut command = on("HSET", key, fields.len() * 2, room);
            arguments(&mut command);
            return count("hash-set", &self.ask("hash-set", key, command).await?);
        }
        let new = self.run("hash-set", key, &scripts::ADD, |command| {
            command.arg("HSET").arg("HLEN").arg(millis_or_zero(life));
            arguments(command);
        });
        count("hash-set", &new.await?)
    }

    async fn hash_get(&self, key: &str, fields: &[String]) -> Result<Vec<Option<Bytes>>> {
        if fields.is_empty() {
            // Nothing to fetch, but a key of another type is refused all the same.
            return self.ask("hash-get", key, on("HLEN", key, 0, 0)).await.map(|_| Vec::new());
        }
        let answer = if fields.len() <= check::FEW {
            self.ask("hash-get", key, with("HMGET", key, fields)).await?
        } else {
            let values = self.run("hash-get", key, &scripts::HASH_GET, |command| {
                command.arg(check::MAX_ANSWER);
                add_all(command, fields);
            });
            weighed("hash-get", key, values.await?)?
        };
        elements("hash-get", answer)?.into_iter().map(|value| bytes("hash-get", value)).collect()
    }

    async fn hash_get_all(&self, key: &str) -> Result<Vec<(String, Bytes)>> {
        const NAME: &str = "hash-get-all";
        let fields = pairs(NAME, self.whole(NAME, key, "HLEN", "HSCAN").await?)?;
        fields
            .into_iter()
            .map(|(field, value)| {
                let field = String::from_utf8(member(NAME, field)?.into()).map_err(|_| {
                    Error::invalid(format!("cache.{NAME} of \"{key}\": the name of a field is not UTF-8"))
                })?;
                Ok((field, member(NAME, value)?))
            })
            .collect()
    }

    async fn hash_delete(&self, key: &str, fields: &[String]) -> Result<u32> {
        self.remove("hash-delete", key, "HDEL", "HLEN", fields).await
    }

    async fn hash_increment(&self, key: &str, field: &str, by: i64) -> Result<i64> {
        let mut command = on("HINCRBY", key, 2, field.len() + 20);
        command.arg(field).arg(by);
        number("hash-increment", &self.ask("hash-increment", key, command).await?)
    }

    async fn batch(&self, commands: Vec<Command>) -> Result<Vec<Result<Reply>>> {
        let items: Vec<batch::Item> = commands.into_iter().map(batch::Item::Guest).collect();
        self.items(&items).await
    }
}

impl Redis {
    /// A batch that may ask for lives too.
    pub(in crate::capabilities::cache) async fn items(&self, items: &[batch::Item]) -> Result<Vec<Result<Reply>>> {
        batch::run(&self.link, items).await
    }

    /// All members, or fields and values, of a key.
    async fn whole(&self, function: &'static str, key: &str, size: &str, scan: &str) -> Result<Value> {
        let whole = self.run(function, key, &scripts::WHOLE, |command| {
            command.arg(size).arg(scan).arg(check::MAX_MEMBERS).arg(check::MAX_ANSWER);
        });
        weighed(function, key, whole.await?)
    }

    /// Removes members or fields. None to remove is no command of Redis: counting them refuses a key of another type
    /// just as well.
    async fn remove<T: AsRef<[u8]> + Sync>(
        &self,
        function: &'static str,
        key: &str,
        remove: &str,
        size: &str,
        removed: &[T],
    ) -> Result<u32> {
        if removed.is_empty() {
            return self.ask(function, key, on(size, key, 0, 0)).await.map(|_| 0);
        }
        count(function, &self.ask(function, key, with(remove, key, removed)).await?)
    }
}

/// A command on a key, with room for more arguments.
fn on(name: &str, key: &str, arguments: usize, room: usize) -> Cmd {
    let mut command = Cmd::with_capacity(arguments + 2, name.len() + key.len() + room);
    command.arg(name).arg(key);
    command
}

/// A command on a key and members or fields of it.
fn with<T: AsRef<[u8]>>(name: &str, key: &str, members: &[T]) -> Cmd {
    let room = members.iter().map(|member| member.as_ref().len()).sum();
    let mut command = on(name, key, members.len(), room);
    add_all(&mut command, members);
    command
}

fn add_all<T: AsRef<[u8]>>(command: &mut Cmd, members: &[T]) {
    for member in members {
        command.arg(member.as_ref());
    }
}

pub(super) fn get(key: &str) -> Cmd {
    on("GET", key, 0, 0)
}

pub(super) fn set(key: &str, value: &[u8], life: Option<Duration>) -> Cmd {
    let mut command = on("SET", key, 4, value.len() + 24);
    command.arg(value);
    if let Some(life) = life {
        command.arg("PX").arg(millis(life));
    }
    command
}

pub(super) fn set_if_absent(key: &str, value: &[u8], life: Option<Duration>) -> Cmd {
    let mut command = set(key, value, life);
    command.arg("NX");
    command
}

/// Frees the memory beside the server's other work: a large set would hold it up.
pub(super) fn delete<T: AsRef<str>>(keys: &[T]) -> Cmd {
    let room = keys.iter().map(|key| key.as_ref().len()).sum::<usize>();
    let mut command = Cmd::with_capacity(keys.len() + 1, "UNLINK".len() + room);
    command.arg("UNLINK");
    for key in keys {
        command.arg(key.as_ref());
    }
    command
}

pub(super) fn increment(key: &str, by: i64) -> Cmd {
    let mut command = on("INCRBY", key, 1, 20);
    command.arg(by);
    command
}

pub(super) fn expire(key: &str, life: Duration) -> Cmd {
    let mut command = on("PEXPIRE", key, 1, 20);
    command.arg(millis(life));
    command
}

pub(super) fn life(key: &str) -> Cmd {
    on("PTTL", key, 0, 0)
}

/// A life as Redis has it. Less than a millisecond lasts one: zero would delete the key.
pub(super) fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn millis_or_zero(life: Option<Duration>) -> u64 {
    life.map_or(0, millis)
}

fn members(function: &str, value: Value) -> Result<Vec<Bytes>> {
    elements(function, value)?.into_iter().map(|element| member(function, element)).collect()
}

/// What a script read, unless that is too much: see [`scripts`].
fn weighed(function: &str, key: &str, answer: Value) -> Result<Value> {
    match answer {
        Value::Int(-1) => Err(check::heavy(function, key)),
        Value::Int(many) => {
            check::answer(function, key, usize::try_from(many).unwrap_or(usize::MAX))?;
            Err(odd(function))
        }
        answer => Ok(answer),
    }
}

fn not_a_number(function: &str, key: &str) -> Error {
    Error::invalid(format!("cache.{function} of \"{key}\": a score is not a number"))
}
