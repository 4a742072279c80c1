//! Tests without WebAssembly: an in-memory platform, and requests that go through the router as the host's do.
//!
//! ```
//! use devconnect_sdk::prelude::*;
//! use devconnect_sdk::test::{App, Request};
//!
//! fn greet(who: Identity, Path(name): Path<String>) -> String {
//!     format!("{} greets {name}", who.subject)
//! }
//!
//! let app = App::new(Router::new().post("/greet/{name}", greet));
//! let reply = app.call(Request::post("/greet/Bob").identity("ada"));
//! assert_eq!((reply.status(), reply.text()), (200, "ada greets Bob"));
//! assert_eq!(app.call(Request::post("/greet/Bob")).status(), 401);
//! ```
//!
//! Functions that are no handlers run within [`Platform::run`].

mod app;
mod cache;
mod documents;
pub(crate) mod host;
mod matcher;
mod order;
mod platform;
mod update;

pub use self::app::{App, Reply, Request};
pub use self::platform::{Line, Platform, Published, Store};

use crate::router::Router;

/// Checks the routes for mistakes, and writes the OpenAPI document to the file that the variable `DEVCONNECT_OPENAPI`
/// names. The test that [`plugin!`](crate::plugin) adds calls it.
///
/// # Panics
/// There are mistakes, or the file cannot be written: it is a test.
#[allow(clippy::panic, reason = "a test's way to fail")]
pub fn check_routes(router: &Router, name: &str, version: &str) {
    let mistakes = router.mistakes();
    assert!(mistakes.is_empty(), "the routes of {name} have mistakes:\n{}", mistakes.join("\n"));
    let document = router.openapi(name, version);
    if let Some(path) = std::env::var_os("DEVCONNECT_OPENAPI")
        && let Err(error) = std::fs::write(&path, format!("{document:#}\n"))
    {
        panic!("{} cannot be written: {error}", path.display());
    }
}
