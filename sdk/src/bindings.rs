//! What wit-bindgen makes of `wit/`: the types on every target, the calls into the host on wasm32 alone.
//!
//! The worlds are written here, not taken from the package, because a plugin decides for itself what it exports: each
//! export has a macro that [`plugin!`](crate::plugin) calls or leaves out. Imports need no such care: whatever a plugin
//! does not call, `wit-component` leaves out of its component.
#![allow(unsafe_code, missing_docs, unreachable_pub, dead_code, reason = "generated")]
#![allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "generated"
)]

wit_bindgen::generate!({
    path: "../wit",
    inline: "
        package devconnect:sdk;
        world capabilities {
            import devconnect:platform/incoming@0.1.0;
            import devconnect:platform/cache@0.1.0;
            import devconnect:platform/documents@0.1.0;
            import devconnect:platform/events@0.1.0;
            import devconnect:platform/realtime@0.1.0;
            import devconnect:platform/tokens@0.1.0;
            import devconnect:platform/passwords@0.1.0;
            import devconnect:platform/settings@0.1.0;
            import devconnect:platform/logging@0.1.0;
            import devconnect:platform/metrics@0.1.0;
        }
    ",
    world: "devconnect:sdk/capabilities",
    generate_all,
    generate_unused_types: true,
    additional_derives: [PartialEq],
});

/// The exports, one world each.
#[cfg(target_arch = "wasm32")]
pub mod exports {
    pub mod describe {
        wit_bindgen::generate!({
            path: "../wit",
            inline: "
                package devconnect:sdk;
                world describe { export devconnect:platform/lifecycle@0.1.0; }
            ",
            world: "devconnect:sdk/describe",
            with: { "devconnect:platform/http-types@0.1.0": crate::bindings::devconnect::platform::http_types },
            pub_export_macro: true,
            export_macro_name: "export_lifecycle",
        });
    }

    pub mod serve {
        wit_bindgen::generate!({
            path: "../wit",
            inline: "
                package devconnect:sdk;
                world serve { export devconnect:platform/http-handler@0.1.0; }
            ",
            world: "devconnect:sdk/serve",
            with: { "devconnect:platform/http-types@0.1.0": crate::bindings::devconnect::platform::http_types },
            pub_export_macro: true,
            export_macro_name: "export_http_handler",
        });
    }

    pub mod screen {
        wit_bindgen::generate!({
            path: "../wit",
            inline: "
                package devconnect:sdk;
                world screen { export devconnect:platform/http-filter@0.1.0; }
            ",
            world: "devconnect:sdk/screen",
            with: { "devconnect:platform/http-types@0.1.0": crate::bindings::devconnect::platform::http_types },
            pub_export_macro: true,
            export_macro_name: "export_http_filter",
        });
    }

    pub mod consume {
        wit_bindgen::generate!({
            path: "../wit",
            inline: "
                package devconnect:sdk;
                world consume { export devconnect:platform/event-handler@0.1.0; }
            ",
            world: "devconnect:sdk/consume",
            pub_export_macro: true,
            export_macro_name: "export_event_handler",
        });
    }

    pub mod schedule {
        wit_bindgen::generate!({
            path: "../wit",
            inline: "
                package devconnect:sdk;
                world schedule { export devconnect:platform/schedule-handler@0.1.0; }
            ",
            world: "devconnect:sdk/schedule",
            pub_export_macro: true,
            export_macro_name: "export_schedule_handler",
        });
    }
}
