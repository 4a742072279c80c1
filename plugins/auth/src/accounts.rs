//! Users between documents and the cache.
//!
//! **No old user comes back into the cache.** A reader that found nothing there may carry the document as it was before a
//! change to the cache after the change's commit. So a change does not delete the entry: it puts a mark there, for longer
//! than a call may take, and readers only ever put a user where nothing is. A mark counts as nothing found.
//!
//! A change that cannot reach the cache leaves what the cache has to its half hour; what must hold at once is therefore
//! never read from here alone (see [`crate::session`]).

use std::borrow::Cow;
use std::time::Duration;

use devconnect_sdk::cache::Batch;
use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::{self, value::RawValue};
use serde::de::IgnoredAny;

use crate::settings;
use crate::user::{self, Account, USERS, User};

const BY_ID: &str = "user:{}";
const LIFE: Duration = Duration::from_secs(30 * 60);

const USER: Key<User> = Key::new(BY_ID, LIFE);
/// The same entries, as they are.
const TEXT: Key<Box<RawValue>> = Key::new(BY_ID, LIFE);
/// The same entries, for who wants to know less.
pub(crate) const FACTS: Key<Facts> = Key::new(BY_ID, LIFE);
/// The mark of a change, `null`: neither a user nor facts. Calls end after seconds, by the plugin's deadline.
const CHANGED: Key<()> = Key::new(BY_ID, Duration::from_secs(15));
const ID_BY_EMAIL: Key<Id> = Key::new("user:email:{}", LIFE);

/// What sessions tell of their user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Facts {
    pub(crate) email_id: String,
    pub(crate) first_name: String,
    #[serde(default = "user::default_role")]
    pub(crate) role: String,
}

impl Facts {
    pub(crate) fn of(user: &User) -> Self {
        Self { email_id: user.email_id.clone(), first_name: user.first_name.clone(), role: user.role.clone() }
    }
}

/// A user, from the cache if it is there.
pub(crate) fn view(id: Id) -> Result<Option<User>, Error> {
    match USER.get(id) {
        Ok(Some(user)) => return Ok(Some(user)),
        Ok(None) => {}
        Err(error) => log::debug!("the cache is away, a user is read from documents", cause = error),
    }
    let user = USERS.get(id)?.map(|account| account.user);
    if let Some(user) = &user {
        let mut batch = Batch::new();
        remember(&mut batch, user);
        send(batch);
    }
    Ok(user)
}

/// A user as its own profile shows it, without reading what the cache has only to write the same again.
pub(crate) fn profile(id: Id) -> Result<Option<Profile>, Problem> {
    if let Ok(Some(text)) = TEXT.get(id)
        && let Ok(complete) = serde_json::from_str::<Complete<'_>>(text.get())
        && settings::get()?.role(&complete.email_id, &complete.role) == complete.role
    {
        return Ok(Some(Profile(Shown::Cached(text))));
    }
    // A cache that is away says so there.
    view(id)?.map(|user| shown(user).map(|user| Profile(Shown::Read(Box::new(user))))).transpose()
}

/// A user to show.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Profile(#[schemars(with = "User")] Shown);

/// As the cache has it, or as it was read.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown {
    /// JSON that [`Complete`] accepts.
    Cached(Box<RawValue>),
    /// Anything else.
    Read(Box<User>),
}

/// What an entry must have to be shown as it is: all that this version writes. The former system's may lack some of it.
/// More than that is not shown either: who wrote it is not known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code, reason = "that they are there is what counts")]
struct Complete<'a> {
    #[serde(rename = "_id")]
    id: IgnoredAny,
    first_name: IgnoredAny,
    last_name: IgnoredAny,
    #[serde(borrow)]
    email_id: Cow<'a, str>,
    photo_url: IgnoredAny,
    about: IgnoredAny,
    skills: IgnoredAny,
    email_preferences: IgnoredAny,
    is_premium: IgnoredAny,
    membership_tier: IgnoredAny,
    #[serde(borrow)]
    role: Cow<'a, str>,
    updated_at: IgnoredAny,
    created_at: Option<IgnoredAny>,
    age: Option<IgnoredAny>,
    gender: Option<IgnoredAny>,
}

/// The account with this address, always from documents: what the cache has of it is only where to look.
pub(crate) fn find_by_email(email: &str) -> Result<Option<Account>, Error> {
    if let Ok(Some(id)) = ID_BY_EMAIL.get(email) {
        // The address may be another's since: it is part of the question.
        let found = USERS.find_one(doc! { "_id": id, "emailId": email })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    USERS.find_one(doc! { "emailId": email })
}

/// Puts a user into the cache, unless something is there.
pub(crate) fn remember(batch: &mut Batch, user: &User) {
    batch.set_if_absent(&USER, user.id, user);
    batch.set(&ID_BY_EMAIL, user.email_id.as_str(), &user.id);
}

/// Marks a user as changed, and forgets whose the addresses are.
pub(crate) fn changed<'a>(batch: &mut Batch, id: Id, addresses: impl IntoIterator<Item = &'a str>) {
    batch.set(&CHANGED, id, &());
    for address in addresses {
        batch.delete(&ID_BY_EMAIL, address);
    }
}

/// Sends what the cache should know. One that is away costs later requests some work, nothing else.
pub(crate) fn send(batch: Batch) {
    if let Err(error) = batch.run() {
        log::debug!("the cache is away and was not told", cause = error);
    }
}

/// The user as answers show it: with the role that counts.
pub(crate) fn shown(mut user: User) -> Result<User, Problem> {
    user.role = settings::get()?.role(&user.email_id, &user.role).to_owned();
    Ok(user)
}
