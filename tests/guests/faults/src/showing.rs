//! Shows what the host passed, and what an instance keeps.

use crate::devconnect::platform::http_types::{Media, Response};
use crate::devconnect::platform::{incoming, settings};
use crate::exports::devconnect::platform::http_handler::Request;
use crate::shared::{param, query, text};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

static PLANTED: Mutex<String> = Mutex::new(String::new());
static CALLS: AtomicU64 = AtomicU64::new(0);

/// What `incoming` says, one fact a line.
pub fn incoming(request: &Request) -> Response {
    let mut lines = vec![
        format!("method={:?}", request.method),
        format!("target={}", request.target),
        format!("path={}", &request.target[..request.path_length as usize]),
        format!("remote-address={}", incoming::remote_address()),
        format!("request-id={}", incoming::request_id()),
        format!("remaining-ms={}", incoming::remaining_ms()),
        format!("identity={}", incoming::identity().map(|found| found.subject).unwrap_or_default()),
    ];
    if let Some(value) = incoming::header("X-AsKed") {
        lines.push(format!("asked={}", String::from_utf8_lossy(&value)));
    }
    for (name, value) in incoming::headers() {
        lines.push(format!("header {name}={}", String::from_utf8_lossy(&value)));
    }
    text(200, lines.join("\n"))
}

/// The body.
pub fn echo(request: &Request) -> Response {
    Response {
        status: 200,
        media: Media::OctetStream,
        headers: vec![("x-length".to_owned(), request.body.len().to_string().into_bytes())],
        body: request.body.clone(),
    }
}

/// Names the route.
pub fn literal(request: &Request) -> Response {
    text(200, format!("route {}", request.route))
}

/// The parameters, as they were sent.
pub fn params(request: &Request) -> Response {
    let (first, second, third, ..) = request.params;
    text(
        200,
        format!(
            "{}|{}|{}",
            param(&request.target, first),
            param(&request.target, second),
            param(&request.target, third)
        ),
    )
}

/// A setting.
pub fn setting(request: &Request) -> Response {
    let name = query(&request.target, request.path_length, "name").unwrap_or_default();
    text(200, settings::get(&name).unwrap_or_else(|| "(none)".to_owned()))
}

/// A secret.
pub fn secret_setting(request: &Request) -> Response {
    let name = query(&request.target, request.path_length, "name").unwrap_or_default();
    text(200, settings::secret(&name).unwrap_or_else(|| "(none)".to_owned()))
}

/// What of the machine is in sight: nothing must be.
pub fn environment(_: &Request) -> Response {
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    let file = std::fs::read("/etc/hostname").is_ok();
    let folder = std::fs::read_dir("/").is_ok();
    let written = std::fs::write("/tmp/guest", "x").is_ok();
    text(200, format!("variables={variables} arguments={arguments} file={file} folder={folder} written={written}"))
}

/// Keeps the body in the instance, in a static and in memory that is freed again.
pub fn plant(request: &Request) -> Response {
    let secret = String::from_utf8_lossy(&request.body).into_owned();
    let freed: Vec<String> = (0..100).map(|_| std::hint::black_box(secret.clone())).collect();
    drop(freed);
    *PLANTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = secret;
    text(200, "planted")
}

/// Looks for what an earlier call left: the static, and the memory from the start to the end.
///
/// The needle comes in two halves, so that the request itself does not hold it.
pub fn find(request: &Request) -> Response {
    let head = query(&request.target, request.path_length, "head").unwrap_or_default();
    let tail = query(&request.target, request.path_length, "tail").unwrap_or_default();
    let planted = PLANTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let in_static = !planted.is_empty();
    let in_memory = memory_holds(head.as_bytes(), tail.as_bytes());
    text(200, format!("static={in_static} memory={in_memory}"))
}

#[cfg(target_arch = "wasm32")]
fn memory_holds(head: &[u8], tail: &[u8]) -> bool {
    const PAGE: usize = 65_536;
    let end = core::arch::wasm32::memory_size(0) * PAGE;
    let whole = head.len() + tail.len();
    // SAFETY: byte by byte and volatile, within what the module owns; the guest has one thread. Address 0 is left out.
    let byte = |address: usize| unsafe { core::ptr::read_volatile(address as *const u8) };
    (1..end.saturating_sub(whole))
        .any(|start| head.iter().chain(tail).enumerate().all(|(offset, wanted)| byte(start + offset) == *wanted))
}

#[cfg(not(target_arch = "wasm32"))]
fn memory_holds(_: &[u8], _: &[u8]) -> bool {
    false
}

/// How often this instance was asked.
pub fn count(_: &Request) -> Response {
    text(200, (CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string())
}
