//! Ways to send too much, or what nobody may send.

use crate::devconnect::platform::http_types::{Media, Response};
use crate::devconnect::platform::{incoming, logging};
use crate::exports::devconnect::platform::http_handler::Request;
use crate::shared::{query, text};
use std::io::Write;

fn number(request: &Request, name: &str, default: usize) -> usize {
    query(&request.target, request.path_length, name).and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// `times` calls of the host.
pub fn calls(request: &Request) -> Response {
    let mut bytes = 0;
    for _ in 0..number(request, "times", usize::MAX) {
        bytes += incoming::request_id().len();
    }
    text(200, bytes.to_string())
}

/// `lines` log lines of `width` bytes.
pub fn log(request: &Request) -> Response {
    let line = "x".repeat(number(request, "width", 100));
    for turn in 0..number(request, "lines", 1) {
        let fields = [("turn".to_owned(), turn.to_string())];
        logging::log(logging::Level::Error, &format!("flood {line}"), &fields);
    }
    text(200, "logged")
}

/// `lines` lines of `width` bytes to the standard output.
pub fn stdout(request: &Request) -> Response {
    pour(std::io::stdout(), request)
}

/// The same to the standard error.
pub fn stderr(request: &Request) -> Response {
    pour(std::io::stderr(), request)
}

fn pour(mut stream: impl Write, request: &Request) -> Response {
    let line = "x".repeat(number(request, "width", 100));
    for turn in 0..number(request, "lines", 1) {
        if let Err(error) = writeln!(stream, "pour {turn} {line}") {
            return text(200, format!("refused after {turn} lines: {error}"));
        }
    }
    text(200, "poured")
}

/// A body of `bytes`.
pub fn large(request: &Request) -> Response {
    text(200, "x".repeat(number(request, "bytes", 1)))
}

/// `count` headers of `width` bytes.
pub fn headers(request: &Request) -> Response {
    let value = vec![b'x'; number(request, "width", 10)];
    let mut response = text(200, "headers");
    response.headers = (0..number(request, "count", 1)).map(|turn| (format!("x-{turn}"), value.clone())).collect();
    response
}

/// The status `code`, whatever it is.
pub fn status(request: &Request) -> Response {
    Response { status: number(request, "code", 200) as u16, media: Media::None, headers: Vec::new(), body: Vec::new() }
}

/// One header, `name` and `value`, as they are.
pub fn header(request: &Request) -> Response {
    let name = query(&request.target, request.path_length, "name").unwrap_or_default();
    let value = query(&request.target, request.path_length, "value").unwrap_or_default();
    let mut response = text(200, "one header");
    response.headers.push((name, value.into_bytes()));
    response
}
