//! What handlers answer with.

mod cookie;

use std::borrow::Cow;

use serde::Serialize;

pub use self::cookie::{Cookie, SameSite};
pub use crate::bindings::devconnect::platform::http_types::{Media, Response};

use crate::error::Error;
use crate::extract::Json;
#[cfg(not(target_arch = "wasm32"))]
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::schema::JsonSchema;

/// What a handler may return.
pub trait IntoResponse {
    /// The answer.
    fn into_response(self) -> Response;

    /// Tells the OpenAPI document about the answer. Only the native build of a plugin has it.
    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        let _ = operation;
    }
}

impl Response {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self { status, media: Media::None, headers: Vec::new(), body: Vec::new() }
    }

    /// 200 with a body.
    pub fn with_body(media: Media, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, media, headers: Vec::new(), body: body.into() }
    }

    /// Another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header; its name in lower case.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets a cookie.
    #[must_use]
    pub fn with_cookie(self, cookie: Cookie) -> Self {
        self.with_header("set-cookie", cookie.to_string())
    }
}

/// `text/html; charset=utf-8`. The caller escapes.
#[derive(Clone, Debug)]
pub struct Html<T>(pub T);

/// 201 with what was made.
#[derive(Clone, Debug)]
pub struct Created<T>(pub T);

/// 202: it will be done.
#[derive(Clone, Debug)]
pub struct Accepted<T>(pub T);

/// 204.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(200)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.response(200, None, None);
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        Response::new(204)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.response(204, None, None);
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::with_body(Media::Text, self)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.response(200, Some("text/plain"), None);
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        Response::with_body(Media::Text, self)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        String::describe(operation);
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response {
        Response::with_body(Media::Text, self.into_owned())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        String::describe(operation);
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Response::with_body(Media::OctetStream, self)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.response(200, Some("application/octet-stream"), None);
    }
}

impl<T: Into<String>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        Response::with_body(Media::Html, self.0.into())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.response(200, Some("text/html"), None);
    }
}

impl<T: Serialize + JsonSchema> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // Most answers fit, so that the buffer does not grow on the way.
        let mut body = Vec::with_capacity(512);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => Response { status: 200, media: Media::Json, headers: Vec::new(), body },
            Err(error) => {
                Problem::internal(format_args!("the answer cannot be written as JSON: {error}")).into_response()
            }
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.schema::<T>();
        operation.response(200, Some("application/json"), Some(schema));
    }
}

impl<T: IntoResponse> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        self.0.into_response().with_status(201)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.with_status::<T>(201);
    }
}

impl<T: IntoResponse> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        self.0.into_response().with_status(202)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.with_status::<T>(202);
    }
}

/// The answer, and a cookie with it.
impl<T: IntoResponse> IntoResponse for (Cookie, T) {
    fn into_response(self) -> Response {
        self.1.into_response().with_cookie(self.0)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

/// The answer with another status.
impl<T: IntoResponse> IntoResponse for (u16, T) {
    fn into_response(self) -> Response {
        self.1.into_response().with_status(self.0)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(answer) => answer.into_response(),
            Err(error) => error.into_response(),
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        E::describe(operation);
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        Problem::describe(operation);
    }
}
