//! `tokens`: signed claims. The keys stay in the host; a guest sees claims and finished tokens.

mod signer;

pub use signer::{Key, KeyError, Keyring};

use std::time::Duration;

use super::error::Error;
use super::{Ctx, HostError};
use crate::bindings::devconnect::platform::tokens::{Host, Verification};

/// Longest token and longest claims, in bytes.
const LARGEST: usize = 16 * 1024;

impl Host for Ctx {
    fn sign(&mut self, claims: String, ttl_ms: u64, purpose: Option<String>) -> Result<String, HostError> {
        self.enter()?;
        self.plugin.grants.tokens()?;
        if claims.len() > LARGEST {
            return Err(Error::too_large(format!("claims of {} bytes; the most is {LARGEST}", claims.len())).into());
        }
        let ttl = Duration::from_millis(ttl_ms);
        Ok(self.plugin.services.tokens.sign(&claims, ttl, purpose.as_deref())?)
    }

    fn verify(&mut self, token: String, purpose: Option<String>) -> Result<Verification, HostError> {
        self.enter()?;
        self.plugin.grants.tokens()?;
        if token.len() > LARGEST {
            return Ok(Verification::Refused);
        }
        Ok(match self.plugin.services.tokens.verify(&token, purpose.as_deref()) {
            signer::Verification::Valid(claims) => Verification::Valid(claims.to_string()),
            signer::Verification::Expired => Verification::Expired,
            signer::Verification::Refused => Verification::Refused,
        })
    }
}
