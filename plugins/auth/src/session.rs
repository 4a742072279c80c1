//! Which sessions count.
//!
//! A session is its token. It counts while the token holds, no document of `revocations` names it, and its user's
//! [`CutOff`] does not cover it.
//!
//! **Why every request reads `revocations`.** A log-out may happen while the cache is away, or on a host that alone
//! cannot reach it. When the cache is back it has the old entry of the session, and nothing that is kept in the cache
//! can tell so. A check that is merely bounded ("again after a minute") leaves the session open for that long, and a
//! log-out holds at once. So documents decide: one query by two `_id`s, one trip, whether the cache answers or not. The
//! embedded store answers it in microseconds on the same thread; on MongoDB it costs about 0.3 ms a request, which is
//! what "at once, everywhere" is paid with. What the cache saves is the second trip, for the user.
//!
//! **The cut-off of a user** is stored with the user, and beside the revoked tokens under `user:<id>` for as long as a
//! token lives, so that the one query finds both.
//!
//! **One store away.** Without the cache, documents tell all. Without documents, a session whose entry the cache has
//! counts, unless the cache also has what was done meanwhile: a log-out that documents did not take leaves a marker in
//! the cache, and the first request with that token after they are back writes it down. Without both, nobody can tell:
//! 503. What remains: the cache loses such a marker before documents are back, or documents go away after the cache came
//! back with an entry that nobody used in between.

mod known;
mod revocation;

use std::time::Duration;

use devconnect_sdk::cache::Batch;
use devconnect_sdk::prelude::*;

pub(crate) use self::known::Known;
pub(crate) use self::revocation::{REVOCATIONS, end, end_all, remember_cut_off};

use crate::accounts::{self, Facts};
use crate::settings;
use crate::token::{Claims, Token};
use crate::user::{self, Account, USERS};

const ENTRY: Key<Entry> = Key::new("session:{}", Duration::from_secs(24 * 60 * 60));

/// What the cache has of a session that counted when it was written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    user_id: Id,
    email_id: String,
    first_name: String,
    /// The former system's entries have none.
    #[serde(default = "user::default_role")]
    role: String,
}

impl Entry {
    fn into_facts(self) -> Facts {
        Facts { email_id: self.email_id, first_name: self.first_name, role: self.role }
    }
}

/// Which of a user's sessions are over: those of before.
///
/// Each change of the password counts the generation up, and each token has the generation in which it was signed. That
/// tells sessions apart where the clock cannot: `iat` is cut to seconds, and hosts' clocks differ. The moment decides for
/// tokens without a generation, and for an operator who sets `sessionsValidFrom` by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CutOff {
    #[serde(default)]
    pub(crate) valid_from: Option<DateTime>,
    #[serde(default)]
    pub(crate) generation: i64,
}

impl CutOff {
    pub(crate) fn covers(&self, claims: &Claims) -> bool {
        let from = self.valid_from.map(|moment| moment.millis().div_euclid(1_000));
        match (claims.generation, from) {
            (Some(generation), _) if generation < self.generation => true,
            // Within the same second: the generation said that it is a later one.
            (Some(_), Some(from)) => claims.issued_at < from,
            // Within the same second: nobody can tell, and none of these are issued any more.
            (None, Some(from)) => claims.issued_at <= from,
            (_, None) => false,
        }
    }
}

/// Who calls, if the session counts. With `strict` the user's role is read from documents: the cache's may be old.
pub(crate) fn check(token: &Token, known: Known, strict: bool) -> Result<Option<Identity>, Problem> {
    match revocation::is_over(token) {
        Ok(true) => {
            if known.entry.is_some() {
                forget(token);
            }
            Ok(None)
        }
        Ok(false) if known.logged_out => {
            // Documents were away then; from now on they know. Until they do, the marker still holds.
            if let Err(error) = revocation::write(token) {
                log::warn!("a log-out is still in the cache alone", cause = error);
            }
            Ok(None)
        }
        Ok(false) => match (known.entry, known.facts) {
            (Some(_), Some(facts)) if !strict => identify(token, &facts).map(Some),
            (entry, facts) => match USERS.get(token.claims.user_id) {
                Ok(account) => counted(token, account),
                Err(error) => without_documents(token, entry, facts, error),
            },
        },
        Err(_) if known.logged_out => Ok(None),
        Err(error) => without_documents(token, known.entry, known.facts, error),
    }
}

/// A session is new, or was not in the cache: the next request finds it there.
pub(crate) fn remember(batch: &mut Batch, token: &Token, account: &Account) {
    let Facts { email_id, first_name, role } = Facts::of(&account.user);
    let entry = Entry { user_id: account.user.id, email_id, first_name, role };
    batch.set(&ENTRY, token.cache_name(), &entry);
}

/// The cache has nothing of this session any more. One that is away cannot be told: documents hold what matters.
pub(crate) fn forget(token: &Token) {
    if let Err(error) = ENTRY.delete(token.cache_name()) {
        log::debug!("the cache keeps the entry of a session that is over", cause = error);
    }
}

fn counted(token: &Token, account: Option<Account>) -> Result<Option<Identity>, Problem> {
    let Some(account) = account.filter(|account| !account.cut_off().covers(&token.claims)) else {
        return Ok(None);
    };
    let mut batch = Batch::new();
    remember(&mut batch, token, &account);
    accounts::remember(&mut batch, &account.user);
    accounts::send(batch);
    identify(token, &Facts::of(&account.user)).map(Some)
}

fn without_documents(
    token: &Token,
    entry: Option<Entry>,
    facts: Option<Facts>,
    error: Error,
) -> Result<Option<Identity>, Problem> {
    if !error.is_away() {
        return Err(error.into());
    }
    let Some(entry) = entry else { return Err(error.into()) };
    // Asked for here alone: as long as documents answer, they have it.
    if revocation::cached_cut_off(token.claims.user_id).is_some_and(|cut_off| cut_off.covers(&token.claims)) {
        return Ok(None);
    }
    identify(token, &facts.unwrap_or_else(|| entry.into_facts())).map(Some)
}

fn identify(token: &Token, facts: &Facts) -> Result<Identity, Problem> {
    let settings = settings::get()?;
    let expires_at_ms = u64::try_from(token.expires_at().millis()).unwrap_or(0);
    let identity = Identity::new(token.claims.user_id.to_string(), token.session_id(), expires_at_ms);
    identity.with_claims(&Facts {
        email_id: facts.email_id.clone(),
        first_name: facts.first_name.clone(),
        role: settings.role(&facts.email_id, &facts.role).to_owned(),
    })
}
