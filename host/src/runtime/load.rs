//! From the bytes of a component to a [`Version`] that may serve: verified, compiled, checked, described.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::PoolConcurrencyLimitError;
use wasmtime::component::{Component, InstancePre, Linker};

use super::cache::{Cache, Digest};
use super::compile::Compiler;
use super::component::{self, Access, Description};
use super::fault::Fault;
use super::idle::MOST_EVICTED;
use super::refusal::Refusal;
use super::version::{Scheduled, Version};
use super::{Engine, State, linker, store};
use crate::bindings::exports::devconnect::platform as guest;
use crate::capabilities::{self, Call, Plugin, Services, events, logging, outgoing};
use crate::config::{self, Cron};
use crate::telemetry::{HostMetrics, RequestId};

/// Lines a second about one plugin's faults: whoever found an input that traps must not fill the disk.
const FAULT_LINES: u32 = 20;
/// How long `describe` may take: it does nothing but say what is written in the component.
const DESCRIBE: Duration = Duration::from_secs(5);

/// Makes versions.
pub struct Loader {
    engine: Engine,
    linker: Linker<State>,
    /// `None` where nothing may be written: then every component is compiled and described anew.
    cache: Option<Cache>,
    compiler: Compiler,
    services: Arc<Services>,
    metrics: HostMetrics,
    workers: usize,
    production: bool,
}

/// What came of a component: how far it could be made into a version, and all that keeps it from serving.
pub(crate) struct Inspected {
    /// Also there where it may not serve, as long as it can be told what it would serve.
    pub(crate) version: Option<Arc<Version>>,
    pub(crate) refusals: Vec<Refusal>,
}

impl Loader {
    /// A loader for one host.
    ///
    /// # Errors
    /// The capabilities cannot be linked.
    pub fn new(
        engine: Engine,
        cache: Option<Cache>,
        compiler: Compiler,
        services: Arc<Services>,
        metrics: HostMetrics,
        server: &config::Server,
    ) -> Result<Self, Refusal> {
        let linker = linker::full(&engine).map_err(|error| Refusal::Host(format!("{error:#}")))?;
        let production = server.environment == config::Environment::Production;
        Ok(Self { engine, linker, cache, compiler, services, metrics, workers: server.workers, production })
    }

    /// A version of the component in `bytes` under `plugin`'s configuration. It has not been initialised.
    ///
    /// # Errors
    /// Whatever keeps it from serving.
    pub async fn load(&self, plugin: &config::Plugin, bytes: &[u8]) -> Result<Arc<Version>, Refusal> {
        let Inspected { version, refusals } = self.inspect(plugin, bytes).await;
        match (refusals.into_iter().next(), version) {
            (Some(refusal), _) => Err(refusal),
            (None, Some(version)) => Ok(version),
            (None, None) => Err(Refusal::NoExports),
        }
    }

    /// The same for somebody who wants to know all that keeps the component from serving, and not the first thing.
    pub(crate) async fn inspect(&self, plugin: &config::Plugin, bytes: &[u8]) -> Inspected {
        let mut refusals = Vec::new();
        let version = self.examine(plugin, bytes, &mut refusals).await.unwrap_or_else(|refusal| {
            refusals.push(refusal);
            None
        });
        Inspected { version, refusals }
    }

    /// Fails with what leaves nothing more to look at; the rest is noted in `refusals`.
    async fn examine(
        &self,
        plugin: &config::Plugin,
        bytes: &[u8],
        refusals: &mut Vec<Refusal>,
    ) -> Result<Option<Arc<Version>>, Refusal> {
        // Tens of megabytes: another thread takes over this one's requests meanwhile.
        let (digest, openapi) = tokio::task::block_in_place(|| (Digest::of(bytes), component::openapi(bytes)));
        if let Some(wanted) = plugin.sha256
            && Digest::from_bytes(wanted) != digest
        {
            let wanted = Digest::from_bytes(wanted).hex();
            return Err(Refusal::Digest { plugin: plugin.name.as_str().into(), found: digest.hex(), wanted });
        }
        let component = self.component(&digest, bytes).await?;
        for interface in component::imported_interfaces(&component, &self.engine) {
            refusals.extend(plugin.grants.for_interface(&interface).err().map(Refusal::Import));
        }
        let pre = match self.linker.instantiate_pre(&component) {
            Ok(pre) => pre,
            // Said already, and better, of an interface that the host does not have.
            Err(_) if refusals.iter().any(Refusal::is_unknown_import) => return Ok(None),
            Err(error) => return Err(Refusal::Link(format!("{error:#}"))),
        };
        let context = Arc::new(self.context(plugin, &digest));
        let exports = component::Exports::of(&pre);
        let description = match (&exports.lifecycle, &exports.proxy, &plugin.mount) {
            (Some(lifecycle), ..) => self.describe(&pre, lifecycle, &digest, &context).await?,
            (None, Some(_), Some(mount)) => mounted(plugin, mount),
            (None, Some(_), None) => return Err(Refusal::NoMount(context.name.clone())),
            (None, None, _) => return Err(Refusal::NoExports),
        };
        check(plugin, &description, &exports, refusals);
        let schedules = schedules(plugin, &description, refusals);
        let version = Arc::new(Version::new(
            self.engine.clone(),
            Arc::clone(&context),
            digest,
            bytes.len(),
            description,
            schedules,
            openapi,
            pre,
            self.metrics.version(&context.name),
            self.workers,
        ));
        self.engine.idle().enlist(&version);
        Ok(Some(version))
    }

