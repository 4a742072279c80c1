//! The socket of a connection, leaving a mark at each read and write.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Connection;

/// How much a closing connection reads and drops before it is closed on the client.
const LINGER_BYTES: usize = 16 << 20;

/// Where the end of a connection stands.
enum End {
    /// It is open.
    Open,
    /// Our side is closed; the client's last bytes are read and dropped, at most so many more.
    Lingering(usize),
    /// Both sides are done.
    Closed,
}

/// A socket that reports to its [`Connection`].
pub(super) struct Watched<I> {
    io: I,
    connection: Arc<Connection>,
    end: End,
    /// The client has closed its side.
    finished: bool,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I, connection: Arc<Connection>) -> Self {
        Self { io, connection, end: End::Open, finished: false }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            if buffer.filled().len() > before {
                this.connection.received();
            } else if buffer.remaining() > 0 {
                this.finished = true;
            }
        }
        read
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(context, bytes);
        match written {
            Poll::Ready(_) => this.connection.taken(),
            Poll::Pending => this.connection.not_taken(),
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.end {
                End::Open => {
                    ready!(Pin::new(&mut this.io).poll_shutdown(context))?;
                    let lingers = this.connection.closing() && !this.finished;
                    this.end = if lingers { End::Lingering(LINGER_BYTES) } else { End::Closed };
                }
                End::Lingering(left) => {
                    let mut dropped = [0; 4096];
                    let mut buffer = ReadBuf::new(&mut dropped);
                    // An error means that the client is gone, which is all that this waits for.
                    let gone = ready!(Pin::new(&mut this.io).poll_read(context, &mut buffer)).is_err();
                    let count = buffer.filled().len();
                    this.end =
                        if gone || count == 0 || count >= left { End::Closed } else { End::Lingering(left - count) };
                }
                End::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}
