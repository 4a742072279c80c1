//! Requests through the router, matched and guarded as the host does it.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::platform::{Call, Platform};
use crate::bindings::devconnect::platform::http_types::{Access, Identity, Media, Method, Response};
use crate::filter::{Head, Kind, Next, Verdict};
use crate::problem::Problem;
use crate::request;
use crate::response::IntoResponse;
use crate::router::{Route, Router};

type Filter = dyn Fn(&Head) -> Result<Next, Problem>;

/// A plugin on a platform in memory.
pub struct App {
    router: Router,
    filter: Option<Box<Filter>>,
    platform: Platform,
}

impl App {
    /// The plugin with these routes on an empty platform.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self::on(&Platform::new(), router)
    }

    /// The plugin with these routes on this platform.
    #[must_use]
    pub fn on(platform: &Platform, router: Router) -> Self {
        Self { router, filter: None, platform: platform.clone() }
    }

    /// With the filter that the operator would name in `filters`: asked for each route that is not public.
    #[must_use]
    pub fn with_filter(mut self, filter: impl Fn(&Head) -> Result<Next, Problem> + 'static) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// The platform.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Answers a request.
    pub fn call(&self, request: Request) -> Reply {
        let Request { method, target, headers, identity, remote_address, body } = request;
        let call =
            Call { headers, identity, remote_address: remote_address.clone(), request_id: "test-request".to_owned() };
        self.platform.0.call.replace(call);
        let response = self.platform.run(|| self.answer(method, target, remote_address, body));
        self.platform.0.call.replace(Call::default());
        Reply(response)
    }

    fn answer(&self, method: Method, target: String, remote_address: String, body: Vec<u8>) -> Response {
        let path_length = target.find('?').unwrap_or(target.len());
        let path = target.get(..path_length).unwrap_or("").to_owned();
        let (index, route, params) = match self.find(method, &path) {
            Ok(found) => found,
            Err(problem) => return problem.into_response(),
        };
        let headers = match self.admit(route, method, path, remote_address) {
            Ok(headers) => headers,
            Err(response) => return response,
        };
        let request = request::Request { method, target, path_length, params, body, pattern: route.pattern };
        let mut response = self.router.handle(index, request);
        response.headers.extend(headers);
        response
    }

    fn find(&self, method: Method, path: &str) -> Result<(u32, &Route, [u32; 6]), Problem> {
        let mut matches: Vec<_> = (0_u32..)
            .zip(&self.router.routes)
            .filter_map(|(index, route)| Some((index, route, params(route.pattern, path)?)))
            .collect();
        if matches.is_empty() {
            return Err(Problem::not_found("There is no such route"));
        }
        // The most specific pattern wins: a literal before a parameter before a rest.
        matches.sort_by_key(|(_, route, _)| route.pattern.split('/').map(rank).collect::<Vec<_>>());
        let wanted = |route: &Route| route.method == method || (method == Method::Head && route.method == Method::Get);
        let found = matches.into_iter().find(|(_, route, _)| wanted(route));
        found.ok_or_else(|| Problem::new(405, "The route does not know this method"))
    }

    /// Asks the filter and enforces the route's access; the headers that the filter adds, or the answer in the handler's
    /// stead.
    fn admit(
        &self,
        route: &Route,
        method: Method,
        path: String,
        remote_address: String,
    ) -> Result<Vec<(String, Vec<u8>)>, Response> {
        let access = route.access();
        let mut added = Vec::new();
        if access == Access::Public {
            return Ok(added);
        }
        if let Some(filter) = &self.filter {
            let head = Head {
                method,
                path,
                route: route.pattern.to_owned(),
                access: access.clone(),
                kind: Kind::Http,
                auth_payload: None,
                remote_address,
                request_id: "test-request".to_owned(),
            };
            match filter(&head).map_err(IntoResponse::into_response)?.0 {
                Verdict::Pass { identity, headers } => {
                    added = headers;
                    if identity.is_some() {
                        self.platform.0.call.borrow_mut().identity = identity;
                    }
                }
                Verdict::Respond(response) => return Err(response),
            }
        }
        let identity = self.platform.0.call.borrow().identity.clone();
        let refusal = match (&access, identity) {
            (Access::Session | Access::Role(_), None) => Some(Problem::unauthorized("Please log in")),
            (Access::Role(role), Some(identity)) if identity.role().as_ref() != Some(role) => {
                Some(Problem::forbidden("You may not do this"))
            }
            _ => None,
        };
        match refusal {
            Some(problem) => Err(problem.into_response()),
            None => Ok(added),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("App").field("router", &self.router).finish_non_exhaustive()
    }
}

fn rank(segment: &str) -> u8 {
    if segment.starts_with("{*") { 2 } else { u8::from(segment.starts_with('{')) }
}

/// Where the parameters are if the path matches.
fn params(pattern: &str, path: &str) -> Option<[u32; 6]> {
    let mut found = [0; 6];
    let mut slots = found.iter_mut();
    let mut start = 0;
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let segment = segments.next()?;
        let length = match rank(wanted) {
            0 if wanted == segment => None,
            0 => return None,
            1 if segment.is_empty() => return None,
            1 => Some(segment.len()),
            _ => {
                segments = "".split('/');
                segments.next();
                Some(path.len() - start).filter(|length| *length > 0)
            }
        };
        if let Some(length) = length {
            *slots.next()? = u32::try_from(start << 16 | length).ok()?;
        } else if rank(wanted) == 2 {
            return None;
        }
        start += segment.len() + 1;
    }
    segments.next().is_none().then_some(found)
}

