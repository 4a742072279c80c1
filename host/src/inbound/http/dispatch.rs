//! One request: from its head to its answer.
//!
//! The order of what happens to a request is the order of its cost: the route look-up before the body is read, the body
//! before an instance is leased, filters before the route. The table of routes is let go before anything waits, so that
//! a swap never waits for a request.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::body::{self, ResponseBody};
use super::client::{Scheme, TrustedProxies};
use super::connection::Connection;
use super::host_routes;
use super::origin::{Mark, Origins, Verdict};
use super::problem::Problem;
use crate::bindings::devconnect::platform::http_types::{AccessParam, Method as GuestMethod};
use crate::bindings::exports::devconnect::platform::http_filter::{Head as FilterHead, Kind, Verdict as FilterVerdict};
use crate::bindings::exports::devconnect::platform::http_handler::Request as GuestRequest;
use crate::capabilities::{Call, Head, Identity};
use crate::config::AccessLog;
use crate::inbound::response;
use crate::inbound::router::{Lookup, Spans, Verb};
use crate::inbound::routes::{Endpoint, Route, Routes};
use crate::inbound::static_files::StaticFiles;
use crate::runtime::{Access, Fault, Upload};
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
    call: Call,
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
                    return host_routes::call(&self.host, request, request_id.as_str()).await;
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
                    let served = self.files.serve(&parts.method, parts.uri.path(), &parts.headers).await;
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
        let mut call = Call::new(&route.version.plugin.limits, started, request_id);
        if route.version.is_proxy() {
            let scheme = self.proxies.scheme(peer, request.headers());
            // Twice: the component owns its request, and filters and `incoming` ask the call.
            call.head = Some(Head { headers: request.headers().clone(), remote });
            return proxied(route, request, call, scheme, self.body).await;
        }
        let (parts, incoming) = request.into_parts();
        let body = match body::read(incoming, self.body).await {
            Ok(body) => body,
            Err(error) => return Problem::from(&error).into_response(request_id.as_str()),
        };
        let safe = matches!(parts.method, Method::GET | Method::HEAD);
        call.head = Some(Head { headers: parts.headers, remote });
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
    let (call, added) = match admit(&route, &method, &uri, call).await {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    let call = call.renew(&route.version.plugin.limits, Instant::now());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let [a, b, c, d, e, f] = spans;
    let request = GuestRequest {
        route: route.index,
        method: guest_method(&method),
        target,
        path_length: u32::try_from(uri.path().len()).unwrap_or(u32::MAX),
        params: (a, b, c, d, e, f),
        body: &body,
    };
    let outcome = route.version.handle(call, request).await;
    let mut answer = match outcome.answer {
        Ok(answer) => response::response(answer).unwrap_or_else(|reason| {
            let fault = route.version.bad_response(request_id, reason);
            failed(&fault, request_id)
        }),
        Err(fault) => failed(&fault, request_id),
    };
    append(&mut answer, added);
    answer
}

/// What filters add to an answer.
type Added = Vec<(http::HeaderName, http::HeaderValue)>;

/// Adds what filters said beside what the route said: both may set a cookie.
fn append(answer: &mut Response<ResponseBody>, added: Added) {
    for (name, value) in added {
        answer.headers_mut().append(name, value);
    }
}

/// Asks the route's filters who is calling, and holds the answer against what the route demands.
async fn admit(
    route: &Route,
    method: &Method,
    uri: &Uri,
    mut call: Call,
) -> Result<(Call, Added), Box<Response<ResponseBody>>> {
    let mut added = Vec::new();
    if route.access == Access::Public {
        return Ok((call, added));
    }
    let request_id = call.request_id;
    let refuse = |fault: &Fault| Box::new(failed(fault, request_id));
    let remote =
        call.head.as_ref().map(|head| head.remote).map_or_else(String::new, |remote: IpAddr| remote.to_string());
    for filter in &route.filters {
        let head = FilterHead {
            method: guest_method(method),
            path: uri.path(),
            route: &route.pattern,
            access: guest_access(&route.access),
            kind: Kind::Http,
            auth_payload: None,
            remote_address: &remote,
            request_id: request_id.as_str(),
        };
        let outcome = filter.filter(call.renew(&filter.plugin.limits, Instant::now()), head).await;
        let (verdict, back) = match (outcome.answer, outcome.call) {
            (Ok(verdict), Some(back)) => (verdict, back),
            (Err(fault), _) => return Err(refuse(&fault)),
            (Ok(_), None) => return Err(refuse(&filter.bad_response(request_id, "its call was lost".to_owned()))),
        };
        call = back;
        match verdict {
            FilterVerdict::Next(passage) => {
                if let Some(identity) = passage.identity {
                    call.identity = Some(identity);
                }
                match response::headers(passage.headers) {
                    Ok(headers) => added.extend(headers),
                    Err(reason) => return Err(refuse(&filter.bad_response(request_id, reason))),
                }
            }
            FilterVerdict::Respond(answer) => {
                let mut answer = response::response(answer)
                    .unwrap_or_else(|reason| failed(&filter.bad_response(request_id, reason), request_id));
                append(&mut answer, added);
                return Err(Box::new(answer));
            }
        }
    }
    match permit(&route.access, call.identity.as_ref()) {
        Ok(()) => Ok((call, added)),
        Err(problem) => {
            let mut answer = problem.into_response(request_id.as_str());
            append(&mut answer, added);
            Err(Box::new(answer))
        }
    }
}

