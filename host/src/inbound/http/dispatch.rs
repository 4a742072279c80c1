//! One request: from its head to its answer.
//!
//! The order of what happens to a request is the order of its cost: the route look-up before the body is read, the body
//! before an instance is leased, filters before the route. The table of routes is let go before anything waits, so that
//! a swap never waits for a request.
//!
//! hyper moves the future of a request once it is made, all of its bytes, and an async function keeps its arguments twice.
//! So what can be decided without waiting is decided before there is a future ([`Gateway::decide`]), what a call needs is
//! boxed once, and whatever few requests need (files, bodies, the host's own routes, streams, a full queue) is boxed too.

use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use futures_util::future::Either;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;
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

/// A request's way to its answer.
enum Way {
    /// It is answered already.
    Answered(Response<ResponseBody>),
    /// A plugin's route, with all that its call needs: the common case.
    Call(Box<Asked>, Box<Call>),
    /// Everything else that has to wait for something.
    Longer(Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>),
}

/// What the end of every request needs to know of its beginning.
struct Begun {
    request_id: RequestId,
    started: Instant,
    mark: Option<Mark>,
    access_log: AccessLog,
}

/// The same, and what was asked.
struct Exchange {
    begun: Begun,
    method: Method,
    uri: Uri,
}

/// A plugin's route, and the request that it answers.
struct Asked {
    exchange: Exchange,
    route: Arc<Route>,
    spans: Spans,
    body: Bytes,
}

