//! A plugin version, and the leases on its instances.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::InstancePre;
use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::p2::bindings::Proxy;

use super::cache::Digest;
use super::component::{Description, Exports};
use super::cpu::metered;
use super::fault::Fault;
use super::idle::MOST_EVICTED;
use super::permits::Permits;
use super::pool::Pool;
use super::store::{self, State};
use super::{Engine, limits};
use crate::bindings::exports::devconnect::platform as guest;
use crate::capabilities::{Call, Plugin};
use crate::clock;
use crate::config::Cron;
use crate::telemetry::VersionMetrics;

/// How long an idle instance is kept warm.
const WARM: Duration = Duration::from_secs(30);
/// Idle instances that are kept however long nobody calls.
const KEPT: usize = 1;

/// One component file under one configuration, ready to be called.
pub struct Version {
    /// Who it is, what it may do.
    pub plugin: Arc<Plugin>,
    /// The file.
    pub digest: Digest,
    /// Size of the file in bytes.
    pub size: usize,
    /// What it says of itself.
    pub description: Description,
    /// What runs at set times.
    pub schedules: Vec<Scheduled>,
    /// Its part of the OpenAPI document.
    pub openapi: Option<serde_json::Value>,
    pub(super) engine: Engine,
    pub(super) pre: InstancePre<State>,
    pub(super) exports: Exports,
    pub(super) metrics: VersionMetrics,
    pool: Pool<Box<Instance>>,
    permits: Permits,
    retired: AtomicBool,
}

/// A schedule, and when it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The plugin's name for it.
    pub name: String,
    /// The operator's word, or the plugin's own.
    pub cron: Cron,
}

/// A live instance, and what it can be called for.
pub(super) struct Instance {
    pub(super) store: Store<State>,
    pub(super) handler: Option<guest::http_handler::Guest>,
    pub(super) filter: Option<guest::http_filter::Guest>,
    pub(super) consumer: Option<guest::event_handler::Guest>,
    pub(super) schedule: Option<guest::schedule_handler::Guest>,
    pub(super) lifecycle: Option<guest::lifecycle::Guest>,
    pub(super) proxy: Option<Proxy>,
    uses: u32,
    idle_since_ms: u64,
}

/// An instance that one call has for itself. Dropping it throws the instance away; [`Lease::give_back`] keeps it warm.
pub(crate) struct Lease {
    pub(super) version: Arc<Version>,
    /// Taken out only by `give_back` and `drop`.
    instance: Option<Box<Instance>>,
    /// Whether the call had to wait for it: then its time starts only now.
    late: bool,
}

impl Version {
    #[allow(clippy::too_many_arguments, reason = "one place makes a version, and each part is needed")]
    pub(super) fn new(
        engine: Engine,
        plugin: Arc<Plugin>,
        digest: Digest,
        size: usize,
        description: Description,
        schedules: Vec<Scheduled>,
        openapi: Option<serde_json::Value>,
        pre: InstancePre<State>,
        metrics: VersionMetrics,
        workers: usize,
    ) -> Self {
        let permits = Permits::new(plugin.limits.instances, plugin.limits.queue, metrics.queued.clone());
        let exports = Exports::of(&pre);
        Self {
            engine,
            digest,
            size,
            description,
            schedules,
            openapi,
            exports,
            pre,
            metrics,
            pool: Pool::new(workers),
            permits,
            retired: AtomicBool::new(false),
            plugin,
        }
    }

