//! The stores and services behind the capabilities, opened and closed together.
//!
//! Each store is the real one where the configuration names it and the embedded one where it does not, in any
//! combination. The file of the embedded stores is open in every case: it also holds this host's outbox. No server is
//! waited for: one that is away at the start is no different from one that goes away later.

mod gauges;
mod outbox;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;

use self::gauges::Gauges;
use self::outbox::Draining;
use crate::capabilities::cache::memory::{self, Memory};
use crate::capabilities::cache::{near, redis};
use crate::capabilities::documents::embedded::Documents;
use crate::capabilities::documents::mongodb::{self, MongoDb};
use crate::capabilities::embedded::{Options, Sink, Store};
use crate::capabilities::events::embedded::{Log, Retention};
use crate::capabilities::events::kafka::{self, Kafka};
use crate::capabilities::events::outbox::{Limits, Outbox};
use crate::capabilities::passwords::{Hasher, HasherConfig};
use crate::capabilities::tokens::{Key, Keyring};
use crate::capabilities::{Services, cache, documents, events, metrics};
use crate::config::{self, Resolved};
use crate::error::Error;

const SNAPSHOT: &str = "cache.snapshot";
/// How long the stores may take to close.
const CLOSING: Duration = Duration::from_secs(10);
/// How long brokers may take over what they were handed.
const FLUSHING: Duration = Duration::from_secs(2);

/// What was opened, for the end.
pub(super) struct Stores {
    pub(super) services: Arc<Services>,
    pub(super) away: Away,
    file: Arc<Store>,
    snapshot: Option<(Arc<Memory>, PathBuf)>,
    kafka: Option<Arc<Kafka>>,
    draining: Option<Draining>,
    drainer: Option<Arc<mongodb::Drainer>>,
}

