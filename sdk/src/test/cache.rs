//! Keys with lives, by the platform's clock.

use std::collections::HashMap;

use super::host::invalid;
use crate::bindings::devconnect::platform::errors::Error;

#[derive(Debug, Default)]
pub(super) struct Cache(HashMap<String, Entry>);

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    ends_ms: Option<i64>,
}

impl Entry {
    fn lives(&self, now: i64) -> bool {
        self.ends_ms.is_none_or(|end| end > now)
    }
}

impl Cache {
    fn entry(&mut self, key: &str, now: i64) -> Option<&mut Entry> {
        if self.0.get(key).is_some_and(|entry| !entry.lives(now)) {
            self.0.remove(key);
        }
        self.0.get_mut(key)
    }

    pub(super) fn keys(&self, now: i64) -> Vec<String> {
        let mut keys: Vec<_> =
            self.0.iter().filter(|(_, entry)| entry.lives(now)).map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys
    }

    pub(super) fn get(&mut self, key: &str, now: i64) -> Result<Option<Vec<u8>>, Error> {
        check(key)?;
        Ok(self.entry(key, now).map(|entry| entry.value.clone()))
    }

    pub(super) fn set(&mut self, key: &str, value: &[u8], ttl_ms: Option<u64>, now: i64) -> Result<(), Error> {
        check(key)?;
        if ttl_ms == Some(0) {
            return Err(invalid(format!("cache.set {key}: a life is at least 1 ms")));
        }
        let ends_ms = ttl_ms.map(|ttl| now.saturating_add_unsigned(ttl));
        self.0.insert(key.to_owned(), Entry { value: value.to_vec(), ends_ms });
        Ok(())
    }

    pub(super) fn delete(&mut self, keys: &[String], now: i64) -> u32 {
        let mut deleted = 0;
        for key in keys {
            if self.0.remove(key).is_some_and(|entry| entry.lives(now)) {
                deleted += 1;
            }
        }
        deleted
    }

    pub(super) fn increment(&mut self, key: &str, by: i64, ttl_ms: Option<u64>, now: i64) -> Result<i64, Error> {
        let Some(entry) = self.entry(key, now) else {
            self.set(key, by.to_string().as_bytes(), ttl_ms, now)?;
            return Ok(by);
        };
        let number = std::str::from_utf8(&entry.value).ok().and_then(|digits| digits.parse::<i64>().ok());
        let sum = number.and_then(|number| number.checked_add(by));
        let sum = sum.ok_or_else(|| invalid(format!("cache.increment {key}: not a number, or it leaves 64 bits")))?;
        entry.value = sum.to_string().into_bytes();
        Ok(sum)
    }

    pub(super) fn expire(&mut self, key: &str, ttl_ms: u64, now: i64) -> bool {
        match self.entry(key, now) {
            Some(entry) => {
                entry.ends_ms = Some(now.saturating_add_unsigned(ttl_ms));
                true
            }
            None => false,
        }
    }

    pub(super) fn ttl_ms(&mut self, key: &str, now: i64) -> Option<u64> {
        let entry = self.entry(key, now)?;
        Some(entry.ends_ms.map_or(0, |end| u64::try_from(end - now).unwrap_or(0)))
    }
}

fn check(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > 512 {
        return Err(invalid(format!("cache: a key has 1 to 512 bytes, `{key}` has {}", key.len())));
    }
    Ok(())
}
