//! Ports that nothing listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

/// Below the range from which the kernel takes ports for outgoing connections: a server that is restarted finds its port
/// still free. Above 16384 no well-known server is met.
const RANGE: Range<u16> = 20_000..32_000;

/// A free port on loopback, another one at each call.
pub fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let size = RANGE.end - RANGE.start;
    // Programs that run at the same time begin at different places.
    let start =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos() / 7) ^ std::process::id();
    let start = (start % u32::from(size)) as u16;
    // The first caller decides where this program begins; a race only costs a second look at the same port.
    let _ = NEXT.compare_exchange(0, start.max(1), Ordering::Relaxed, Ordering::Relaxed);
    for _ in 0..size {
        let port = RANGE.start + NEXT.fetch_add(1, Ordering::Relaxed) % size;
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("every port of {RANGE:?} on 127.0.0.1 is taken: stop what listens there")
}

/// Whether a server could listen on this port now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
