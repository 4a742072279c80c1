//! A guest whose `init` ends as its setting `ends` says.

#[allow(dead_code, reason = "each guest uses a part of it")]
#[path = "../../shared.rs"]
mod shared;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:broken;
        world guest {
            include devconnect:platform/http@0.1.0;
            include devconnect:platform/with-settings@0.1.0;
        }
    ",
    generate_all,
});

use devconnect::platform::http_types::{Access, Method, Response};
use devconnect::platform::settings;
use exports::devconnect::platform::http_handler::{self, Request};
use exports::devconnect::platform::lifecycle::{self, Description, InitError};

/// The plugin.
pub struct Broken;

impl lifecycle::Guest for Broken {
    fn describe() -> Description {
        shared::describe("broken", &[(Method::Get, "/version", Access::Public)])
    }

    fn init() -> Result<(), InitError> {
        match settings::get("ends").as_deref() {
            Some("\"well\"") => Ok(()),
            Some("\"settings\"") => Err(InitError::Settings("the setting `colour` is missing".to_owned())),
            Some("\"panic\"") => panic!("init panics"),
            Some("\"unavailable\"") => Err(InitError::Unavailable("the guest waits for better times".to_owned())),
            Some("\"never\"") => loop {
                std::hint::black_box(());
            },
            _ => Err(InitError::Failed("the guest was built to fail".to_owned())),
        }
    }
}

impl http_handler::Guest for Broken {
    fn handle(_: Request) -> Response {
        shared::text(200, "broken")
    }
}

#[cfg(target_arch = "wasm32")]
export!(Broken);