/// The stores that do not answer now, by name.
#[derive(Clone, Default)]
pub(super) struct Away(Vec<(&'static str, IsAway)>);

type IsAway = Arc<dyn Fn() -> bool + Send + Sync>;

impl Away {
    fn watch(&mut self, store: &'static str, is_away: impl Fn() -> bool + Send + Sync + 'static) {
        self.0.push((store, Arc::new(is_away)));
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().filter(|(_, is_away)| is_away()).map(|(store, _)| (*store).to_owned()).collect()
    }
}

/// Opens the stores that the configuration names.
pub(super) async fn open(resolved: &Resolved, registry: &mut Registry) -> Result<Stores, Error> {
    let mut away = Away::default();
    let mut gauges = Gauges::default();
    let (file, waiting) = file(resolved).await?;

    let (events, kafka, sink) = events(resolved, &file, &waiting, &mut away)?;
    // Also with the embedded log: what waited for Kafka must not be forgotten when Kafka is configured away.
    let draining = match &kafka {
        Some(kafka) => Some(outbox::drain(Arc::clone(&waiting), Arc::clone(kafka))),
        None if waiting.depth() > 0 => Some(outbox::drain_into_log(Arc::clone(&waiting), Arc::clone(&events))),
        None => None,
    };
    let (documents, drainer) = documents(resolved, &file, sink, &events, &mut away).await?;
    let (cache, snapshot) = cache(resolved, &mut away, &mut gauges).await?;
    gauges.outbox(Arc::clone(&waiting));
    if let Some(drainer) = &drainer {
        gauges.documents(Arc::downgrade(drainer));
    }

    let hasher = Hasher::new(HasherConfig::default())
        .map_err(|cause| Error::System { action: "start the threads that hash passwords", cause })?;
    let metrics = Arc::new(metrics::Registry::new(crate::telemetry::HostMetrics::PLUGIN_FAMILIES));
    registry.register_collector(Box::new(Arc::clone(&metrics)));
    gauges.away(away.clone());
    registry.register_collector(Box::new(gauges));
    let services = Services {
        cache,
        documents,
        events,
        tokens: Arc::new(keyring(&resolved.tokens, &resolved.file)?),
        passwords: Arc::new(hasher),
        metrics,
    };
    Ok(Stores { services: Arc::new(services), away, file, snapshot, kafka, draining, drainer })
}

/// The embedded stores' file, and the outbox in it.
async fn file(resolved: &Resolved) -> Result<(Arc<Store>, Arc<Outbox>), Error> {
    let data = resolved.stores.data.clone();
    // Blocks: after a crash the file is checked first.
    let opening = tokio::task::spawn_blocking({
        let data = data.clone();
        move || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            let file = Store::open(Options::new(data))?;
            let outbox = Outbox::new(Arc::clone(&file), Limits::default())?;
            Ok((file, Arc::new(outbox)))
        }
    });
    let opened = opening.await.unwrap_or_else(|error| Err(error.into()));
    opened.map_err(|cause| Error::Store { store: "embedded stores", path: data, cause })
}

type Events = (Arc<dyn events::Backend>, Option<Arc<Kafka>>, Arc<dyn Sink>);

fn events(resolved: &Resolved, file: &Arc<Store>, outbox: &Arc<Outbox>, away: &mut Away) -> Result<Events, Error> {
    let stores = &resolved.stores;
    let Some(configured) = &stores.kafka else {
        let retention = Retention { age: Some(stores.event_retention), bytes: Some(stores.event_retention_size) };
        let log = Log::new(Arc::clone(file), retention);
        let sink = log.sink();
        return Ok((Arc::new(log), None, sink));
    };
    let tls = configured.tls.as_ref().map(|tls| kafka::Tls {
        ca: tls.ca.clone(),
        identity: tls.identity.clone().map(|(certificate, key)| kafka::Identity { certificate, key }),
    });
    let sasl = configured.sasl.as_ref().map(|sasl| kafka::Sasl {
        mechanism: kafka::Mechanism::parse(&sasl.mechanism).unwrap_or(kafka::Mechanism::ScramSha512),
        username: sasl.username.clone(),
        password: sasl.password.clone(),
    });
    let config = kafka::Config {
        brokers: configured.brokers.join(","),
        client_id: configured.client_id.clone(),
        security: kafka::Security { tls, sasl },
        group_protocol: match configured.group_protocol {
            config::GroupProtocol::Classic => kafka::GroupProtocol::Classic,
            config::GroupProtocol::Consumer => kafka::GroupProtocol::Consumer,
        },
    };
    let kafka = Kafka::open(config, Arc::clone(outbox)).map_err(|error| unusable("Kafka", resolved, error))?;
    away.watch("kafka", {
        let kafka = Arc::clone(&kafka);
        move || kafka.is_away()
    });
    Ok((Arc::clone(&kafka) as _, Some(kafka), Arc::clone(outbox) as _))
}

type Stored = (Arc<dyn documents::Backend>, Option<Arc<mongodb::Drainer>>);

async fn documents(
    resolved: &Resolved,
    file: &Arc<Store>,
    sink: Arc<dyn Sink>,
    events: &Arc<dyn events::Backend>,
    away: &mut Away,
) -> Result<Stored, Error> {
    let Some(configured) = &resolved.stores.mongodb else {
        return Ok((Arc::new(Documents::new(Arc::clone(file), sink)), None));
    };
    let config = mongodb::Config { url: configured.url.expose().to_owned(), app_name: "devconnect".to_owned() };
    let mongodb = MongoDb::open(config).await.map_err(|error| unusable("MongoDB", resolved, error))?;
    let mongodb = Arc::new(mongodb);
    away.watch("mongodb", {
        let mongodb = Arc::clone(&mongodb);
        move || mongodb.is_away()
    });
    let drainer = mongodb.drain(Arc::clone(events));
    Ok((mongodb, Some(Arc::new(drainer))))
}

type Cache = (Arc<dyn cache::Backend>, Option<(Arc<Memory>, PathBuf)>);

async fn cache(resolved: &Resolved, away: &mut Away, gauges: &mut Gauges) -> Result<Cache, Error> {
    let stores = &resolved.stores;
    let Some(configured) = &stores.redis else {
        let (memory, snapshot) = memory(resolved).await;
        return Ok((Arc::clone(&memory) as _, Some((memory, snapshot))));
    };
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|cause| Error::Store {
            store: "certificates for Redis (stores.redis.ca)",
            path: path.clone(),
            cause: cause.into(),
        })
    };
    let config = redis::Config {
        url: configured.url.expose().to_owned(),
        client_name: "devconnect".to_owned(),
        ca: configured.ca.as_ref().map(read).transpose()?,
    };
    let redis = redis::Redis::open(config).map_err(|error| unusable("Redis", resolved, error))?;
    if stores.near_cache.patterns.is_empty() {
        let redis = Arc::new(redis);
        away.watch("redis", {
            let redis = Arc::clone(&redis);
            move || redis.is_away()
        });
        return Ok((redis, None));
    }
    let config = near::Config { patterns: stores.near_cache.patterns.clone(), size: stores.near_cache.size };
    let near = near::Near::open(redis, config).map_err(|error| unusable("Redis", resolved, error))?;
    let near = Arc::new(near);
    away.watch("redis", {
        let near = Arc::clone(&near);
        move || near.is_away()
    });
    gauges.near(Arc::clone(&near));
    Ok((near, None))
}

