//! `cache`: short-lived values, in Redis or in the host's memory.
//!
//! Every function checks the grant of its keys, then the limits of the interface, and only then asks the store. What a
//! store answers counts against the call's `retained` limit, so that a guest cannot make the host collect without end.

pub mod backend;
pub(crate) mod carried;
pub mod memory;
pub mod near;
pub mod redis;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod conformance;

pub use backend::Backend;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::error::Result as Checked;
use super::host_error::lower;
use super::{Ctx, HostError};
use crate::bindings::devconnect::platform::cache::{Command, Error, Host, Reply};
use backend::check;

type Answer<T> = Result<T, HostError>;

impl Ctx {
    /// Grant and limits of one key that may be changed; the store to ask.
    fn cache_key(&mut self, key: &str) -> Answer<Arc<dyn Backend>> {
        self.call.carried.forget(key);
        self.cache_key_to_read(key)
    }

    /// The same for one that is only read.
    fn cache_key_to_read(&mut self, key: &str) -> Answer<Arc<dyn Backend>> {
        self.enter()?;
        self.plugin.grants.cache_key(key)?;
        check::key(key)?;
        Ok(Arc::clone(&self.plugin.services.cache))
    }

    /// The value as the guest gets it, billed.
    fn cache_value(&mut self, value: &Bytes) -> Answer<Vec<u8>> {
        self.retain(value.len())?;
        Ok(value.to_vec())
    }

    fn cache_values(&mut self, values: &[Bytes]) -> Answer<Vec<Vec<u8>>> {
        values.iter().map(|value| self.cache_value(value)).collect()
    }
}

fn life(key: &str, ttl_ms: Option<u64>) -> Checked<Option<Duration>> {
    ttl_ms.map(|ttl_ms| check::life(key, ttl_ms)).transpose()
}

fn members(function: &str, key: &str, members: Vec<Vec<u8>>) -> Checked<Vec<Bytes>> {
    check::members(function, members.len())?;
    members.into_iter().map(|member| check::value(key, &member).map(|()| Bytes::from(member))).collect()
}