/// A request to send by [`App::call`].
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    identity: Option<Identity>,
    remote_address: String,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body, from `192.0.2.1`.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            identity: None,
            remote_address: "192.0.2.1".to_owned(),
            body: Vec::new(),
        }
    }

    /// `GET` of a path with its query.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::Get, target)
    }

    /// `POST` to a path with its query.
    pub fn post(target: impl Into<String>) -> Self {
        Self::new(Method::Post, target)
    }

    /// `PUT` to a path with its query.
    pub fn put(target: impl Into<String>) -> Self {
        Self::new(Method::Put, target)
    }

    /// `PATCH` of a path with its query.
    pub fn patch(target: impl Into<String>) -> Self {
        Self::new(Method::Patch, target)
    }

    /// `DELETE` of a path with its query.
    pub fn delete(target: impl Into<String>) -> Self {
        Self::new(Method::Delete, target)
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// With a cookie.
    #[must_use]
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.header("cookie", format!("{name}={value}"))
    }

    /// With `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// By this user, as if a filter had found out.
    #[must_use]
    pub fn identity(self, subject: impl Into<String>) -> Self {
        self.identified(Identity::new(subject, "test-session", u64::MAX))
    }

    /// By this user in this role, as if a filter had found out.
    #[must_use]
    pub fn identity_as(self, subject: impl Into<String>, role: &str) -> Self {
        let mut identity = Identity::new(subject, "test-session", u64::MAX);
        identity.claims = serde_json::json!({ "role": role }).to_string();
        self.identified(identity)
    }

    /// With this identity, as if a filter had found out.
    #[must_use]
    pub fn identified(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// From this address.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        address.clone_into(&mut self.remote_address);
        self
    }

    /// With a JSON body.
    ///
    /// # Panics
    /// The value cannot be written as JSON: this is for tests.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a test's way to fail")]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(value).expect("the body can be written as JSON");
        self.header("content-type", "application/json")
    }

    /// With these bytes as the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// An answer, with what tests ask of it.
#[derive(Clone)]
pub struct Reply(Response);

impl Reply {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The type of the body.
    #[must_use]
    pub fn media(&self) -> &Media {
        &self.0.media
    }

    /// The first header with this name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.0.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// All headers with this name, as text.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The value of a cookie that was set.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.0.headers.iter().filter(|(known, _)| known == "set-cookie");
        cookies.filter_map(|(_, value)| std::str::from_utf8(value).ok()).find_map(|cookie| {
            let (key, value) = cookie.split(';').next()?.split_once('=')?;
            (key == name).then_some(value)
        })
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The body as text; empty if it is none.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.0.body).unwrap_or("")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none, or does not fit the type: this is for tests.
    #[must_use]
    #[allow(clippy::panic, reason = "a test's way to fail")]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.0.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as any JSON value.
    ///
    /// # Panics
    /// It is none: this is for tests.
    #[must_use]
    pub fn value(&self) -> Value {
        self.json()
    }

    /// The fields that a problem document's `errors` names, in order.
    #[must_use]
    pub fn invalid_fields(&self) -> Vec<String> {
        let value = serde_json::from_slice::<Value>(&self.0.body).unwrap_or_default();
        let errors = value.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
        errors.iter().filter_map(|error| error.get("field")?.as_str().map(str::to_owned)).collect()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?} {}", self.0.status, self.0.media, String::from_utf8_lossy(&self.0.body))
    }
}
