//! Routes of every `access`, which say who the host says is calling.

#[allow(dead_code, reason = "each guest uses a part of it")]
#[path = "../../shared.rs"]
mod shared;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:guarded;
        world guest {
            include devconnect:platform/http@0.1.0;
        }
    ",
    generate_all,
});

use devconnect::platform::http_types::{Access, Method, Response};
use devconnect::platform::incoming;
use exports::devconnect::platform::http_handler::{self, Request};
use exports::devconnect::platform::lifecycle::{self, Description, InitError};

/// The plugin.
pub struct Guarded;

impl lifecycle::Guest for Guarded {
    fn describe() -> Description {
        shared::describe(
            "guarded",
            &[
                (Method::Get, "/guarded/public", Access::Public),
                (Method::Get, "/guarded/optional", Access::Optional),
                (Method::Get, "/guarded/session/{id}", Access::Session),
                (Method::Get, "/guarded/admin", Access::Role("admin".to_owned())),
            ],
        )
    }

    fn init() -> Result<(), InitError> {
        Ok(())
    }
}

impl http_handler::Guest for Guarded {
    fn handle(_: Request) -> Response {
        match incoming::identity() {
            Some(found) => shared::text(200, format!("{} {} {}", found.subject, found.session, found.claims)),
            None => shared::text(200, "nobody"),
        }
    }
}

#[cfg(target_arch = "wasm32")]
export!(Guarded);
