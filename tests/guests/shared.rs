//! What the guests of the tests have in common: each includes this file and makes its own bindings, as a plugin that was
//! written without the SDK would.

use crate::devconnect::platform::http_types::{Access, Media, Method, Response};
use crate::exports::devconnect::platform::lifecycle::{Description, Route};

/// The description of a guest that only serves routes.
pub fn describe(name: &str, routes: &[(Method, &str, Access)]) -> Description {
    Description {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        routes: routes
            .iter()
            .map(|(method, pattern, access)| Route {
                method: *method,
                pattern: (*pattern).to_owned(),
                access: access.clone(),
            })
            .collect(),
        namespaces: Vec::new(),
        topics: Vec::new(),
        schedules: Vec::new(),
    }
}

/// A plain text.
pub fn text(status: u16, body: impl Into<String>) -> Response {
    Response { status, media: Media::Text, headers: Vec::new(), body: body.into().into_bytes() }
}

/// The value of a query parameter, percent-decoded; `None` if it is not there.
pub fn query(target: &str, path_length: u32, name: &str) -> Option<String> {
    let query = target.get(path_length as usize + 1..)?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| decode(value))
}

/// The text that a parameter of the pattern matched.
pub fn param(target: &str, position: u32) -> &str {
    let start = (position >> 16) as usize;
    target.get(start..start + (position & 0xffff) as usize).unwrap_or_default()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let digits = std::str::from_utf8(&digits).unwrap_or("00");
                bytes.push(u8::from_str_radix(digits, 16).unwrap_or(0));
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
