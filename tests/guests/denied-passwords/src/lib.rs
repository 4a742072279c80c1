//! Imports one capability, `passwords`, and calls it on the target that the query names: for tests of grants.

#[allow(dead_code, reason = "each guest uses a part of it")]
#[path = "../../shared.rs"]
mod shared;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:denied;
        world guest {
            include devconnect:platform/http@0.1.0;
            include devconnect:platform/with-passwords@0.1.0;
        }
    ",
    generate_all,
});

use devconnect::platform::http_types::{Access, Method, Response};
use devconnect::platform::passwords;
use exports::devconnect::platform::http_handler::{self, Request};
use exports::devconnect::platform::lifecycle::{self, Description, InitError};

/// The plugin.
pub struct Denied;

impl lifecycle::Guest for Denied {
    fn describe() -> Description {
        shared::describe("denied-passwords", &[(Method::Get, "/denied/passwords", Access::Public)])
    }

    fn init() -> Result<(), InitError> {
        Ok(())
    }
}

impl http_handler::Guest for Denied {
    fn handle(request: Request) -> Response {
        let asked = |name: &str| shared::query(&request.target, request.path_length, name).unwrap_or_default();
        let outcome = passwords::verify(&asked("password"), None).map(|verdict| format!("{verdict:?}"));
        shared::text(200, outcome.unwrap_or_else(|error| format!("{error:?}")))
    }
}

#[cfg(target_arch = "wasm32")]
export!(Denied);
