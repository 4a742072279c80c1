//! Counters of DevConnect: what happened how often, for everybody, for each user, and over time.
//!
//! The events of four topics are counted as they arrive; answers read a few documents and never count.
//!
//! Invariants:
//! - an event counts once, however often it is delivered and in whatever company: what it changes and the note that it was
//!   counted are one commit ([`consume`]);
//! - what is counted is what other plugins publish. What clients post says so in its envelope and changes no counter
//!   ([`post`]);
//! - everybody sees their own numbers; everybody's numbers, and somebody else's, are for admins ([`scope`]).

mod consume;
mod effect;
mod post;
mod scope;
mod series;
mod summary;
mod tally;
mod timeseries;

use std::time::Duration;

use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::json;

devconnect_sdk::plugin! { router: routes, consumer: consumer, init: init }

fn routes() -> Router {
    Router::new()
        .post(
            "/analytics/events",
            session(post::post)
                .summary("Tells what the client saw")
                .description("It goes to the topic `analytics-events` for whoever consumes it there. 202: it is on disk.")
                .tag("analytics"),
        )
        .get(
            "/analytics/summary",
            session(summary::summary)
                .summary("How often what happened")
                .description("One's own numbers; everybody's for admins.")
                .tag("analytics"),
        )
        .get(
            "/analytics/users/{id}",
            session(summary::user).summary("A user's numbers: one's own, any for admins").tag("analytics"),
        )
        .get(
            "/analytics/timeseries",
            session(timeseries::timeseries)
                .summary("How often something happened in each hour or day")
                .description("Of one's own numbers; of everybody's for admins. `to` is now and `from` 24 hours or 30 days before, unless asked.")
                .tag("analytics"),
        )
        // As the filter `auth` takes them.
        .security("cookie", json!({ "type": "apiKey", "in": "cookie", "name": "token" }))
        .security("bearer", json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }))
}

fn consumer() -> Consumer {
    Consumer::new().batches(&effect::TOPICS, consume::count)
}

fn init() -> Result<(), InitError> {
    /// After this nobody delivers an event again: it is longer than brokers keep them.
    const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    consume::PROCESSED.ensure_index(&Index::on(doc! { "at": 1 }).expiring_after(FORGOTTEN))?;
    // To count who is online.
    tally::USERS.ensure_index(&Index::on(doc! { "onlineSince": 1 }))?;
    Ok(())
}

#[cfg(test)]
mod tests;
