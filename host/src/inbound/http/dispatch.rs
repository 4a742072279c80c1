//! One request: from its head to its answer.
//!
//! The order of what happens to a request is the order of its cost: the route look-up before the body is read, the body
//! before an instance is leased, filters before the route. The table of routes is let go before anything waits, so that
//! a swap never waits for a request.
//!
//! hyper moves the future of a request once it is made, all of its bytes. So what few requests need (files, the host's own
//! routes, streams, a new instance, a full queue) is boxed, and the future stays small.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::body::{self, ResponseBody};
use super::client::TrustedProxies;
use super::connection::Connection;
use super::detached::Detached;
use super::host_routes;
use super::origin::{Mark, Origins, Verdict};
use super::problem::Problem;
use super::proxied::proxied;
use crate::bindings::exports::devconnect::platform::http_handler::Request as GuestRequest;
use crate::capabilities::{Call, Head};
use crate::config::AccessLog;
use crate::inbound::router::{Lookup, Spans};
use crate::inbound::routes::{Endpoint, Route, Routes};
use crate::inbound::static_files::StaticFiles;
use crate::inbound::{filters, response};
use crate::runtime::Access;
use crate::telemetry::RequestId;

/// When to try again after a 503 of the host's own.
const RETRY: Duration = Duration::from_secs(1);
/// One request of so many is logged by `access-log = "sampled"`.
const SAMPLE: u64 = 100;
const REQUEST_ID: http::HeaderName = http::HeaderName::from_static("x-request-id");

/// What serves requests.
pub(crate) struct Gateway {
    pub(crate) routes: Arc<Routes>,
    pub(crate) origins: Origins,
    pub(crate) proxies: TrustedProxies,
    pub(crate) body: body::Limits,
    pub(crate) host: Router,
    pub(crate) files: StaticFiles,
    /// Whether the first plugins serve.
    pub(crate) ready: Arc<AtomicBool>,
    /// Held by every call that goes on without its client, so that the end of the host waits for them.
    pub(crate) detached: mpsc::Sender<()>,
    pub(crate) access_log: AccessLog,
}

/// A plugin's route, and the request that it answers.
struct Asked {
    route: Arc<Route>,
    spans: Spans,
    method: Method,
    uri: Uri,
    body: Bytes,
    call: Box<Call>,
}

impl Gateway {
    /// Answers one request.
    pub(crate) async fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Response<ResponseBody> {
        let started = Instant::now();
        let peer = connection.peer();
        let trusted = self.proxies.trusts(peer.ip());
        let offered = if trusted { request.headers().get(&REQUEST_ID) } else { None };
        let request_id = offered.and_then(|id| RequestId::accept(id.as_bytes())).unwrap_or_else(RequestId::next);
        let scheme = || self.proxies.scheme(peer, request.headers());
        let logged = self.logs().then(|| (request.method().clone(), request.uri().clone()));

        let (mut response, mark) = match self.origins.judge(request.method(), request.uri(), request.headers(), scheme)
        {
            Verdict::Plain => (self.answer(request, peer, request_id, started).await, None),
            Verdict::Marked(mark) => (self.answer(request, peer, request_id, started).await, Some(mark)),
            Verdict::Preflight(mark) => (self.preflight(&request, &mark), None),
            Verdict::Refused(problem) => (problem.into_response(request_id.as_str()), None),
        };
        if let Some(mark) = mark {
            mark.apply(response.headers_mut());
        }
        response.headers_mut().insert(REQUEST_ID, request_id.header_value());
        if let Some((method, uri)) = logged {
            self.log(&method, uri.path(), request_id, response.status(), started);
        }
        response
    }

    fn preflight(&self, request: &Request<Incoming>, mark: &Mark) -> Response<ResponseBody> {
        mark.preflight(self.routes.table().allow(request.uri().path()), request.headers())
    }

