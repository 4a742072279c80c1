//! The linker of all plugins.

use wasmtime::component::Linker;

use super::{Engine, State};
use crate::capabilities;

/// Everything that this host serves. Whether a component may import a part of it is decided before, in `load`.
pub(super) fn full(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine.inner());
    capabilities::add_wasi_to_linker(&mut linker)?;
    capabilities::add_to_linker(&mut linker)?;
    Ok(linker)
}
