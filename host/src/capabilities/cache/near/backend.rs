//! The cache's functions: reads of plain values look here first, all else goes to Redis.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::held::{Held, Look, Ticket};
use super::{Near, Result};
use crate::capabilities::cache::backend::reads::Reads;
use crate::capabilities::cache::backend::{Backend, Command, Reply};
use crate::capabilities::cache::redis::{batch::Item, reply};

/// A write under way: when it is over, also because nobody waits for it any more, what is held of its keys is dropped.
struct Write<'a> {
    held: &'a Held,
    keys: Vec<&'a str>,
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        for key in &self.keys {
            self.held.forget(key);
        }
    }
}

impl Near {
    fn write<'a>(&'a self, keys: impl IntoIterator<Item = &'a str>) -> Write<'a> {
        Write { held: &self.held, keys: keys.into_iter().filter(|key| self.patterns.match_key(key)).collect() }
    }

    /// A value and its life in one trip, to be held.
    async fn fetch(&self, key: &str, ticket: &Ticket) -> Result<Option<Bytes>> {
        let items = [Item::Guest(Command::Get(key.to_owned())), Item::Life(key.to_owned())];
        let mut replies = self.redis.items(&items).await?.into_iter();
        match (replies.next(), replies.next()) {
            (Some(Ok(Reply::Value(value))), Some(Ok(Reply::Number(left)))) => {
                self.held.store(key, ticket, value.clone(), left);
                Ok(value)
            }
            (Some(Err(error)), _) | (_, Some(Err(error))) => Err(error),
            _ => Err(reply::odd("get")),
        }
    }
}

