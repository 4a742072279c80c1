//! The keys that sign tokens, and the only code that reads them.
//!
//! **HS256 and nothing else.** The algorithm is ours, not the token's: `none`, other MACs and public-key algorithms are
//! refused before a key is looked at. So are headers that ask for extensions (`crit`).
//!
//! **Keys.** The current one signs and names itself in the header (`kid`); those before it verify until the operator
//! takes them out. A token that names a key is tried with that key alone; one that names none, as the former system's do,
//! with each.
//!
//! **Purpose.** A token for a purpose carries it as `aud` and verifies for that purpose alone; one without verifies only
//! where none is asked for. `exp` is required, and nothing is added to it: there is no leeway.
//!
//! Base64 has one spelling here: a token cannot be respelled to slip past a list of revoked ones.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::capabilities::error::{Error, Result};
use seen::{Seen, Token};

mod seen;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

/// The longest life of a token: beyond it a key should have been changed long ago.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
/// The longest purpose and key name, in bytes.
const NAME: usize = 64;
/// What a key should have at least: RFC 7518 asks for as many bytes as the hash has.
const STRONG: usize = 32;

/// A key as the operator gives it.
pub struct Key {
    /// What tokens call it: 1 to 64 visible ASCII characters.
    pub kid: String,
    /// The secret itself.
    pub secret: SecretString,
}

/// Why keys do not make a keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name cannot stand in a header.
    #[error("the key name \"{0}\" is not 1 to {NAME} visible ASCII characters: choose another kid")]
    Name(String),
    /// Two keys have the same name.
    #[error("two token keys are called \"{0}\": give each its own kid")]
    Twice(String),
    /// The secret has no bytes.
    #[error("the secret of token key \"{0}\" is empty: anybody could sign with it")]
    Empty(String),
    /// The system has no randomness to give.
    #[error("the system gave no random bytes for a token key: {0}")]
    Random(String),
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Its signature, purpose and times hold; its claims, a JSON object.
    Valid(Arc<str>),
    /// Its signature and purpose hold, its time is over.
    Expired,
    /// Anything else.
    Refused,
}

/// Signs and verifies. One for each host, shared by all plugins.
pub struct Keyring {
    current: Entry,
    previous: Vec<Entry>,
    validation: Validation,
    seen: Seen,
    now: Box<dyn Fn() -> Duration + Send + Sync>,
}

struct Entry {
    kid: String,
    strong: bool,
    signs: EncodingKey,
    verifies: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Key").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<&str> = self.entries().map(|entry| entry.kid.as_str()).collect();
        formatter.debug_struct("Keyring").field("kids", &kids).finish_non_exhaustive()
    }
}

impl Keyring {
    /// A keyring of the key that signs and those that were used before it.
    ///
    /// # Errors
    /// Where a name is malformed or used twice, or a secret is empty.
    pub fn new(current: Key, previous: Vec<Key>) -> Result<Self, KeyError> {
        Self::with_clock(current, previous, system_time)
    }

