//! Which function answers which request.

mod handler;

pub use self::handler::{Bare, Endpoint, Handler, IntoEndpoint, endpoint, optional, public, role, session};
pub use crate::bindings::devconnect::platform::http_types::Access;

use crate::problem::Problem;
use crate::request::{Method, Request};
use crate::response::{IntoResponse, Response};

/// The routes of a plugin. The plugin's description for the host and its OpenAPI document are made from it.
///
/// The host matches requests and tells the index of the route, so that nothing is searched here. Patterns bind one
/// segment by `{name}` and the rest of the path by `{*name}`; a pattern has at most six parameters.
///
/// Who may call a route is said by [`public`], [`optional`], [`session`] and [`role`] around its handler, or by
/// [`access`](Router::access) for all routes so far that do not say it themselves. A route that nobody said it for
/// demands a session: forgetting a word must not open a door.
///
/// ```
/// use devconnect_sdk::prelude::*;
///
/// # fn sign_up() {} fn log_in() {} fn view() {} fn edit() {} fn any_user() {} fn profile() {}
/// fn routes() -> Router {
///     Router::new()
///         .merge(Router::new().post("/signup", sign_up).post("/login", log_in).access(Access::Public))
///         .get("/profile/view", view)
///         .patch("/profile/edit", edit)
///         .get("/user/{userId}", optional(profile))
///         .patch("/admin/users/{userId}", role("admin", any_user))
/// }
/// # assert_eq!(routes().len(), 6);
/// ```
#[derive(Debug, Default)]
pub struct Router {
    pub(crate) routes: Vec<Route>,
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) security: Vec<(&'static str, serde_json::Value)>,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) pattern: &'static str,
    pub(crate) endpoint: Endpoint,
}

impl Route {
    pub(crate) fn access(&self) -> Access {
        self.endpoint.access.clone().unwrap_or(Access::Session)
    }
}

impl Access {
    /// Only a session whose claim `role` is this one.
    pub fn role(name: impl Into<String>) -> Self {
        Self::Role(name.into())
    }
}

macro_rules! methods {
    ($($name:ident $method:ident $word:literal)*) => {$(
        #[doc = concat!("Answers `", $word, "` requests for the pattern.")]
        #[must_use]
        pub fn $name<Args>(self, pattern: &'static str, endpoint: impl IntoEndpoint<Args>) -> Self {
            self.route(Method::$method, pattern, endpoint)
        }
    )*};
}

impl Router {
    /// A router without routes.
    pub fn new() -> Self {
        Self::default()
    }

    methods! {
        get Get "GET"
        post Post "POST"
        put Put "PUT"
        patch Patch "PATCH"
        delete Delete "DELETE"
    }

    /// Answers requests with this method for the pattern. A route for `GET` answers `HEAD` too.
    #[must_use]
    pub fn route<Args>(mut self, method: Method, pattern: &'static str, endpoint: impl IntoEndpoint<Args>) -> Self {
        self.routes.push(Route { method, pattern, endpoint: endpoint.into_endpoint() });
        self
    }

    /// Who may call the routes so far, as far as they do not say it themselves.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        for route in &mut self.routes {
            route.endpoint.access.get_or_insert_with(|| access.clone());
        }
        self
    }

    /// Adds the routes of another router, with the access that was said there.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        #[cfg(not(target_arch = "wasm32"))]
        self.security.extend(other.security);
        self
    }

    /// Names a security scheme of the OpenAPI document, for the routes that demand a session: how a client shows that it
    /// has one. Without any, it is `Authorization: Bearer`.
    #[must_use]
    pub fn security(self, name: &'static str, scheme: serde_json::Value) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let this = {
            let mut this = self;
            this.security.push((name, scheme));
            this
        };
        #[cfg(target_arch = "wasm32")]
        let this = {
            let _ = (name, scheme);
            self
        };
        this
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// True without routes.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Answers a request for the route with this index.
    pub(crate) fn handle(&self, route: u32, mut request: Request) -> Response {
        match self.routes.get(route as usize) {
            Some(route) => {
                request.pattern = route.pattern;
                (route.endpoint.call)(&mut request)
            }
            None => {
                Problem::internal(format_args!("the host asked for route {route} of {}", self.len())).into_response()
            }
        }
    }
}
