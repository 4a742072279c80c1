//! What a handler takes: each parameter is one extractor, and asks for its own part of the request.

mod json;
mod path;
mod query;
mod scalar;
mod valid;

use std::time::Duration;

use serde::de::DeserializeOwned;

pub use self::json::Json;
pub use self::path::Path;
pub use self::query::Query;
pub use self::valid::{Inner, Valid, Validate};
pub use crate::bindings::devconnect::platform::http_types::Identity;

#[cfg(not(target_arch = "wasm32"))]
use crate::openapi::Operation;
use crate::platform::incoming;
use crate::problem::Problem;
use crate::request::Request;

/// A type that a handler may have as a parameter.
///
/// Write one for what several handlers need:
///
/// ```
/// use devconnect_sdk::prelude::*;
///
/// struct UserId(String);
///
/// impl FromRequest for UserId {
///     fn from_request(request: &mut Request) -> Result<Self, Problem> {
///         Ok(Self(Identity::from_request(request)?.subject))
///     }
/// }
///
/// fn me(UserId(id): UserId) -> String {
///     id
/// }
/// let routes = Router::new().get("/me", me);
/// ```
pub trait FromRequest: Sized {
    /// Takes what it needs, or says what is wrong with the request.
    ///
    /// # Errors
    /// The problem that is answered in the handler's stead.
    fn from_request(request: &mut Request) -> Result<Self, Problem>;

    /// Tells the OpenAPI document what it takes. Only the native build of a plugin has it.
    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        let _ = operation;
    }
}

/// Who is calling. Without a session the answer is 401; `Option<Identity>` lets it be absent.
impl FromRequest for Identity {
    fn from_request(_: &mut Request) -> Result<Self, Problem> {
        incoming::identity().ok_or_else(|| Problem::unauthorized("Please log in"))
    }
}

impl FromRequest for Option<Identity> {
    fn from_request(_: &mut Request) -> Result<Self, Problem> {
        Ok(incoming::identity())
    }
}

impl Identity {
    /// An identity without claims.
    pub fn new(subject: impl Into<String>, session: impl Into<String>, expires_at_ms: u64) -> Self {
        Self { subject: subject.into(), session: session.into(), expires_at_ms, claims: "{}".to_owned() }
    }

    /// The same with claims: a value that is a JSON object.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn with_claims(mut self, claims: &impl serde::Serialize) -> Result<Self, Problem> {
        self.claims = serde_json::to_string(claims).map_err(Problem::internal)?;
        Ok(self)
    }

    /// The claims, read into a type.
    ///
    /// # Errors
    /// They do not fit the type: an internal problem, because a plugin wrote them.
    pub fn read_claims<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(self.claims.as_bytes())
            .map_err(|error| Problem::internal(format_args!("claims of the identity: {error}")))
    }

    /// The claim `role`, which `Access::Role` looks at.
    pub fn role(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Role {
            role: Option<String>,
        }
        serde_json::from_slice::<Role>(self.claims.as_bytes()).ok()?.role
    }
}

/// The request's headers, each asked for when it is read.
#[derive(Clone, Copy, Debug)]
pub struct Headers;

impl Headers {
    /// The value of a header, by its name in any case; the first one if it came several times.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        incoming::header(name)
    }

    /// The same as text; `None` also where it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<String> {
        String::from_utf8(incoming::header(name)?).ok()
    }

    /// All headers, names in lower case, in the order received.
    pub fn all(&self) -> Vec<(String, Vec<u8>)> {
        incoming::headers()
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.text("cookie")?;
        cookies.split(';').find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then(|| value.trim_matches('"').to_owned())
        })
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<String> {
        let value = self.text("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    }
}

impl FromRequest for Headers {
    fn from_request(_: &mut Request) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// The call that is being served: facts that the host knows, asked for when they are read.
#[derive(Clone, Copy, Debug)]
pub struct Context;

impl Context {
    /// The request's headers.
    pub fn headers(&self) -> Headers {
        Headers
    }

    /// Who is calling; `None` without a session.
    pub fn identity(&self) -> Option<Identity> {
        incoming::identity()
    }

    /// The client's IP address, behind trusted proxies the one that they report; empty when no client caused the call.
    pub fn remote_address(&self) -> String {
        incoming::remote_address()
    }

    /// The id that logs and the answer's `x-request-id` carry.
    pub fn request_id(&self) -> String {
        incoming::request_id()
    }

    /// How long the call may still take.
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(incoming::remaining_ms())
    }
}

impl FromRequest for Context {
    fn from_request(_: &mut Request) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// The client's IP address, behind trusted proxies the one that they report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAddress(pub String);

impl FromRequest for RemoteAddress {
    fn from_request(_: &mut Request) -> Result<Self, Problem> {
        Ok(Self(incoming::remote_address()))
    }
}

/// The body as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(pub Vec<u8>);

impl FromRequest for Body {
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        Ok(Self(request.take_body()))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.body("application/octet-stream", None);
    }
}
