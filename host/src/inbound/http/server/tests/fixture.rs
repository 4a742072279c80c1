//! A server on a free port, with a service that does what the path says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::super::{Accept, Drained, Limits, serve};
use super::client::Client;
use crate::clock;
use crate::inbound::http::body::{self, ResponseBody};
use crate::inbound::http::connection::Connection;
use crate::inbound::http::problem::Problem;
use crate::shutdown::{self, Trigger};

/// No test waits longer for anything: it fails then.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Limits under which nothing happens by itself within a test.
pub(super) fn generous() -> Limits {
    Limits {
        header_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(60),
        headers: 100,
        header_bytes: 16 << 10,
        connections: 1000,
        grace: Duration::from_secs(60),
    }
}

/// What the service and the test tell each other.
pub(super) struct Talk {
    /// `/wait` answers when this is notified.
    pub(super) go: Notify,
    /// How many requests to `/wait` there are.
    pub(super) waiting: watch::Sender<usize>,
    /// The most there have been at a time.
    pub(super) most: AtomicUsize,
    /// `/stream` answers what is sent here.
    pub(super) pieces: tokio::sync::Mutex<Option<mpsc::Receiver<Bytes>>>,
}

pub(super) struct Host {
    pub(super) address: SocketAddr,
    pub(super) trigger: Trigger,
    pub(super) talk: Arc<Talk>,
    pub(super) pieces: mpsc::Sender<Bytes>,
    server: JoinHandle<Drained>,
}

impl Host {
    pub(super) async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::start_on(listener, address, limits)
    }

    pub(super) fn start_on(listener: impl Accept, address: SocketAddr, limits: Limits) -> Self {
        start_clock();
        let (trigger, shutdown) = shutdown::channel();
        let (pieces, receiver) = mpsc::channel(8);
        let talk = Arc::new(Talk {
            go: Notify::new(),
            waiting: watch::Sender::new(0),
            most: AtomicUsize::new(0),
            pieces: tokio::sync::Mutex::new(Some(receiver)),
        });
        let shared = Arc::clone(&talk);
        let service = move |request, _connection: &Connection| answer(request, Arc::clone(&shared));
        let server = tokio::spawn(serve(listener, limits, service, shutdown.requested()));
        Self { address, trigger, talk, pieces, server }
    }

    pub(super) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Waits until so many requests to `/wait` are being served.
    pub(super) async fn until_waiting(&self, count: usize) {
        let mut waiting = self.talk.waiting.subscribe();
        within(waiting.wait_for(|waiting| *waiting == count)).await.unwrap();
    }

    /// Waits for the server's end.
    pub(super) async fn ended(self) -> Drained {
        within(self.server).await.unwrap()
    }
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("waited too long")
}

/// The runtime's ticker, which these tests run without.
fn start_clock() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let (base, start) = (clock::now_ms(), Instant::now());
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(clock::TICK);
                clock::advance_to(base + u64::try_from(start.elapsed().as_millis()).unwrap());
            }
        });
    });
}

/// A request to `/wait`, until it is answered or dropped.
struct Waiting(Arc<Talk>);

impl Waiting {
    fn enter(talk: &Arc<Talk>) -> Self {
        talk.waiting.send_modify(|waiting| *waiting += 1);
        talk.most.fetch_max(*talk.waiting.borrow(), Ordering::SeqCst);
        Self(Arc::clone(talk))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

async fn answer(mut request: Request<Incoming>, talk: Arc<Talk>) -> Response<ResponseBody> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/wait" => {
            let _waiting = Waiting::enter(&talk);
            talk.go.notified().await;
            text("waited")
        }
        "/echo" => {
            let limits = body::Limits { bytes: 1000, time: Duration::from_millis(200) };
            match body::read(request.into_body(), limits).await {
                Ok(bytes) => Response::new(ResponseBody::full(bytes)),
                Err(error) => Problem::from(&error).into_response("id"),
            }
        }
        "/large" => Response::new(ResponseBody::full(vec![b'x'; 64 << 20])),
        "/stream" => {
            let receiver = talk.pieces.lock().await.take().unwrap();
            Response::new(ResponseBody::stream(StreamBody::new(futures_util::stream::unfold(
                receiver,
                |mut receiver| async {
                    let piece = receiver.recv().await?;
                    Some((Ok::<_, Infallible>(Frame::data(piece)), receiver))
                },
            ))))
        }
        "/upgrade" => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut io = TokioIo::new(upgrade.await.unwrap());
                let mut bytes = [0; 4];
                io.read_exact(&mut bytes).await.unwrap();
                io.write_all(&bytes).await.unwrap();
                io.shutdown().await.unwrap();
            });
            let mut response = Response::new(ResponseBody::empty());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("connection", "upgrade".parse().unwrap());
            response.headers_mut().insert("upgrade", "echo".parse().unwrap());
            response
        }
        _ => text(&path),
    }
}

fn text(text: &str) -> Response<ResponseBody> {
    Response::new(ResponseBody::full(text.to_owned()))
}
