//! `passwords` of the test platform.

use super::{Error, encode_hex, invalid, outdated_hash};
use crate::bindings::devconnect::platform::passwords::Verdict;

/// Fast, and of no use outside tests.
pub(crate) fn hash(password: &str) -> Result<String, Error> {
    if password.is_empty() || password.len() > 1_024 {
        return Err(invalid("passwords.hash: a password has 1 to 1024 bytes"));
    }
    Ok(format!("test${}", encode_hex(password.as_bytes())))
}

pub(crate) fn verify(password: &str, hash: Option<&str>) -> Result<Verdict, Error> {
    Ok(match hash {
        Some(known) if self::hash(password).is_ok_and(|wanted| wanted == known) => Verdict::Matches,
        Some(known) if outdated_hash(password) == known => Verdict::MatchesOutdated,
        _ => Verdict::Differs,
    })
}
