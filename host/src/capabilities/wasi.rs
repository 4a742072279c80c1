//! `wasi:*`: linked in whole, denying inside. Runtimes of other languages import all of it, so nothing may be missing;
//! but the environment is empty, there is no folder, and every socket and outgoing request is refused. Clocks and random
//! numbers work; stdout and stderr go to the plugin's log.

use wasmtime::component::Linker;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::output::Output;
use super::{Ctx, View};

/// Largest answer of one `get-random-bytes`.
const RANDOM: u64 = 64 * 1024;
/// Most bytes of one set of `wasi:http` fields.
const FIELDS: usize = 64 * 1024;

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

/// Refuses outgoing requests.
pub(super) struct Outgoing;

/// How wasi:http says that a request body was sent.
type Sent = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Sent,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Sent), HttpError>> + Send> {
        Box::new(std::future::ready(Err(HttpError::HttpRequestDenied)))
    }
}

impl Ctx {
    /// For the `WasiView` of the store's data.
    pub(crate) fn wasi(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }

    /// For the `WasiHttpView` of the store's data.
    pub(crate) fn wasi_http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}

/// Links all of `wasi:*` 0.2.
///
/// # Errors
/// Only if two interfaces claim the same name.
pub fn add_to_linker<T: View + WasiView + WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}
