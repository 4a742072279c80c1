//! `passwords`: slow hashes on the host's own bounded pool, so that no guest and no async thread pays for them.

mod hasher;

pub use hasher::{Config as HasherConfig, Hasher};

use std::sync::Arc;

use super::{Ctx, HostError};
use crate::bindings::devconnect::platform::passwords::{Host, Verdict};

impl Host for Ctx {
    async fn hash(&mut self, password: String) -> Result<String, HostError> {
        self.enter()?;
        self.plugin.grants.passwords()?;
        let hasher = Arc::clone(&self.plugin.services.passwords);
        Ok(hasher.hash(password).await?)
    }

    async fn verify(&mut self, password: String, hash: Option<String>) -> Result<Verdict, HostError> {
        self.enter()?;
        self.plugin.grants.passwords()?;
        let hasher = Arc::clone(&self.plugin.services.passwords);
        Ok(match hasher.verify(password, hash).await? {
            hasher::Verdict::Matches => Verdict::Matches,
            hasher::Verdict::MatchesOutdated => Verdict::MatchesOutdated,
            hasher::Verdict::Differs => Verdict::Differs,
        })
    }
}
