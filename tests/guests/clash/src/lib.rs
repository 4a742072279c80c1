//! A guest that claims a route which the guest `faults` has, with another name for the parameters.

#[allow(dead_code, reason = "each guest uses a part of it")]
#[path = "../../shared.rs"]
mod shared;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:clash;
        world guest {
            include devconnect:platform/http@0.1.0;
        }
    ",
    generate_all,
});

use devconnect::platform::http_types::{Access, Method, Response};
use exports::devconnect::platform::http_handler::{self, Request};
use exports::devconnect::platform::lifecycle::{self, Description, InitError};

/// The plugin.
pub struct Clash;

impl lifecycle::Guest for Clash {
    fn describe() -> Description {
        shared::describe("clash", &[(Method::Get, "/faults/params/{one}/{two}", Access::Public)])
    }

    fn init() -> Result<(), InitError> {
        Ok(())
    }
}

impl http_handler::Guest for Clash {
    fn handle(_: Request) -> Response {
        shared::text(200, "clash")
    }
}

#[cfg(target_arch = "wasm32")]
export!(Clash);
