//! How a plain function becomes the answer to a route.

use std::fmt;

use super::Access;
use crate::extract::FromRequest;
#[cfg(not(target_arch = "wasm32"))]
use crate::openapi::Operation;
use crate::request::Request;
use crate::response::{IntoResponse, Response};

/// A function whose parameters are [extractors](FromRequest) (at most eight) and whose result is an
/// [answer](IntoResponse). Nobody implements it by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "each parameter of a handler must be an extractor (`Json`, `Path`, `Query`, `Identity`, …), at most eight of them",
    note = "its result must be `impl IntoResponse`, for instance `Result<Json<T>, Problem>`"
)]
pub trait Handler<Args>: Send + Sync + 'static {
    /// Reads the parameters, calls the function, makes the answer.
    fn call(&self, request: &mut Request) -> Response;

    /// Tells the OpenAPI document what it takes and answers.
    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! handler {
    ($($argument:ident)*) => {
        impl<F, R, $($argument),*> Handler<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R + Send + Sync + 'static,
            R: IntoResponse,
            $($argument: FromRequest,)*
        {
            #[allow(non_snake_case, unused_variables, reason = "the types' names serve as the parameters'")]
            #[inline]
            fn call(&self, request: &mut Request) -> Response {
                $(
                    let $argument = match $argument::from_request(request) {
                        Ok(argument) => argument,
                        Err(problem) => return problem.into_response(),
                    };
                )*
                self($($argument),*).into_response()
            }

            #[cfg(not(target_arch = "wasm32"))]
            fn describe(operation: &mut Operation<'_>) {
                $($argument::describe(operation);)*
                R::describe(operation);
            }
        }
    };
}

handler!();
handler!(A);
handler!(A B);
handler!(A B C);
handler!(A B C D);
handler!(A B C D E);
handler!(A B C D E G);
handler!(A B C D E G H);
handler!(A B C D E G H I);

type Call = Box<dyn Fn(&mut Request) -> Response + Send + Sync>;

#[cfg(not(target_arch = "wasm32"))]
type Describe = Box<dyn Fn(&mut Operation<'_>) + Send + Sync>;

/// A handler with what is said about it: who may call it, and its part of the OpenAPI document.
///
/// ```
/// use devconnect_sdk::prelude::*;
///
/// # fn sign_up() {}
/// let routes = Router::new().post("/signup", public(sign_up).summary("Opens an account").tag("accounts"));
/// ```
pub struct Endpoint {
    pub(crate) call: Call,
    pub(crate) access: Option<Access>,
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) describe: Vec<Describe>,
}

impl Endpoint {
    fn new<Args, H: Handler<Args>>(handler: H, access: Option<Access>) -> Self {
        Self {
            // A function has no size, so that this box does not allocate.
            call: Box::new(move |request| handler.call(request)),
            access,
            #[cfg(not(target_arch = "wasm32"))]
            describe: vec![Box::new(H::describe as fn(&mut Operation<'_>))],
        }
    }

    /// Says in a few words what the route does.
    #[must_use]
    pub fn summary(self, summary: &'static str) -> Self {
        self.note("summary", summary)
    }

    /// Says at length what the route does, in Markdown.
    #[must_use]
    pub fn description(self, description: &'static str) -> Self {
        self.note("description", description)
    }

    /// Groups the route with others in the OpenAPI document.
    #[must_use]
    pub fn tag(self, tag: &'static str) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let this = {
            let mut this = self;
            this.describe.push(Box::new(move |operation: &mut Operation<'_>| operation.tag(tag)));
            this
        };
        #[cfg(target_arch = "wasm32")]
        let this = {
            let _ = tag;
            self
        };
        this
    }

    /// Tells of an answer that the handler's type does not show, for instance because it returns a `Response`.
    #[must_use]
    pub fn returns<T: IntoResponse + 'static>(self, status: u16) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let this = {
            let mut this = self;
            this.describe.push(Box::new(move |operation: &mut Operation<'_>| operation.with_status::<T>(status)));
            this
        };
        #[cfg(target_arch = "wasm32")]
        let this = {
            let _ = status;
            self
        };
        this
    }

    fn note(self, name: &'static str, text: &'static str) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let this = {
            let mut this = self;
            this.describe.push(Box::new(move |operation: &mut Operation<'_>| operation.note(name, text)));
            this
        };
        #[cfg(target_arch = "wasm32")]
        let this = {
            let _ = (name, text);
            self
        };
        this
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").field("access", &self.access).finish_non_exhaustive()
    }
}

/// What a route can be given: a handler, or an [`Endpoint`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "each parameter of a handler must be an extractor (`Json`, `Path`, `Query`, `Identity`, …), at most eight of them",
    note = "its result must be `impl IntoResponse`, for instance `Result<Json<T>, Problem>`"
)]
pub trait IntoEndpoint<Args> {
    /// The endpoint.
    fn into_endpoint(self) -> Endpoint;
}

/// Tells a bare handler from an endpoint, so that both can be given to a route.
#[derive(Debug)]
pub enum Bare {}

impl<Args, H: Handler<Args>> IntoEndpoint<(Bare, Args)> for H {
    fn into_endpoint(self) -> Endpoint {
        Endpoint::new(self, None)
    }
}

impl IntoEndpoint<()> for Endpoint {
    fn into_endpoint(self) -> Endpoint {
        self
    }
}

/// The handler as an endpoint that says more about itself, with the access of its router.
pub fn endpoint<Args>(handler: impl Handler<Args>) -> Endpoint {
    Endpoint::new(handler, None)
}

/// Anybody may call it; no filter is asked.
pub fn public<Args>(handler: impl Handler<Args>) -> Endpoint {
    Endpoint::new(handler, Some(Access::Public))
}

/// Anybody may call it; with a session there is an identity.
pub fn optional<Args>(handler: impl Handler<Args>) -> Endpoint {
    Endpoint::new(handler, Some(Access::Optional))
}

/// Only a session may call it.
pub fn session<Args>(handler: impl Handler<Args>) -> Endpoint {
    Endpoint::new(handler, Some(Access::Session))
}

/// Only a session whose claim `role` is this one may call it.
pub fn role<Args>(role: impl Into<String>, handler: impl Handler<Args>) -> Endpoint {
    Endpoint::new(handler, Some(Access::Role(role.into())))
}
