//! A plain `wasi:http` component, written as someone would who never heard of this host: no import and no export of the
//! platform's own interfaces.

use std::io::Write;
use wasip2::clocks::monotonic_clock;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam,
};
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

/// The component.
pub struct Proxy;

#[cfg(target_arch = "wasm32")]
wasip2::http::proxy::export!(Proxy);

impl Guest for Proxy {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let number = query.split_once('=').and_then(|(_, value)| value.parse::<u64>().ok()).unwrap_or(3);
        // The host mounts the component below a prefix, which is part of the path that it gets.
        match path.rsplit('/').next().unwrap_or_default() {
            "hello" => answer(out, 200, "Hello, World!"),
            "echo" => echo(&request, out),
            "events" => events(out, number),
            "broken" => broken(out),
            "late" => {
                monotonic_clock::subscribe_duration(number * 1_000_000).block();
                answer(out, 200, "late");
            }
            "never" => loop {
                std::hint::black_box(());
            },
            "silent" => {}
            // Gives away its only means to answer, and stays.
            "hold" => {
                drop(out);
                monotonic_clock::subscribe_duration(3_600_000_000_000).block();
            }
            "status" => drop(OutgoingBody::finish(start(out, number as u16, "text/plain"), None)),
            "asking" => answer(out, 200, &asking(number as usize)),
            "panic" => panic!("the component panics"),
            "machine" => answer(out, 200, &machine()),
            "head" => answer(out, 200, &head(&request, &target)),
            _ => answer(out, 404, "the component knows no such path"),
        }
    }
}

fn start(out: ResponseOutparam, status: u16, content_type: &str) -> OutgoingBody {
    let fields = Fields::new();
    let _ = fields.append("content-type", content_type.as_bytes());
    let response = OutgoingResponse::new(fields);
    let _ = response.set_status_code(status);
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(out, Ok(response));
    body
}

fn answer(out: ResponseOutparam, status: u16, text: &str) {
    let body = start(out, status, "text/plain");
    let mut stream = body.write().expect("the stream is taken once");
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Sends the body back while it arrives.
fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().expect("the body is taken once");
    let source = incoming.stream().expect("the stream is taken once");
    let body = start(out, 200, "application/octet-stream");
    let mut sink = body.write().expect("the stream is taken once");
    while let Ok(piece) = source.blocking_read(16 * 1024) {
        if sink.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = sink.flush();
    drop(sink);
    drop(source);
    drop(IncomingBody::finish(incoming));
    let _ = OutgoingBody::finish(body, None);
}

/// Server-sent events, with a pause behind each.
fn events(out: ResponseOutparam, number: u64) {
    let body = start(out, 200, "text/event-stream");
    let mut stream = body.write().expect("the stream is taken once");
    for turn in 0..number {
        let _ = stream.write_all(format!("id: {turn}\ndata: event {turn}\n\n").as_bytes());
        if stream.flush().is_err() {
            return;
        }
        monotonic_clock::subscribe_duration(20_000_000).block();
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Begins an answer and traps.
fn broken(out: ResponseOutparam) {
    let body = start(out, 200, "text/plain");
    let mut stream = body.write().expect("the stream is taken once");
    let _ = stream.write_all(b"the beginning");
    let _ = stream.flush();
    panic!("the component panics in the middle of its answer");
}

fn head(request: &IncomingRequest, target: &str) -> String {
    let mut lines = vec![
        format!("method={:?}", request.method()),
        format!("target={target}"),
        format!("authority={}", request.authority().unwrap_or_default()),
        format!("scheme={:?}", request.scheme()),
    ];
    for (name, value) in request.headers().entries() {
        lines.push(format!("header {name}={}", String::from_utf8_lossy(&value)));
    }
    lines.join("\n")
}

/// Whether an outgoing request takes a method, a path and an authority of so many bytes, and what becomes of it.
fn asking(length: usize) -> String {
    let text = "x".repeat(length);
    let request = OutgoingRequest::new(Fields::new());
    let method = request.set_method(&Method::Other(text.clone()));
    let path = request.set_path_with_query(Some(&format!("/{text}")));
    let authority = request.set_authority(Some(&text));
    let answer = match outgoing_handler::handle(request, None) {
        Ok(answer) => {
            answer.subscribe().block();
            answer.get().map(|answer| answer.map(|answer| answer.map(|answer| answer.status())))
        }
        Err(error) => Some(Ok(Err(error))),
    };
    format!("method={} path={} authority={} {answer:?}", method.is_ok(), path.is_ok(), authority.is_ok())
}

/// What of the machine is in reach: nothing must be.
fn machine() -> String {
    let network = instance_network::instance_network();
    let resolved = ip_name_lookup::resolve_addresses(&network, "localhost").is_ok_and(|stream| {
        loop {
            match stream.resolve_next_address() {
                Ok(address) => break address.is_some(),
                Err(wasip2::sockets::network::ErrorCode::WouldBlock) => stream.subscribe().block(),
                Err(_) => break false,
            }
        }
    });
    format!(
        "variables={} arguments={} file={} written={} preopens={} tcp={} udp={} resolved={resolved}",
        std::env::vars().count(),
        std::env::args().count(),
        std::fs::read("/etc/hostname").is_ok(),
        std::fs::write("/tmp/guest", "x").is_ok(),
        wasip2::filesystem::preopens::get_directories().len(),
        tcp(&network),
        udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4).is_ok(),
    )
}

/// True if a TCP socket can be made and connects, or binds.
fn tcp(network: &wasip2::sockets::network::Network) -> bool {
    use wasip2::sockets::network::{IpSocketAddress, Ipv4SocketAddress};
    let Ok(socket) = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4) else {
        return false;
    };
    let address = |port| IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) });
    socket.start_bind(network, address(0)).is_ok() || socket.start_connect(network, address(9)).is_ok()
}
