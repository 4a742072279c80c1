//! A guest's stdout and stderr: kept for the operator's log, bounded.
//!
//! Panic messages, Python tracebacks and Go stacks come only here; the trap itself says `unreachable`. What a call wrote
//! is taken when the call ends, so that one user's text is never logged under another's request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Most bytes that one call's output keeps; what comes after is dropped, and counted.
const KEPT: usize = 16 * 1024;

/// What one guest wrote since it was last taken.
#[derive(Clone, Default)]
pub struct Output(Arc<Mutex<Text>>);

#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    dropped: usize,
}

impl Output {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the text; `None` if nothing was written. Lossy where it is not UTF-8.
    #[must_use]
    pub fn take(&self) -> Option<String> {
        let mut text = self.0.lock();
        if text.bytes.is_empty() {
            return None;
        }
        let Text { bytes, dropped } = std::mem::take(&mut *text);
        drop(text);
        let mut shown = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if dropped > 0 {
            shown.push_str(&format!(" … ({dropped} more bytes dropped)"));
        }
        Some(shown)
    }

    fn push(&self, bytes: &[u8]) {
        let mut text = self.0.lock();
        let room = KEPT.saturating_sub(text.bytes.len());
        let (kept, rest) = bytes.split_at(room.min(bytes.len()));
        text.bytes.extend_from_slice(kept);
        text.dropped = text.dropped.saturating_add(rest.len());
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(KEPT)
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
