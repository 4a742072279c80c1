//! Ways to break a call.

use crate::devconnect::platform::http_types::Response;
use crate::devconnect::platform::passwords;
use crate::exports::devconnect::platform::http_handler::Request;
use crate::shared::{query, text};
use std::hint::black_box;
use std::time::Duration;

fn number(request: &Request, name: &str, default: u64) -> u64 {
    query(&request.target, request.path_length, name).and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Executes `unreachable`.
pub fn trap(_: &Request) -> Response {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

/// Panics, with a message and in a function that the log must name.
pub fn panic(request: &Request) -> Response {
    the_function_that_panics(&query(&request.target, request.path_length, "say").unwrap_or_default())
}

#[inline(never)]
fn the_function_that_panics(say: &str) -> Response {
    panic!("the guest panics and says {say:?}")
}

/// Never returns and calls nothing.
pub fn spin(_: &Request) -> Response {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory and writes to it until there is none.
pub fn allocate(_: &Request) -> Response {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(black_box(vec![0xa5; 1 << 20]));
    }
}

/// Calls itself until the stack is full.
pub fn recurse(_: &Request) -> Response {
    text(200, deeper(black_box(1)).to_string())
}

#[allow(unconditional_recursion, reason = "that is the fault")]
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let local = black_box([depth; 16]);
    black_box(deeper(local[3] + 1)) + local[7]
}

/// Ends itself as a program would.
pub fn exit(_: &Request) -> Response {
    std::process::exit(3)
}

/// Waits in host calls: `times` password hashes, one after the other.
pub fn hash(request: &Request) -> Response {
    for turn in 0..number(request, "times", 1) {
        if let Err(error) = passwords::hash(&format!("password {turn}")) {
            return text(200, format!("{error:?}"));
        }
    }
    text(200, "hashed")
}

/// Waits in one host call, for `ms`.
pub fn sleep(request: &Request) -> Response {
    std::thread::sleep(Duration::from_millis(number(request, "ms", 1)));
    text(200, "slept")
}
