//! The derives of `devconnect-sdk`; use them through that crate.

mod event;

use proc_macro::TokenStream;

/// Implements `devconnect_sdk::Event`: `#[event(topic = "user-events", key = user_id)]`.
///
/// `key` is a field, or a path to one (`data.user_id`), whose text is the event's key; without it events are spread.
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    event::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Stands in for schemars' derive where a plugin is compiled to WebAssembly: a component carries no schemas.
#[proc_macro_derive(JsonSchema, attributes(schemars, serde, garde, validate))]
pub fn derive_no_schema(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
