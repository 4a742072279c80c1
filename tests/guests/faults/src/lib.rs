//! A guest that misbehaves on request: each route is one way in which a plugin goes wrong, or shows what the host passed.

#[allow(dead_code, reason = "each guest uses a part of it")]
#[path = "../../shared.rs"]
mod shared;

mod breaking;
mod flooding;
mod showing;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:faults;
        world guest {
            include devconnect:platform/http@0.1.0;
            include devconnect:platform/with-settings@0.1.0;
            include devconnect:platform/with-logging@0.1.0;
            include devconnect:platform/with-passwords@0.1.0;
        }
    ",
    generate_all,
});

use devconnect::platform::http_types::{Access, Method, Response};
use exports::devconnect::platform::http_handler::{self, Request};
use exports::devconnect::platform::lifecycle::{self, Description, InitError};

/// The plugin.
pub struct Faults;

type Handler = fn(&Request) -> Response;

/// Everything that this guest answers.
const ROUTES: &[(Method, &str, Handler)] = &[
    (Method::Get, "/faults/trap", breaking::trap),
    (Method::Get, "/faults/panic", breaking::panic),
    (Method::Get, "/faults/spin", breaking::spin),
    (Method::Get, "/faults/allocate", breaking::allocate),
    (Method::Get, "/faults/recurse", breaking::recurse),
    (Method::Get, "/faults/exit", breaking::exit),
    (Method::Get, "/faults/hash", breaking::hash),
    (Method::Get, "/faults/sleep", breaking::sleep),
    (Method::Get, "/faults/calls", flooding::calls),
    (Method::Get, "/faults/log", flooding::log),
    (Method::Get, "/faults/stdout", flooding::stdout),
    (Method::Get, "/faults/stderr", flooding::stderr),
    (Method::Get, "/faults/large", flooding::large),
    (Method::Get, "/faults/headers", flooding::headers),
    (Method::Get, "/faults/status", flooding::status),
    (Method::Get, "/faults/header", flooding::header),
    (Method::Get, "/faults/incoming", showing::incoming),
    (Method::Post, "/faults/echo", showing::echo),
    (Method::Put, "/faults/echo", showing::echo),
    (Method::Get, "/faults/literal", showing::literal),
    (Method::Get, "/faults/params/{first}/{second}", showing::params),
    (Method::Get, "/faults/params/{first}/fixed", showing::literal),
    (Method::Get, "/faults/files/{*rest}", showing::params),
    (Method::Get, "/faults/setting", showing::setting),
    (Method::Get, "/faults/secret-setting", showing::secret_setting),
    (Method::Get, "/faults/environment", showing::environment),
    (Method::Post, "/faults/memory", showing::plant),
    (Method::Get, "/faults/memory", showing::find),
    (Method::Get, "/faults/count", showing::count),
];

impl lifecycle::Guest for Faults {
    fn describe() -> Description {
        let routes: Vec<_> = ROUTES.iter().map(|(method, pattern, _)| (*method, *pattern, Access::Public)).collect();
        shared::describe("faults", &routes)
    }

    fn init() -> Result<(), InitError> {
        Ok(())
    }
}

impl http_handler::Guest for Faults {
    fn handle(request: Request) -> Response {
        match ROUTES.get(request.route as usize) {
            Some((_, _, handler)) => handler(&request),
            None => shared::text(500, "the host called a route that was not described"),
        }
    }
}

#[cfg(target_arch = "wasm32")]
export!(Faults);
