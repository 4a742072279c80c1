//! Answers that are not what the client hoped for: RFC 9457 problem documents.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use crate::bindings::devconnect::platform::http_types::{Media, Response};
use crate::error::{Error, ErrorKind};
use crate::log;
use crate::platform::incoming;
use crate::response::IntoResponse;

/// The error side of a handler's result.
///
/// It is sent as `application/problem+json` with `type`, `title`, `status`, `detail` and `requestId`, and with
/// `message`, a sentence that a user may read. Bad input adds `errors`, one entry for each field.
///
/// ```
/// # use devconnect_sdk::Problem;
/// let problem = Problem::too_many_requests("The limit of the free tier is reached").with("tier", "free").with("limit", 10);
/// assert_eq!(problem.status(), 429);
/// ```
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: u16,
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: Option<String>,
    message: String,
    errors: Vec<FieldError>,
    members: Vec<(Cow<'static, str>, Value)>,
    headers: Vec<(String, Vec<u8>)>,
    /// For the operator's log alone.
    cause: Option<String>,
}

/// What is wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's path in the input: `emailId`, `address.street`, `skills[3]`; `body` for the whole of it.
    pub field: String,
    /// What is wrong with it, for a user.
    pub message: String,
}

impl Problem {
    /// A problem with this status, and a sentence for the user.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            status,
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(title(status)),
            detail: None,
            message: message.into(),
            errors: Vec::new(),
            members: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 400, because of one field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self::new(400, format!("{field}: {message}")).with_error(field, message)
    }

    /// 400, because of these fields. The first of them is the message.
    pub fn invalid_fields(errors: Vec<FieldError>) -> Self {
        let message = match errors.first() {
            Some(first) => format!("{}: {}", first.field, first.message),
            None => "The input is invalid".to_owned(),
        };
        let mut problem = Self::new(400, message);
        problem.0.errors = errors;
        problem
    }

    /// 401.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, message)
    }

    /// 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// 413.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, message)
    }

    /// 429; say with [`with_retry_after`](Problem::with_retry_after) when to come again.
    pub fn too_many_requests(message: impl Into<String>) -> Self {
        Self::new(429, message)
    }

    /// 503; say with [`with_retry_after`](Problem::with_retry_after) when to come again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, message)
    }

    /// 500. The cause is logged, and never shown to the client.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let mut problem = Self::new(500, "Something went wrong");
        problem.0.cause = Some(cause.to_string());
        problem
    }

    /// Sets `type`: a URI that stands for this kind of problem. Without one it is `about:blank`.
    #[must_use]
    pub fn with_type(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = uri.into();
        self
    }

    /// Sets `title`, which is the same for each problem of a type. Without one it is the status in words.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// Sets `detail`, for the client's developer. Without one it is the message.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds an entry to `errors`.
    #[must_use]
    pub fn with_error(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Adds a member of one's own to the document.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.0.members.push((name.into(), value.into()));
        self
    }

    /// Adds a header to the answer; its name in lower case.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `Retry-After`, in whole seconds and at least one.
    #[must_use]
    pub fn with_retry_after(self, pause: Duration) -> Self {
        let seconds = pause.as_millis().div_ceil(1000).max(1);
        self.with_header("retry-after", seconds.to_string())
    }

    /// Adds what the operator's log should say about it, and the client should not see.
    #[must_use]
    pub fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The sentence for the user.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The fields that are wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.0.status, self.0.message)
    }
}

impl std::error::Error for Problem {}

/// Denied and invalid are the plugin's fault, so the client sees a 500 and the operator the cause.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = match error.kind() {
            ErrorKind::Denied | ErrorKind::Invalid => return Self::internal(error),
            ErrorKind::Conflict => Self::conflict("Somebody else changed this at the same time"),
            ErrorKind::NotFound => Self::not_found("There is no such thing"),
            ErrorKind::TooLarge => Self::too_large("This is too large"),
            ErrorKind::Unavailable | ErrorKind::Timeout => {
                let pause = error.retry_after().unwrap_or(Duration::from_secs(1));
                Self::unavailable("The service is not available right now, please try again").with_retry_after(pause)
            }
        };
        problem.with_cause(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut inner = *self.0;
        if let Some(cause) = inner.cause.take() {
            let level = if inner.status == 500 { log::Level::Error } else { log::Level::Warn };
            log::write(level, format_args!("{cause}"), &[("status", &inner.status)]);
        }
        let request_id = incoming::request_id();
        let body = serde_json::to_vec(&Document { inner: &inner, request_id: &request_id }).unwrap_or_default();
        Response { status: inner.status, media: Media::Problem, headers: inner.headers, body }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut crate::openapi::Operation<'_>) {
        operation.problem();
    }
}

/// In the order in which people read it.
struct Document<'a> {
    inner: &'a Inner,
    request_id: &'a str,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = self.inner;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &inner.kind)?;
        map.serialize_entry("title", &inner.title)?;
        map.serialize_entry("status", &inner.status)?;
        map.serialize_entry("detail", inner.detail.as_deref().unwrap_or(&inner.message))?;
        map.serialize_entry("message", &inner.message)?;
        if !self.request_id.is_empty() {
            map.serialize_entry("requestId", self.request_id)?;
        }
        if !inner.errors.is_empty() {
            map.serialize_entry("errors", &inner.errors)?;
        }
        for (name, value) in &inner.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}