/// Whether an identity, or none, is enough for a route.
fn permit(access: &Access, identity: Option<&Identity>) -> Result<(), Box<Problem>> {
    match (access, identity) {
        (Access::Public | Access::Optional, _) | (Access::Session, Some(_)) => Ok(()),
        (Access::Session | Access::Role(_), None) => {
            Err(Box::new(Problem::unauthorized("the request carries no valid session")))
        }
        (Access::Role(role), Some(identity)) => {
            let claims: serde_json::Value = serde_json::from_str(&identity.claims).unwrap_or_default();
            if claims.get("role").and_then(serde_json::Value::as_str) == Some(role) {
                Ok(())
            } else {
                Err(Box::new(Problem::forbidden("the session does not have the role that this route demands")))
            }
        }
    }
}

/// A plain wasi:http component: body and answer are streams.
async fn proxied(
    route: Arc<Route>,
    request: Request<Incoming>,
    call: Call,
    scheme: Scheme,
    limits: body::Limits,
) -> Response<ResponseBody> {
    let request_id = call.request_id;
    let Some(request) = absolute(request, scheme) else {
        return Problem::bad_request("the request has no `host` header, or not a good one")
            .into_response(request_id.as_str());
    };
    let body_limit = u64::try_from(limits.bytes).unwrap_or(u64::MAX);
    if request.body().size_hint().lower() > body_limit {
        return Problem::from(&body::Error::TooLarge { limit: limits.bytes }).into_response(request_id.as_str());
    }
    let (call, added) = match admit(&route, request.method(), request.uri(), call).await {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    let call = call.renew(&route.version.plugin.limits, Instant::now());
    let request = request.map(|body| Upload::new(body, body_limit, limits.time));
    let mut answer = match route.version.proxy(call, request).await {
        Ok(answer) => answer.map(ResponseBody::stream),
        Err(fault) => failed(&fault, request_id),
    };
    append(&mut answer, added);
    answer
}

/// The request with its whole URI, as its client sees it: wasi:http tells a component the scheme and the authority.
/// `None` without an authority: HTTP/1.0 may name no host.
fn absolute<B>(mut request: Request<B>, scheme: Scheme) -> Option<Request<B>> {
    let mut parts = request.uri().clone().into_parts();
    if parts.authority.is_none() {
        let host = request.headers().get(http::header::HOST)?;
        parts.authority = Some(http::uri::Authority::try_from(host.as_bytes()).ok()?);
    }
    parts.scheme = Some(match scheme {
        Scheme::Http => http::uri::Scheme::HTTP,
        Scheme::Https => http::uri::Scheme::HTTPS,
    });
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(request)
}

/// What the client gets for a fault: a status, and nothing of the inside.
fn failed(fault: &Fault, request_id: RequestId) -> Response<ResponseBody> {
    let problem = match fault.status() {
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable("as many requests as allowed are being served", RETRY),
        StatusCode::GATEWAY_TIMEOUT => Problem::gateway_timeout("the route did not answer in time"),
        _ => Problem::internal(),
    };
    problem.into_response(request_id.as_str())
}

fn options(allow: http::HeaderValue) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(http::header::ALLOW, allow);
    response
}

fn guest_method(method: &Method) -> GuestMethod {
    match Verb::of(method) {
        Some(Verb::Head) => GuestMethod::Head,
        Some(Verb::Post) => GuestMethod::Post,
        Some(Verb::Put) => GuestMethod::Put,
        Some(Verb::Delete) => GuestMethod::Delete,
        Some(Verb::Connect) => GuestMethod::Connect,
        Some(Verb::Options) => GuestMethod::Options,
        Some(Verb::Trace) => GuestMethod::Trace,
        Some(Verb::Patch) => GuestMethod::Patch,
        // Others never reach a route: the table knows these methods alone.
        Some(Verb::Get) | None => GuestMethod::Get,
    }
}

fn guest_access(access: &Access) -> AccessParam<'_> {
    match access {
        Access::Public => AccessParam::Public,
        Access::Optional => AccessParam::Optional,
        Access::Session => AccessParam::Session,
        Access::Role(role) => AccessParam::Role(role),
    }
}

/// A future that goes on by itself when whoever waits for it goes away: a request that changes something runs to its
/// end, or to its deadline, even if its client left.
struct Detached<F: Future<Output: Send> + Send + 'static> {
    future: Option<Pin<Box<F>>>,
    going_on: mpsc::Sender<()>,
}

impl<F: Future<Output: Send> + Send + 'static> Detached<F> {
    fn new(future: F, going_on: mpsc::Sender<()>) -> Self {
        Self { future: Some(Box::pin(future)), going_on }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Detached<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Detached<F> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.future.take(), tokio::runtime::Handle::try_current()) {
            let going_on = self.going_on.clone();
            drop(runtime.spawn(async move {
                drop(future.await);
                drop(going_on);
            }));
        }
    }
}
