//! Password hashes, made by the host on its own bounded pool. Needs the grant `passwords`.

pub use crate::bindings::devconnect::platform::passwords::Verdict;

use crate::error::Error;
use crate::platform::passwords;

/// Hashes with argon2id; the answer is a PHC string.
///
/// # Errors
/// `Invalid` for an empty password or one above 1,024 bytes, `Unavailable` if too many wait.
pub fn hash(password: &str) -> Result<String, Error> {
    Ok(passwords::hash(password)?)
}

/// Compares with a hash of argon2 or bcrypt. With `None` it takes the time of a comparison and answers `Differs`: so an
/// unknown user takes as long as a wrong password.
///
/// # Errors
/// `Unavailable` if too many wait.
pub fn verify(password: &str, hash: Option<&str>) -> Result<Verdict, Error> {
    Ok(passwords::verify(password, hash)?)
}
