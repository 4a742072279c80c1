//! Signed tokens (JWT, HS256). The keys stay with the host. Needs the grant `tokens`.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::devconnect::platform::tokens as wire;
use crate::error::Error;
use crate::platform::tokens;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification<C> {
    /// Its signature, purpose and times hold; its claims.
    Valid(C),
    /// Its signature holds, its time is over.
    Expired,
    /// Anything else: not a token, another key, another purpose, claims of another shape.
    Refused,
}

impl<C> Verification<C> {
    /// The claims of a valid token.
    pub fn valid(self) -> Option<C> {
        match self {
            Self::Valid(claims) => Some(claims),
            Self::Expired | Self::Refused => None,
        }
    }
}

/// Signs claims (a JSON object) for a session; the host adds `kid`, `iat`, and `exp` from the life.
///
/// # Errors
/// `Invalid` if the claims are no JSON object.
pub fn sign(claims: &impl Serialize, life: Duration) -> Result<String, Error> {
    sign_claims(claims, life, None)
}

/// Signs claims for one purpose: what a link in an e-mail may do, a session must not.
///
/// # Errors
/// `Invalid` if the claims are no JSON object.
pub fn sign_for(purpose: &str, claims: &impl Serialize, life: Duration) -> Result<String, Error> {
    sign_claims(claims, life, Some(purpose))
}

/// What a token that was signed by [`sign`] says.
///
/// # Errors
/// The host cannot verify now.
pub fn verify<C: DeserializeOwned>(token: &str) -> Result<Verification<C>, Error> {
    read(tokens::verify(token, None)?)
}

/// What a token that was signed by [`sign_for`] this purpose says.
///
/// # Errors
/// The host cannot verify now.
pub fn verify_for<C: DeserializeOwned>(purpose: &str, token: &str) -> Result<Verification<C>, Error> {
    read(tokens::verify(token, Some(purpose))?)
}

fn sign_claims(claims: &impl Serialize, life: Duration, purpose: Option<&str>) -> Result<String, Error> {
    let claims = serde_json::to_string(claims).map_err(|error| Error::invalid(format!("tokens.sign: {error}")))?;
    Ok(tokens::sign(&claims, crate::time::millis(life), purpose)?)
}

fn read<C: DeserializeOwned>(verification: wire::Verification) -> Result<Verification<C>, Error> {
    Ok(match verification {
        wire::Verification::Valid(claims) => match serde_json::from_slice(claims.as_bytes()) {
            Ok(claims) => Verification::Valid(claims),
            Err(_) => Verification::Refused,
        },
        wire::Verification::Expired => Verification::Expired,
        wire::Verification::Refused => Verification::Refused,
    })
}
