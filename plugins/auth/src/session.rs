//! Which sessions count.
//!
//! A session is its token. It counts while the token holds, no document of `revocations` names it, and its user's
//! [`CutOff`] does not cover it.
//!
//! **The cache answers most requests.** A session counts by its entry there if the entry is of the present
//! [era](mod@era) and documents were asked within [`BELIEVED`], unless a mark beside it says that the session is over or the
//! user's cut-off covers it. The marks stay for as long as a token lives, and an entry never removes one: a reader that
//! checked a session just before it ended cannot bring it back. All is asked in one trip, together with the rate limit.
//!
//! **Documents decide everything else**: one query by two `_id`s. Who ends a session tells documents first and then the
//! cache; where the cache cannot be told, a new era begins, and the answer waits until everybody knows. So a log-out holds
//! at once, also when the cache comes back with old entries.
//!
//! **The cut-off of a user** is stored with the user, and beside the revoked tokens under `user:<id>` for as long as a
//! token lives, so that the one query finds both.
//!
//! **One store away.** Without the cache, documents tell all. Without documents, a session whose entry the cache has
//! counts, unless the cache also has what was done meanwhile: a log-out that documents did not take leaves a marker in
//! the cache, and the first request with that token after they are back writes it down. Without both, nobody can tell:
//! 503. What remains: the cache loses such a marker before documents are back; documents go away after the cache came
//! back with an entry that nobody used in between; a cache that forgets what it acknowledged may believe a session that
//! is over until its entry is [`BELIEVED`] old.

pub(crate) mod era;
mod known;
mod revocation;

use std::time::Duration;

use devconnect_sdk::cache::Batch;
use devconnect_sdk::prelude::*;

pub(crate) use self::known::Known;
pub(crate) use self::revocation::{REVOCATIONS, end, end_all, tell_cut_off};

use crate::accounts::{self, Facts};
use crate::settings;
use crate::token::{Claims, Token};
use crate::user::{self, Account, USERS};

/// How long an entry counts by itself after documents were asked.
const BELIEVED: Duration = Duration::from_secs(5 * 60);

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
    /// Of the present when documents were asked; theirs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    era: Option<i64>,
    /// When documents were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checked_at: Option<DateTime>,
}

impl Entry {
    /// Whether it counts by itself.
    fn is_believed(&self, present: i64) -> bool {
        let now = DateTime::now();
        self.era == Some(present)
            // A clock that is ahead of ours must not prolong it.
            && self.checked_at.is_some_and(|at| at <= now.plus(BELIEVED) && now.since(at) < BELIEVED)
    }

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
    /// What covers all that either covers.
    fn later(self, other: Self) -> Self {
        Self { valid_from: self.valid_from.max(other.valid_from), generation: self.generation.max(other.generation) }
    }

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
    match era::present() {
        Ok(present) => match &known {
            Known { entry: Some(entry), facts: Some(facts), logged_out: false, cut_off, readable: true }
                if !strict
                    && entry.is_believed(present)
                    && !cut_off.is_some_and(|cut_off| cut_off.covers(&token.claims)) =>
            {
                identify(token, facts).map(Some)
            }
            _ => ask_documents(token, known, present),
        },
        Err(_) if known.logged_out => Ok(None),
        Err(error) => without_documents(token, known, error),
    }
}

/// What documents say. `present` was read before them: what is written into the cache is no newer than it claims.
fn ask_documents(token: &Token, known: Known, present: i64) -> Result<Option<Identity>, Problem> {
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
        Ok(false) => match USERS.get(token.claims.user_id) {
            Ok(account) => counted(token, account, present),
            Err(error) => without_documents(token, known, error),
        },
        Err(_) if known.logged_out => Ok(None),
        Err(error) => without_documents(token, known, error),
    }
}

/// A session is new, or was checked with documents: the next request finds it in the cache. `era` is the one from before
/// documents were asked; without one the entry only serves while they are away.
pub(crate) fn remember(batch: &mut Batch, token: &Token, account: &Account, era: Option<i64>) {
    let Facts { email_id, first_name, role } = Facts::of(&account.user);
    let checked_at = Some(DateTime::now());
    let entry = Entry { user_id: account.user.id, email_id, first_name, role, era, checked_at };
    batch.set(&ENTRY, token.cache_name(), &entry);
}

/// The cache has nothing of this session any more. One that is away cannot be told: documents hold what matters.
pub(crate) fn forget(token: &Token) {
    if let Err(error) = ENTRY.delete(token.cache_name()) {
        log::debug!("the cache keeps the entry of a session that is over", cause = error);
    }
}

fn counted(token: &Token, account: Option<Account>, present: i64) -> Result<Option<Identity>, Problem> {
    let Some(account) = account.filter(|account| !account.cut_off().covers(&token.claims)) else {
        return Ok(None);
    };
    let mut batch = Batch::new();
    remember(&mut batch, token, &account, Some(present));
    accounts::remember(&mut batch, &account.user);
    accounts::send(batch);
    identify(token, &Facts::of(&account.user)).map(Some)
}

fn without_documents(token: &Token, known: Known, error: Error) -> Result<Option<Identity>, Problem> {
    if !error.is_away() {
        return Err(error.into());
    }
    let Known { entry: Some(entry), facts, cut_off, readable: true, .. } = known else { return Err(error.into()) };
    if cut_off.is_some_and(|cut_off| cut_off.covers(&token.claims)) {
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