    /// Calls `init`, once: whoever wants a version of a plugin whose store is away asks again later, so that the plugins
    /// after it need not wait.
    ///
    /// # Errors
    /// [`Refusal::Unready`] where it may succeed later; it refused or trapped.
    pub async fn init(&self, version: &Arc<Version>) -> Result<(), Refusal> {
        if version.exports.lifecycle.is_none() {
            return Ok(());
        }
        let call = Call::new(&version.plugin.limits, Instant::now(), RequestId::next());
        match version.init(call).await.answer {
            Ok(Ok(())) => Ok(()),
            Ok(Err(guest::lifecycle::InitError::Settings(reason))) => {
                Err(Refusal::Init(format!("its settings: {reason} ([plugins.{}])", version.name())))
            }
            Ok(Err(guest::lifecycle::InitError::Unavailable(reason))) => {
                Err(Refusal::Unready(format!("a store that it needs is away: {reason}")))
            }
            Ok(Err(guest::lifecycle::InitError::Failed(reason))) => Err(Refusal::Init(reason)),
            Err(fault @ (Fault::Deadline(_) | Fault::Overloaded { .. } | Fault::PoolExhausted)) => {
                Err(Refusal::Unready(fault.to_string()))
            }
            Err(fault) => Err(Refusal::Init(fault.to_string())),
        }
    }

    /// The compiled component: from the cache on disk, or compiled now.
    async fn component(&self, digest: &Digest, bytes: &[u8]) -> Result<Component, Refusal> {
        if wasmtime::Engine::detect_precompiled(bytes).is_some() {
            return Err(Refusal::Precompiled);
        }
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.load(&self.engine, digest)) {
            return Ok(component);
        }
        let started = Instant::now();
        let code = self.compiler.compile(bytes).await?;
        tracing::info!(component = digest.short(), bytes = bytes.len(), took = ?started.elapsed(), "compiled");
        let Some(cache) = &self.cache else { return self.compiled(&code) };
        tokio::task::block_in_place(|| cache.store(digest, &code))
            .map_err(|error| Refusal::Host(format!("compiled code cannot be kept: {error}")))?;
        cache
            .load(&self.engine, digest)
            .ok_or_else(|| Refusal::Host("compiled code cannot be read back; the log has why".to_owned()))
    }

    /// The component of code that was compiled just now.
    #[allow(unsafe_code, reason = "wasmtime takes machine code from memory; see SAFETY")]
    fn compiled(&self, code: &[u8]) -> Result<Component, Refusal> {
        // SAFETY: the code comes from this host's own compiler, over a pipe that nobody else has.
        unsafe { Component::deserialize(self.engine.inner(), code) }
            .map_err(|error| Refusal::Host(format!("compiled code cannot be used: {error:#}")))
    }

    fn context(&self, plugin: &config::Plugin, digest: &Digest) -> Plugin {
        let limits = plugin.limits.clone();
        let mut settings: BTreeMap<String, String> =
            plugin.settings.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        // What kind of installation this is concerns every plugin that sets a cookie or makes a link.
        settings.entry("production".to_owned()).or_insert_with(|| self.production.to_string());
        Plugin {
            name: plugin.name.as_str().into(),
            digest: digest.short().into(),
            grants: plugin.grants.clone(),
            settings,
            secrets: plugin.secrets.clone(),
            log: logging::Limiter::new(limits.log_rate),
            faults: logging::Limiter::new(FAULT_LINES),
            publishing: events::Quota::new(limits.publish_rate),
            http: outgoing::Client::new(plugin.grants.http_private),
            services: Arc::clone(&self.services),
            limits,
        }
    }

    /// What the component says of itself: remembered by its digest, or asked in a store that is thrown away, in a call
    /// without a single host call to spend, so that every import of the platform traps.
    async fn describe(
        &self,
        pre: &InstancePre<State>,
        lifecycle: &guest::lifecycle::GuestIndices,
        digest: &Digest,
        plugin: &Arc<Plugin>,
    ) -> Result<Description, Refusal> {
        if let Some(known) = self.cache.as_ref().and_then(|cache| cache.description(digest)) {
            return Ok(known);
        }
        let mut evicted = 0;
        let description = loop {
            match self.ask(pre, lifecycle, plugin).await {
                // Others' idle instances make room.
                Err(Refusal::Full) if evicted < MOST_EVICTED && self.engine.idle().evict_one() => evicted += 1,
                answer => break answer?,
            }
        };
        if let Some(cache) = &self.cache
            && let Err(error) = cache.describe(digest, &description)
        {
            tracing::warn!("a description cannot be kept and will be asked for again: {error}");
        }
        Ok(description)
    }

    /// One try to have the component describe itself.
    async fn ask(
        &self,
        pre: &InstancePre<State>,
        lifecycle: &guest::lifecycle::GuestIndices,
        plugin: &Arc<Plugin>,
    ) -> Result<Description, Refusal> {
        let mut store = store::new(&self.engine, Arc::clone(plugin));
        let started = Instant::now();
        let call = Call::new(&plugin.limits, started, RequestId::none()).without_host_calls();
        capabilities::View::ctx(store.data_mut()).begin(call);
        let said = {
            let ask = pin!(async {
                let instance = pre.instantiate_async(&mut store).await?;
                lifecycle.load(&mut store, &instance)?.call_describe(&mut store).await
            });
            super::call::until(started + DESCRIBE, super::cpu::metered(ask)).await
        };
        match said {
            Some(Ok(description)) => Ok(description.into()),
            Some(Err(error)) if error.is::<PoolConcurrencyLimitError>() => Err(Refusal::Full),
            Some(Err(error)) if error.is::<capabilities::Breach>() => Err(Refusal::Describe(
                "it uses a capability; what it says must depend on the component alone".to_owned(),
            )),
            Some(Err(error)) => {
                let output = store.data().ctx.output.take().unwrap_or_default();
                Err(Refusal::Describe(format!("{error:#} {output}").trim().to_owned()))
            }
            None => Err(Refusal::Describe(format!("it takes longer than {} s", DESCRIBE.as_secs()))),
        }
    }
}

