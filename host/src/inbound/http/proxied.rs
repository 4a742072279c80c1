//! Requests to plain wasi:http components: body and answer are streams.

use std::sync::Arc;
use std::time::Instant;

use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;

use super::body::{self, ResponseBody};
use super::client::Scheme;
use super::problem::Problem;
use crate::capabilities::Call;
use crate::inbound::routes::Route;
use crate::inbound::{filters, response};
use crate::runtime::Upload;

/// Answers a request from a plain wasi:http component.
pub(super) async fn proxied(
    route: Arc<Route>,
    request: Request<Incoming>,
    call: Box<Call>,
    scheme: Scheme,
    limits: body::Limits,
) -> Response<ResponseBody> {
    let request_id = call.request_id;
    let Some(request) = absolute(request, scheme) else {
        return Problem::bad_request("the request has no `host` header, or not a good one")
            .into_response(request_id.as_str());
    };
    let body_limit = u64::try_from(limits.bytes).unwrap_or(u64::MAX);
    if request.body().size_hint().lower() > body_limit {
        return Problem::from(&body::Error::TooLarge { limit: limits.bytes }).into_response(request_id.as_str());
    }
    let (call, added) = match filters::admit(&route, request.method(), request.uri(), call).await {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    let call = call.for_route(&route.version.plugin.limits, Instant::now());
    let request = request.map(|body| Upload::new(body, body_limit, limits.time));
    let mut answer = match route.version.proxy(call, request).await {
        Ok(answer) => answer.map(ResponseBody::stream),
        Err(fault) => response::fault(&fault, request_id),
    };
    filters::append(&mut answer, added);
    answer
}

/// The request with its whole URI, as its client sees it: wasi:http tells a component the scheme and the authority.
/// `None` without an authority: HTTP/1.0 may name no host.
fn absolute<B>(mut request: Request<B>, scheme: Scheme) -> Option<Request<B>> {
    let mut parts = request.uri().clone().into_parts();
    if parts.authority.is_none() {
        let host = request.headers().get(http::header::HOST)?;
        parts.authority = Some(http::uri::Authority::try_from(host.as_bytes()).ok()?);
    }
    parts.scheme = Some(match scheme {
        Scheme::Http => http::uri::Scheme::HTTP,
        Scheme::Https => http::uri::Scheme::HTTPS,
    });
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(request)
}
