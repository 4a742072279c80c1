//! The WIT package `devconnect:platform`, as Rust: the only `bindgen!` of the host.
//!
//! The world `all` imports and exports everything. A component exports a part of it; the runtime looks each export up by
//! its interface (`exports::…::GuestIndices`), so that one set of bindings serves every combination.

#![allow(missing_docs, unreachable_pub, reason = "generated code; the WIT has the documentation")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "all",
    // The first rule that matches counts, and flags of `default` are not added to it. Sync imports save a boxed future.
    imports: {
        "devconnect:platform/incoming": trappable,
        "devconnect:platform/settings": trappable,
        "devconnect:platform/logging": trappable,
        "devconnect:platform/metrics": trappable,
        "devconnect:platform/tokens": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    // A request is lowered from borrowed strings and bytes; without it, it would be cloned for each call.
    ownership: Borrowing { duplicate_if_necessary: true },
    trappable_error_type: {
        "devconnect:platform/errors.error" => crate::capabilities::HostError,
    },
    with: {
        "devconnect:platform/documents.cursor": crate::capabilities::documents::Cursor,
    },
    anyhow: false,
});
