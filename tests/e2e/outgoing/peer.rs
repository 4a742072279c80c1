//! A server that plugins call: some ways to answer, and what was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// It listens until it is dropped.
pub(super) struct Peer {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    connections: AtomicUsize,
    /// The head of each request, as it came.
    requests: Mutex<Vec<String>>,
    redirect: Mutex<String>,
}

impl Peer {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let known = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if known.over.load(Ordering::SeqCst) {
                    return;
                }
                known.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&known);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { port, shared }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// How many were opened.
    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Where `/redirect` leads.
    pub(super) fn redirect_to(&self, address: &str) {
        address.clone_into(&mut self.shared.redirect.lock().unwrap());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread that listens, which then closes the port: nothing else has it when this returns.
        if let Ok(mut last) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _closed = last.read(&mut [0]);
        }
    }
}

/// Answers one request after another, until something cannot be read or written.
fn serve(stream: TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    while let Some(()) = answer(&mut reader, shared) {}
}

fn answer(reader: &mut BufReader<TcpStream>, shared: &Shared) -> Option<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase().replacen("get ", "GET ", 1).replacen("post ", "POST ", 1);
    shared.requests.lock().unwrap().push(head.clone());
    if head.contains("transfer-encoding: chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            reader.read_exact(&mut vec![0; size + 2]).ok()?;
            if size == 0 {
                break;
            }
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let stream = reader.get_mut();
    match path.as_str() {
        "/never" => {
            // Until the client goes.
            let _gone = stream.read(&mut [0]);
            return None;
        }
        "/stops" | "/breaks" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").ok()?;
            if path == "/stops" {
                let _gone = stream.read(&mut [0]);
            }
            return None;
        }
        "/nonsense" => {
            stream.write_all(b"this is not HTTP\r\n\r\n").ok()?;
            return None;
        }
        "/redirect" => {
            let to = shared.redirect.lock().unwrap().clone();
            write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").ok()?;
        }
        _ => {
            let size = path.strip_prefix("/bytes/").and_then(|size| size.parse().ok());
            let body = size.map_or_else(|| b"hello".to_vec(), |size| vec![b'x'; size]);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
            stream.write_all(&body).ok()?;
        }
    }
    Some(())
}