impl Gateway {
    /// Answers one request.
    pub(crate) fn serve(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + use<> {
        match self.decide(request, connection.peer()) {
            Way::Call(asked, call) => Either::Left(Box::pin(handle(asked, call))),
            Way::Answered(response) => Either::Right(Either::Left(ready(response))),
            Way::Longer(answering) => Either::Right(Either::Right(answering)),
        }
    }

    /// All that can be done with a request before anything has to wait.
    fn decide(self: &Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Way {
        let started = Instant::now();
        let trusted = self.proxies.trusts(peer.ip());
        let offered = if trusted { request.headers().get(&REQUEST_ID) } else { None };
        let request_id = offered.and_then(|id| RequestId::accept(id.as_bytes())).unwrap_or_else(RequestId::next);
        let scheme = || self.proxies.scheme(peer, request.headers());
        let verdict = self.origins.judge(request.method(), request.uri(), request.headers(), scheme);
        let begun = Begun { request_id, started, mark: None, access_log: self.access_log };
        match verdict {
            Verdict::Plain => self.find(begun, request, peer),
            Verdict::Marked(mark) => self.find(Begun { mark: Some(mark), ..begun }, request, peer),
            Verdict::Preflight(mark) => {
                let answer = mark.preflight(self.routes.table().allow(request.uri().path()), request.headers());
                begun.exchange(&request).answered(answer)
            }
            Verdict::Refused(problem) => begun.exchange(&request).refused(problem),
        }
    }

    fn find(self: &Arc<Self>, begun: Begun, request: Request<Incoming>, peer: SocketAddr) -> Way {
        let table = self.routes.table();
        let found = table.lookup(request.method(), request.uri().path());
        if let Lookup::Found(Endpoint::Plugin(route), spans) = found {
            let route = Arc::clone(route);
            drop(table);
            return self.plugin(begun, route, spans, request, peer);
        }
        let exchange = begun.exchange(&request);
        match found {
            Lookup::Found(..) => {
                let gateway = Arc::clone(self);
                Way::Longer(Box::pin(async move {
                    let answer = host_routes::call(&gateway.host, request, exchange.begun.request_id.as_str()).await;
                    exchange.finish(answer)
                }))
            }
            Lookup::Options(allow) => exchange.answered(options(allow.header_value())),
            Lookup::MethodNotAllowed(allow) => exchange.refused(Problem::method_not_allowed(allow.header_value())),
            Lookup::UnknownMethod => exchange.refused(Problem::not_implemented()),
            Lookup::TooLong => exchange.refused(Problem::uri_too_long()),
            Lookup::NotFound if !self.ready.load(Ordering::Acquire) => {
                exchange.refused(Problem::unavailable("starting: the plugins do not serve yet", RETRY))
            }
            Lookup::NotFound => {
                let gateway = Arc::clone(self);
                Way::Longer(Box::pin(async move {
                    let served = gateway.files.serve(&exchange.method, exchange.uri.path(), request.headers()).await;
                    let answer = served.unwrap_or_else(|problem| exchange.problem(problem));
                    exchange.finish(answer)
                }))
            }
        }
    }

    fn plugin(
        self: &Arc<Self>,
        begun: Begun,
        route: Arc<Route>,
        spans: Spans,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Way {
        let remote = self.proxies.address(peer, request.headers());
        let mut call = Call::new(&route.version.plugin.limits, begun.started, begun.request_id);
        let limits = self.body;
        if route.version.is_proxy() {
            let scheme = self.proxies.scheme(peer, request.headers());
            // Twice: the component owns its request, and filters and `incoming` ask the call.
            call.head = Some(Head { headers: request.headers().clone(), remote });
            let exchange = begun.exchange(&request);
            return Way::Longer(Box::pin(async move {
                let answer = proxied(Arc::clone(&route), request, call, scheme, limits).await;
                exchange.finish_route(&route, answer)
            }));
        }
        let (parts, incoming) = request.into_parts();
        call.head = Some(Head { headers: parts.headers, remote });
        let exchange = Exchange { method: parts.method, uri: parts.uri, begun };
        let safe = matches!(exchange.method, Method::GET | Method::HEAD);
        let mut asked = Box::new(Asked { exchange, route, spans, body: Bytes::new() });
        if incoming.is_end_stream() {
            // A client that goes away takes its question with it: dropping the future ends the call.
            return if safe { Way::Call(asked, call) } else { self.detached(handle(asked, call)) };
        }
        let answering = async move {
            match body::read(incoming, limits).await {
                Ok(body) => asked.body = body,
                Err(error) => {
                    let answer = asked.exchange.problem(Problem::from(&error));
                    return asked.exchange.finish_route(&asked.route, answer);
                }
            }
            // The time that the client took for its body is not the plugin's.
            let call = call.for_route(&asked.route.version.plugin.limits, Instant::now());
            handle(asked, call).await
        };
        // Without its client a body that is not whole yet never will be: then a detached call ends by itself.
        if safe { Way::Longer(Box::pin(answering)) } else { self.detached(answering) }
    }

    /// What changes something runs to its end, or to its deadline, even if its client leaves.
    fn detached(&self, answering: impl Future<Output = Response<ResponseBody>> + Send + 'static) -> Way {
        Way::Longer(Box::pin(Detached::new(answering, self.detached.clone())))
    }
}

impl Begun {
    fn exchange<B>(self, request: &Request<B>) -> Exchange {
        Exchange { begun: self, method: request.method().clone(), uri: request.uri().clone() }
    }
}

impl Exchange {
    fn answered(self, response: Response<ResponseBody>) -> Way {
        Way::Answered(self.finish(response))
    }

    fn refused(self, problem: Problem) -> Way {
        let response = self.problem(problem);
        self.answered(response)
    }

    fn problem(&self, problem: Problem) -> Response<ResponseBody> {
        problem.into_response(self.begun.request_id.as_str())
    }

    /// The answer of a plugin's route, counted.
    fn finish_route(&self, route: &Route, response: Response<ResponseBody>) -> Response<ResponseBody> {
        route.metrics.answered(response.status().as_u16(), self.begun.started.elapsed());
        self.finish(response)
    }

    /// What every answer gets: marks, the request's id, a line in the access log if it is one of those that are logged.
    fn finish(&self, mut response: Response<ResponseBody>) -> Response<ResponseBody> {
        if let Some(mark) = &self.begun.mark {
            mark.apply(response.headers_mut());
        }
        response.headers_mut().insert(REQUEST_ID, self.begun.request_id.header_value());
        let status = response.status();
        // A balancer that asks a host that is not ready is no error to tell of each time.
        let failed = status.is_server_error() && self.uri.path() != "/readyz";
        let wanted = match self.begun.access_log {
            AccessLog::Off => false,
            AccessLog::Errors => failed,
            AccessLog::Sampled => failed || self.begun.request_id.sampled(SAMPLE),
            AccessLog::All => true,
        };
        if wanted {
            self.log(status);
        }
        response
    }

    #[cold]
    fn log(&self, status: StatusCode) {
        let (method, path, status) = (&self.method, self.uri.path(), status.as_u16());
        let (took, request) = (self.begun.started.elapsed(), self.begun.request_id.as_str());
        tracing::info!(target: "access", %method, path, status, ?took, request, "answered");
    }
}

/// The filters, then the route.
async fn handle(asked: Box<Asked>, mut call: Box<Call>) -> Response<ResponseBody> {
    let Asked { exchange, route, .. } = &*asked;
    let mut added = Vec::new();
    if route.access != Access::Public {
        match Box::pin(filters::admit(route, &exchange.method, &exchange.uri, call)).await {
            Ok((admitted, said)) => {
                // The filters had budgets of their own.
                call = admitted.for_route(&route.version.plugin.limits, Instant::now());
                added = said;
            }
            Err(refusal) => return exchange.finish_route(route, *refusal),
        }
    }
    let outcome = route.version.handle(call, &asked.request()).await;
    let request_id = exchange.begun.request_id;
    let fault = |fault| response::fault(&fault, request_id);
    let mut answer = match outcome.answer {
        Ok(answer) => {
            let head = outcome.call.and_then(|call| call.head);
            let headers = head.map(|head| response::emptied(head.headers)).unwrap_or_default();
            response::response(answer, headers)
                .unwrap_or_else(|reason| fault(route.version.bad_response(request_id, reason)))
        }
        Err(ended) => fault(ended),
    };
    filters::append(&mut answer, added);
    exchange.finish_route(route, answer)
}

impl Asked {
    /// The request as the guest gets it.
    fn request(&self) -> GuestRequest<'_> {
        let uri = &self.exchange.uri;
        let [a, b, c, d, e, f] = self.spans;
        GuestRequest {
            route: self.route.index,
            method: filters::guest_method(&self.exchange.method),
            target: uri.path_and_query().map_or("/", |target| target.as_str()),
            path_length: u32::try_from(uri.path().len()).unwrap_or(u32::MAX),
            params: (a, b, c, d, e, f),
            body: &self.body,
        }
    }
}

fn options(allow: http::HeaderValue) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(http::header::ALLOW, allow);
    response
}