/// The embedded cache, as it was when the host was last shut down.
async fn memory(resolved: &Resolved) -> (Arc<Memory>, PathBuf) {
    let budget = memory::Config { budget: resolved.stores.cache_size, ..memory::Config::default() };
    let memory = Arc::new(Memory::new(budget, Arc::new(memory::SystemClock::default())));
    let path = resolved.stores.data.join(SNAPSHOT);
    let loading = tokio::task::spawn_blocking({
        let (memory, path) = (Arc::clone(&memory), path.clone());
        move || memory.load(&path)
    });
    match loading.await {
        Ok(Ok(loaded)) if loaded.entries > 0 => {
            tracing::info!(entries = loaded.entries, "the cache goes on where it was");
        }
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!("the cache starts empty: {error}"),
        Err(error) => tracing::warn!("the cache starts empty: {error}"),
    }
    drop(tokio::spawn(memory::keep_swept(&memory)));
    (memory, path)
}

/// A store that can never work as it is configured.
fn unusable(store: &'static str, resolved: &Resolved, error: impl Into<crate::error::Cause>) -> Error {
    Error::Store { store, path: resolved.file.clone(), cause: error.into() }
}

fn keyring(tokens: &config::Tokens, file: &std::path::Path) -> Result<Keyring, Error> {
    let failed = |error: crate::capabilities::tokens::KeyError| Error::Store {
        store: "token keys",
        path: file.to_owned(),
        cause: error.into(),
    };
    let key = |key: &config::TokenKey| Key { kid: key.kid.clone(), secret: key.secret.expose().to_owned().into() };
    let Some(current) = &tokens.current else {
        tracing::warn!(
            "no token secret is set, so a random one is used: every session ends with this process (set JWT_SECRET)"
        );
        return Keyring::random().map_err(failed);
    };
    let keyring = Keyring::new(key(current), tokens.previous.iter().map(key).collect()).map_err(failed)?;
    for kid in keyring.weak() {
        tracing::warn!("the secret of token key `{kid}` has fewer than 32 bytes: it can be guessed (RFC 7518, 3.2)");
    }
    Ok(keyring)
}

impl Stores {
    /// Writes down what is only in memory and closes the file. Whatever was acknowledged is there already.
    pub(super) async fn close(self) {
        let Self { services, away, file, snapshot, kafka, draining, drainer } = self;
        drop((services, away));
        // Nobody else holds it but for a reading of the metrics.
        if let Some(drainer) = drainer.and_then(Arc::into_inner) {
            drainer.stop().await;
        }
        if let Some(draining) = draining {
            draining.stop().await;
        }
        if let Some(kafka) = kafka {
            kafka.close(FLUSHING).await;
        }
        let closing = tokio::task::spawn_blocking(move || {
            file.close();
            if let Some((memory, path)) = snapshot
                && let Err(error) = memory.save(&path)
            {
                tracing::warn!("the cache is not kept: {error}");
            }
        });
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("the stores took too long to close; what was acknowledged is on disk");
        }
    }
}
