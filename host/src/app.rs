//! Builds every part and wires them; the only module that names them all.

mod check;
mod services;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::cli::{self, Cli, Command};
use crate::config::{self, Resolved};
use crate::deploy::{Deployment, Inbound, Look, Lookout};
use crate::error::Error;
use crate::inbound::events::Consumers;
use crate::inbound::http::client::TrustedProxies;
use crate::inbound::http::dispatch::Gateway;
use crate::inbound::http::host_routes::{self, Readiness};
use crate::inbound::http::origin::Origins;
use crate::inbound::http::{body, server};
use crate::inbound::routes::Routes;
use crate::inbound::schedule::Schedules;
use crate::inbound::static_files::StaticFiles;
use crate::runtime::cache::Cache;
use crate::runtime::compile::{self, Compiler};
use crate::runtime::{Engine, Loader};
use crate::shutdown::{self, Reloads, Shutdown};
use crate::telemetry::{self, HostMetrics};

/// What consumer groups of the embedded log are called, so that they go on where they were if Kafka takes its place with the
/// default group id.
const EMBEDDED_GROUP: &str = "devconnect-group";
/// How often idle instances are looked through.
const TRIM: Duration = Duration::from_secs(5);

/// Does what the process's arguments say; its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::from_arguments();
    match cli.chosen() {
        Command::Serve => {
            telemetry::start_log();
            match serve(&cli.config, config::variables()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    anstream::eprintln!("{error}");
                    ExitCode::from(error.exit_code())
                }
            }
        }
        Command::Check { json } => {
            let mut out = anstream::stdout();
            let variables = config::variables();
            cli::check::run(&cli.config, &variables, check::inspect, *json, &mut out).unwrap_or(ExitCode::FAILURE)
        }
        Command::Compile { memory } => ExitCode::from(compile::run(*memory)),
    }
}

