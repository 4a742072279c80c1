//! What the host does for every request: ids, addresses, limits, and its own errors.

use crate::harness::Host;
use std::collections::BTreeSet;

const CONFIG: &str = r#"
[server]
body-limit = "64KiB"
max-headers = 20
max-header-bytes = "8KiB"

[plugins.faults]
source = "faults.wasm"
grants = { passwords = true }
"#;

fn fact(text: &str, name: &str) -> String {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

#[test]
fn each_request_has_an_id_that_guest_and_client_both_see() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let answer = client.get("/faults/incoming").expect(200);
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(fact(&answer.text(), "request-id"), id);
        assert!(seen.insert(id), "an id came twice: {seen:?}");
    }
}

#[test]
fn a_stranger_may_not_choose_the_id_with_what_breaks_a_log() {
    let host = Host::start(CONFIG);
    let answer = host.client().request("GET", "/faults/incoming").header("X-Request-Id", &"x".repeat(5_000)).send();
    let id = answer.expect(200).header("x-request-id").unwrap().to_owned();
    assert!(id.len() <= 128 && id.is_ascii(), "{id}");
}

#[test]
fn headers_and_address_reach_the_guest() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    let request = client.request("GET", "/faults/incoming").header("X-Asked", "the value").header("X-Two", "1");
    let text = request.header("X-Two", "2").send().expect(200).text();
    assert_eq!(fact(&text, "asked"), "the value");
    assert_eq!(fact(&text, "header x-two"), "1");
    assert!(text.contains("header x-two=2"), "{text}");
    assert_eq!(fact(&text, "remote-address"), "127.0.0.1");
    let remaining: u64 = fact(&text, "remaining-ms").parse().unwrap();
    assert!((1..=5_000).contains(&remaining), "{remaining}");
}

#[test]
fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let strangers = Host::start(CONFIG);
    let text = strangers.client().request("GET", "/faults/incoming").header("X-Forwarded-For", "203.0.113.9").send();
    assert_eq!(fact(&text.text(), "remote-address"), "127.0.0.1");

    let trusted = CONFIG.replace("[server]", "[server]\ntrusted-proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]");
    let trusted = Host::start(&trusted);
    let address = |forwarded: &str| {
        let answer = trusted.client().request("GET", "/faults/incoming").header("X-Forwarded-For", forwarded).send();
        fact(&answer.expect(200).text(), "remote-address")
    };
    assert_eq!(address("203.0.113.9"), "203.0.113.9");
    // Read from the right, through the proxies that are trusted: what the client wrote itself does not count.
    assert_eq!(address("198.51.100.1, 203.0.113.9, 10.1.2.3"), "203.0.113.9");
    assert_eq!(address("2001:db8::7"), "2001:db8::7");
    assert_eq!(address("nonsense"), "127.0.0.1");
}

#[test]
fn a_body_above_the_limit_is_413_announced_or_not() {
    let mut host = Host::start(CONFIG);
    let mut client = host.client();
    client.request("POST", "/faults/echo").body(vec![b'x'; 64 << 10]).send().expect(200);
    client.request("POST", "/faults/echo").body(vec![b'x'; (64 << 10) + 1]).send().problem(413);

    // Announced, but not sent: answered at once.
    let mut connection = host.connect();
    connection.send("POST /faults/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n");
    connection.answer("POST").unwrap().problem(413);

    // Not announced: answered when it is too much.
    let mut connection = host.connect();
    connection.send("POST /faults/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..65 {
        if connection.try_send([b"400\r\n".as_slice(), &[b'x'; 1024], b"\r\n"].concat()).is_err() {
            break;
        }
    }
    connection.answer("POST").unwrap().problem(413);
    assert!(host.is_alive());
    host.client().get("/faults/incoming").expect(200);
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on_or_not() {
    let host = Host::start(CONFIG);
    let mut connection = host.connect();
    connection.send("POST /faults/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    connection.send("hello");
    assert_eq!(connection.answer("POST").unwrap().expect(200).text(), "hello");
    let mut connection = host.connect();
    connection
        .send("POST /faults/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
    connection.answer("POST").unwrap().problem(413);
}

#[test]
fn too_many_or_too_long_headers_are_431() {
    let host = Host::start(CONFIG);
    let many: String = (0..30).map(|turn| format!("X-{turn}: y\r\n")).collect();
    let mut connection = host.connect();
    connection.send(format!("GET /faults/incoming HTTP/1.1\r\nHost: x\r\n{many}\r\n"));
    assert_eq!(connection.answer("GET").unwrap().status, 431);

    let mut connection = host.connect();
    let sent = connection
        .try_send(format!("GET /faults/incoming HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "y".repeat(100_000)));
    // The host may close while we still write: then the answer is lost, but never the host.
    match connection.answer("GET") {
        Ok(answer) => assert_eq!(answer.status, 431),
        Err(error) => assert!(sent.is_err() || error.kind() == std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    host.client().get("/faults/incoming").expect(200);
}

#[test]
fn what_is_not_http_costs_the_connection_and_nothing_else() {
    let mut host = Host::start(CONFIG);
    let hostile: &[&[u8]] = &[
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /faults/incoming HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /faults/incoming HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /faults/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"POST /faults/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, nonsense\r\n\r\n",
        b"GET /faults/incoming HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET \x00\x01\x02 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n\r\n\r\n",
    ];
    for bytes in hostile {
        let mut connection = host.connect();
        connection.send(bytes);
        connection.close_write();
        if let Ok(answer) = connection.answer("GET") {
            assert!((400..=505).contains(&answer.status), "{answer:?} to {:?}", String::from_utf8_lossy(bytes));
        }
    }
    // Length and chunks together: the old way to smuggle a request past a proxy. One answer, and no second request.
    let mut connection = host.connect();
    connection.send("POST /faults/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.send("0\r\n\r\nGET /faults/smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    if let Ok(answer) = connection.answer("POST")
        && answer.status == 200
    {
        assert!(answer.body.is_empty(), "{answer:?}");
    }
    assert!(host.is_alive());
    host.client().get("/faults/incoming").expect(200);
}

#[test]
fn paths_that_climb_are_not_files() {
    let host = Host::start(CONFIG);
    for path in ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd"] {
        let answer = host.client().get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
    }
}
