//! A client that can do everything wrong.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fixture::within;

pub(super) struct Client {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self { stream: within(TcpStream::connect(address)).await.unwrap(), buffer: Vec::new() }
    }

    pub(super) async fn send(&mut self, text: &str) {
        within(self.stream.write_all(text.as_bytes())).await.unwrap();
    }

    pub(super) async fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n")).await;
    }

    /// The next answer. One without a length ends with the connection.
    pub(super) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let field = |name: &str| {
            head.lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix(name).map(|rest| rest.trim().to_owned()))
        };
        let length: usize = field("content-length:").map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < length {
            assert!(self.more().await > 0, "the answer is not whole: {head}");
        }
        let body = String::from_utf8(self.buffer.drain(..length).collect()).unwrap();
        Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head, body }
    }

    /// The head of the next answer.
    pub(super) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                return String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
            }
            assert!(self.more().await > 0, "no answer: {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    /// Waits until the text has come.
    pub(super) async fn until(&mut self, text: &str) {
        loop {
            if let Some(start) = self.buffer.windows(text.len()).position(|window| window == text.as_bytes()) {
                self.buffer.drain(..start + text.len());
                return;
            }
            assert!(self.more().await > 0, "`{text}` did not come");
        }
    }

    /// Waits until the server closes the connection, and nothing more comes before that.
    pub(super) async fn closed(&mut self) {
        assert!(self.buffer.is_empty(), "unread: {:?}", String::from_utf8_lossy(&self.buffer));
        assert_eq!(self.more().await, 0, "unexpected: {:?}", String::from_utf8_lossy(&self.buffer));
    }

    /// How much came; 0 when the connection is closed or was reset.
    pub(super) async fn more(&mut self) -> usize {
        within(self.stream.read_buf(&mut self.buffer)).await.unwrap_or(0)
    }
}
