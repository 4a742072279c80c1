//! The native servers that the host is compared with: what somebody would write with axum, on one thread.

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderValue;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the server does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Kind {
    /// Also what the host does for each request: an id in the answer, a limit for the body, a counter and a histogram.
    #[arg(long)]
    pub(crate) duties: bool,
}

/// The same JSON as in plugins/hello.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    id: u64,
    customer: String,
    email: String,
    items: Vec<Item>,
    #[serde(default)]
    express: bool,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "name")]
    _name: String,
    quantity: u32,
    price: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Confirmation {
    id: u64,
    customer: String,
    email: String,
    pieces: u32,
    total: f64,
    express: bool,
}

async fn hello() -> &'static str {
    "Hello, World!"
}

async fn confirm(Json(order): Json<Order>) -> Json<Confirmation> {
    Json(Confirmation {
        id: order.id,
        pieces: order.items.iter().map(|item| item.quantity).sum(),
        total: order.items.iter().map(|item| f64::from(item.quantity) * item.price).sum(),
        express: order.express,
        customer: order.customer,
        email: order.email,
    })
}

struct Duties {
    next: AtomicU64,
    requests: Counter,
    durations: Histogram,
}

async fn duties(State(duties): State<Arc<Duties>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut response = next.run(request).await;
    let id = format!("{:016x}", duties.next.fetch_add(1, Ordering::Relaxed));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    duties.requests.inc();
    duties.durations.observe(started.elapsed().as_secs_f64());
    response
}

/// Serves on a free port and prints the address.
pub(crate) fn serve(kind: &Kind) -> anyhow::Result<()> {
    let mut router = Router::new().route("/hello", get(hello)).route("/json", post(confirm));
    let mut registry = Registry::default();
    if kind.duties {
        let state = Arc::new(Duties {
            next: AtomicU64::new(0),
            requests: Counter::default(),
            durations: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
        });
        registry.register("requests", "Requests", state.requests.clone());
        registry.register("seconds", "Durations", state.durations.clone());
        router = router.layer(DefaultBodyLimit::max(1 << 20)).layer(from_fn_with_state(state, duties));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        axum::serve(listener, router).await?;
        Ok(())
    })
}
