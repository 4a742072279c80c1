//! Pages of other origins: which may read answers (CORS), and which may not even act.
//!
//! A browser sends cookies along with requests that foreign pages make. Pages of the configured origins, and the
//! host's own, may do that and read the answer; for all others an unsafe request with the session's cookie is refused
//! before any plugin hears of it. A request without an `origin` header comes from no such page and passes: that is
//! every request of a command line or a server, so it is decided first, without allocating.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, COOKIE, HOST, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};

use super::body::ResponseBody;
use super::client::Scheme;
use super::problem::Problem;
use crate::inbound::router::{Allow, Verb};

#[cfg(test)]
mod tests;

/// The cookie that carries a session.
pub(crate) const SESSION_COOKIE: &str = "token";

/// How long a browser may keep the answer to a preflight, in seconds; browsers cap it at two hours themselves.
const MAX_AGE: &str = "7200";

/// The origins whose pages may use this host with credentials.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    configured: Vec<String>,
}

/// What an origin means for a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// No foreign page is behind it: it is answered as it is.
    Plain,
    /// A page of another origin is: the answer is to be marked.
    Marked(Mark),
    /// A browser asks whether a page may make a request: answer with [`Mark::preflight`].
    Preflight(Mark),
    /// A foreign page must not do this.
    Refused(Problem),
}

/// What an answer to a page of another origin carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The page's origin, if it may read the answer.
    origin: Option<HeaderValue>,
}

impl Origins {
    /// The entries of `server.origins`, as browsers write them: lower case, no default port, no path.
    pub(crate) fn new(configured: Vec<String>) -> Self {
        Self { configured }
    }

    /// Judges a request. `scheme` is asked only when a page's origin has to be compared with the host's own.
    pub(crate) fn judge(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        scheme: impl FnOnce() -> Scheme,
    ) -> Verdict {
        let Some(origin) = headers.get(ORIGIN) else {
            return Verdict::Plain;
        };
        let text = origin.to_str().unwrap_or("null");
        let preflight = *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if self.configured.iter().any(|configured| configured.eq_ignore_ascii_case(text)) {
            let mark = Mark { origin: Some(origin.clone()) };
            return if preflight { Verdict::Preflight(mark) } else { Verdict::Marked(mark) };
        }
        if is_own(text, uri, headers, scheme) {
            return Verdict::Plain;
        }
        if preflight {
            return Verdict::Refused(Problem::forbidden("this host does not answer pages of this origin"));
        }
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        if !safe && has_session_cookie(headers) {
            return Verdict::Refused(Problem::forbidden(
                "a request that changes something came, with the session's cookie, from a page of an unknown origin",
            ));
        }
        Verdict::Marked(Mark { origin: None })
    }
}

impl Mark {
    /// Marks an answer.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = &self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("x-request-id, retry-after"));
        }
    }

    /// The answer to a preflight for a path that answers these methods; `request` are the headers of the preflight.
    pub(crate) fn preflight(&self, allow: Allow, request: &HeaderMap) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(
            VARY,
            HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers"),
        );
        if let Some(origin) = &self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            // A path without routes may be a file.
            let allow = if allow.is_empty() { Allow::of([Verb::Get, Verb::Head]) } else { allow };
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allow.header_value());
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
            // With credentials `*` means nothing, and the origin is one that the operator named: it gets what it asks.
            if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        response
    }
}

/// Whether the origin is that of the host's own pages: the request's scheme and host.
fn is_own(origin: &str, uri: &Uri, headers: &HeaderMap, scheme: impl FnOnce() -> Scheme) -> bool {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = named.or_else(|| uri.authority().map(http::uri::Authority::as_str)) else {
        return false;
    };
    let Some((origin_scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let (scheme, default_port) = match scheme() {
        Scheme::Http => (Scheme::Http, ":80"),
        Scheme::Https => (Scheme::Https, ":443"),
    };
    origin_scheme.eq_ignore_ascii_case(scheme.as_str())
        && authority.eq_ignore_ascii_case(host.strip_suffix(default_port).unwrap_or(host))
}

fn has_session_cookie(headers: &HeaderMap) -> bool {
    headers.get_all(COOKIE).iter().any(|line| {
        line.as_bytes().split(|byte| *byte == b';').any(|cookie| {
            let name = cookie.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.trim_ascii() == SESSION_COOKIE.as_bytes()
        })
    })
}
