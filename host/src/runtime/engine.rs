//! The wasmtime engine: one a process, with its pool of memory and its ticker.

use std::num::NonZeroUsize;
use std::time::Instant;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails};

use super::idle::Idle;
use crate::clock;
use crate::config;

/// Core instances that one component may need: Python's brings 14.
const CORE_INSTANCES: u32 = 20;
/// Core instances that a component needs on average (its own, an adapter, shims): sizes the pool.
const CORE_INSTANCES_USUAL: u32 = 5;
/// Tables that one component may need, and on average.
const TABLES: u32 = 20;
const TABLES_USUAL: u32 = 3;
/// Elements of one table: JavaScript's engine needs 7,742.
const TABLE_ELEMENTS: usize = 20_000;
/// Memory of a slot that stays resident when its instance goes: `pagemap_scan` clears only what was written.
const KEEP_RESIDENT: usize = 2 << 20;
/// Frames of a trap's backtrace that are collected: a deep recursion must not cost more than the call did.
const MAX_FRAMES: usize = 64;
/// Stack of a guest, and of the fiber that it shares with host functions.
const WASM_STACK: usize = 512 << 10;
const FIBER_STACK: usize = 2 << 20;

/// The engine, the thread that moves its epoch and the [`clock`], and who has idle instances in its pool.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    idle: Idle,
}

/// The engine cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the instance pool cannot be reserved ({instances} instances): {reason}; each instance reserves 4 GiB of address space: \
     raise `ulimit -v` or lower runtime.max-instances"
)]
pub struct Error {
    instances: u32,
    reason: String,
}

impl Engine {
    /// An engine with a pool of the configured size, and its ticker.
    ///
    /// # Errors
    /// The address space for the pool cannot be reserved, or the ticker's thread cannot start.
    pub fn new(runtime: &config::Runtime) -> Result<Self, Error> {
        let failed = |reason: String| Error { instances: runtime.max_instances, reason };
        let mut config = compile_config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(runtime)));
        let engine = wasmtime::Engine::new(&config).map_err(|error| failed(format!("{error:#}")))?;
        tick(&engine).map_err(|error| failed(error.to_string()))?;
        Ok(Self { inner: engine, idle: Idle::default() })
    }

    /// wasmtime's engine.
    #[must_use]
    pub fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// The versions whose idle instances hold slots of the pool.
    pub(super) const fn idle(&self) -> &Idle {
        &self.idle
    }
}

/// What the code of a component depends on: the same in the host and in the process that compiles for it.
pub(super) fn compile_config() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(MAX_FRAMES))
        // Function names come from the name section; reading DWARF at every trap would be work a guest can cause.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // No async-ABI components: a call runs straight on its fiber, 1 µs cheaper.
        .concurrency_support(false)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK);
    config
}

fn pool(runtime: &config::Runtime) -> PoolingAllocationConfig {
    let instances = runtime.max_instances;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_USUAL))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES_USUAL))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_tables_per_component(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(runtime.max_memory)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Starts the ticker. It holds no strong reference, so it ends with the engine.
fn tick(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let started = Instant::now();
    let base = clock::now_ms();
    std::thread::Builder::new().name("ticker".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(clock::TICK);
            let Some(engine) = engine.upgrade() else { return };
            let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            clock::advance_to(base.saturating_add(ms));
            engine.increment_epoch();
        }
    })?;
    Ok(())
}
