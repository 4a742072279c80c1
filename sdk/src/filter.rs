//! Filters look at requests, and at sockets that want to open, before the plugins that name this one in `filters`.

use crate::bindings::devconnect::platform::http_types::{Access, Identity, Method, Response};
use crate::extract::Headers;

/// The head of what asks. Its headers are asked for by [`Headers`].
#[derive(Clone, Debug)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The path as received, without the query.
    pub path: String,
    /// The pattern of the route that matched (`/user/{id}`), or the socket namespace.
    pub route: String,
    /// What the route demands. The host enforces it after the filters: without an identity `Session` is answered 401,
    /// without the role 403. So a filter finds out who asks, and refuses nobody for having no session.
    pub access: Access,
    /// What asks.
    pub kind: Kind,
    /// The `auth` payload of a Socket.IO CONNECT, JSON; absent for HTTP and where the client sent none.
    pub auth_payload: Option<String>,
    /// The client's address, behind trusted proxies the one that they report.
    pub remote_address: String,
    /// The id that logs and answers carry.
    pub request_id: String,
}

impl Head {
    /// The headers, each asked for when it is read.
    #[must_use]
    pub fn headers(&self) -> Headers {
        Headers
    }
}

/// What asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request.
    Http,
    /// A socket that wants to open.
    Socket,
}

/// What a filter decided, unless it answers with a [`Problem`](crate::Problem).
#[derive(Debug)]
pub struct Next(pub(crate) Verdict);

#[derive(Debug)]
pub(crate) enum Verdict {
    Pass { identity: Option<Identity>, headers: Vec<(String, Vec<u8>)> },
    Respond(Response),
}

impl Next {
    /// On to the next filter, then to the route, with what an earlier filter found.
    pub fn pass() -> Self {
        Self(Verdict::Pass { identity: None, headers: Vec::new() })
    }

    /// The same, and this is who asks.
    pub fn identified(identity: Identity) -> Self {
        Self(Verdict::Pass { identity: Some(identity), headers: Vec::new() })
    }

    /// Answer this; the route is not called.
    pub fn respond(response: Response) -> Self {
        Self(Verdict::Respond(response))
    }

    /// Adds a header to the answer, whoever gives it; its name in lower case.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        match &mut self.0 {
            Verdict::Pass { headers, .. } => headers.push((name.into(), value.into())),
            Verdict::Respond(response) => response.headers.push((name.into(), value.into())),
        }
        self
    }
}
