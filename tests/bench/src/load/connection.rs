//! One connection of the load.

use anyhow::{Context as _, bail, ensure};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

const BUFFER: usize = 64 * 1024;

pub(super) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    filled: usize,
    /// When the request under way was sent, or was due.
    pub(super) sent: Instant,
    /// Head and whole length of the last answer, which the next one most likely has too.
    usual: (usize, usize),
}

impl Connection {
    pub(super) fn open(address: SocketAddr, registry: &Registry, token: Token) -> anyhow::Result<Self> {
        let stream = std::net::TcpStream::connect(address).with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE)?;
        Ok(Self { stream, buffer: vec![0; BUFFER].into(), filled: 0, sent: Instant::now(), usual: (0, 0) })
    }

    /// Sends the request. It fits into the socket's empty buffer.
    pub(super) fn send(&mut self, request: &[u8], now: Instant) -> anyhow::Result<()> {
        self.sent = now;
        self.filled = 0;
        let written = self.stream.write(request)?;
        ensure!(written == request.len(), "a request of {} bytes does not fit into the socket", request.len());
        Ok(())
    }

    /// Reads what is there. `Some` when the answer is whole: true if its status is 200.
    pub(super) fn receive(&mut self) -> anyhow::Result<Option<bool>> {
        loop {
            let Some(rest) = self.buffer.get_mut(self.filled..) else { bail!("an answer above {BUFFER} bytes") };
            match self.stream.read(rest) {
                Ok(0) if rest.is_empty() => bail!("an answer above {BUFFER} bytes"),
                Ok(0) => bail!("the server closed a connection"),
                Ok(length) => self.filled += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            // After a whole answer nothing more can come, so the read that would say so is saved.
            if let Some(good) = self.whole()? {
                return Ok(Some(good));
            }
        }
    }

    /// The last answer, for people.
    pub(super) fn answer(&self) -> String {
        String::from_utf8_lossy(self.buffer.get(..self.filled).unwrap_or_default()).into_owned()
    }

    fn whole(&mut self) -> anyhow::Result<Option<bool>> {
        let received = self.buffer.get(..self.filled).unwrap_or_default();
        let good = received.get(9..12) == Some(b"200");
        let (head, whole) = self.usual;
        if self.filled == whole && received.get(head.saturating_sub(4)..head) == Some(b"\r\n\r\n") {
            return Ok(Some(good));
        }
        let Some(head) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|start| start + 4) else {
            return Ok(None);
        };
        let length = content_length(received.get(..head).unwrap_or_default())?;
        if self.filled < head + length {
            return Ok(None);
        }
        ensure!(self.filled == head + length, "more bytes than the answer announced");
        self.usual = (head, self.filled);
        Ok(Some(good))
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let found = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    found.context("an answer without content-length")?.parse().context("content-length")
}

#[cfg(test)]
mod tests {
    use super::content_length;

    #[test]
    fn the_length_is_found_in_any_case() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nCONTENT-length: 13\r\n\r\n").ok(), Some(13));
        assert!(content_length(b"HTTP/1.1 200 OK\r\nx: 13\r\n\r\n").is_err());
    }
}
