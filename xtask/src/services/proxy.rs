//! A TCP proxy that makes a network bad: slow, silent or broken, at will.
//!
//! Each direction of a connection has one thread that reads and one that writes, with a bounded queue between them, so that
//! a delay shifts what passes instead of slowing it down. Threads end with their connection, connections with the proxy.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How long a server may take to accept.
const CONNECTING: Duration = Duration::from_secs(2);
/// Pieces that may be on their way in one direction; then the sender has to wait, as with any full buffer.
const QUEUE: usize = 64;
const PIECE: usize = 16 * 1024;

/// A port on loopback whose connections go on to another address, well or badly.
///
/// ```no_run
/// # fn example(redis: &xtask::services::redis::Server) -> anyhow::Result<()> {
/// use std::time::Duration;
///
/// let proxy = xtask::services::proxy::Proxy::to(redis.address())?;
/// let url = format!("redis://{}", proxy.address());
/// proxy.delay(Duration::from_millis(5)); // every answer comes 5 ms later
/// proxy.silence();                       // nothing passes, connections stay open
/// proxy.cut();                           // connections are closed, new ones too
/// proxy.heal();                          // all is well again
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
}

/// What all threads look at.
#[derive(Debug, Default)]
struct Network {
    weather: Mutex<Weather>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Weather {
    target: Option<SocketAddr>,
    delay: Duration,
    silent: bool,
    cut: bool,
    /// The proxy is dropped.
    over: bool,
    /// Both ends of each connection.
    open: Vec<(TcpStream, TcpStream)>,
}

impl Proxy {
    /// A proxy to a server.
    pub fn to(target: SocketAddr) -> Result<Self> {
        let proxy = Self::new()?;
        proxy.forward(target);
        Ok(proxy)
    }

    /// A proxy whose target is named later ([`Proxy::forward`]); until then it closes what connects.
    pub fn new() -> Result<Self> {
        let port = super::ports::free()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context("cannot listen for a proxy")?;
        let address = listener.local_addr().context("cannot listen for a proxy")?;
        let network = Arc::new(Network::default());
        let shared = Arc::clone(&network);
        std::thread::spawn(move || accept(&listener, &shared));
        Ok(Self { address, network })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of [`Proxy::address`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends new connections to this address.
    pub fn forward(&self, target: SocketAddr) {
        self.change(|weather| weather.target = Some(target));
    }

    /// Makes every answer of the server come this much later; zero ends it. What the client sends is not held up.
    pub fn delay(&self, by: Duration) {
        self.change(|weather| weather.delay = by);
    }

    /// Lets nothing pass in either direction, and no connection end: a cable that was pulled. After [`Proxy::heal`] what was
    /// held back arrives.
    pub fn silence(&self) {
        self.change(|weather| weather.silent = true);
    }

    /// Closes all connections, and each new one as soon as it is made.
    pub fn cut(&self) {
        self.change(|weather| {
            weather.cut = true;
            weather.close();
        });
    }

    /// Ends every fault: no delay, no silence, new connections go through.
    pub fn heal(&self) {
        self.change(|weather| {
            weather.delay = Duration::ZERO;
            weather.silent = false;
            weather.cut = false;
        });
    }

    fn change(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.network.now());
        self.network.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|weather| {
            weather.over = true;
            weather.close();
        });
        // Wakes the thread that accepts; if this fails there is nothing to wake.
        let _ = TcpStream::connect_timeout(&self.address, CONNECTING);
    }
}

impl Network {
    fn now(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something may pass.
    fn quiet_over(&self) {
        let mut weather = self.now();
        while weather.silent && !weather.cut && !weather.over {
            weather = self.changed.wait(weather).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Weather {
    fn close(&mut self) {
        for (client, server) in self.open.drain(..) {
            for stream in [client, server] {
                // One that the other side has closed already needs no closing.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn accept(listener: &TcpListener, network: &Arc<Network>) {
    for client in listener.incoming() {
        if network.now().over {
            return;
        }
        let Ok(client) = client else { continue };
        let network = Arc::clone(network);
        std::thread::spawn(move || join(&client, &network));
    }
}

/// Connects a client with the server; an end that fails closes the other, so errors need no more handling.
fn join(client: &TcpStream, network: &Arc<Network>) -> Option<()> {
    // A connection that is made during a silence gets no further than this.
    network.quiet_over();
    let target = {
        let weather = network.now();
        if weather.cut || weather.over { None } else { weather.target }
    };
    let server = TcpStream::connect_timeout(&target?, CONNECTING).ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    {
        let mut weather = network.now();
        if weather.cut || weather.over {
            return None;
        }
        weather.open.retain(|(client, _)| client.peer_addr().is_ok());
        weather.open.push((client.try_clone().ok()?, server.try_clone().ok()?));
    }
    pump(client.try_clone().ok()?, server.try_clone().ok()?, Arc::clone(network), false);
    pump(server, client.try_clone().ok()?, Arc::clone(network), true);
    Some(())
}

/// Carries one direction.
fn pump(mut from: TcpStream, mut to: TcpStream, network: Arc<Network>, is_answer: bool) {
    let (sender, receiver): (SyncSender<(Instant, Vec<u8>)>, Receiver<_>) = sync_channel(QUEUE);
    let shared = Arc::clone(&network);
    std::thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let delay = if is_answer { shared.now().delay } else { Duration::ZERO };
            let bytes = piece.get(..length).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + delay, bytes)).is_err() {
                // The other end takes no more: this one learns of it.
                let _ = from.shutdown(Shutdown::Both);
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (due, bytes) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            network.quiet_over();
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        network.quiet_over();
        // One direction has ended; the other goes on until its sender ends too.
        let _ = to.shutdown(Shutdown::Write);
    });
}
