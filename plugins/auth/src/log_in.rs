//! Opening a session.

use devconnect_sdk::cache::Batch;
use devconnect_sdk::passwords::Verdict;
use devconnect_sdk::prelude::*;

use crate::user::{Account, USERS, User};
use crate::{accounts, cookie, events, limits, session, settings, token, validation};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogIn {
    email_id: String,
    password: String,
}

pub(crate) fn log_in(
    RemoteAddress(address): RemoteAddress,
    Json(form): Json<LogIn>,
) -> Result<(Cookie, Json<User>), Problem> {
    limits::attempt(&address, "/login", settings::get()?.log_ins_per_minute)?;
    if form.password.len() > validation::LONGEST_PASSWORD {
        return Err(Problem::invalid("password", "is too long"));
    }

    let era = session::era::present().ok();
    let found = accounts::find_by_email(&validation::normal_email(&form.email_id))?;
    // An unknown address takes the time of a wrong password: the host compares with nothing for as long.
    let hash = found.as_ref().map(Account::hash);
    let account = match (passwords::verify(&form.password, hash)?, found) {
        (Verdict::Matches, Some(account)) => account,
        (Verdict::MatchesOutdated, Some(account)) => {
            renew_hash(&account, &form.password);
            account
        }
        _ => return Err(Problem::unauthorized("Invalid credentials")),
    };

    let token = token::issue(&account)?;
    let mut batch = Batch::new();
    session::remember(&mut batch, &token, &account, era);
    accounts::remember(&mut batch, &account.user);
    accounts::send(batch);
    events::tell(&events::logged_in(&account.user, &address));
    Ok((cookie::carrying(token.into_text())?, Json(accounts::shown(account.user)?)))
}

/// Replaces a bcrypt hash, or one of weaker parameters, while the password is at hand. On the condition that the old one is
/// still there, so that a change of the password at the same moment is not undone. The next log-in tries again if it fails.
fn renew_hash(account: &Account, password: &str) {
    let renewed = passwords::hash(password).and_then(|hash| {
        let filter = doc! { "_id": account.user.id, "password": account.hash() };
        USERS.update_one(filter, doc! { "$set": { "password": hash } })
    });
    if let Err(error) = renewed {
        log::warn!("an outdated password hash stays", cause = error);
    }
}
