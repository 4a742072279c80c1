//! Several commands in one trip.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::parts::Parts;
use super::{Counter, Key, decode, encode};
use crate::bindings::devconnect::platform::cache::{Command, Reply};
use crate::error::Error;
use crate::platform::cache;
use crate::time::millis;

/// Several commands that go to the cache in one trip, in order and not atomic; at most 128. Each has its own answer, which
/// its [`Slot`] names.
///
/// ```
/// # use std::time::Duration;
/// use devconnect_sdk::cache::Batch;
/// # use devconnect_sdk::prelude::*;
/// # const NAME: Key<String> = Key::new("name:{}", Duration::from_secs(60));
/// # const VIEWS: cache::Counter = cache::Counter::new("views:{}", Duration::from_secs(60));
/// # fn example() -> Result<(), Error> {
/// let mut batch = Batch::new();
/// let name = batch.get(&NAME, "42");
/// let views = batch.add(&VIEWS, "42", 1);
/// let mut replies = batch.run()?;
/// let (name, views): (Option<String>, i64) = (replies.take(name)?, replies.take(views)?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Batch {
    commands: Vec<Command>,
    error: Option<Error>,
}

/// Where the answer of one command is among the [`Replies`].
pub struct Slot<R> {
    index: usize,
    read: fn(Reply) -> Option<R>,
    reply: PhantomData<fn() -> R>,
}

impl<R> std::fmt::Debug for Slot<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Slot").field(&self.index).finish()
    }
}

impl Batch {
    /// A batch without commands.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// [`Key::get`].
    pub fn get<T: DeserializeOwned>(&mut self, key: &Key<T>, parts: impl Parts) -> Slot<Option<T>> {
        self.push(Command::Get(key.name(parts)), |reply| match reply {
            Reply::Value(value) => Some(value.and_then(|bytes| decode(&bytes))),
            _ => None,
        })
    }

    /// [`Key::set`].
    pub fn set<T: Serialize>(&mut self, key: &Key<T>, parts: impl Parts, value: &T) -> Slot<()> {
        let value = self.encoded(key, value);
        self.push(Command::Set((key.name(parts), value, key.ttl_ms())), |reply| (reply == Reply::Done).then_some(()))
    }

    /// [`Key::set_if_absent`].
    pub fn set_if_absent<T: Serialize>(&mut self, key: &Key<T>, parts: impl Parts, value: &T) -> Slot<bool> {
        let value = self.encoded(key, value);
        self.push(Command::SetIfAbsent((key.name(parts), value, key.ttl_ms())), changed)
    }

    /// [`Key::delete`].
    pub fn delete<T>(&mut self, key: &Key<T>, parts: impl Parts) -> Slot<bool> {
        self.push(Command::Delete(vec![key.name(parts)]), |reply| match reply {
            Reply::Number(number) => Some(number > 0),
            _ => None,
        })
    }

    /// [`Counter::add`].
    pub fn add(&mut self, counter: &Counter, parts: impl Parts, by: i64) -> Slot<i64> {
        self.push(Command::Increment((counter.name(parts), by, Some(millis(counter.window)))), |reply| match reply {
            Reply::Number(number) => Some(number),
            _ => None,
        })
    }

    /// [`Key::renew`]; keys without an end are left alone.
    pub fn renew<T>(&mut self, key: &Key<T>, parts: impl Parts) -> Slot<bool> {
        self.push(Command::Expire((key.name(parts), key.ttl_ms().unwrap_or(u64::MAX))), changed)
    }

    /// Sends the commands. A batch without any sends nothing.
    ///
    /// # Errors
    /// None was sent.
    pub fn run(self) -> Result<Replies, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.commands.is_empty() {
            return Ok(Replies(Vec::new()));
        }
        let replies = cache::batch(&self.commands)?;
        Ok(Replies(replies.into_iter().map(|reply| Some(reply.map_err(Error::from))).collect()))
    }

    fn push<R>(&mut self, command: Command, read: fn(Reply) -> Option<R>) -> Slot<R> {
        self.commands.push(command);
        Slot { index: self.commands.len() - 1, read, reply: PhantomData }
    }

    fn encoded<T: Serialize>(&mut self, key: &Key<T>, value: &T) -> Vec<u8> {
        encode(key.pattern, value).unwrap_or_else(|error| {
            self.error.get_or_insert(error);
            Vec::new()
        })
    }
}

fn changed(reply: Reply) -> Option<bool> {
    match reply {
        Reply::Changed(changed) => Some(changed),
        _ => None,
    }
}

/// The answers to a [`Batch`].
#[derive(Debug)]
pub struct Replies(Vec<Option<Result<Reply, Error>>>);

impl Replies {
    /// The answer to one command; it can be taken once.
    ///
    /// # Errors
    /// What the cache answered to this command.
    pub fn take<R>(&mut self, slot: Slot<R>) -> Result<R, Error> {
        let reply = self.0.get_mut(slot.index).and_then(Option::take);
        let reply = reply.ok_or_else(|| Error::invalid("cache.batch: the answer is missing"))??;
        (slot.read)(reply).ok_or_else(|| Error::invalid("cache.batch: the answer is of another kind"))
    }
}
