//! Accounts and sessions of DevConnect.
//!
//! Routes come first here, one file a group behind them; [`filter`] is what the other plugins name in `filters`: it says
//! who calls, for these routes and for theirs.
//!
//! Invariants:
//! - a password's hash is seen by [`user::Account`] alone, and nothing writes it into an answer or the cache;
//! - documents decide, the cache saves work: whatever the cache says may be old (see [`session`] and [`accounts`]);
//! - a document and its event are one commit; what has no document goes by the outbox (see [`events`]);
//! - two fields of a user are for other plugins' queries and in no answer (see [`activity`]).

mod accounts;
mod activity;
mod admin;
mod caller;
mod cookie;
mod edit;
mod events;
mod filter;
mod limits;
mod log_in;
mod log_out;
mod password;
mod preferences;
mod profile;
mod session;
mod settings;
mod sign_up;
mod token;
mod unsubscribe;
mod user;
mod users;
mod validation;

use std::time::Duration;

use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::json;

devconnect_sdk::plugin! {
    router: routes,
    filter: filter::filter,
    consumer: consumer,
    schedules: schedules,
    init: init,
}

fn routes() -> Router {
    Router::new()
        .merge(sessions())
        .merge(profiles())
        .merge(mail())
        .patch("/admin/users/{userId}", role("admin", admin::change).summary("Sets a user's tier or role").tag("admin"))
        .security("cookie", json!({ "type": "apiKey", "in": "cookie", "name": cookie::NAME }))
        .security("bearer", json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }))
}

fn sessions() -> Router {
    Router::new()
        .post("/signup", public(sign_up::sign_up).summary("Opens an account and a session").tag("sessions"))
        .post("/login", public(log_in::log_in).summary("Opens a session").tag("sessions"))
        // Public, so that nothing that the filter may find stands between a user and the end of a session.
        .post("/logout", public(log_out::log_out).summary("Ends this session, everywhere").tag("sessions"))
}

fn profiles() -> Router {
    Router::new()
        .get("/profile/view", session(profile::view).summary("One's own profile").tag("profile"))
        .patch("/profile/edit", session(profile::edit).summary("Changes one's own profile").tag("profile"))
        .patch(
            "/profile/password",
            session(password::change)
                .summary("Changes the password")
                .description("Ends all other sessions of the user; this one goes on with the cookie of the answer.")
                .tag("profile"),
        )
        .get("/user/{userId}", session(users::view).summary("Anybody's public profile").tag("users"))
        .patch("/user/{userId}", session(users::edit).summary("Changes one's own profile").tag("users"))
}

fn mail() -> Router {
    Router::new()
        .get("/email-preferences", session(preferences::view).summary("Which e-mails one gets").tag("e-mail"))
        .patch("/email-preferences", session(preferences::edit).summary("Chooses which e-mails one gets").tag("e-mail"))
        // Optional, so that the filter counts these requests too.
        .get(
            unsubscribe::PATTERN,
            optional(unsubscribe::unsubscribe)
                .summary("Turns all e-mails off, by a signed link")
                .returns::<Html<String>>(200)
                .tag("e-mail"),
        )
}

fn consumer() -> Consumer {
    Consumer::new().on("user-events", activity::note)
}

fn schedules() -> Schedules {
    Schedules::new().at("skill-keys", "*/10 * * * *", activity::fill_in)
}

fn init() -> Result<(), InitError> {
    settings::get()?;
    user::USERS.ensure_index(&Index::on(doc! { "emailId": 1 }).unique())?;
    user::USERS.ensure_index(&Index::on(doc! { "firstName": 1 }))?;
    // For the ranking: who has a skill, the most recently active first. And for `activity`: rows without the field.
    user::USERS.ensure_index(&Index::on(doc! { activity::SKILL_KEYS: 1, activity::LAST_ACTIVE_AT: -1 }))?;
    session::REVOCATIONS.ensure_index(&Index::on(doc! { "expiresAt": 1 }).expiring_after(Duration::ZERO))?;
    Ok(())
}

#[cfg(test)]
mod tests;
