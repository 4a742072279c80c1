//! A plain `wasi:http` component that asks another host and answers what came of it: the status, `location` if there was
//! one, and how many bytes the body had; or the error, as `wasi:http` names it.
//!
//! `?scheme=http&to=localhost:9000&path=/x`, with `post=<bytes>` for a body of that size, and `first=<ms>` for the most
//! that the answer may take.

use std::io::Write;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, RequestOptions,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::StreamError;

/// The component.
pub struct Outgoing;

#[cfg(target_arch = "wasm32")]
wasip2::http::proxy::export!(Outgoing);

impl Guest for Outgoing {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let text = match ask(&target) {
            Ok(text) => text,
            Err(code) => format!("{code:?}"),
        };
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let mut stream = body.write().expect("the stream is taken once");
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.flush();
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}

fn ask(target: &str) -> Result<String, ErrorCode> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str| value(name).and_then(|value| value.parse::<usize>().ok());

    let request = OutgoingRequest::new(Fields::new());
    let _ = request.set_scheme(Some(&if value("scheme") == Some("https") { Scheme::Https } else { Scheme::Http }));
    let _ = request.set_authority(value("to"));
    let _ = request.set_path_with_query(value("path"));
    let post = number("post");
    if post.is_some() {
        let _ = request.set_method(&Method::Post);
    }
    let body = request.body().expect("the body is taken once");
    let options = RequestOptions::new();
    if let Some(ms) = number("first") {
        let _ = options.set_first_byte_timeout(Some(ms as u64 * 1_000_000));
    }
    let answer = outgoing_handler::handle(request, Some(options))?;
    {
        let mut stream = body.write().expect("the stream is taken once");
        let block = [b'x'; 4096];
        let mut left = post.unwrap_or(0);
        while left > 0 {
            let piece = left.min(block.len());
            if stream.write_all(&block[..piece]).is_err() {
                break;
            }
            left -= piece;
        }
        let _ = stream.flush();
    }
    let _ = OutgoingBody::finish(body, None);

    answer.subscribe().block();
    let answer = answer.get().expect("it is ready").expect("it is taken once")?;
    let location = answer.headers().get("location");
    let location = location.first().map(|value| format!(" to {}", String::from_utf8_lossy(value))).unwrap_or_default();
    let mut text = format!("{}{location}", answer.status());
    let body = answer.consume().expect("the body is taken once");
    let stream = body.stream().expect("the stream is taken once");
    let mut bytes = 0;
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(piece) => bytes += piece.len(),
            Err(StreamError::Closed) => break,
            Err(error) => {
                text.push_str(&format!(", broken: {error}"));
                break;
            }
        }
    }
    Ok(format!("{text}, {bytes} bytes"))
}