    /// A keyring of one key that nobody knows and that ends with this process: for development without a secret.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = [0_u8; STRONG + 4];
        getrandom::fill(&mut bytes).map_err(|error| KeyError::Random(error.to_string()))?;
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        // Named anew each time, so that tokens of an earlier run are refused by name.
        let (kid, secret) = hex.split_at(8);
        Self::new(Key { kid: format!("random-{kid}"), secret: secret.to_owned().into() }, Vec::new())
    }

    /// The same with a wall clock of one's own.
    fn with_clock(
        current: Key,
        previous: Vec<Key>,
        now: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Result<Self, KeyError> {
        let mut validation = Validation::new(Algorithm::HS256);
        // The crate is asked about the signature alone. Times and purpose are checked here: it reads its own clock, takes
        // a token without `aud` for any audience, and lets a token live on in the second of its `exp`.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let keyring = Self {
            current: Entry::new(current)?,
            previous: previous.into_iter().map(Entry::new).collect::<Result<_, _>>()?,
            validation,
            seen: Seen::default(),
            now: Box::new(now),
        };
        for (place, entry) in keyring.entries().enumerate() {
            if keyring.entries().skip(place + 1).any(|other| other.kid == entry.kid) {
                return Err(KeyError::Twice(entry.kid.clone()));
            }
        }
        Ok(keyring)
    }

    /// The names of keys that are shorter than they should be: worth a warning at start. The former system's secret may
    /// be one, so they are not refused.
    pub fn weak(&self) -> impl Iterator<Item = &str> {
        self.entries().filter(|entry| !entry.strong).map(|entry| entry.kid.as_str())
    }

    /// Signs claims, a JSON object, with the current key. `iat` is set, and `exp` to the first full second that is at
    /// least `life` away; both replace what the claims have. A `purpose` becomes `aud`.
    ///
    /// # Errors
    /// `invalid` where the claims are no object or carry an `aud` of their own, or purpose or life are out of range.
    pub fn sign(&self, claims: &str, life: Duration, purpose: Option<&str>) -> Result<String> {
        let mut claims: Map<String, Value> = serde_json::from_str(claims)
            .map_err(|error| Error::invalid(format!("tokens.sign: the claims are not a JSON object: {error}")))?;
        if life.is_zero() || life > LONGEST {
            return Err(Error::invalid("tokens.sign: ttl-ms must be between 1 and that of ten years"));
        }
        if purpose.is_some_and(|purpose| purpose.is_empty() || purpose.len() > NAME) {
            return Err(Error::invalid(format!("tokens.sign: a purpose has 1 to {NAME} bytes")));
        }
        match claims.get("aud") {
            Some(held) if purpose.is_none_or(|purpose| held != purpose) => {
                return Err(Error::invalid("tokens.sign: the claims carry an aud: pass it as the purpose instead"));
            }
            _ => {}
        }
        let now = (self.now)();
        let end = now.saturating_add(life);
        let end = end.as_secs() + u64::from(end.subsec_nanos() > 0);
        claims.insert("iat".to_owned(), now.as_secs().into());
        claims.insert("exp".to_owned(), end.into());
        if let Some(purpose) = purpose {
            claims.insert("aud".to_owned(), purpose.into());
        }
        let header = Header { kid: Some(self.current.kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &self.current.signs)
            .map_err(|_| Error::unavailable("tokens.sign: the cryptographic library refused to sign"))
    }

    /// Verifies a token for a purpose.
    pub fn verify(&self, token: &str, purpose: Option<&str>) -> Verification {
        let known = self.seen.get(token).or_else(|| {
            let read = self.read(token)?;
            self.seen.keep(token, &read);
            Some(read)
        });
        match known {
            Some(read) if read.purpose.as_deref() == purpose => {
                let now = (self.now)().as_secs_f64();
                if now >= read.expires {
                    Verification::Expired
                } else if now < read.begins {
                    Verification::Refused
                } else {
                    Verification::Valid(read.claims)
                }
            }
            _ => Verification::Refused,
        }
    }

    /// What a token says if one of the keys signed it, whatever the time is.
    fn read(&self, token: &str) -> Option<Token> {
        let header = decode_header(token).ok()?;
        if header.alg != Algorithm::HS256 || header.crit.is_some() {
            return None;
        }
        let decoded = self
            .entries()
            .filter(|entry| header.kid.as_ref().is_none_or(|kid| *kid == entry.kid))
            .find_map(|entry| decode::<Map<String, Value>>(token, &entry.verifies, &self.validation).ok())?;
        Token::new(decoded.claims)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl Entry {
    fn new(key: Key) -> Result<Self, KeyError> {
        let Key { kid, secret } = key;
        let secret = secret.expose_secret().as_bytes();
        if kid.is_empty() || kid.len() > NAME || !kid.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Name(kid));
        }
        if secret.is_empty() {
            return Err(KeyError::Empty(kid));
        }
        Ok(Self {
            kid,
            strong: secret.len() >= STRONG,
            signs: EncodingKey::from_secret(secret),
            verifies: DecodingKey::from_secret(secret),
        })
    }
}

fn system_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
