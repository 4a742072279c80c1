//! A guest's answer as an HTTP response.

use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::http::body::ResponseBody;
use super::http::problem::Problem;
use crate::bindings::devconnect::platform::http_types::{Media, Response as Answer};
use crate::runtime::Fault;
use crate::telemetry::RequestId;

/// When to try again after a 503 of the host's own.
const RETRY: Duration = Duration::from_secs(1);
/// A map of headers with more room than this is not used again.
const KEPT_HEADERS: usize = 32;
/// Most headers of one answer.
const HEADERS: usize = 128;

/// Headers that belong to the host: what a guest says of them is dropped. Who may read an answer from another origin is
/// `server.origins`'s to say, not a plugin's.
fn is_the_hosts(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING, DATE, UPGRADE, TE, TRAILER].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
        || name.as_str().starts_with("access-control-")
}

/// A request's headers as an empty map for its answer's: most answers need no allocation of their own then.
pub(crate) fn emptied(mut headers: HeaderMap) -> HeaderMap {
    // hyper keeps an answer's map for the connection's next request: a large one is not kept for ever.
    if headers.capacity() > KEPT_HEADERS {
        return HeaderMap::new();
    }
    headers.clear();
    headers
}

/// The response, or what is wrong with the answer. `headers` is an empty map.
pub(crate) fn response(answer: Answer, headers: HeaderMap) -> Result<Response<ResponseBody>, String> {
    let Answer { status, media, headers: said, body } = answer;
    let status = StatusCode::from_u16(status).map_err(|_| format!("its status is {status}"))?;
    let mut response = Response::new(if body.is_empty() { ResponseBody::empty() } else { ResponseBody::full(body) });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    for (name, value) in self::headers(said)? {
        response.headers_mut().append(name, value);
    }
    if let Some(media) = content_type(media)? {
        response.headers_mut().insert(CONTENT_TYPE, media);
    }
    Ok(response)
}

/// A guest's headers, without those that belong to the host.
pub(crate) fn headers(headers: Vec<(String, Vec<u8>)>) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    if headers.len() > HEADERS {
        return Err(format!("it has {} headers; the most is {HEADERS}", headers.len()));
    }
    let mut checked = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let name =
            HeaderName::try_from(name.as_str()).map_err(|_| format!("`{}` is no header name", name.escape_debug()))?;
        let value =
            HeaderValue::try_from(value).map_err(|_| format!("the value of its header `{name}` is not allowed"))?;
        if !is_the_hosts(&name) && name != CONTENT_TYPE {
            checked.push((name, value));
        }
    }
    Ok(checked)
}

fn content_type(media: Media) -> Result<Option<HeaderValue>, String> {
    Ok(Some(match media {
        Media::None => return Ok(None),
        Media::Json => HeaderValue::from_static("application/json"),
        Media::Text => HeaderValue::from_static("text/plain; charset=utf-8"),
        Media::Html => HeaderValue::from_static("text/html; charset=utf-8"),
        Media::OctetStream => HeaderValue::from_static("application/octet-stream"),
        Media::Problem => HeaderValue::from_static("application/problem+json"),
        Media::Other(other) => {
            HeaderValue::try_from(other).map_err(|_| "its content type is not allowed".to_owned())?
        }
    }))
}

/// What the client gets for a fault: a status, and nothing of the inside.
pub(crate) fn fault(fault: &Fault, request_id: RequestId) -> Response<ResponseBody> {
    let problem = match fault.status() {
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable("as many requests as allowed are being served", RETRY),
        StatusCode::GATEWAY_TIMEOUT => Problem::gateway_timeout("the route did not answer in time"),
        _ => Problem::internal(),
    };
    problem.into_response(request_id.as_str())
}
