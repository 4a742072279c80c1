//! What a cache can do, whichever store is behind it: the host's own memory ([`super::memory`]) or Redis.
//!
//! One method for each function of `cache` in the WIT package, with the same meaning. The limits of the interface
//! ([`check`]) and the grants are checked above this trait, once for all backends; a backend answers
//! [`Error::Invalid`](crate::capabilities::error::Error::Invalid) for what only the stored value can tell (another
//! type, not a number) and [`Error::TooLarge`](crate::capabilities::error::Error::TooLarge) for answers above
//! [`check::MAX_MEMBERS`] or [`check::MAX_ANSWER`], of which no more than a little enters the host's memory. A single value
//! has no such limit: what this host stores has at most [`check::MAX_VALUE`].
//!
//! **Lives.** `life` is the time a key has left from now on. In `set`, `set_if_absent` and `compare_and_set` `None`
//! means no end. `increment` gives it to a key that it creates and leaves others alone, so that a window does not slide.
//! The collections (`list_push`, `set_add`, `sorted_add`, `hash_set`) renew it with every call; `None` leaves it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::capabilities::error::Result;

pub mod check;
pub mod reads;

/// A store of short-lived values.
///
/// Values are [`Bytes`], so that an answer shares what is stored instead of copying it.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The value; `None` where there is no such key.
    async fn get(&self, key: &str) -> Result<Option<Bytes>>;

    /// Stores the value, whatever the key held.
    async fn set(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<()>;

    /// Stores the value where no key of any type is. True if it did.
    async fn set_if_absent(&self, key: &str, value: Bytes, life: Option<Duration>) -> Result<bool>;

    /// Stores `value` if the key holds `expected` (`None`: if there is no such key), in one step. True if it did.
    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        life: Option<Duration>,
    ) -> Result<bool>;

    /// Deletes keys of any type; the number that existed.
    async fn delete(&self, keys: &[String]) -> Result<u32>;

    /// Adds to a decimal number; the sum.
    async fn increment(&self, key: &str, by: i64, life: Option<Duration>) -> Result<i64>;

    /// Sets the life that is left. False if there is no such key.
    async fn expire(&self, key: &str, life: Duration) -> Result<bool>;

    /// The life that is left, at least 1 ms; `None` if there is no such key, zero if it has no end.
    async fn life(&self, key: &str) -> Result<Option<Duration>>;

    /// Prepends values, the last one first, then keeps the first `keep`. The length after it.
    async fn list_push(&self, key: &str, values: Vec<Bytes>, keep: Option<u32>, life: Option<Duration>) -> Result<u32>;

    /// Elements `start..=stop`; negative numbers count from the end.
    async fn list_range(&self, key: &str, start: i32, stop: i32) -> Result<Vec<Bytes>>;

    /// Adds members; the number that were new.
    async fn set_add(&self, key: &str, members: Vec<Bytes>, life: Option<Duration>) -> Result<u32>;

    /// Removes members; the number that were there.
    async fn set_remove(&self, key: &str, members: &[Bytes]) -> Result<u32>;

    /// All members, in no order.
    async fn set_members(&self, key: &str) -> Result<Vec<Bytes>>;

    /// How many members there are.
    async fn set_size(&self, key: &str) -> Result<u32>;

    /// Adds members with their scores, or moves them; the number that were new. A score that is not a number refuses
    /// the whole call.
    async fn sorted_add(&self, key: &str, members: Vec<(f64, Bytes)>, life: Option<Duration>) -> Result<u32>;

    /// Removes members; the number that were there.
    async fn sorted_remove(&self, key: &str, members: &[Bytes]) -> Result<u32>;

    /// Members with `low <= score <= high`, by score and then by bytes, at most `limit`; from the highest if `reverse`.
    async fn sorted_range(
        &self,
        key: &str,
        low: f64,
        high: f64,
        limit: u32,
        reverse: bool,
    ) -> Result<Vec<(f64, Bytes)>>;

    /// Sets fields; the number that were new.
    async fn hash_set(&self, key: &str, fields: Vec<(String, Bytes)>, life: Option<Duration>) -> Result<u32>;

    /// The fields that were asked for, in that order.
    async fn hash_get(&self, key: &str, fields: &[String]) -> Result<Vec<Option<Bytes>>>;

    /// The whole hash, in no order.
    async fn hash_get_all(&self, key: &str) -> Result<Vec<(String, Bytes)>>;

    /// Removes fields; the number that were there.
    async fn hash_delete(&self, key: &str, fields: &[String]) -> Result<u32>;

    /// Adds to a field of decimal numbers; the sum.
    async fn hash_increment(&self, key: &str, field: &str, by: i64) -> Result<i64>;

    /// Several commands in one trip, in order, not atomic; one answer for each. The outer error means that none was
    /// sent. What it reads has a limit: see [`reads`].
    async fn batch(&self, commands: Vec<Command>) -> Result<Vec<Result<Reply>>>;
}

/// A command of [`Backend::batch`]: the method of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// [`Backend::get`]
    Get(String),
    /// [`Backend::set`]
    Set(String, Bytes, Option<Duration>),
    /// [`Backend::set_if_absent`]
    SetIfAbsent(String, Bytes, Option<Duration>),
    /// [`Backend::delete`]
    Delete(Vec<String>),
    /// [`Backend::increment`]
    Increment(String, i64, Option<Duration>),
    /// [`Backend::expire`]
    Expire(String, Duration),
}

impl Command {
    /// The keys that it touches: what the grants are held against.
    pub fn keys(&self) -> &[String] {
        match self {
            Self::Get(key)
            | Self::Set(key, ..)
            | Self::SetIfAbsent(key, ..)
            | Self::Increment(key, ..)
            | Self::Expire(key, _) => std::slice::from_ref(key),
            Self::Delete(keys) => keys,
        }
    }
}

/// The answer to one [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To `Get`.
    Value(Option<Bytes>),
    /// To `Set`.
    Done,
    /// To `SetIfAbsent` and `Expire`.
    Changed(bool),
    /// To `Delete` and `Increment`.
    Number(i64),
}
