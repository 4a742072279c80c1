//! Hashes that were stored once: read, bounded, compared.
//!
//! A stored hash names its own cost, and may come from anywhere. What would take more than [`MOST_MEMORY`],
//! [`MOST_WORK`] or [`MOST_BCRYPT`] is not read at all.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use bcrypt::HashParts;
use secrecy::{ExposeSecret, SecretString};

use super::Verdict;
use super::pool::Memory;

/// How many bytes a new hash has.
pub(super) const OUTPUT: usize = 32;
/// The most memory of a stored argon2 hash in KiB: what RFC 9106 recommends where memory is short.
const MOST_MEMORY: u32 = 64 * 1024;
/// The most memory times passes: seven times the work of a hash of today, about 200 ms.
const MOST_WORK: u64 = 4 * 64 * 1024;
/// The most lanes.
const MOST_LANES: u32 = 16;
/// The highest cost of a stored bcrypt hash, about a second; each further one doubles it.
const MOST_BCRYPT: u32 = 14;

/// A hash that can be compared with.
pub(super) enum Stored {
    Argon2 { argon2: Box<Argon2<'static>>, is_current: bool, salt: Salt, output: Output },
    Bcrypt(String),
}

impl Stored {
    /// Reads a hash. `None` where it is malformed, of another kind, or asks for too much.
    pub(super) fn read(hash: &str) -> Option<Self> {
        if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix)) {
            let parts: HashParts = hash.parse().ok()?;
            let is_spelled_in_digits = hash.bytes().skip(4).take(2).all(|digit| digit.is_ascii_digit());
            let bounded = is_spelled_in_digits && parts.get_cost() <= MOST_BCRYPT;
            return bounded.then(|| Self::Bcrypt(hash.to_owned()));
        }
        let hash = PasswordHash::new(hash).ok()?;
        let algorithm = Algorithm::new(hash.algorithm.as_str()).ok()?;
        // The reference implementation wrote no version until it had a second one.
        let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let bounded = params.m_cost() <= MOST_MEMORY
            && u64::from(params.m_cost()) * u64::from(params.t_cost()) <= MOST_WORK
            && params.p_cost() <= MOST_LANES;
        if !bounded {
            return None;
        }
        let is_current = algorithm == Algorithm::Argon2id && version == Version::V0x13;
        let argon2 = Box::new(Argon2::new(algorithm, version, params));
        Some(Self::Argon2 { argon2, is_current, salt: hash.salt?, output: hash.hash? })
    }

    /// Compares; `today` is how new hashes are made. `None` where the library refuses.
    pub(super) fn compare(&self, password: &SecretString, today: &Argon2<'_>, memory: &mut Memory) -> Option<Verdict> {
        let password = password.expose_secret().as_bytes();
        match self {
            Self::Bcrypt(hash) => {
                let same = bcrypt::verify(password, hash).ok()?;
                Some(if same { Verdict::MatchesOutdated } else { Verdict::Differs })
            }
            Self::Argon2 { argon2, is_current, salt, output } => {
                let mut found = vec![0; output.len()];
                let blocks = memory.blocks(argon2.params().block_count());
                argon2.hash_password_into_with_memory(password, salt, &mut found, blocks).ok()?;
                if !same(&found, output.as_bytes()) {
                    return Some(Verdict::Differs);
                }
                let is_strong = argon2.params().m_cost() >= today.params().m_cost()
                    && argon2.params().t_cost() >= today.params().t_cost()
                    && output.len() >= OUTPUT;
                Some(if *is_current && is_strong { Verdict::Matches } else { Verdict::MatchesOutdated })
            }
        }
    }
}

/// The PHC string of a new hash.
pub(super) fn text(argon2: &Argon2<'_>, salt: &[u8], output: &[u8]) -> Option<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).ok()?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(output).ok()?),
    };
    Some(hash.to_string())
}

/// Compares without telling by its time where the first difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |differences, (one, other)| differences | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}