    /// The operator's name for the plugin.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.plugin.name
    }

    /// Whether it is called before the routes of others.
    #[must_use]
    pub const fn is_filter(&self) -> bool {
        self.exports.filter.is_some()
    }

    /// Whether it handles events.
    #[must_use]
    pub const fn consumes(&self) -> bool {
        self.exports.consumer.is_some() && !self.description.topics.is_empty()
    }

    /// Whether it is a plain wasi:http component.
    #[must_use]
    pub const fn is_proxy(&self) -> bool {
        self.exports.proxy.is_some() && self.exports.handler.is_none()
    }

    /// Idle instances.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.pool.idle()
    }

    /// Throws away instances that nobody called for a while.
    pub fn trim(&self) {
        let now = clock::now_ms();
        let warm = u64::try_from(WARM.as_millis()).unwrap_or(u64::MAX);
        drop(self.pool.trim(KEPT, |instance| now.saturating_sub(instance.idle_since_ms) > warm));
    }

    /// Throws away one idle instance, if there is one: another plugin needs its slot.
    pub(super) fn evict(&self) -> bool {
        self.pool.take(worker()).is_some()
    }

    /// Ends reuse: idle instances go now, leased ones when their calls end. Calls that still hold the version work.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        drop(self.pool.close());
    }

    /// An instance for one call: a warm one, or a new one. Waits in a bounded queue where as many calls run as allowed;
    /// that time is not billed.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, Fault> {
        let mut late = false;
        if !self.permits.try_take() {
            let limits = &self.plugin.limits;
            if !Box::pin(self.permits.wait(limits.queue_wait)).await {
                return Err(Fault::Overloaded { running: limits.instances, waiting: limits.queue });
            }
            late = true;
        }
        // From here on the permit is the lease's: dropping it gives the permit back.
        let mut lease = Lease { version: Arc::clone(self), instance: None, late };
        lease.instance = Some(match self.pool.take(worker()) {
            Some(instance) => instance,
            None => {
                lease.late = true;
                Box::new(Box::pin(self.instantiate()).await?)
            }
        });
        Ok(lease)
    }

    /// A new instance, without a call. Where the engine's pool is full, others' idle ones make room.
    async fn instantiate(&self) -> Result<Instance, Fault> {
        for _ in 0..MOST_EVICTED {
            match self.try_instantiate().await {
                Err(Fault::PoolExhausted) if self.engine.idle().evict_one() => {}
                made => return made,
            }
        }
        self.try_instantiate().await
    }

    async fn try_instantiate(&self) -> Result<Instance, Fault> {
        let mut store = store::new(&self.engine, Arc::clone(&self.plugin));
        // A component's start functions run here: they have the budget of a call.
        let call = Call::new(&self.plugin.limits, Instant::now(), crate::telemetry::RequestId::none());
        let deadline = call.deadline;
        store.data_mut().ctx.begin(call);
        let made = {
            let making = pin!(self.pre.instantiate_async(&mut store));
            super::call::until(deadline, metered(making)).await
        };
        let instance = match made {
            Some(Ok(instance)) => instance,
            Some(Err(error)) if error.is::<PoolConcurrencyLimitError>() => return Err(Fault::PoolExhausted),
            Some(Err(error)) => {
                let refused = store.data().limiter.refused();
                return Err(Fault::Instantiate(match refused {
                    Some(limits::Growth::Memory(limit)) => format!("it needs more than {limit} bytes (limits.memory)"),
                    Some(limits::Growth::Table(limit)) => {
                        format!("it needs more than {limit} elements (limits.table-elements)")
                    }
                    None => format!("{error:#}"),
                }));
            }
            None => return Err(Fault::Deadline(self.plugin.limits.deadline)),
        };
        let failed = |error: wasmtime::Error| Fault::Instantiate(format!("{error:#}"));
        let exports = &self.exports;
        let handler = exports.handler.as_ref().map(|export| export.load(&mut store, &instance)).transpose();
        let filter = exports.filter.as_ref().map(|export| export.load(&mut store, &instance)).transpose();
        let consumer = exports.consumer.as_ref().map(|export| export.load(&mut store, &instance)).transpose();
        let schedule = exports.schedule.as_ref().map(|export| export.load(&mut store, &instance)).transpose();
        let lifecycle = exports.lifecycle.as_ref().map(|export| export.load(&mut store, &instance)).transpose();
        let proxy = exports.proxy.as_ref().map(|export| export.load(&mut store, &instance)).transpose();
        self.metrics.instances.inc();
        let _start_call = store.data_mut().ctx.end();
        Ok(Instance {
            handler: handler.map_err(failed)?,
            filter: filter.map_err(failed)?,
            consumer: consumer.map_err(failed)?,
            schedule: schedule.map_err(failed)?,
            lifecycle: lifecycle.map_err(failed)?,
            proxy: proxy.map_err(failed)?,
            store,
            uses: 0,
            idle_since_ms: 0,
        })
    }
}

impl Lease {
    /// The instance. There is one until the lease ends.
    pub(super) fn instance(&mut self) -> Result<&mut Instance, Fault> {
        self.instance.as_deref_mut().ok_or_else(|| Fault::Instantiate("the lease has ended".to_owned()))
    }

    /// Whether the call had to wait for its instance.
    pub(super) const fn is_late(&self) -> bool {
        self.late
    }

    /// Ends the lease of an instance that is as good as before its call: it serves the next one, unless it has served
    /// enough, or its version is on its way out.
    pub(super) fn give_back(mut self) {
        let Some(mut instance) = self.instance.take() else { return };
        instance.uses = instance.uses.saturating_add(1);
        let worn =
            instance.uses >= self.version.plugin.limits.reuse || instance.store.data().limiter.refused().is_some();
        if worn || self.version.retired.load(Ordering::Acquire) {
            return;
        }
        instance.idle_since_ms = clock::now_ms();
        drop(self.version.pool.put(worker(), instance));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The store first: the slot that it holds is what the next call is waiting for.
        drop(self.instance.take());
        self.version.permits.give_back();
    }
}

/// A number for the current thread: the shard that it looks at first.
fn worker() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    MINE.with(|mine| *mine)
}
