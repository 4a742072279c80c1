//! Clients that take their time.

use crate::harness::{Host, eventually};

const CONFIG: &str = r#"
[server]
header-timeout = "300ms"
read-timeout = "500ms"
idle-timeout = "300ms"

[plugins.faults]
source = "faults.wasm"
grants = { passwords = true }
limits = { instances = 1, queue = 0 }
"#;

#[test]
fn a_client_that_never_ends_its_head_is_closed() {
    let host = Host::start(CONFIG);
    let mut connection = host.connect();
    connection.send("GET /faults/incoming HTTP/1.1\r\nHost: x\r\n");
    if let Ok(answer) = connection.answer("GET") {
        assert_eq!(answer.status, 408);
        assert!(connection.is_closed());
    }
}

#[test]
fn a_client_that_never_ends_its_body_is_told_so_and_closed() {
    let host = Host::start(CONFIG);
    let mut connection = host.connect();
    connection.send("POST /faults/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    connection.answer("POST").unwrap().problem(408);
    assert!(connection.is_closed());
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let host = Host::start(CONFIG);
    let mut connection = host.connect();
    connection.send("GET /faults/incoming HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.answer("GET").unwrap().expect(200);
    assert!(connection.is_closed());
}

#[test]
fn slow_clients_hold_no_instance() {
    // One instance and no queue: if a client that is still sending held it, the others would get 503.
    let host = Host::start(&CONFIG.replace("500ms", "60s"));
    let slow: Vec<_> = (0..200)
        .map(|_| {
            let mut connection = host.connect();
            connection.send("POST /faults/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf.");
            connection
        })
        .collect();
    let mut client = host.client();
    for _ in 0..50 {
        client.get("/faults/incoming").expect(200);
    }
    for (turn, mut connection) in slow.into_iter().enumerate() {
        connection.send(format!("{turn:05}"));
        assert_eq!(connection.answer("POST").unwrap().expect(200).text(), format!("half.{turn:05}"));
    }
}

#[test]
fn a_client_that_reads_slowly_gets_everything() {
    let host = Host::start(CONFIG);
    let mut connection = host.connect();
    connection.send("GET /faults/large?bytes=8000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = connection.head().unwrap();
    assert_eq!(head.header("content-length"), Some("8000000"));
    // Meanwhile the only instance is free again: the answer waits in the host.
    host.client().get("/faults/incoming").expect(200);
}

#[test]
fn a_write_goes_on_when_its_client_goes_away() {
    let host = Host::start(
        r#"
[plugins.store]
source = "store.wasm"
grants = { cache = ["*"], documents = ["*"], publish = ["*"] }
limits = { instances = 1, queue = 0 }
"#,
    );
    let document = bson::serialize_to_vec(&bson::doc! { "_id": "late" }).unwrap();
    let length = document.len();
    let head = format!("POST /store/insert-late/things HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    // Under way, for its instance is in use; then nobody waits for the answer any more.
    let connection = host.occupy_by(&[head.as_bytes(), &document].concat(), "/store/cache/any");
    drop(connection);
    let filter = bson::serialize_to_vec(&bson::doc! { "_id": "late" }).unwrap();
    let mut client = host.client();
    eventually("the document", || {
        let answer = client.request("POST", "/store/find/things").body(filter.clone()).send();
        if answer.status == 200 && !answer.body.is_empty() { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}
