//! A plain `wasi:http` component, which knows nothing of this host.

mod edges;

use crate::harness::{Host, says_nothing_of_the_inside};

const CONFIG: &str = r#"
[server]
body-limit = "64MiB"

[plugins.plain]
source = "proxy.wasm"
mount = "/plain"
access = "public"
limits = { deadline = "1s", cpu = "200ms" }
"#;

#[test]
fn it_answers_below_its_mount() {
    let host = Host::start(CONFIG);
    let text = host.client().request("GET", "/plain/head?a=b").header("X-Mine", "1").send().expect(200).text();
    assert!(text.contains("target=/plain/head?a=b") || text.contains("target=/head?a=b"), "{text}");
    assert!(text.contains("header x-mine=1"), "{text}");
    host.client().get("/plain/unknown").expect(404);
    host.client().get("/other").problem(404);
    host.client().get("/plainer").problem(404);
}

#[test]
fn a_component_without_a_mount_is_refused_with_the_line_to_add() {
    let text = crate::harness::refusal("[plugins.plain]\nsource = \"proxy.wasm\"\n");
    assert!(text.contains("mount") && text.contains("plain"), "{text}");
}

#[test]
fn routes_of_the_configuration_narrow_it() {
    let host = Host::start(&CONFIG.replace("access", "routes = [\"GET /head\", \"POST /echo\"]\naccess"));
    let mut client = host.client();
    client.get("/plain/head").expect(200);
    client.get("/plain/machine").problem(404);
    client.request("POST", "/plain/head").body("").send().problem(405);
    assert_eq!(client.request("POST", "/plain/echo").body("abc").send().expect(200).text(), "abc");
}

#[test]
fn a_large_body_streams_through_while_it_is_sent() {
    const PIECE: usize = 64 << 10;
    const PIECES: usize = 200;
    let host = Host::start(CONFIG);
    let mut connection = host.connect();
    let mut writer = connection.writer();
    connection.send(format!("POST /plain/echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", PIECE * PIECES));
    // The first piece comes back before the last one is sent: nothing waits for the whole.
    std::io::Write::write_all(&mut writer, &[0; PIECE]).unwrap();
    let head = connection.head().unwrap();
    assert_eq!(head.status, 200);
    let mut received = connection.chunk().unwrap().unwrap();
    let sender = std::thread::spawn(move || {
        for piece in 1..PIECES {
            std::io::Write::write_all(&mut writer, &[piece as u8; PIECE]).unwrap();
        }
    });
    while let Some(chunk) = connection.chunk().unwrap() {
        received.extend(chunk);
    }
    sender.join().unwrap();
    assert_eq!(received.len(), PIECE * PIECES);
    assert!(received.chunks(PIECE).enumerate().all(|(piece, bytes)| bytes.iter().all(|byte| *byte == piece as u8)));
}

#[test]
fn events_arrive_one_by_one_and_beyond_the_deadline() {
    let host = Host::start(&CONFIG.replace("deadline = \"1s\"", "deadline = \"200ms\""));
    let mut connection = host.connect();
    // 30 events, 20 ms apart: three times the deadline, which ends with the head.
    connection.send("GET /plain/events?n=30 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    let head = connection.head().unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("content-length"), None);
    let mut text = String::new();
    let mut pieces = 0;
    while let Some(chunk) = connection.chunk().unwrap() {
        text.push_str(&String::from_utf8(chunk).unwrap());
        pieces += 1;
    }
    let expected: String = (0..30).map(|turn| format!("id: {turn}\ndata: event {turn}\n\n")).collect();
    assert_eq!(text, expected);
    assert!(pieces >= 15, "{pieces} pieces: the events were held back");
}

#[test]
fn a_client_that_leaves_a_stream_frees_its_instance() {
    let host = Host::start(&CONFIG.replace("limits = {", "limits = { instances = 1, queue = 0,"));
    let mut connection = host.connect();
    connection.send("GET /plain/events?n=1000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.head().unwrap();
    connection.chunk().unwrap().unwrap();
    host.client().get("/plain/head").problem(503);
    drop(connection);
    crate::harness::eventually("a free instance", || {
        let answer = host.client().get("/plain/head");
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    });
}

#[test]
fn a_trap_in_the_middle_of_an_answer_cuts_it() {
    let mut host = Host::start(CONFIG);
    let mut connection = host.connect();
    connection.send("GET /plain/broken HTTP/1.1\r\nHost: x\r\n\r\n");
    // The client must see that the answer is not whole: the connection ends in the middle of it, or before its head.
    if let Ok(head) = connection.head() {
        assert_eq!(head.status, 200);
        let end = loop {
            match connection.chunk() {
                Ok(Some(chunk)) => assert!(b"the beginning".starts_with(&chunk)),
                Ok(None) => break "a regular end",
                Err(_) => break "cut",
            }
        };
        assert_eq!(end, "cut");
    }
    host.log.wait_for("the component panics in the middle of its answer");
    assert!(host.is_alive());
    host.client().get("/plain/head").expect(200);
}

#[test]
fn faults_before_the_answer_are_problems() {
    let mut host = Host::start(CONFIG);
    for (path, status) in
        [("/plain/panic", 500), ("/plain/silent", 500), ("/plain/never", 504), ("/plain/late?ms=3600000", 504)]
    {
        let problem = host.client().get(path).problem(status);
        says_nothing_of_the_inside(&problem);
        assert!(host.is_alive());
    }
    host.log.wait_for("the component panics");
    assert_eq!(host.client().get("/plain/late?ms=10").expect(200).text(), "late");
}

#[test]
fn nothing_of_the_machine_is_in_reach() {
    let host = Host::start(CONFIG);
    let text = host.client().get("/plain/machine").expect(200).text();
    assert_eq!(text, "variables=0 arguments=0 file=false written=false preopens=0 tcp=false udp=false resolved=false");
}
