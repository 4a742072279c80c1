//! The host's own errors, as RFC 9457 problem documents.
//!
//! `detail` is for whoever wrote the client, `message` for the person before it (the former system's clients show it),
//! and neither says anything about the inside of the host: what went wrong there is in the log, under the request id.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::body::ResponseBody;

#[cfg(test)]
mod tests;

/// The media type of a problem document.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// An error that the host itself answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    message: Cow<'static, str>,
    /// The one header that goes with the status, if any.
    header: Option<(HeaderName, HeaderValue)>,
}

/// The document, in the order in which a person reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
}

impl Problem {
    /// Any status, with the message that people get for it.
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into(), message: Cow::Borrowed(sentence(status)), header: None }
    }

    /// 400: what was sent cannot be understood.
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: there is no session, or not a good one.
    pub(crate) fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail).with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403: there is a session, and it is not enough.
    pub(crate) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: nothing is here.
    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405: something is here, for other methods.
    pub(crate) fn method_not_allowed(allow: HeaderValue) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "the path does not answer this method; `allow` lists those it does")
            .with_header(ALLOW, allow)
    }

    /// 408: the client took too long to send.
    pub(crate) fn timeout(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, detail)
    }

    /// 413: the body is too large.
    pub(crate) fn too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// 414: the path is too long.
    pub(crate) fn uri_too_long() -> Self {
        Self::new(StatusCode::URI_TOO_LONG, "the path is longer than 65535 bytes")
    }

    /// 500: a plugin or the host failed. It says nothing more, on purpose.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed; the host's log has why, under the request id")
    }

    /// 501: the host does not know the method.
    pub(crate) fn not_implemented() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "this host does not know the request's method")
    }

    /// 503: not now.
    pub(crate) fn unavailable(detail: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(RETRY_AFTER, seconds(retry_after))
    }

    /// 504: what the answer depends on took too long.
    pub(crate) fn gateway_timeout(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, detail)
    }

    /// The status that it answers.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer, with the id under which the log has the request.
    pub(crate) fn into_response(self, request_id: &str) -> Response<ResponseBody> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            message: &self.message,
            request_id,
        };
        // Strings and a number always serialise.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(ResponseBody::full(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }

    /// The same problem with a header that goes with it; one is kept.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

/// Whole seconds, at least one: 0 would ask clients to try again at once.
fn seconds(time: Duration) -> HeaderValue {
    HeaderValue::from(time.as_millis().div_ceil(1000).clamp(1, 86_400) as u32)
}

/// What a person is told when nobody said something better.
const fn sentence(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "The request could not be understood.",
        401 => "Please log in.",
        403 => "You are not allowed to do this.",
        404 => "There is nothing here.",
        405 => "This cannot be done here.",
        408 => "Sending the request took too long. Please try again.",
        413 => "What you sent is too large.",
        414 => "The address is too long.",
        429 => "Too many requests. Please wait a moment.",
        431 => "The request's headers are too large.",
        501 => "This is not supported.",
        503 => "The service is busy. Please try again in a moment.",
        504 => "The service took too long to answer. Please try again.",
        _ => "Something went wrong. Please try again later.",
    }
}
