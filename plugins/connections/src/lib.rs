//! Connections of DevConnect: who asks whom, who is connected, and whom to show next.
//!
//! Invariants:
//! - two users have at most one request, whoever asked: both directions are looked up first, and the unique field `pair` decides
//!   between two that cross ([`request`]);
//! - documents decide, the cache saves work: the limit of a day holds whatever the cache says, and for two at once ([`quota`]);
//! - a request and the event that tells of it are one commit; what follows from an event is done once ([`notify`], [`digest`]);
//! - users are only read, and never their passwords' hashes: every query names the fields that it wants ([`user`]);
//! - no query reads all users: the feed is read by index, page by page ([`feed`]).

mod caller;
mod digest;
mod events;
mod feed;
mod lists;
mod notify;
mod page;
mod quota;
mod request;
mod review;
mod score;
mod send;
mod skills;
mod user;

use std::time::Duration;

use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::json;

devconnect_sdk::plugin! { router: routes, consumer: consumer, schedules: schedules, init: init }

fn routes() -> Router {
    Router::new()
        .merge(requests())
        .get(
            "/user/connections",
            session(lists::connections)
                .summary("The users one is connected with")
                .description("`before` is the `_id` of the last user of the page before.")
                .tag("connections"),
        )
        .get(
            "/feed",
            session(feed::feed)
                .summary("Users one has no request with yet")
                .description("With `ml=true` they are ranked by how well their skills go with one's own.")
                .tag("feed"),
        )
        // As the filter `auth` takes them.
        .security("cookie", json!({ "type": "apiKey", "in": "cookie", "name": "token" }))
        .security("bearer", json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }))
}

fn requests() -> Router {
    Router::new()
        .post(
            "/request/send/{status}/{toUserId}",
            session(send::send)
                .summary("Asks a user for a connection, or ignores the user")
                .description("`status` is `interested` or `ignore`.")
                .tag("requests"),
        )
        .post(
            "/request/review/{status}/{requestId}",
            session(review::review)
                .summary("Answers a request")
                .description("`status` is `accepted` or `rejected`.")
                .tag("requests"),
        )
        .patch(
            "/user/requests/{requestId}/respond",
            session(review::respond).summary("Answers a request").tag("requests"),
        )
        .get(
            "/user/requests/received",
            session(lists::received)
                .summary("Requests that wait for one's answer, newest first")
                .description("`before` is the `_id` of the last request of the page before.")
                .tag("requests"),
        )
}

fn consumer() -> Consumer {
    Consumer::new().on("connection-events", notify::notify)
}

fn schedules() -> Schedules {
    // Twelve runs in an hour: each goes on where the one before ended.
    Schedules::new().at("weekly-digest", "*/5 9 * * MON", digest::send)
}

fn init() -> Result<(), InitError> {
    /// After this nobody delivers an event again: it is longer than brokers keep them.
    const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    let requests = &request::REQUESTS;
    // Both directions at once, also of rows without `pair`; and whom one has asked.
    requests.ensure_index(&Index::on(doc! { "fromUserId": 1, "toUserId": 1 }))?;
    requests.ensure_index(&Index::on(doc! { "pair": 1 }).unique().partial(doc! { "pair": { "$type": "string" } }))?;
    // Pages of what one received and of one's connections, newest first; who is in a request with one; the weekly digest.
    requests.ensure_index(&Index::on(doc! { "toUserId": 1, "status": 1, "_id": -1 }))?;
    requests.ensure_index(&Index::on(doc! { "fromUserId": 1, "status": 1, "_id": -1 }))?;
    quota::DAYS.ensure_index(&Index::on(doc! { "expiresAt": 1 }).expiring_after(Duration::ZERO))?;
    notify::PROCESSED.ensure_index(&Index::on(doc! { "at": 1 }).expiring_after(FORGOTTEN))?;
    digest::DIGESTS.ensure_index(&Index::on(doc! { "at": 1 }).expiring_after(FORGOTTEN))?;
    Ok(())
}

#[cfg(test)]
mod tests;