/// Serves what the configuration in `path` says until the process is asked to end.
///
/// # Errors
/// Whatever keeps the host from starting. A plugin that cannot serve does not: it is logged, named by `/readyz`, and
/// served as soon as its file or its configuration is mended.
fn serve(path: &Path, variables: BTreeMap<String, String>) -> Result<(), Error> {
    let resolved = config::load(path, &variables).map_err(|problems| Error::Configuration { problems })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(resolved.server.workers)
        .thread_name("worker")
        .enable_all()
        .build()
        .map_err(|cause| Error::System { action: "start the worker threads", cause })?;
    let result = runtime.block_on(until_asked_to_end(resolved, path, variables));
    // A component that is being compiled or a file that is being read must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn until_asked_to_end(resolved: Resolved, path: &Path, variables: BTreeMap<String, String>) -> Result<(), Error> {
    // Once, before anything speaks TLS: with two providers in one process the first connection would panic.
    let _others = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (trigger, shutdown, reloads) =
        shutdown::listen().map_err(|cause| Error::System { action: "listen for signals", cause })?;
    let mut registry = Registry::with_prefix("devconnect");
    let metrics = HostMetrics::register(&mut registry);
    let stores = services::open(&resolved, &mut registry).await?;
    let listener = listen(resolved.server.listen).await?;
    let address = listener.local_addr().unwrap_or(resolved.server.listen);

    let engine = Engine::new(&resolved.runtime).map_err(|error| Error::Engine { cause: error.into() })?;
    let folder = |error: crate::runtime::cache::Error| Error::Store {
        store: "compiled components",
        path: resolved.runtime.cache.clone(),
        cause: error.into(),
    };
    let cache = Cache::open(&resolved.runtime.cache, &engine).map_err(folder)?;
    let compiler = Compiler::of_this_host(&resolved.runtime);
    let routes = Arc::new(Routes::new(metrics.clone()).map_err(|error| Error::Engine { cause: error.into() })?);
    let loader =
        Loader::new(engine, Some(cache), compiler, Arc::clone(&stores.services), metrics.clone(), &resolved.server)
            .map_err(|error| Error::Engine { cause: error.into() })?;
    let (consumers, schedules) = (consumers(&resolved, &stores, &mut registry), schedules(&stores, &mut registry));
    let inbound =
        Inbound { routes: Arc::clone(&routes), consumers: Arc::clone(&consumers), schedules: Arc::clone(&schedules) };
    let deployment = Arc::new(Deployment::new(loader, inbound, metrics, resolved.runtime.clone()));
    let ready = Arc::new(AtomicBool::new(false));
    let (detached, mut going_on) = mpsc::channel(1);
    let readiness = readiness(&deployment, &ready, &shutdown, stores.away.clone());
    let gateway = Arc::new(gateway(&resolved, &routes, readiness, &ready, detached)?);

    let deploying =
        tokio::spawn(deploy(Arc::clone(&deployment), resolved.clone(), path.to_owned(), variables, reloads, ready));
    let trimming = tokio::spawn(trim(Arc::clone(&deployment)));
    let scheduling = tokio::spawn(schedules.keep(shutdown.clone().requested()));
    let scraping = scrape(&resolved, registry).await?;
    tracing::info!("listening on http://{address}");

    let limits = server::Limits {
        header_timeout: resolved.server.header_timeout,
        idle_timeout: resolved.server.idle_timeout,
        headers: resolved.server.max_headers,
        header_bytes: resolved.server.max_header_bytes,
        connections: resolved.server.max_connections,
        grace: resolved.server.shutdown_grace,
    };
    let service = move |request, connection: &_| gateway.serve(request, connection);
    let grace = resolved.server.shutdown_grace;
    let no_more_events = tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            shutdown.requested().await;
            consumers.stop(grace).await;
        }
    });
    let mut grace_ends = None;
    let requested = async {
        shutdown.requested().await;
        grace_ends = Some(Instant::now() + grace);
    };
    let drained = server::serve(listener, limits, service, requested).await;
    if let Err(error) = no_more_events.await {
        tracing::error!("the consumers did not stop as they should: {error}");
    }
    // Calls whose clients left, before their stores close; nothing is ever sent, the last of them closes the channel. One
    // grace for all: they have what the connections left of it.
    let left = grace_ends.unwrap_or_else(Instant::now);
    if tokio::time::timeout_at(left.into(), going_on.recv()).await.is_err() {
        tracing::warn!("calls whose clients left were cut at the end of the grace");
    }
    if tokio::time::timeout_at(left.into(), scheduling).await.is_err() {
        tracing::warn!("what ran on a schedule was cut at the end of the grace");
    }
    deploying.abort();
    trimming.abort();
    if let Some(scraping) = scraping {
        scraping.abort();
    }
    drop(trigger);
    stores.close().await;
    tracing::info!(cut = drained.cut, "ended");
    Ok(())
}

/// The consumers of events; none yet.
fn consumers(resolved: &Resolved, stores: &services::Stores, registry: &mut Registry) -> Arc<Consumers> {
    let group =
        resolved.stores.kafka.as_ref().map_or_else(|| EMBEDDED_GROUP.to_owned(), |kafka| kafka.group_id.clone());
    let away = stores.away.clone();
    let away = Arc::new(move || !away.names().is_empty());
    Arc::new(Consumers::new(Arc::clone(&stores.services.events), group, away, registry))
}

fn schedules(stores: &services::Stores, registry: &mut Registry) -> Arc<Schedules> {
    Schedules::new(Arc::clone(&stores.services.cache), registry)
}

/// What `/readyz` asks.
fn readiness(
    deployment: &Arc<Deployment>,
    ready: &Arc<AtomicBool>,
    shutdown: &Shutdown,
    stores: services::Away,
) -> impl Fn() -> Readiness + Clone + Send + Sync + 'static {
    let (deployment, ready, shutdown) = (Arc::clone(deployment), Arc::clone(ready), shutdown.clone());
    move || {
        if shutdown.is_requested() {
            Readiness::Draining
        } else if ready.load(Ordering::Acquire) {
            Readiness::Serving { away: stores.names().into_iter().chain(deployment.refused()).collect() }
        } else {
            Readiness::Starting
        }
    }
}

