//! A client as applications have it: one kept-alive connection, a cookie jar, JSON.

use super::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;

pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<Connection>,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Sent with each request.
    pub(crate) headers: Vec<(String, String)>,
}

/// A request that is being put together.
pub(crate) struct Request<'a> {
    client: &'a mut Client,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order received.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, cookies: BTreeMap::new(), headers: Vec::new() }
    }

    pub(crate) fn request(&mut self, method: &str, target: &str) -> Request<'_> {
        Request { client: self, method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.request("GET", target).send()
    }

    pub(crate) fn post(&mut self, target: &str, body: &Value) -> Answer {
        self.request("POST", target).json(body).send()
    }

    pub(crate) fn patch(&mut self, target: &str, body: &Value) -> Answer {
        self.request("PATCH", target).json(body).send()
    }
}

impl Request<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.header("Content-Type", "application/json").body(value.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(crate) fn send(self) -> Answer {
        let asked = format!("{} {}", self.method, self.target);
        self.try_send().unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    /// Nothing is tried twice: a dropped request is an error. A connection that the host ended between two requests, by
    /// saying so in the last answer, is replaced.
    pub(crate) fn try_send(self) -> std::io::Result<Answer> {
        let Self { client, method, target, headers, body } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", client.address);
        for (name, value) in client.headers.iter().chain(&headers) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !client.cookies.is_empty() {
            let pairs: Vec<_> = client.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            head.push_str(&format!("Cookie: {}\r\n", pairs.join("; ")));
        }
        if let Some(body) = &body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend(body.unwrap_or_default());
        let mut connection = match client.connection.take() {
            Some(connection) => connection,
            None => Connection::try_open(client.address)?,
        };
        // A host that answers early may close before all is written: the answer is what counts.
        let sent = connection.try_send(bytes);
        let answer = connection.answer(&method).map_err(|error| sent.err().unwrap_or(error))?;
        if !answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            client.connection = Some(connection);
        }
        for cookie in answer.all("set-cookie") {
            client.keep(cookie);
        }
        Ok(answer)
    }
}

impl Client {
    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap();
        let over = parts.any(|part| part.eq_ignore_ascii_case("max-age=0") || part.contains("01 Jan 1970"));
        if over || value.is_empty() {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Answer {
    /// The first value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All values of a header.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON: {error}: {self:?}"))
    }

    /// Checks the status and returns the answer.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.text(), self.headers);
        self
    }

    /// Checks that this is a problem document with everything that the contract promises, and returns it.
    #[track_caller]
    pub(crate) fn problem(self, status: u16) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{problem}");
        for field in ["type", "title", "detail", "message", "requestId"] {
            let found = problem[field].as_str().unwrap_or_default();
            assert!(!found.is_empty(), "`{field}` is missing: {problem}");
        }
        assert_eq!(problem["requestId"].as_str(), answer.header("x-request-id"), "{problem}");
        problem
    }
}

/// What must never be told to a client: words of the machinery, of this machine, of the code.
const INTERNALS: &[&str] = &["wasm", "backtrace", "panick", "trap", ".rs:", "/src/", "unreachable", "rust", "guest"];

/// Checks that an error's text says nothing about the inside.
#[track_caller]
pub(crate) fn says_nothing_of_the_inside(problem: &Value) {
    let text = problem.to_string().to_lowercase();
    for word in INTERNALS {
        assert!(!text.contains(word), "an answer names {word:?}: {problem}");
    }
}
