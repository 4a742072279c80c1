//! What ended sessions leave behind.

use devconnect_sdk::cache::Batch;
use devconnect_sdk::documents::UpdateOptions;
use devconnect_sdk::prelude::*;

use super::{CutOff, ENTRY, era};
use crate::token::{self, Token};

pub(crate) const REVOCATIONS: Collection<Revocation> = Collection::new("revocations");

/// Log-outs, by the token's digest. Not in the session's own entry: what the former system
/// finds there it believes.
pub(super) const LOGGED_OUT: Key<bool> = Key::new("session:revoked:{}", token::LIFE);

/// A user's cut-off.
pub(super) const CUT_OFF: Key<CutOff> = Key::new("user:{}:sessions", token::LIFE);

/// How often a cut-off is written against others: what the cache has may be another version's, and never compare.
const TRIES: u32 = 8;

/// A token that counts no more (`_id` is its digest), or the cut-off of a user's (`_id` is `user:<id>`).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Revocation {
    #[serde(rename = "_id")]
    id: String,
    /// When every token that it covers is over by itself: the document is deleted then.
    expires_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
}

impl Revocation {
    fn covers(&self, token: &Token) -> bool {
        let cut_off = CutOff { valid_from: self.valid_from, generation: self.generation.unwrap_or(0) };
        self.id == token.digest() || cut_off.covers(&token.claims)
    }
}

/// True if documents know that the session is over. One query by two ids.
pub(super) fn is_over(token: &Token) -> Result<bool, Error> {
    let ids = [token.digest().to_owned(), of_user(token.claims.user_id)];
    let found = REVOCATIONS.find(doc! { "_id": { "$in": ids.as_slice() } }).limit(2).all()?;
    Ok(found.iter().any(|revocation| revocation.covers(token)))
}

/// Writes down that the session is over; true if nobody had before.
pub(super) fn write(token: &Token) -> Result<bool, Error> {
    let update = doc! { "$setOnInsert": { "expiresAt": token.expires_at() } };
    Ok(REVOCATIONS.upsert_one(doc! { "_id": token.digest() }, update)?.upserted.is_some())
}

/// Ends one session: documents first, since they decide, then the cache. With documents away the cache remembers it for
/// as long as the token would live; with the cache away a new era begins. True if the session was not over before.
///
/// # Errors
/// Neither store took it, or documents took it and went away before everybody could know.
pub(crate) fn end(token: &Token) -> Result<bool, Error> {
    let mut batch = Batch::new();
    let marked = batch.set(&LOGGED_OUT, token.digest(), &true);
    batch.delete(&ENTRY, token.cache_name());
    let tell_cache = || batch.run().and_then(|mut replies| replies.take(marked));
    let ended = match write(token) {
        Ok(ended) => ended,
        // The error of documents is the one to tell: the cache is only asked in their stead.
        Err(error) if error.is_away() => return tell_cache().map(|()| true).map_err(|_| error),
        // Two log-outs at once: one of them inserted it.
        Err(error) if error.is_conflict() => false,
        Err(error) => return Err(error),
    };
    // Without the mark the entry would count again as soon as the cache is back.
    if let Err(error) = tell_cache() {
        log::debug!("the cache cannot be told of a log-out, so a new era begins", cause = error);
        era::begin()?;
    }
    Ok(ended)
}

/// Adds to a transaction that all sessions of a user are over which this cut-off covers.
pub(crate) fn end_all(transaction: Transaction, user: Id, cut_off: CutOff) -> Transaction {
    // Never back in time: of two hosts that change it one after the other, the second one's clock may be behind.
    let update = doc! { "$max": {
        "validFrom": cut_off.valid_from,
        "generation": cut_off.generation,
        "expiresAt": DateTime::now().plus(token::LIFE),
    } };
    let upsert = UpdateOptions { many: false, upsert: true };
    transaction.update(&REVOCATIONS, doc! { "_id": of_user(user) }, update, upsert, Expect::Anything)
}

/// Tells the cache of a cut-off, once it is committed, and what else it should know; where it cannot be told, a new era
/// begins.
pub(crate) fn tell_cut_off(batch: Batch, user: Id, cut_off: CutOff) -> Result<(), Error> {
    if let Err(error) = raise(user, cut_off).and_then(|()| batch.run()) {
        log::debug!("the cache cannot be told of a cut-off, so a new era begins", cause = error);
        era::begin()?;
    }
    Ok(())
}

/// Writes a cut-off into the cache, unless a later one is there: of two at once, the first to be committed may be the last to
/// arrive here.
fn raise(user: Id, cut_off: CutOff) -> Result<(), Error> {
    for _ in 0..TRIES {
        let held = CUT_OFF.get(user)?;
        let later = held.map_or(cut_off, |held| held.later(cut_off));
        if held == Some(later) || CUT_OFF.compare_and_set(user, held.as_ref(), &later)? {
            return Ok(());
        }
    }
    Err(Error::new(ErrorKind::Conflict, "the cut-off of this user's sessions cannot be compared with"))
}

fn of_user(id: Id) -> String {
    format!("user:{id}")
}