    async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: std::net::SocketAddr,
        request_id: RequestId,
        started: Instant,
    ) -> Response<ResponseBody> {
        let (route, spans) = {
            let table = self.routes.table();
            match table.lookup(request.method(), request.uri().path()) {
                Lookup::Found(Endpoint::Plugin(route), spans) => (Arc::clone(route), spans),
                Lookup::Found(Endpoint::Host, _) => {
                    drop(table);
                    return Box::pin(host_routes::call(&self.host, request, request_id.as_str())).await;
                }
                Lookup::Options(allow) => return options(allow.header_value()),
                Lookup::MethodNotAllowed(allow) => {
                    return Problem::method_not_allowed(allow.header_value()).into_response(request_id.as_str());
                }
                Lookup::UnknownMethod => return Problem::not_implemented().into_response(request_id.as_str()),
                Lookup::TooLong => return Problem::uri_too_long().into_response(request_id.as_str()),
                Lookup::NotFound => {
                    drop(table);
                    let (parts, _) = request.into_parts();
                    if !self.ready.load(Ordering::Acquire) {
                        let starting = Problem::unavailable("starting: the plugins do not serve yet", RETRY);
                        return starting.into_response(request_id.as_str());
                    }
                    let served = Box::pin(self.files.serve(&parts.method, parts.uri.path(), &parts.headers)).await;
                    return served.unwrap_or_else(|problem| problem.into_response(request_id.as_str()));
                }
            }
        };
        let response = self.plugin(Arc::clone(&route), spans, request, peer, request_id, started).await;
        route.metrics.answered(response.status().as_u16(), started.elapsed());
        response
    }

    async fn plugin(
        &self,
        route: Arc<Route>,
        spans: Spans,
        request: Request<Incoming>,
        peer: std::net::SocketAddr,
        request_id: RequestId,
        started: Instant,
    ) -> Response<ResponseBody> {
        let remote = self.proxies.address(peer, request.headers());
        let call = |head, now| {
            let mut call = Call::new(&route.version.plugin.limits, now, request_id);
            call.head = Some(head);
            call
        };
        if route.version.is_proxy() {
            let scheme = self.proxies.scheme(peer, request.headers());
            // Twice: the component owns its request, and filters and `incoming` ask the call.
            let call = call(Head { headers: request.headers().clone(), remote }, started);
            return Box::pin(proxied(route, request, call, scheme, self.body)).await;
        }
        let (parts, incoming) = request.into_parts();
        let body = match body::read(incoming, self.body).await {
            Ok(body) => body,
            Err(error) => return Problem::from(&error).into_response(request_id.as_str()),
        };
        let safe = matches!(parts.method, Method::GET | Method::HEAD);
        // The time that the client took for its body is not the plugin's.
        let now = if body.is_empty() { started } else { Instant::now() };
        let call = call(Head { headers: parts.headers, remote }, now);
        let asked = Asked { route, spans, method: parts.method, uri: parts.uri, body, call };
        if safe {
            // A client that goes away takes its question with it: dropping the future ends the call.
            handle(asked).await
        } else {
            Detached::new(handle(asked), self.detached.clone()).await
        }
    }

    fn logs(&self) -> bool {
        match self.access_log {
            AccessLog::Off => false,
            AccessLog::Errors | AccessLog::Sampled | AccessLog::All => true,
        }
    }

    fn log(&self, method: &Method, path: &str, request: RequestId, status: StatusCode, started: Instant) {
        // A balancer that asks a host that is not ready is no error to tell of each time.
        let failed = status.is_server_error() && path != "/readyz";
        let wanted = match self.access_log {
            AccessLog::Off => false,
            AccessLog::Errors => failed,
            AccessLog::Sampled => failed || request.sampled(SAMPLE),
            AccessLog::All => true,
        };
        if wanted {
            let took = started.elapsed();
            tracing::info!(target: "access", %method, path, status = status.as_u16(), ?took, request = request.as_str(), "answered");
        }
    }
}

/// The filters, then the route.
async fn handle(asked: Asked) -> Response<ResponseBody> {
    let Asked { route, spans, method, uri, body, call } = asked;
    let request_id = call.request_id;
    let (call, added) = if route.access == Access::Public {
        (call, Vec::new())
    } else {
        match Box::pin(filters::admit(&route, &method, &uri, call)).await {
            // The filters had budgets of their own.
            Ok((call, added)) => (call.renew(&route.version.plugin.limits, Instant::now()), added),
            Err(refusal) => return *refusal,
        }
    };
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let [a, b, c, d, e, f] = spans;
    let request = GuestRequest {
        route: route.index,
        method: filters::guest_method(&method),
        target,
        path_length: u32::try_from(uri.path().len()).unwrap_or(u32::MAX),
        params: (a, b, c, d, e, f),
        body: &body,
    };
    let outcome = route.version.handle(call, request).await;
    let mut answer = match outcome.answer {
        Ok(answer) => response::response(answer).unwrap_or_else(|reason| {
            let fault = route.version.bad_response(request_id, reason);
            response::fault(&fault, request_id)
        }),
        Err(fault) => response::fault(&fault, request_id),
    };
    filters::append(&mut answer, added);
    answer
}

fn options(allow: http::HeaderValue) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(http::header::ALLOW, allow);
    response
}