fn gateway(
    resolved: &Resolved,
    routes: &Arc<Routes>,
    readiness: impl Fn() -> Readiness + Clone + Send + Sync + 'static,
    ready: &Arc<AtomicBool>,
    detached: mpsc::Sender<()>,
) -> Result<Gateway, Error> {
    let statics = resolved.statics.iter().map(|table| (table.mount.as_str(), table.dir.as_path()));
    let files = StaticFiles::open(statics).map_err(|error| Error::Store {
        store: "static files",
        path: resolved.file.clone(),
        cause: error.into(),
    })?;
    Ok(Gateway {
        routes: Arc::clone(routes),
        origins: Origins::new(resolved.server.origins.clone()),
        proxies: TrustedProxies::new(resolved.server.trusted_proxies.clone()),
        body: body::Limits { bytes: resolved.server.body_limit, time: resolved.server.read_timeout },
        host: host_routes::router(readiness, Arc::clone(&routes.openapi)),
        ready: Arc::clone(ready),
        detached,
        files,
        access_log: resolved.server.access_log,
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|cause| Error::Listen { address, cause })
}

/// Deploys the plugins, then again whenever a file or the configuration changes, SIGHUP comes, or a plugin that was
/// refused is worth another try.
async fn deploy(
    deployment: Arc<Deployment>,
    started: Resolved,
    path: std::path::PathBuf,
    variables: BTreeMap<String, String>,
    mut reloads: Reloads,
    ready: Arc<AtomicBool>,
) {
    let mut lookout = Lookout::new(path.clone());
    let mut current = started.clone();
    loop {
        lookout.follow(&current);
        deployment.apply(&current).await;
        if deployment.running() > 0 || current.plugins.is_empty() {
            ready.store(true, Ordering::Release);
        }
        tokio::select! {
            look = lookout.next(&deployment, &current) => if look == Look::Retry { continue },
            () = reloads.next() => deployment.forget_refusals(),
        }
        lookout.note().await;
        match config::load(&path, &variables) {
            Ok(next) => {
                restart_needed(&started, &current, &next);
                current = next;
            }
            Err(problems) => {
                tracing::error!("the configuration is not taken over, the one before goes on:\n{problems}")
            }
        }
    }
}

/// Says which changed tables take a restart: those that were edited just now, unless back to what the host runs with.
fn restart_needed(started: &Resolved, before: &Resolved, now: &Resolved) {
    let changed = |one: &Resolved, other: &Resolved| {
        [
            one.server != other.server,
            one.runtime != other.runtime,
            one.stores != other.stores,
            one.sockets != other.sockets,
            one.tokens != other.tokens,
            one.statics != other.statics,
        ]
    };
    let tables = ["[server]", "[runtime]", "[stores]", "[sockets]", "[tokens]", "[[static]]"];
    for ((table, edited), differs) in tables.into_iter().zip(changed(before, now)).zip(changed(started, now)) {
        if edited && differs {
            tracing::warn!("{table} changed: restart needed; the plugins' tables are taken over now");
        }
    }
}

async fn trim(deployment: Arc<Deployment>) {
    let mut period = tokio::time::interval(TRIM);
    loop {
        period.tick().await;
        deployment.trim();
    }
}

/// Serves the Prometheus page at `server.metrics-listen`, if there is one.
async fn scrape(resolved: &Resolved, registry: Registry) -> Result<Option<tokio::task::JoinHandle<()>>, Error> {
    let Some(address) = resolved.server.metrics_listen else { return Ok(None) };
    let listener = listen(address).await?;
    let registry = Arc::new(Mutex::new(registry));
    let page = move || {
        let registry = Arc::clone(&registry);
        async move {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _written = prometheus_client::encoding::text::encode(&mut text, &registry.lock());
            let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(http::header::CONTENT_TYPE, media)], text)
        }
    };
    let router = axum::Router::new().route("/metrics", axum::routing::get(page));
    tracing::info!("metrics on http://{}/metrics", listener.local_addr().unwrap_or(address));
    Ok(Some(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the metrics page ended: {error}");
        }
    })))
}