/// The description of a plain wasi:http component: what the operator says of it.
fn mounted(plugin: &config::Plugin, mount: &config::Mount) -> Description {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let access = Access::from(&mount.access);
    let mut routes = Vec::new();
    let mut add = |method: Option<&str>, pattern: &str| {
        let methods = method.map_or_else(|| METHODS.to_vec(), |method| vec![method]);
        routes.extend(methods.into_iter().map(|method| component::Route {
            method: method.to_owned(),
            pattern: pattern.to_owned(),
            access: access.clone(),
        }));
    };
    if mount.routes.is_empty() {
        let base = mount.path.trim_end_matches('/');
        add(None, if base.is_empty() { "/" } else { base });
        add(None, &format!("{base}/{{*rest}}"));
        if !base.is_empty() {
            add(None, &format!("{base}/"));
        }
    }
    for route in &mount.routes {
        add(route.method.as_deref(), &route.pattern);
    }
    Description { name: plugin.name.clone(), version: String::new(), routes, ..Description::default() }
}

/// What keeps the host from serving what a plugin describes under its configuration.
fn check(
    plugin: &config::Plugin,
    description: &Description,
    exports: &component::Exports,
    refusals: &mut Vec<Refusal>,
) {
    let name = &plugin.name;
    if !description.routes.is_empty() && exports.handler.is_none() && exports.proxy.is_none() {
        refusals.push(Refusal::NoHandler);
    }
    let filtered = !plugin.filters.is_empty() || exports.filter.is_some();
    if !filtered && let Some(route) = description.routes.iter().find(|route| route.access != Access::Public) {
        let (method, pattern) = (route.method.clone(), route.pattern.clone());
        refusals.push(Refusal::Unguarded { plugin: name.as_str().into(), method, pattern });
    }
    let not_granted = description.topics.iter().filter_map(|topic| plugin.grants.consume(topic).err());
    refusals.extend(not_granted.map(Refusal::Import));
    if !description.topics.is_empty() && exports.consumer.is_none() {
        refusals.push(Refusal::NoConsumer);
    }
    if !description.schedules.is_empty() && exports.schedule.is_none() {
        refusals.push(Refusal::NoScheduler);
    }
    if !description.namespaces.is_empty() {
        tracing::warn!(plugin = name, "it describes sockets (`namespaces`), which this host does not serve yet");
    }
}

/// When each schedule runs: as the operator says, or as the component does.
fn schedules(plugin: &config::Plugin, description: &Description, refusals: &mut Vec<Refusal>) -> Vec<Scheduled> {
    let name: Arc<str> = plugin.name.as_str().into();
    let has = || description.schedules.iter().map(|(name, _)| name.clone());
    for unknown in plugin.schedules.keys().filter(|name| !has().any(|known| known == **name)) {
        let (plugin, name) = (Arc::clone(&name), unknown.clone());
        refusals.push(Refusal::NoSuchSchedule { plugin, name, has: has().collect() });
    }
    let mut schedules = Vec::new();
    for (schedule, own) in &description.schedules {
        let cron = match plugin.schedules.get(schedule) {
            Some(said) => said.clone(),
            None => Cron::parse(own)
                .map_err(|reason| {
                    let (plugin, name, cron) = (Arc::clone(&name), schedule.clone(), own.clone());
                    refusals.push(Refusal::Cron { plugin, name, cron, reason });
                })
                .ok(),
        };
        schedules.extend(cron.map(|cron| Scheduled { name: schedule.clone(), cron }));
    }
    schedules
}
