//! The one place that knows where calls go: into the host on wasm32, into [`test::Platform`](crate::test::Platform)
//! elsewhere. Both sides have the same functions with the same types, so that a component calls its imports directly.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::devconnect::platform::{
    cache, documents, events, incoming, logging, metrics, passwords, settings, tokens,
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::test::host::{cache, documents, events, incoming, logging, metrics, passwords, settings, tokens};
