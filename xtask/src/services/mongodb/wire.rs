//! As much of MongoDB's protocol as it takes to ask a server how it is: one command, one answer.
//!
//! A driver would have to be compiled before anything else can start. Answers are not parsed but searched: the bytes of
//! a field (type, name, NUL, value) are the same wherever it stands.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};

use crate::services::server::connect;

/// Error code of `replSetInitiate` on a server that has data of a replica set.
pub(super) const ALREADY_INITIALIZED: i32 = 23;

/// `OP_MSG`, the one operation that there still is.
const MESSAGE: i32 = 2013;
/// Length, request id, response to, operation.
const HEADER: usize = 16;
/// Answers to what is asked here are below a kilobyte or two.
const LARGEST: usize = 1 << 20;

/// A BSON document that grows.
pub(super) struct Document(Vec<u8>);

impl Document {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn integer(self, name: &str, value: i32) -> Self {
        self.field(0x10, name, &value.to_le_bytes())
    }

    pub(super) fn flag(self, name: &str, value: bool) -> Self {
        self.field(0x08, name, &[value.into()])
    }

    pub(super) fn text(self, name: &str, value: &str) -> Self {
        let mut bytes = length(value.len() + 1).to_vec();
        bytes.extend(value.as_bytes());
        bytes.push(0);
        self.field(0x02, name, &bytes)
    }

    pub(super) fn document(self, name: &str, value: Document) -> Self {
        self.field(0x03, name, &value.bytes())
    }

    /// A list with one element.
    pub(super) fn list(self, name: &str, only: Document) -> Self {
        self.field(0x04, name, &Document::new().document("0", only).bytes())
    }

    fn field(mut self, kind: u8, name: &str, value: &[u8]) -> Self {
        self.0.push(kind);
        self.0.extend(name.as_bytes());
        self.0.push(0);
        self.0.extend(value);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = length(self.0.len() + 5).to_vec();
        bytes.extend(&self.0);
        bytes.push(0);
        bytes
    }
}

/// What a server answered.
pub(super) struct Reply(Vec<u8>);

impl Reply {
    /// Whether the field is there and true.
    pub(super) fn says(&self, name: &str) -> bool {
        self.after(0x08, name).is_some_and(|value| value.first() == Some(&1))
    }

    /// Whether the command was carried out.
    pub(super) fn is_ok(&self) -> bool {
        self.after(0x01, "ok").is_some_and(|value| value.starts_with(&1f64.to_le_bytes()))
    }

    /// The number of the error.
    pub(super) fn code(&self) -> Option<i32> {
        self.after(0x10, "code").and_then(|value| value.first_chunk()).map(|bytes| i32::from_le_bytes(*bytes))
    }

    /// The error in words.
    pub(super) fn message(&self) -> String {
        let text = self.after(0x02, "errmsg").and_then(|value| {
            let (length, text) = value.split_first_chunk()?;
            text.get(..usize::try_from(i32::from_le_bytes(*length)).ok()?.checked_sub(1)?)
        });
        text.map_or_else(|| "(without a reason)".to_owned(), |text| String::from_utf8_lossy(text).into_owned())
    }

    /// What follows the type and the name of a field.
    fn after(&self, kind: u8, name: &str) -> Option<&[u8]> {
        let mut key = vec![kind];
        key.extend(name.as_bytes());
        key.push(0);
        let at = self.0.windows(key.len()).position(|window| window == key)?;
        self.0.get(at + key.len()..)
    }
}

/// Runs a command.
pub(super) fn run(address: SocketAddr, command: &Document) -> Result<Reply> {
    let mut body = vec![0; 4];
    // A section with one document.
    body.push(0);
    body.extend(command.bytes());
    let mut request = length(HEADER + body.len()).to_vec();
    for word in [1, 0, MESSAGE] {
        request.extend(i32::to_le_bytes(word));
    }
    request.extend(body);

    let mut stream = connect(address)?;
    stream.write_all(&request).context("it takes no request")?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).context("it does not answer")?;
    let rest = usize::try_from(i32::from_le_bytes(head)).unwrap_or(0).saturating_sub(head.len());
    if !(HEADER..=LARGEST).contains(&rest) {
        bail!("what answers there is not MongoDB");
    }
    let mut answer = vec![0; rest];
    stream.read_exact(&mut answer).context("its answer ends early")?;
    Ok(Reply(answer))
}

/// A length as BSON writes it. What is asked here is short.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_bson() {
        let document = Document::new().integer("hello", 1).text("$db", "a");
        assert_eq!(document.bytes(), b"\x1b\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x02\0\0\0a\0\0");
        let list = Document::new().list("m", Document::new().flag("f", true));
        assert_eq!(list.bytes(), b"\x19\0\0\0\x04m\0\x11\0\0\0\x030\0\x09\0\0\0\x08f\0\x01\0\0\0");
    }

    #[test]
    fn answers_are_read_field_by_field() {
        let good = Reply(Document::new().flag("isWritablePrimary", true).flag("secondary", false).bytes());
        assert!(good.says("isWritablePrimary"));
        assert!(!good.says("secondary"));
        assert!(!good.says("isreplicaset"));
        let bad = Reply(Document::new().text("errmsg", "already initialized").integer("code", 23).bytes());
        assert!(!bad.is_ok());
        assert_eq!(bad.code(), Some(ALREADY_INITIALIZED));
        assert_eq!(bad.message(), "already initialized");
        assert_eq!(good.message(), "(without a reason)");
    }
}
