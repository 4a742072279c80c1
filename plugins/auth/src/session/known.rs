//! What the cache knows, asked in one trip.

use devconnect_sdk::cache::Batch;
use devconnect_sdk::prelude::*;

use super::revocation::{CUT_OFF, LOGGED_OUT};
use super::{CutOff, ENTRY, Entry};
use crate::accounts::{FACTS, Facts};
use crate::limits;
use crate::token::Token;

/// What the cache knows of a request and its session. Any of it may be old.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(super) entry: Option<Entry>,
    pub(super) facts: Option<Facts>,
    /// The session was ended.
    pub(super) logged_out: bool,
    /// Which sessions of the user are over.
    pub(super) cut_off: Option<CutOff>,
    /// Whether these two could be read: a mark that cannot be read is not one that is missing.
    pub(super) readable: bool,
}

impl Known {
    /// Counts the request by its session, and asks what is known of that: which request of this minute it is, and the
    /// rest.
    pub(crate) fn of_session(token: &Token, route: &str) -> (Result<i64, Error>, Self) {
        let mut batch = Batch::new();
        let counted = limits::count(&mut batch, token.session_id(), route);
        let entry = batch.get(&ENTRY, token.cache_name());
        let logged_out = batch.get(&LOGGED_OUT, token.digest());
        let facts = batch.get(&FACTS, token.claims.user_id);
        let cut_off = batch.get(&CUT_OFF, token.claims.user_id);
        match batch.run() {
            Ok(mut replies) => {
                let (logged_out, cut_off) = (replies.take(logged_out), replies.take(cut_off));
                let known = Self {
                    readable: logged_out.is_ok() && cut_off.is_ok(),
                    entry: replies.take(entry).ok().flatten().filter(|entry| entry.user_id == token.claims.user_id),
                    facts: replies.take(facts).ok().flatten(),
                    logged_out: logged_out.ok().flatten().is_some(),
                    cut_off: cut_off.ok().flatten(),
                };
                (replies.take(counted), known)
            }
            Err(error) => (Err(error), Self::default()),
        }
    }
}
