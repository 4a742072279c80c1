//! The limits of the cache's interface, the same for every backend.
//!
//! Everything here is controlled by a guest. The capability checks a call before it reaches the store, so that what a
//! plugin may rely on does not depend on where it runs.

use std::time::Duration;

use crate::capabilities::error::{Error, Result};

/// The longest key, in bytes.
pub const MAX_KEY: usize = 512;
/// The largest value, member or element, in bytes.
pub const MAX_VALUE: usize = 1 << 20;
/// The most keys in one `delete`.
pub const MAX_KEYS: usize = 1_000;
/// The most members, elements or fields in one call or one answer.
pub const MAX_MEMBERS: usize = 10_000;
/// The most bytes of one answer: of a collection's members, fields or elements, or of all values that a batch reads.
pub const MAX_ANSWER: usize = 8 << 20;
/// So many values cannot pass [`MAX_ANSWER`], and need not be weighed.
pub const FEW: usize = MAX_ANSWER / MAX_VALUE;
/// The most commands in one batch.
pub const MAX_BATCH: usize = 128;
/// The longest life, a hundred years: Redis refuses what leaves 63 bits, so both refuse far below it.
pub const MAX_LIFE: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// A key that can be stored.
///
/// # Errors
/// `invalid` where it is empty or too long.
pub fn key(key: &str) -> Result<()> {
    match key.len() {
        0 => Err(Error::invalid("a cache key is empty: name what is stored")),
        1..=MAX_KEY => Ok(()),
        length => Err(Error::invalid(format!(
            "a cache key has {length} bytes, at most {MAX_KEY} are allowed: store a hash of it"
        ))),
    }
}

/// A value, member or element that can be stored under `key`.
///
/// # Errors
/// `too-large` above [`MAX_VALUE`].
pub fn value(key: &str, value: &[u8]) -> Result<()> {
    if value.len() <= MAX_VALUE {
        return Ok(());
    }
    Err(Error::too_large(format!(
        "a value for cache key \"{key}\" has {} bytes, at most {MAX_VALUE} are allowed",
        value.len()
    )))
}

/// A life, from the guest's milliseconds.
///
/// # Errors
/// `invalid` for zero (delete the key instead) and above [`MAX_LIFE`].
pub fn life(key: &str, ttl_ms: u64) -> Result<Duration> {
    let life = Duration::from_millis(ttl_ms);
    if life.is_zero() {
        return Err(Error::invalid(format!(
            "the ttl-ms of cache key \"{key}\" is 0, it must be at least 1: delete the key instead"
        )));
    }
    if life > MAX_LIFE {
        return Err(Error::invalid(format!(
            "the ttl-ms of cache key \"{key}\" is above a hundred years: leave it out for a value without end"
        )));
    }
    Ok(life)
}

/// How many keys a `delete` names.
///
/// # Errors
/// `too-large` above [`MAX_KEYS`].
pub fn keys(count: usize) -> Result<()> {
    within("delete", count, MAX_KEYS)
}

/// How many members, elements or fields a call names.
///
/// # Errors
/// `too-large` above [`MAX_MEMBERS`].
pub fn members(function: &str, count: usize) -> Result<()> {
    within(function, count, MAX_MEMBERS)
}

/// How many commands a batch has.
///
/// # Errors
/// `too-large` above [`MAX_BATCH`].
pub fn batch(count: usize) -> Result<()> {
    within("batch", count, MAX_BATCH)
}

/// How many members or fields the answer to `function` has.
///
/// # Errors
/// `too-large` above [`MAX_MEMBERS`].
pub fn answer(function: &str, key: &str, members: usize) -> Result<()> {
    if members <= MAX_MEMBERS {
        return Ok(());
    }
    Err(Error::too_large(format!(
        "cache.{function} of \"{key}\" would answer {members} members, at most {MAX_MEMBERS} are allowed"
    )))
}

/// What the answer to `function` weighs, of parts with these lengths.
///
/// # Errors
/// `too-large` above [`MAX_ANSWER`].
pub fn weight(function: &str, key: &str, parts: impl IntoIterator<Item = usize>) -> Result<()> {
    if parts.into_iter().sum::<usize>() <= MAX_ANSWER { Ok(()) } else { Err(heavy(function, key)) }
}

/// The error of an answer above [`MAX_ANSWER`].
#[must_use]
pub fn heavy(function: &str, key: &str) -> Error {
    Error::too_large(format!(
        "cache.{function} of \"{key}\" would answer more than {MAX_ANSWER} bytes: read it in parts, or keep less in it"
    ))
}

fn within(function: &str, count: usize, most: usize) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Error::too_large(format!(
        "cache.{function} was called with {count} items, at most {most} are allowed: split the call"
    )))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_limits_themselves_pass_and_one_more_does_not() {
        assert_eq!(key(&"k".repeat(MAX_KEY)), Ok(()));
        assert_eq!(key(&"k".repeat(MAX_KEY + 1)).unwrap_err().case(), "invalid");
        assert_eq!(key("").unwrap_err().case(), "invalid");
        assert_eq!(value("k", &vec![0; MAX_VALUE]), Ok(()));
        assert_eq!(value("k", &vec![0; MAX_VALUE + 1]).unwrap_err().case(), "too-large");
        assert_eq!(keys(MAX_KEYS), Ok(()));
        assert_eq!(keys(MAX_KEYS + 1).unwrap_err().case(), "too-large");
        assert_eq!(members("set-add", MAX_MEMBERS), Ok(()));
        assert_eq!(members("set-add", MAX_MEMBERS + 1).unwrap_err().case(), "too-large");
        assert_eq!(batch(MAX_BATCH), Ok(()));
        assert_eq!(batch(MAX_BATCH + 1).unwrap_err().case(), "too-large");
        assert_eq!(answer("set-members", "k", MAX_MEMBERS), Ok(()));
        assert_eq!(answer("set-members", "k", MAX_MEMBERS + 1).unwrap_err().case(), "too-large");
        assert_eq!(weight("set-members", "k", [MAX_ANSWER - 1, 1, 0]), Ok(()));
        assert_eq!(weight("set-members", "k", [MAX_ANSWER, 1]).unwrap_err().case(), "too-large");
    }

    #[test]
    fn a_life_is_between_a_millisecond_and_a_century() {
        assert_eq!(life("k", 1), Ok(Duration::from_millis(1)));
        assert_eq!(life("k", 0).unwrap_err().case(), "invalid");
        assert_eq!(life("k", u64::MAX).unwrap_err().case(), "invalid");
    }

    #[test]
    fn an_error_names_function_and_limit() {
        let error = keys(1_001).unwrap_err();
        assert!(error.message().contains("cache.delete"), "{error}");
        assert!(error.message().contains("1000"), "{error}");
    }
}
