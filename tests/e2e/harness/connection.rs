//! One connection, with the bytes in the tests' own hands: what a well-behaved client library would never send.

use super::{Answer, PATIENCE};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// The status line and the headers of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// The first value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap()
    }

    pub(crate) fn try_open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).unwrap();
    }

    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Says that nothing more will be sent.
    pub(crate) fn close_write(&mut self) {
        self.stream.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// A second handle of the same connection, to write on while this one reads.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.get_ref().try_clone().unwrap()
    }

    /// The answer to a request that was sent with this method, which says whether a body follows.
    pub(crate) fn answer(&mut self, method: &str) -> Result<Answer> {
        let head = self.head()?;
        let mut body = Vec::new();
        if method != "HEAD" && head.status >= 200 && head.status != 204 && head.status != 304 {
            if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
                while let Some(chunk) = self.chunk()? {
                    body.extend(chunk);
                }
            } else if let Some(length) = head.header("content-length") {
                body = vec![0; length.parse().map_err(|_| invalid("content-length"))?];
                self.stream.read_exact(&mut body)?;
            } else {
                self.stream.read_to_end(&mut body)?;
            }
        }
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// The head alone. Interim answers (100) are passed over.
    pub(crate) fn head(&mut self) -> Result<Head> {
        loop {
            let line = self.line()?;
            let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
            let status = status.ok_or_else(|| invalid(&line))?;
            let mut headers = Vec::new();
            loop {
                let line = self.line()?;
                if line.is_empty() {
                    break;
                }
                let (name, value) = line.split_once(':').ok_or_else(|| invalid(&line))?;
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            if status != 100 {
                return Ok(Head { status, headers });
            }
        }
    }

    /// The next chunk of a chunked body; `None` at its end. An error if the connection ends without the last chunk.
    pub(crate) fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let digits = line.split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(digits.trim(), 16).map_err(|_| invalid(&line))?;
        let mut chunk = vec![0; length];
        self.stream.read_exact(&mut chunk)?;
        let end = self.line()?;
        if !end.is_empty() {
            return Err(invalid(&end));
        }
        Ok((length > 0).then_some(chunk))
    }

    /// True if something of an answer is there, without waiting for it.
    pub(crate) fn is_answered(&self) -> bool {
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true).unwrap();
        let answered = stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).unwrap();
        answered
    }

    /// True if the host closes the connection without a further byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(rest) => rest.is_empty(),
            Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the connection was closed"));
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not HTTP: {what:?}"))
}
