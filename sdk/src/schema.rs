//! `JsonSchema`, which describes a type in the OpenAPI document. Components carry no schemas, so that on wasm32 the
//! derive makes nothing and every type counts as described.

#[cfg(not(target_arch = "wasm32"))]
pub use schemars::JsonSchema;

#[cfg(target_arch = "wasm32")]
pub use devconnect_sdk_macros::JsonSchema;

/// Stands for schemars' trait where there are no schemas: every type has it.
#[cfg(target_arch = "wasm32")]
pub trait JsonSchema {}

#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> JsonSchema for T {}
