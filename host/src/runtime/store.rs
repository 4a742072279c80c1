//! What a wasmtime store holds: the capabilities' context, and the limits of this instance.

use std::sync::Arc;

use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::limits::Limiter;
use super::{Engine, cpu};
use crate::capabilities::{Breach, Ctx, Plugin, View};

/// Handles of one component that wasmtime tracks beside our own table.
const HANDLES: usize = 10_000;
/// Bytes beyond the response's limit that one host call or answer may lift out of a guest: keys, headers, records.
const LIFT_SPARE: usize = 2 << 20;

/// The data of a store.
pub struct State {
    pub(super) ctx: Ctx,
    pub(super) limiter: Limiter,
}

impl View for State {
    fn ctx(&mut self) -> &mut Ctx {
        &mut self.ctx
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.ctx.wasi()
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.ctx.wasi_http()
    }
}

/// A store for one instance of `plugin`.
pub(super) fn new(engine: &Engine, plugin: Arc<Plugin>) -> Store<State> {
    let limits = &plugin.limits;
    let limiter = Limiter::new(limits);
    let fuel = limits.response.saturating_add(LIFT_SPARE);
    let mut store = Store::new(engine.inner(), State { ctx: Ctx::new(plugin), limiter });
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(fuel);
    store.set_max_component_handles(HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        let ctx = &mut store.data_mut().ctx;
        match ctx.call.cpu_ticks_left.checked_sub(cpu::ticks()) {
            Some(left) => ctx.call.cpu_ticks_left = left,
            None => return Err(Breach::Cpu(ctx.plugin.limits.cpu.as_millis()).into()),
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store
}
