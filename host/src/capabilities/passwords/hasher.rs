//! Hashing and comparing passwords, on a pool of native threads of its own.
//!
//! **Bounded.** As many threads as cores, each with one argon2 memory that it keeps; a queue of fixed length, above which
//! callers are sent away with a time to come back. What a hash from outside may ask for is bounded too (see `stored`).
//!
//! **Even time.** A comparison that cannot match — no hash, one that cannot be read, one that asks for too much, a
//! password that cannot be one — does the work of a comparison with a hash of today's kind and answers `Differs`. So an
//! unknown user takes as long as a wrong password.
//!
//! **Kinds.** New hashes are argon2id, as PHC strings. Argon2 of any kind and strength is compared, and bcrypt (`$2a$`,
//! `$2b$`, `$2y$`), which sees the first 72 bytes only: the former system's hashes were made so.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::thread;

use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};

use self::pool::{Memory, Pool};
use self::stored::{OUTPUT, Stored};
use crate::capabilities::error::{Error, Result};

mod pool;
mod stored;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
mod tests;

/// The longest password, in bytes.
const LONGEST: usize = 1_024;
/// The dummy's salt: nothing is stored under it.
const DUMMY_SALT: &[u8] = b"nobody's password";

/// How the pool is cut, and how hard new hashes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Threads, each with its own memory.
    pub threads: NonZeroUsize,
    /// Jobs that may wait.
    pub queue: usize,
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for Config {
    /// A thread for each core, and what OWASP asks of argon2id.
    fn default() -> Self {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { threads, queue: 32 * threads.get(), memory_kib: Params::DEFAULT_M_COST, passes: Params::DEFAULT_T_COST }
    }
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Matches,
    /// It is the password, and the hash is of an older or weaker kind: store a new one.
    MatchesOutdated,
    /// It is not, or nobody can tell.
    Differs,
}

/// Hashes and compares. Dropping it stops its threads; jobs that wait are refused.
pub struct Hasher {
    pool: Pool,
    argon2: Argon2<'static>,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hasher").field("argon2", &self.argon2).finish_non_exhaustive()
    }
}

impl Hasher {
    /// Starts the pool.
    ///
    /// # Errors
    /// Where the system starts no thread, or argon2 does not take the memory and passes.
    pub fn new(config: Config) -> io::Result<Self> {
        let params = Params::new(config.memory_kib, config.passes, 1, Some(OUTPUT))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let pool = Pool::new(config.threads, config.queue, argon2.params().block_count())?;
        Ok(Self { pool, argon2 })
    }

    /// Hashes a password; a PHC string with a salt of its own. Dropping the future takes the job out of the queue.
    ///
    /// # Errors
    /// `invalid` for an empty password or one above 1,024 bytes, `unavailable` where too many wait.
    pub async fn hash(&self, password: String) -> Result<String> {
        let password = SecretString::from(password);
        let length = password.expose_secret().len();
        if !is_password(&password) {
            return Err(Error::invalid(format!(
                "passwords.hash: a password has 1 to {LONGEST} bytes, this one has {length}"
            )));
        }
        let argon2 = self.argon2.clone();
        self.pool
            .run("passwords.hash", move |memory| {
                let mut salt = [0_u8; 16];
                getrandom::fill(&mut salt)
                    .map_err(|_| Error::unavailable("passwords.hash: the system gave no random bytes for a salt"))?;
                let output = digest(&argon2, &password, &salt, memory)
                    .ok_or_else(|| Error::unavailable("passwords.hash: argon2 refused to hash"))?;
                stored::text(&argon2, &salt, &output)
                    .ok_or_else(|| Error::unavailable("passwords.hash: the hash has no PHC string"))
            })
            .await?
    }

    /// Compares a password with a hash, or with nothing in the same time. Dropping the future takes the job out of the
    /// queue.
    ///
    /// # Errors
    /// `unavailable` where too many wait. A hash that cannot be read is no error: it differs.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<Verdict> {
        let password = SecretString::from(password);
        let argon2 = self.argon2.clone();
        self.pool
            .run("passwords.verify", move |memory| {
                let stored = hash.as_deref().filter(|_| is_password(&password)).and_then(Stored::read);
                let verdict = stored.and_then(|stored| stored.compare(&password, &argon2, memory));
                verdict.unwrap_or_else(|| {
                    // The result is of no use, the work is: see the module.
                    std::hint::black_box(digest(&argon2, &password, DUMMY_SALT, memory));
                    Verdict::Differs
                })
            })
            .await
    }
}

fn is_password(password: &SecretString) -> bool {
    (1..=LONGEST).contains(&password.expose_secret().len())
}

/// Argon2 in the worker's memory.
fn digest(argon2: &Argon2<'_>, password: &SecretString, salt: &[u8], memory: &mut Memory) -> Option<[u8; OUTPUT]> {
    let mut output = [0; OUTPUT];
    let blocks = memory.blocks(argon2.params().block_count());
    argon2.hash_password_into_with_memory(password.expose_secret().as_bytes(), salt, &mut output, blocks).ok()?;
    Some(output)
}
