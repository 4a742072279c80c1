//! Who is calling: the filters of a route, and what the route demands of what they find.

use std::net::IpAddr;
use std::time::Instant;

use http::{HeaderMap, Method, Response, Uri};

use super::http::body::ResponseBody;
use super::http::problem::Problem;
use super::response;
use super::router::Verb;
use super::routes::Route;
use crate::bindings::devconnect::platform::http_types::{AccessParam, Method as GuestMethod};
use crate::bindings::exports::devconnect::platform::http_filter::{Head, Kind, Verdict};
use crate::capabilities::{Call, Identity};
use crate::runtime::{Access, Fault};

/// What filters add to an answer.
pub(crate) type Added = Vec<(http::HeaderName, http::HeaderValue)>;

/// Adds what filters said beside what the route said: both may set a cookie.
pub(crate) fn append(answer: &mut Response<ResponseBody>, added: Added) {
    for (name, value) in added {
        answer.headers_mut().append(name, value);
    }
}

/// Asks the route's filters who is calling, and holds the answer against what the route demands.
pub(crate) async fn admit(
    route: &Route,
    method: &Method,
    uri: &Uri,
    mut call: Box<Call>,
) -> Result<(Box<Call>, Added), Box<Response<ResponseBody>>> {
    let mut added = Vec::new();
    if route.access == Access::Public {
        return Ok((call, added));
    }
    let request_id = call.request_id;
    let refuse = |fault: &Fault| Box::new(response::fault(fault, request_id));
    let remote =
        call.head.as_ref().map(|head| head.remote).map_or_else(String::new, |remote: IpAddr| remote.to_string());
    for filter in &route.filters {
        let head = Head {
            method: guest_method(method),
            path: uri.path(),
            route: &route.pattern,
            access: guest_access(&route.access),
            kind: Kind::Http,
            auth_payload: None,
            remote_address: &remote,
            request_id: request_id.as_str(),
        };
        let outcome = filter.filter(call.for_filter(&filter.plugin.limits, Instant::now()), &head).await;
        let (verdict, back) = match (outcome.answer, outcome.call) {
            (Ok(verdict), Some(back)) => (verdict, back),
            (Err(fault), _) => return Err(refuse(&fault)),
            (Ok(_), None) => return Err(refuse(&filter.bad_response(request_id, "its call was lost".to_owned()))),
        };
        call = back;
        match verdict {
            Verdict::Next(passage) => {
                if let Some(identity) = passage.identity {
                    call.identity = Some(identity);
                }
                match response::headers(passage.headers) {
                    Ok(headers) => added.extend(headers),
                    Err(reason) => return Err(refuse(&filter.bad_response(request_id, reason))),
                }
            }
            Verdict::Respond(answer) => {
                let mut answer = response::response(answer, HeaderMap::new())
                    .unwrap_or_else(|reason| response::fault(&filter.bad_response(request_id, reason), request_id));
                append(&mut answer, added);
                return Err(Box::new(answer));
            }
        }
    }
    match permit(&route.access, call.identity.as_ref()) {
        Ok(()) => Ok((call, added)),
        Err(problem) => {
            let mut answer = problem.into_response(request_id.as_str());
            append(&mut answer, added);
            Err(Box::new(answer))
        }
    }
}

/// Whether an identity, or none, is enough for a route.
fn permit(access: &Access, identity: Option<&Identity>) -> Result<(), Box<Problem>> {
    match (access, identity) {
        (Access::Public | Access::Optional, _) | (Access::Session, Some(_)) => Ok(()),
        (Access::Session | Access::Role(_), None) => {
            Err(Box::new(Problem::unauthorized("the request carries no valid session")))
        }
        (Access::Role(role), Some(identity)) => {
            let claims: serde_json::Value = serde_json::from_str(&identity.claims).unwrap_or_default();
            if claims.get("role").and_then(serde_json::Value::as_str) == Some(role) {
                Ok(())
            } else {
                Err(Box::new(Problem::forbidden("the session does not have the role that this route demands")))
            }
        }
    }
}

/// A method as guests know it.
pub(crate) fn guest_method(method: &Method) -> GuestMethod {
    match Verb::of(method) {
        Some(Verb::Head) => GuestMethod::Head,
        Some(Verb::Post) => GuestMethod::Post,
        Some(Verb::Put) => GuestMethod::Put,
        Some(Verb::Delete) => GuestMethod::Delete,
        Some(Verb::Connect) => GuestMethod::Connect,
        Some(Verb::Options) => GuestMethod::Options,
        Some(Verb::Trace) => GuestMethod::Trace,
        Some(Verb::Patch) => GuestMethod::Patch,
        // Others never reach a route: the table knows these methods alone.
        Some(Verb::Get) | None => GuestMethod::Get,
    }
}

fn guest_access(access: &Access) -> AccessParam<'_> {
    match access {
        Access::Public => AccessParam::Public,
        Access::Optional => AccessParam::Optional,
        Access::Session => AccessParam::Session,
        Access::Role(role) => AccessParam::Role(role),
    }
}
