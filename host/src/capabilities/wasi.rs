//! `wasi:*`: linked in whole, denying inside. Runtimes of other languages import all of it, so nothing may be missing;
//! but the environment is empty, there is no folder, and every socket is refused. Clocks and random numbers work; stdout and
//! stderr go to the plugin's log; requests go to the hosts that are granted ([`outgoing`](super::outgoing)).

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method, OutgoingRequest};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::output::Output;
use super::{Ctx, View};

/// Largest answer of one `get-random-bytes`.
const RANDOM: u64 = 64 * 1024;
/// Most bytes of one set of `wasi:http` fields. This and the next two times `limits.handles` is what a guest can make the
/// host hold for it in handles of `wasi:http`.
const FIELDS: usize = 16 * 1024;
/// Most bytes of one write to a `wasi:http` body; two may be on their way.
pub(super) const CHUNK: usize = 64 * 1024;
/// Most bytes of an outgoing request's method, path or authority.
const REQUEST_PART: usize = 4 * 1024;
/// The interface whose functions are replaced, as wasmtime-wasi-http links it. Were it another version, no component that
/// imports it could be linked.
const HTTP_TYPES: &str = "wasi:http/types@0.2.12";

/// The context of a new instance: nothing but clocks, random numbers and its log.
pub(super) fn context(output: &Output) -> WasiCtx {
    WasiCtx::builder()
        .stdout(output.clone())
        .stderr(output.clone())
        .max_random_size(RANDOM)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

/// The `wasi:http` context of a new instance.
pub(super) fn http_context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(FIELDS);
    context
}

impl Ctx {
    /// For the `WasiView` of the store's data.
    pub(crate) fn wasi(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }

    /// For the `WasiHttpView` of the store's data.
    pub(crate) fn wasi_http(&mut self) -> WasiHttpCtxView<'_> {
        self.outgoing.serve(&self.call);
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}

/// Links all of `wasi:*` 0.2.
///
/// # Errors
/// Only if two interfaces claim the same name.
pub fn add_to_linker<T: View + WasiView + WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    bound_outgoing_requests(linker)
}

/// Bounds the texts of an outgoing request. wasmtime-wasi-http keeps them as long as they come, in as many requests as a
/// guest has handles.
fn bound_outgoing_requests<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    type Request = Resource<OutgoingRequest>;
    type Text = Option<String>;
    let too_long = |text: &Text| text.as_ref().is_some_and(|text| text.len() > REQUEST_PART);

    linker.allow_shadowing(true);
    let mut types = linker.instance(HTTP_TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, T>, (request, method): (Request, Method)| match &method {
            Method::Other(name) if name.len() > REQUEST_PART => Ok((Err(()),)),
            _ => Ok((store.data_mut().http().set_method(request, method)?,)),
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        move |mut store: StoreContextMut<'_, T>, (request, path): (Request, Text)| {
            if too_long(&path) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_path_with_query(request, path)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        move |mut store: StoreContextMut<'_, T>, (request, authority): (Request, Text)| {
            if too_long(&authority) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_authority(request, authority)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
