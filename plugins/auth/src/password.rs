//! Changing the password.

use devconnect_sdk::cache::Batch;
use devconnect_sdk::passwords::Verdict;
use devconnect_sdk::prelude::*;

use crate::caller::{Caller, Message};
use crate::session::CutOff;
use crate::user::USERS;
use crate::validation::{self, Checks};
use crate::{accounts, cookie, events, limits, profile, session, settings, token};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PasswordChange {
    current_password: String,
    new_password: String,
}

/// Ends every session of the user. The one that asked goes on with a token of its own in the answer's cookie.
pub(crate) fn change(
    Caller(id): Caller,
    RemoteAddress(address): RemoteAddress,
    Json(form): Json<PasswordChange>,
) -> Result<(Cookie, Json<Message>), Problem> {
    // Who found a browser open should not try passwords here faster than at the log-in.
    limits::attempt(&address, "/profile/password", settings::get()?.log_ins_per_minute)?;
    let mut checks = Checks::default();
    checks.take("newPassword", validation::password(&form.new_password));
    checks.finish()?;

    let era = session::era::present().ok();
    let account = USERS.get(id)?.ok_or_else(profile::gone)?;
    let old_hash = account.hash();
    if form.current_password.len() > validation::LONGEST_PASSWORD
        || passwords::verify(&form.current_password, Some(old_hash))? == Verdict::Differs
    {
        return Err(Problem::invalid("currentPassword", "is not your password"));
    }
    let hash = passwords::hash(&form.new_password)?;

    let now = DateTime::now();
    let cut_off = CutOff { valid_from: Some(now), generation: account.cut_off().generation + 1 };
    let update = doc! { "$set": {
        "password": hash,
        "sessionsValidFrom": cut_off.valid_from,
        "sessionGeneration": cut_off.generation,
        "updatedAt": now,
    } };
    // With the old hash as condition, so that of two changes at once one is refused, and generations never repeat.
    let transaction =
        Transaction::new().update_one(&USERS, doc! { "_id": id, "password": old_hash }, update, Expect::One);
    let outcome = session::end_all(transaction, id, cut_off)
        .publish(&events::profile_updated(id, vec!["password"], now))
        .commit()?;
    if !outcome.is_committed() {
        return Err(Problem::conflict("The password was changed at the same time, please try again"));
    }

    let account = account.with_cut_off(cut_off);
    let token = token::issue(&account)?;
    let mut batch = Batch::new();
    session::remember(&mut batch, &token, &account, era);
    accounts::changed(&mut batch, id, []);
    session::tell_cut_off(batch, id, cut_off)?;
    Ok((cookie::carrying(token.into_text())?, Json(Message { message: "Password changed successfully" })))
}
