//! A guest that answers its version. The tests make as many versions as they need of one build: they change the digits
//! in the file.

#[allow(dead_code, reason = "each guest uses a part of it")]
#[path = "../../shared.rs"]
mod shared;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:version;
        world guest {
            include devconnect:platform/http@0.1.0;
        }
    ",
    generate_all,
});

use devconnect::platform::http_types::{Access, Method, Response};
use exports::devconnect::platform::http_handler::{self, Request};
use exports::devconnect::platform::lifecycle::{self, Description, InitError};

/// Where the tests find the version in the file.
static VERSION: [u8; 24] = *b"the guest's version 0001";

/// The plugin.
pub struct Version;

impl lifecycle::Guest for Version {
    fn describe() -> Description {
        shared::describe(
            "version",
            &[
                (Method::Get, "/version", Access::Public),
                (Method::Post, "/version", Access::Public),
                (Method::Get, "/version/slow", Access::Public),
            ],
        )
    }

    fn init() -> Result<(), InitError> {
        Ok(())
    }
}

impl http_handler::Guest for Version {
    fn handle(request: Request) -> Response {
        if request.route == 2 {
            let wait = shared::query(&request.target, request.path_length, "ms");
            let wait = wait.and_then(|value| value.parse().ok()).unwrap_or(100);
            std::thread::sleep(std::time::Duration::from_millis(wait));
        }
        // Opaque to the compiler, which must not take the digits apart.
        let version = std::hint::black_box(&VERSION);
        shared::text(200, String::from_utf8_lossy(&version[20..]).into_owned())
    }
}

#[cfg(target_arch = "wasm32")]
export!(Version);
