//! Between the generated exports and the types of this crate: everything is moved, nothing is copied.

pub use crate::bindings::exports::consume::export_event_handler;
pub use crate::bindings::exports::describe::export_lifecycle;
pub use crate::bindings::exports::schedule::export_schedule_handler;
pub use crate::bindings::exports::screen::export_http_filter;
pub use crate::bindings::exports::serve::export_http_handler;
pub use crate::bindings::exports::{consume, describe, schedule, screen, serve};

use self::consume::exports::devconnect::platform::event_handler as consuming;
use self::describe::exports::devconnect::platform::lifecycle as life;
use self::screen::exports::devconnect::platform::http_filter as filtering;
use self::serve::exports::devconnect::platform::http_handler as handling;
use crate::consumer::{Consumer, Delivery, Failure};
use crate::filter::{Head, Kind, Next, Verdict};
use crate::init::InitError;
use crate::problem::Problem;
use crate::request::Request;
use crate::response::{IntoResponse, Response};
use crate::router::Router;
use crate::schedules::Schedules;
use crate::time::DateTime;

/// What the plugin is.
pub fn description(
    router: &Router,
    consumer: &Consumer,
    schedules: &Schedules,
    name: &str,
    version: &str,
) -> life::Description {
    let routes = router.routes.iter().map(|route| life::Route {
        method: route.method,
        pattern: route.pattern.to_owned(),
        access: route.access(),
    });
    life::Description {
        name: name.to_owned(),
        version: version.to_owned(),
        routes: routes.collect(),
        namespaces: Vec::new(),
        topics: consumer.topics().map(str::to_owned).collect(),
        schedules: schedules.entries().map(|(name, cron)| (name.to_owned(), cron.to_owned())).collect(),
    }
}

/// Answers a request.
#[inline]
pub fn handle(router: &Router, request: handling::Request) -> Response {
    let (first, second, third, fourth, fifth, sixth) = request.params;
    let unpacked = Request {
        method: request.method,
        target: request.target,
        path_length: request.path_length as usize,
        params: [first, second, third, fourth, fifth, sixth],
        body: request.body,
        pattern: "",
    };
    router.handle(request.route, unpacked)
}

/// The head, as the filter reads it.
pub fn head(head: filtering::Head) -> Head {
    Head {
        method: head.method,
        path: head.path,
        route: head.route,
        access: head.access,
        kind: match head.kind {
            filtering::Kind::Http => Kind::Http,
            filtering::Kind::Socket => Kind::Socket,
        },
        auth_payload: head.auth_payload,
        remote_address: head.remote_address,
        request_id: head.request_id,
    }
}

/// What the filter decided.
pub fn verdict(decided: Result<Next, Problem>) -> filtering::Verdict {
    match decided {
        Ok(Next(Verdict::Pass { identity, headers })) => {
            filtering::Verdict::Next(filtering::Passage { identity, headers })
        }
        Ok(Next(Verdict::Respond(response))) => filtering::Verdict::Respond(response),
        Err(problem) => filtering::Verdict::Respond(problem.into_response()),
    }
}

/// Why the plugin cannot serve.
pub fn init_error(error: InitError) -> life::InitError {
    match error {
        InitError::Settings(message) => life::InitError::Settings(message),
        InitError::Unavailable(message) => life::InitError::Unavailable(message),
        InitError::Failed(message) => life::InitError::Failed(message),
    }
}

/// Handles events that arrived.
pub fn consume(consumer: &Consumer, events: Vec<consuming::Delivery>) -> Vec<consuming::Disposition> {
    let deliveries: Vec<Delivery> = events.into_iter().map(delivery).collect();
    let results = consumer.handle(&deliveries);
    results
        .into_iter()
        .map(|result| match result {
            Ok(()) => consuming::Disposition::Done,
            Err(Failure::Retry(reason)) => consuming::Disposition::Retry(reason),
            Err(Failure::Reject(reason)) => consuming::Disposition::Reject(reason),
        })
        .collect()
}

fn delivery(event: consuming::Delivery) -> Delivery {
    Delivery {
        topic: event.topic,
        partition: event.partition,
        offset: event.offset,
        key: event.key,
        value: event.value,
        headers: event.headers,
        timestamp: DateTime::from_millis(i64::try_from(event.timestamp_ms).unwrap_or(i64::MAX)),
        event_id: event.event_id,
        attempt: event.attempt,
    }
}

/// Runs what is scheduled.
pub fn run(schedules: &Schedules, name: &str) -> Result<(), String> {
    schedules.run(name).map_err(|error| error.to_string())
}
