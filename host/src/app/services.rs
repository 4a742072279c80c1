//! The stores and services behind the capabilities, opened and closed together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;

use crate::capabilities::cache::memory::{self, Memory};
use crate::capabilities::documents::embedded::Documents;
use crate::capabilities::embedded::{Options, Store};
use crate::capabilities::events::embedded::{Log, Retention};
use crate::capabilities::passwords::{Hasher, HasherConfig};
use crate::capabilities::tokens::{Key, Keyring};
use crate::capabilities::{Services, metrics};
use crate::config::{self, Resolved};
use crate::error::Error;

const SNAPSHOT: &str = "cache.snapshot";

/// What was opened, for the end.
pub(super) struct Stores {
    pub(super) services: Arc<Services>,
    file: Arc<Store>,
    cache: Arc<Memory>,
    snapshot: PathBuf,
}

/// Opens the stores that the configuration names.
pub(super) async fn open(resolved: &Resolved, registry: &mut Registry) -> Result<Stores, Error> {
    let data = resolved.stores.data.clone();
    let budget = memory::Config { budget: resolved.stores.cache_size, ..memory::Config::default() };
    let cache = Arc::new(Memory::new(budget, Arc::new(memory::SystemClock::default())));
    let snapshot = data.join(SNAPSHOT);
    let opened = {
        let (data, cache, snapshot) = (data.clone(), Arc::clone(&cache), snapshot.clone());
        // Blocks: after a crash the file is checked first. The snapshot only once the folder is ours.
        tokio::task::spawn_blocking(move || Store::open(Options::new(data)).map(|file| (file, cache.load(&snapshot))))
            .await
    };
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| Error::Store {
        store: "embedded stores",
        path: data.clone(),
        cause,
    };
    let (file, loaded) = opened.map_err(|error| failed(error.into()))?.map_err(|error| failed(error.into()))?;
    match loaded {
        Ok(loaded) if loaded.entries > 0 => tracing::info!(entries = loaded.entries, "the cache goes on where it was"),
        Ok(_) => {}
        Err(error) => tracing::warn!("the cache starts empty: {error}"),
    }
    let retention =
        Retention { age: Some(resolved.stores.event_retention), bytes: Some(resolved.stores.event_retention_size) };
    let log = Log::new(Arc::clone(&file), retention);
    let documents = Documents::new(Arc::clone(&file), log.sink());

    drop(tokio::spawn(memory::keep_swept(&cache)));

    let hasher = Hasher::new(HasherConfig::default())
        .map_err(|cause| Error::System { action: "start the threads that hash passwords", cause })?;
    let metrics = Arc::new(metrics::Registry::new(crate::telemetry::HostMetrics::PLUGIN_FAMILIES));
    registry.register_collector(Box::new(Arc::clone(&metrics)));
    let services = Services {
        cache: Arc::clone(&cache) as _,
        documents: Arc::new(documents),
        events: Arc::new(log),
        tokens: Arc::new(keyring(&resolved.tokens, &resolved.file)?),
        passwords: Arc::new(hasher),
        metrics,
    };
    Ok(Stores { services: Arc::new(services), file, cache, snapshot })
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
        let Self { services, file, cache, snapshot } = self;
        drop(services);
        let closing = tokio::task::spawn_blocking(move || {
            file.close();
            if let Err(error) = cache.save(&snapshot) {
                tracing::warn!("the cache is not kept: {error}");
            }
        });
        if tokio::time::timeout(Duration::from_secs(10), closing).await.is_err() {
            tracing::warn!("the stores took too long to close; what was acknowledged is on disk");
        }
    }
}
