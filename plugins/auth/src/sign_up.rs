//! Opening an account.

use devconnect_sdk::cache::Batch;
use devconnect_sdk::prelude::*;

use crate::user::{Account, Row, USERS, User};
use crate::validation::{self, Checks};
use crate::{accounts, cookie, events, limits, session, settings, token};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignUp {
    first_name: String,
    #[serde(default)]
    last_name: Option<String>,
    email_id: String,
    password: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct AddedUser {
    message: &'static str,
    data: User,
}

pub(crate) fn sign_up(
    RemoteAddress(address): RemoteAddress,
    Json(form): Json<SignUp>,
) -> Result<(Cookie, Json<AddedUser>), Problem> {
    limits::attempt(&address, "/signup", settings::get()?.sign_ups_per_minute)?;

    let mut checks = Checks::default();
    let first_name = checks.take("firstName", validation::first_name(&form.first_name));
    let last_name = checks.take("lastName", validation::last_name(form.last_name.as_deref().unwrap_or_default()));
    let email = checks.take("emailId", validation::email(&form.email_id));
    checks.take("password", validation::password(&form.password));
    checks.finish()?;

    let era = session::era::present().ok();
    let hash = passwords::hash(&form.password)?;
    let now = DateTime::now();
    let user = User::new(first_name.unwrap_or_default(), last_name.unwrap_or_default(), email.unwrap_or_default(), now);
    let account = Account::new(user, hash);
    let user = &account.user;
    // The check is for a database whose unique index somebody made otherwise; the index is for two sign-ups at once.
    let outcome = Transaction::new()
        .check(&USERS, doc! { "emailId": &user.email_id }, Expect::None)
        .insert(&USERS.of::<Row<'_>>(), &account.row())
        .publish(&events::signed_up(user, now))
        .commit();
    match outcome {
        Ok(outcome) if outcome.is_committed() => {}
        Ok(_) => return Err(taken()),
        Err(error) if error.is_conflict() => return Err(taken()),
        Err(error) => return Err(error.into()),
    }

    let token = token::issue(&account)?;
    let mut batch = Batch::new();
    session::remember(&mut batch, &token, &account, era);
    accounts::remember(&mut batch, &account.user);
    accounts::send(batch);
    let data = accounts::shown(account.user)?;
    Ok((cookie::carrying(token.into_text())?, Json(AddedUser { message: "User added successfully", data })))
}

/// The address has an account already.
pub(crate) fn taken() -> Problem {
    Problem::invalid("emailId", "is taken by another account")
}
