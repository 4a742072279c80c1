//! Tokens whose signature was checked before.
//!
//! Checking a signature costs 2.5 µs, and a session's token comes back with each of its requests. What is kept holds
//! whatever the time and the purpose are: both are compared anew at each look-up. Tokens that were refused are not kept, so
//! nobody without a key can fill this; somebody with one can only push others out.
//!
//! Found by the token itself, compared to its last byte: there is no hash that could collide.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Map, Value};

/// How many locks.
const SHARDS: usize = 16;
/// How many tokens a shard keeps in each of its two generations: 16,384 in all, about 15 MiB if they are as long as
/// they may be.
const GENERATION: usize = 512;
/// The longest token that is kept.
const LONGEST: usize = 1_024;

/// What a signed token says.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// The claims, a JSON object without names said twice.
    pub(super) claims: Arc<str>,
    /// `aud`.
    pub(super) purpose: Option<Arc<str>>,
    /// `exp`, seconds since 1970.
    pub(super) expires: f64,
    /// `nbf`, likewise; long ago where there is none.
    pub(super) begins: f64,
}

/// Tokens that were read.
#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    shards: [Mutex<Generations>; SHARDS],
}

/// Two generations: when the younger is full it becomes the elder, and the elder's tokens go. One that is asked for in
/// time is carried over, so what is in use stays.
#[derive(Default)]
struct Generations {
    younger: HashMap<Box<str>, Token>,
    elder: HashMap<Box<str>, Token>,
}

impl Token {
    /// Reads the claims; `None` where `exp` is missing, a time is not a number, or `aud` is not one text.
    pub(super) fn new(claims: Map<String, Value>) -> Option<Self> {
        let seconds = |value: &Value| value.as_f64().filter(|seconds| seconds.is_finite());
        let expires = seconds(claims.get("exp")?)?;
        let begins = claims.get("nbf").map_or(Some(f64::NEG_INFINITY), seconds)?;
        let purpose = match claims.get("aud") {
            None => None,
            Some(Value::String(purpose)) => Some(purpose.as_str().into()),
            Some(_) => return None,
        };
        let claims = Value::Object(claims).to_string().into();
        Some(Self { claims, purpose, expires, begins })
    }
}

impl Seen {
    /// What was read from this token.
    pub(super) fn get(&self, token: &str) -> Option<Token> {
        if token.len() > LONGEST {
            return None;
        }
        self.shard(token)?.lock().get(token)
    }

    /// Keeps what was read.
    pub(super) fn keep(&self, token: &str, read: &Token) {
        if token.len() <= LONGEST
            && let Some(shard) = self.shard(token)
        {
            shard.lock().keep(token.into(), read.clone());
        }
    }

    fn shard(&self, token: &str) -> Option<&Mutex<Generations>> {
        let hash = usize::try_from(self.hasher.hash_one(token) >> 32).ok()?;
        self.shards.get(hash % SHARDS)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let count = |shard: &Mutex<Generations>| {
            let shard = shard.lock();
            shard.younger.len() + shard.elder.len()
        };
        self.shards.iter().map(count).sum()
    }
}

impl Generations {
    fn get(&mut self, token: &str) -> Option<Token> {
        if let Some(read) = self.younger.get(token) {
            return Some(read.clone());
        }
        let (token, read) = self.elder.remove_entry(token)?;
        self.keep(token, read.clone());
        Some(read)
    }

    fn keep(&mut self, token: Box<str>, read: Token) {
        if self.younger.len() >= GENERATION {
            self.elder = std::mem::take(&mut self.younger);
        }
        self.younger.insert(token, read);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn token(claims: &str) -> Option<Token> {
        Token::new(serde_json::from_str(claims).unwrap())
    }

    #[test]
    fn what_is_in_use_stays_and_the_number_is_bounded() {
        let seen = Seen::default();
        let read = token(r#"{"exp":1}"#).unwrap();
        seen.keep("in use", &read);
        for number in 0..SHARDS * GENERATION * 4 {
            seen.keep(&format!("token {number}"), &read);
            assert!(seen.get("in use").is_some());
        }
        assert!(seen.len() <= 2 * SHARDS * GENERATION);
        assert!(seen.get("token 0").is_none());
        seen.keep(&"t".repeat(LONGEST + 1), &read);
        assert!(seen.get(&"t".repeat(LONGEST + 1)).is_none());
    }

    #[test]
    fn claims_are_read_strictly() {
        assert!(token(r#"{"exp":1.5,"nbf":0,"aud":"x"}"#).is_some());
        for claims in [
            "{}",
            r#"{"exp":"1"}"#,
            r#"{"exp":null}"#,
            r#"{"exp":1,"nbf":"0"}"#,
            r#"{"exp":1,"nbf":null}"#,
            r#"{"exp":1,"aud":["x"]}"#,
            r#"{"exp":1,"aud":null}"#,
        ] {
            assert!(token(claims).is_none(), "{claims}");
        }
    }
}
