//! Short-lived values, shared by all hosts. Needs the grant `cache` for the keys named.
//!
//! A key is a constant that knows its pattern, the type of its values and how long they live:
//!
//! ```
//! use std::time::Duration;
//! use devconnect_sdk::prelude::*;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Session {
//!     user_id: Id,
//! }
//!
//! const SESSION: Key<Session> = Key::new("session:{}", Duration::from_secs(24 * 3600));
//! const MESSAGES: Key<Vec<String>> = Key::new("messages:{}:{}", Duration::from_secs(3600));
//!
//! # fn example(token: &str, a: Id, b: Id) -> Result<(), Error> {
//! SESSION.set(token, &Session { user_id: a })?;
//! let messages = MESSAGES.get((a, b))?;
//! # let _: Option<Vec<String>> = messages; Ok(())
//! # }
//! ```

mod batch;
mod counter;
mod parts;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::batch::{Batch, Replies, Slot};
pub use self::counter::{Counter, RateLimit, Standing};
pub use self::parts::{Part, Parts};

use crate::error::Error;
use crate::platform::cache;
use crate::time::millis;

/// A family of keys: a pattern with `{}` for each part, the type of the values (kept as JSON), and their life.
///
/// Anything here may vanish at any time, and a value that does not fit the type (an older version's) counts as absent.
pub struct Key<T> {
    pattern: &'static str,
    life: Option<Duration>,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// Keys whose values live that long after they were set.
    #[must_use]
    pub const fn new(pattern: &'static str, life: Duration) -> Self {
        Self { pattern, life: Some(life), value: PhantomData }
    }

    /// Keys whose values live until they are deleted or evicted.
    #[must_use]
    pub const fn lasting(pattern: &'static str) -> Self {
        Self { pattern, life: None, value: PhantomData }
    }

    /// The key for these parts, as the host sees it.
    pub fn name(&self, parts: impl Parts) -> String {
        parts::name(self.pattern, &parts)
    }

    /// Deletes a value. True if it was there.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn delete(&self, parts: impl Parts) -> Result<bool, Error> {
        Ok(cache::delete(&[self.name(parts)])? > 0)
    }

    /// Gives a value its full life again. False if it is not there.
    ///
    /// # Errors
    /// What the cache answers; `Invalid` for keys without an end.
    pub fn renew(&self, parts: impl Parts) -> Result<bool, Error> {
        let Some(life) = self.life else {
            return Err(Error::invalid(format!("cache.renew: {} has no life to renew", self.pattern)));
        };
        Ok(cache::expire(&self.name(parts), millis(life))?)
    }

    /// The life that is left: `None` if it is not there, or has no end.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn life_left(&self, parts: impl Parts) -> Result<Option<Duration>, Error> {
        Ok(cache::ttl_ms(&self.name(parts))?.filter(|left| *left > 0).map(Duration::from_millis))
    }

    fn ttl_ms(&self) -> Option<u64> {
        self.life.map(millis)
    }
}

impl<T: Serialize + DeserializeOwned> Key<T> {
    /// The value; `None` where there is none.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn get(&self, parts: impl Parts) -> Result<Option<T>, Error> {
        Ok(cache::get(&self.name(parts))?.and_then(|bytes| decode(&bytes)))
    }

    /// Stores a value.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn set(&self, parts: impl Parts, value: &T) -> Result<(), Error> {
        Ok(cache::set(&self.name(parts), &encode(self.pattern, value)?, self.ttl_ms())?)
    }

    /// Stores a value with a life of its own.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn set_for(&self, parts: impl Parts, value: &T, life: Duration) -> Result<(), Error> {
        Ok(cache::set(&self.name(parts), &encode(self.pattern, value)?, Some(millis(life).max(1)))?)
    }

    /// Stores a value only where none is. True if it did.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn set_if_absent(&self, parts: impl Parts, value: &T) -> Result<bool, Error> {
        Ok(cache::set_if_absent(&self.name(parts), &encode(self.pattern, value)?, self.ttl_ms())?)
    }

    /// Stores a value only where `expected` is (`None`: where none is), in one step. True if it did. Values are compared
    /// as they are written: a type with maps needs ones that keep their order.
    ///
    /// # Errors
    /// What the cache answers.
    pub fn compare_and_set(&self, parts: impl Parts, expected: Option<&T>, value: &T) -> Result<bool, Error> {
        let expected = expected.map(|expected| encode(self.pattern, expected)).transpose()?;
        let value = encode(self.pattern, value)?;
        Ok(cache::compare_and_set(&self.name(parts), expected.as_deref(), &value, self.ttl_ms())?)
    }

    /// The value, or what `make` makes where there is none, stored for the next one who asks. With the cache away it is
    /// made all the same.
    ///
    /// # Errors
    /// What `make` answers.
    pub fn get_or_make<E>(&self, parts: impl Parts, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let name = self.name(parts);
        let known = cache::get(&name).ok().flatten().and_then(|bytes| decode(&bytes));
        if let Some(value) = known {
            return Ok(value);
        }
        let value = make()?;
        if let Ok(bytes) = encode(self.pattern, &value) {
            // A cache that cannot keep it costs the next caller the same work, nothing else.
            let _ = cache::set(&name, &bytes, self.ttl_ms());
        }
        Ok(value)
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Key").field("pattern", &self.pattern).field("life", &self.life).finish()
    }
}

fn encode<T: Serialize>(pattern: &str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value)
        .map_err(|error| Error::invalid(format!("cache: a value for {pattern} cannot be written as JSON: {error}")))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
