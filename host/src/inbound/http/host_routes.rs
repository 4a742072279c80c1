//! The host's own endpoints: `/healthz`, `/readyz`, `/openapi.json`.
//!
//! They are an axum router behind the plugins' routes. [`ROUTES`] also go into the table of routes, owned by the host:
//! a plugin that wants one of them is refused like any other clash, and a plugin's `/{*rest}` does not hide them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use http_body::Body;
use serde_json::json;
use tower::ServiceExt;

use super::body::{BoxError, ResponseBody};
use super::problem::Problem;
use crate::inbound::router::{Allow, Verb};

#[cfg(test)]
mod tests;

/// The endpoints, for the table of routes.
pub(crate) const ROUTES: [(Verb, &str); 3] =
    [(Verb::Get, "/healthz"), (Verb::Get, "/readyz"), (Verb::Get, "/openapi.json")];

/// Whether the host should get traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// The first plugins do not serve yet.
    Starting,
    /// Plugins serve. The stores that are away are named: that is no reason to take this host out, the others of the
    /// installation have the same stores.
    Serving {
        /// Names of stores, and of plugins that could not be loaded.
        away: Vec<String>,
    },
    /// The host finishes what it has and ends.
    Draining,
}

/// The merged OpenAPI document, serialised when the plugins change.
pub(crate) type OpenApi = Arc<ArcSwap<Bytes>>;

/// The router of the host's own endpoints; more can be merged into it.
pub(crate) fn router<R>(readiness: R, openapi: OpenApi) -> Router
where
    R: Fn() -> Readiness + Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/healthz", get(|| async { ([(CACHE_CONTROL, "no-store")], "ok") }))
        .route("/readyz", get(move || async move { ready(readiness()) }))
        .route(
            "/openapi.json",
            get(move || async move {
                let document = Bytes::clone(&openapi.load());
                ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document)
            }),
        )
        .fallback(|| async { Refusal(Problem::not_found("no route and no file has this path")) })
        .method_not_allowed_fallback(|| async {
            Refusal(Problem::method_not_allowed(Allow::of([Verb::Get, Verb::Head, Verb::Options]).header_value()))
        })
}

/// Calls the router; its problems get the request's id.
pub(crate) async fn call<B>(router: &Router, request: Request<B>, request_id: &str) -> Response<ResponseBody>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut response = match router.clone().oneshot(request.map(axum::body::Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem.into_response(request_id),
        None => response.map(ResponseBody::stream),
    }
}

fn ready(readiness: Readiness) -> axum::response::Response {
    let wait = Duration::from_secs(1);
    match readiness {
        Readiness::Starting => Refusal(Problem::unavailable("starting: no plugin serves yet", wait)).into_response(),
        Readiness::Draining => Refusal(Problem::unavailable("draining: this host is ending", wait)).into_response(),
        Readiness::Serving { away } => {
            let status = if away.is_empty() { "ok" } else { "degraded" };
            ([(CACHE_CONTROL, "no-store")], Json(json!({ "status": status, "away": away }))).into_response()
        }
    }
}

/// A problem on its way through axum, which knows no request id: [`call`] makes the answer.
struct Refusal(Problem);

impl IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}