impl Host for Ctx {
    async fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        let cache = self.cache_key_to_read(&key)?;
        let value = match self.call.carried.take(&key) {
            Some(value) => Some(value),
            None => cache.get(&key).await?,
        };
        if let Some(value) = &value
            && self.call.carried.is_filtering()
        {
            self.call.carried.note(&key, value);
        }
        value.map(|value| self.cache_value(&value)).transpose()
    }

    async fn set(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Answer<()> {
        let cache = self.cache_key(&key)?;
        check::value(&key, &value)?;
        let life = life(&key, ttl_ms)?;
        Ok(cache.set(&key, value.into(), life).await?)
    }

    async fn set_if_absent(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Answer<bool> {
        let cache = self.cache_key(&key)?;
        check::value(&key, &value)?;
        let life = life(&key, ttl_ms)?;
        Ok(cache.set_if_absent(&key, value.into(), life).await?)
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Answer<bool> {
        let cache = self.cache_key(&key)?;
        check::value(&key, &value)?;
        let life = life(&key, ttl_ms)?;
        Ok(cache.compare_and_set(&key, expected.as_deref(), value.into(), life).await?)
    }

    async fn delete(&mut self, keys: Vec<String>) -> Answer<u32> {
        self.enter()?;
        check::keys(keys.len())?;
        for key in &keys {
            self.plugin.grants.cache_key(key)?;
            check::key(key)?;
            self.call.carried.forget(key);
        }
        let cache = Arc::clone(&self.plugin.services.cache);
        Ok(cache.delete(&keys).await?)
    }

    async fn increment(&mut self, key: String, by: i64, ttl_ms: Option<u64>) -> Answer<i64> {
        let cache = self.cache_key(&key)?;
        let life = life(&key, ttl_ms)?;
        Ok(cache.increment(&key, by, life).await?)
    }

    async fn expire(&mut self, key: String, ttl_ms: u64) -> Answer<bool> {
        let cache = self.cache_key(&key)?;
        let life = check::life(&key, ttl_ms)?;
        Ok(cache.expire(&key, life).await?)
    }

    async fn ttl_ms(&mut self, key: String) -> Answer<Option<u64>> {
        let cache = self.cache_key(&key)?;
        let life = cache.life(&key).await?;
        Ok(life.map(|life| u64::try_from(life.as_millis()).unwrap_or(u64::MAX)))
    }

    async fn list_push(
        &mut self,
        key: String,
        values: Vec<Vec<u8>>,
        keep: Option<u32>,
        ttl_ms: Option<u64>,
    ) -> Answer<u32> {
        let cache = self.cache_key(&key)?;
        let (values, life) = (members("list-push", &key, values)?, life(&key, ttl_ms)?);
        Ok(cache.list_push(&key, values, keep, life).await?)
    }

    async fn list_range(&mut self, key: String, start: i32, stop: i32) -> Answer<Vec<Vec<u8>>> {
        let cache = self.cache_key(&key)?;
        let values = cache.list_range(&key, start, stop).await?;
        self.cache_values(&values)
    }

    async fn set_add(&mut self, key: String, added: Vec<Vec<u8>>, ttl_ms: Option<u64>) -> Answer<u32> {
        let cache = self.cache_key(&key)?;
        let (added, life) = (members("set-add", &key, added)?, life(&key, ttl_ms)?);
        Ok(cache.set_add(&key, added, life).await?)
    }

    async fn set_remove(&mut self, key: String, removed: Vec<Vec<u8>>) -> Answer<u32> {
        let cache = self.cache_key(&key)?;
        let removed = members("set-remove", &key, removed)?;
        Ok(cache.set_remove(&key, &removed).await?)
    }

    async fn set_members(&mut self, key: String) -> Answer<Vec<Vec<u8>>> {
        let cache = self.cache_key(&key)?;
        let values = cache.set_members(&key).await?;
        self.cache_values(&values)
    }

    async fn set_size(&mut self, key: String) -> Answer<u32> {
        let cache = self.cache_key(&key)?;
        Ok(cache.set_size(&key).await?)
    }

    async fn sorted_add(&mut self, key: String, added: Vec<(f64, Vec<u8>)>, ttl_ms: Option<u64>) -> Answer<u32> {
        let cache = self.cache_key(&key)?;
        let life = life(&key, ttl_ms)?;
        let (scores, added): (Vec<f64>, Vec<Vec<u8>>) = added.into_iter().unzip();
        let added = scores.into_iter().zip(members("sorted-add", &key, added)?).collect();
        Ok(cache.sorted_add(&key, added, life).await?)
    }

    async fn sorted_remove(&mut self, key: String, removed: Vec<Vec<u8>>) -> Answer<u32> {
        let cache = self.cache_key(&key)?;
        let removed = members("sorted-remove", &key, removed)?;
        Ok(cache.sorted_remove(&key, &removed).await?)
    }

    async fn sorted_range(
        &mut self,
        key: String,
        low: f64,
        high: f64,
        limit: u32,
        reverse: bool,
    ) -> Answer<Vec<(f64, Vec<u8>)>> {
        let cache = self.cache_key(&key)?;
        let found = cache.sorted_range(&key, low, high, limit, reverse).await?;
        found.iter().map(|(score, member)| Ok((*score, self.cache_value(member)?))).collect()
    }

    async fn hash_set(&mut self, key: String, fields: Vec<(String, Vec<u8>)>, ttl_ms: Option<u64>) -> Answer<u32> {
        let cache = self.cache_key(&key)?;
        let life = life(&key, ttl_ms)?;
        let (names, values): (Vec<String>, Vec<Vec<u8>>) = fields.into_iter().unzip();
        for name in &names {
            check::value(&key, name.as_bytes())?;
        }
        let fields = names.into_iter().zip(members("hash-set", &key, values)?).collect();
        Ok(cache.hash_set(&key, fields, life).await?)
    }

    async fn hash_get(&mut self, key: String, fields: Vec<String>) -> Answer<Vec<Option<Vec<u8>>>> {
        let cache = self.cache_key(&key)?;
        check::members("hash-get", fields.len())?;
        let values = cache.hash_get(&key, &fields).await?;
        values.iter().map(|value| value.as_ref().map(|value| self.cache_value(value)).transpose()).collect()
    }

    async fn hash_get_all(&mut self, key: String) -> Answer<Vec<(String, Vec<u8>)>> {
        let cache = self.cache_key(&key)?;
        let fields = cache.hash_get_all(&key).await?;
        fields
            .into_iter()
            .map(|(name, value)| {
                self.retain(name.len())?;
                Ok((name, self.cache_value(&value)?))
            })
            .collect()
    }

    async fn hash_delete(&mut self, key: String, fields: Vec<String>) -> Answer<u32> {
        let cache = self.cache_key(&key)?;
        check::members("hash-delete", fields.len())?;
        Ok(cache.hash_delete(&key, &fields).await?)
    }

    async fn hash_increment(&mut self, key: String, field: String, by: i64) -> Answer<i64> {
        let cache = self.cache_key(&key)?;
        check::value(&key, field.as_bytes())?;
        Ok(cache.hash_increment(&key, &field, by).await?)
    }

    async fn batch(&mut self, commands: Vec<Command>) -> Answer<Vec<Result<Reply, Error>>> {
        self.enter()?;
        check::batch(commands.len())?;
        let commands = commands.into_iter().map(command).collect::<Checked<Vec<_>>>()?;
        for key in commands.iter().flat_map(backend::Command::keys) {
            self.plugin.grants.cache_key(key)?;
            check::key(key)?;
            self.call.carried.forget(key);
        }
        let cache = Arc::clone(&self.plugin.services.cache);
        let carried = if self.call.carried.is_filtering() { only_read(&commands) } else { Vec::new() };
        let replies = cache.batch(commands).await?;
        for (index, key) in carried {
            if let Some(Ok(backend::Reply::Value(Some(value)))) = replies.get(index) {
                self.call.carried.note(&key, value);
            }
        }
        replies
            .into_iter()
            .map(|reply| reply.map_or_else(|error| Ok(Err(lower(error))), |reply| Ok(Ok(self.reply(reply)?))))
            .collect()
    }
}

/// The keys that a batch reads and does not change, each with the place of its answer.
fn only_read(commands: &[backend::Command]) -> Vec<(usize, String)> {
    let changed = |key: &String| {
        commands.iter().any(|other| !matches!(other, backend::Command::Get(_)) && other.keys().contains(key))
    };
    let reads = commands.iter().enumerate().filter_map(|(index, command)| match command {
        backend::Command::Get(key) if !changed(key) => Some((index, key.clone())),
        _ => None,
    });
    reads.collect()
}

/// A guest's command, within the limits of the interface.
fn command(command: Command) -> Checked<backend::Command> {
    Ok(match command {
        Command::Get(key) => backend::Command::Get(key),
        Command::Set((key, value, ttl_ms)) => {
            check::value(&key, &value)?;
            let life = life(&key, ttl_ms)?;
            backend::Command::Set(key, value.into(), life)
        }
        Command::SetIfAbsent((key, value, ttl_ms)) => {
            check::value(&key, &value)?;
            let life = life(&key, ttl_ms)?;
            backend::Command::SetIfAbsent(key, value.into(), life)
        }
        Command::Delete(keys) => {
            check::keys(keys.len())?;
            backend::Command::Delete(keys)
        }
        Command::Increment((key, by, ttl_ms)) => {
            let life = life(&key, ttl_ms)?;
            backend::Command::Increment(key, by, life)
        }
        Command::Expire((key, ttl_ms)) => {
            let life = check::life(&key, ttl_ms)?;
            backend::Command::Expire(key, life)
        }
    })
}

impl Ctx {
    fn reply(&mut self, reply: backend::Reply) -> Answer<Reply> {
        Ok(match reply {
            backend::Reply::Value(value) => Reply::Value(value.map(|value| self.cache_value(&value)).transpose()?),
            backend::Reply::Done => Reply::Done,
            backend::Reply::Changed(changed) => Reply::Changed(changed),
            backend::Reply::Number(number) => Reply::Number(number),
        })
    }
}