#[async_trait]
impl Backend for Near {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        if !self.patterns.match_key(key) {
            return self.redis.get(key).await;
        }
        match self.held.look(key) {
            Look::Hit(value) => Ok(value),
            Look::Miss(ticket) => self.fetch(key, &ticket).await,
            Look::Blind => self.redis.get(key).await,
        }
    }

    async fn batch(&self, commands: Vec<Command>) -> Result<Vec<Result<Reply>>> {
        batch(self, commands).await
    }

    async fn set(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<()> {
        let _write = self.write([key]);
        self.redis.set(key, value, life).await
    }

    async fn set_if_absent(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<bool> {
        let _write = self.write([key]);
        self.redis.set_if_absent(key, value, life).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        life: Option<Duration>,
    ) -> Result<bool> {
        let _write = self.write([key]);
        self.redis.compare_and_set(key, expected, value, life).await
    }

    async fn delete(&self, keys: &[String]) -> Result<u32> {
        let _write = self.write(keys.iter().map(String::as_str));
        self.redis.delete(keys).await
    }

    async fn increment(&self, key: &str, by: i64, life: Option<Duration>) -> Result<i64> {
        let _write = self.write([key]);
        self.redis.increment(key, by, life).await
    }

    async fn expire(&self, key: &str, life: Duration) -> Result<bool> {
        let _write = self.write([key]);
        self.redis.expire(key, life).await
    }

    async fn life(&self, key: &str) -> Result<Option<Duration>> {
        self.redis.life(key).await
    }

    async fn list_push(&self, key: &str, values: Vec<Bytes>, keep: Option<u32>, life: Option<Duration>) -> Result<u32> {
        let _write = self.write([key]);
        self.redis.list_push(key, values, keep, life).await
    }

    async fn list_range(&self, key: &str, start: i32, stop: i32) -> Result<Vec<Bytes>> {
        self.redis.list_range(key, start, stop).await
    }

    async fn set_add(&self, key: &str, members: Vec<Bytes>, life: Option<Duration>) -> Result<u32> {
        let _write = self.write([key]);
        self.redis.set_add(key, members, life).await
    }

    async fn set_remove(&self, key: &str, members: &[Bytes]) -> Result<u32> {
        let _write = self.write([key]);
        self.redis.set_remove(key, members).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<Bytes>> {
        self.redis.set_members(key).await
    }

    async fn set_size(&self, key: &str) -> Result<u32> {
        self.redis.set_size(key).await
    }

    async fn sorted_add(&self, key: &str, members: Vec<(f64, Bytes)>, life: Option<Duration>) -> Result<u32> {
        let _write = self.write([key]);
        self.redis.sorted_add(key, members, life).await
    }

    async fn sorted_remove(&self, key: &str, members: &[Bytes]) -> Result<u32> {
        let _write = self.write([key]);
        self.redis.sorted_remove(key, members).await
    }

    async fn sorted_range(
        &self,
        key: &str,
        low: f64,
        high: f64,
        limit: u32,
        reverse: bool,
    ) -> Result<Vec<(f64, Bytes)>> {
        self.redis.sorted_range(key, low, high, limit, reverse).await
    }

    async fn hash_set(&self, key: &str, fields: Vec<(String, Bytes)>, life: Option<Duration>) -> Result<u32> {
        let _write = self.write([key]);
        self.redis.hash_set(key, fields, life).await
    }

    async fn hash_get(&self, key: &str, fields: &[String]) -> Result<Vec<Option<Bytes>>> {
        self.redis.hash_get(key, fields).await
    }

    async fn hash_get_all(&self, key: &str) -> Result<Vec<(String, Bytes)>> {
        self.redis.hash_get_all(key).await
    }

    async fn hash_delete(&self, key: &str, fields: &[String]) -> Result<u32> {
        let _write = self.write([key]);
        self.redis.hash_delete(key, fields).await
    }

    async fn hash_increment(&self, key: &str, field: &str, by: i64) -> Result<i64> {
        let _write = self.write([key]);
        self.redis.hash_increment(key, field, by).await
    }
}

/// Where the answer to a guest's command comes from.
enum Source {
    Here(Option<Bytes>),
    /// The next reply of Redis.
    Redis,
    /// The next two replies of Redis: a value to be held, and its life.
    Fetched(String, Ticket),
}

async fn batch(near: &Near, commands: Vec<Command>) -> Result<Vec<Result<Reply>>> {
    let reads = Reads::of(commands.iter().enumerate());
    let mut written: Vec<String> = Vec::new();
    let mut sources = Vec::with_capacity(commands.len());
    let mut items = Vec::with_capacity(commands.len());
    for command in commands {
        let Command::Get(key) = command else {
            written.extend(command.keys().iter().filter(|key| near.patterns.match_key(key)).cloned());
            sources.push(Source::Redis);
            items.push(Item::Guest(command));
            continue;
        };
        // Behind a write of this batch only Redis knows the value.
        let look =
            if near.patterns.match_key(&key) && !written.contains(&key) { near.held.look(&key) } else { Look::Blind };
        match look {
            Look::Hit(value) => sources.push(Source::Here(value)),
            Look::Blind => {
                sources.push(Source::Redis);
                items.push(Item::Guest(Command::Get(key)));
            }
            Look::Miss(ticket) => {
                items.push(Item::Guest(Command::Get(key.clone())));
                items.push(Item::Life(key.clone()));
                sources.push(Source::Fetched(key, ticket));
            }
        }
    }
    let _write = Write { held: &near.held, keys: written.iter().map(String::as_str).collect() };
    let mut fetched =
        if items.is_empty() { Vec::new().into_iter() } else { near.redis.items(&items).await?.into_iter() };
    let mut next = || fetched.next().unwrap_or_else(|| Err(reply::odd("batch")));
    let mut replies: Vec<Result<Reply>> = sources
        .into_iter()
        .map(|source| match source {
            Source::Here(value) => Ok(Reply::Value(value)),
            Source::Redis => next(),
            Source::Fetched(key, ticket) => {
                let (value, left) = (next(), next());
                if let (Ok(Reply::Value(value)), Ok(Reply::Number(left))) = (&value, &left) {
                    near.held.store(&key, &ticket, value.clone(), *left);
                }
                value
            }
        })
        .collect();
    // What is held here and what came from Redis count together.
    if let Some(reads) = reads {
        reads.cap(&mut replies);
    }
    Ok(replies)
}
