//! From a path to a plugin.

use crate::harness::{Client, Host};

const CONFIG: &str = r#"
[plugins.faults]
source = "faults.wasm"
grants = { passwords = true }
"#;

fn text(client: &mut Client, path: &str) -> String {
    client.get(path).expect(200).text()
}

#[test]
fn the_most_specific_pattern_wins() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    assert_eq!(text(&mut client, "/faults/params/a/b"), "a|b|");
    let literal = text(&mut client, "/faults/params/a/fixed");
    assert!(literal.starts_with("route "), "{literal}");
    // A path that begins like the more specific pattern and does not match it falls back to the other.
    assert_eq!(text(&mut client, "/faults/params/fixed/other"), "fixed|other|");
}

#[test]
fn parameters_arrive_as_they_were_sent() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    assert_eq!(text(&mut client, "/faults/params/a%2Fb/%C3%A4?c=d&e=f"), "a%2Fb|%C3%A4|");
    assert_eq!(text(&mut client, "/faults/files/one/two/three.txt"), "one/two/three.txt||");
    assert_eq!(text(&mut client, "/faults/files/x?y=/z"), "x||");
    let shown = text(&mut client, "/faults/incoming?a=1&b=%20");
    assert!(shown.contains("target=/faults/incoming?a=1&b=%20\n"), "{shown}");
    assert!(shown.contains("path=/faults/incoming\n"), "{shown}");
}

#[test]
fn a_rest_is_at_least_one_character() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    client.get("/faults/files/").problem(404);
    client.get("/faults/files").problem(404);
    client.get("/faults/params/only-one").problem(404);
    client.get("/faults/params//b").problem(404);
}

#[test]
fn an_unknown_path_is_404_and_an_unknown_method_405_with_allow() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    client.get("/nothing/here").problem(404);
    let answer = client.request("DELETE", "/faults/echo").send();
    let mut allowed: Vec<_> =
        answer.header("allow").unwrap_or_default().split(',').map(|m| m.trim().to_owned()).collect();
    allowed.sort();
    assert!(allowed.contains(&"POST".to_owned()) && allowed.contains(&"PUT".to_owned()), "{allowed:?}");
    assert!(!allowed.contains(&"DELETE".to_owned()) && !allowed.contains(&"GET".to_owned()), "{allowed:?}");
    answer.problem(405);
    client.request("BREW", "/faults/echo").send().problem(501);
}

#[test]
fn head_is_get_without_the_body() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    let get = client.get("/faults/large?bytes=1234").expect(200);
    let head = client.request("HEAD", "/faults/large?bytes=1234").send().expect(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-type"), get.header("content-type"));
    assert_eq!(head.header("content-length"), Some("1234"));
    // The connection is in step: the next answer is the next request's.
    assert_eq!(text(&mut client, "/faults/large?bytes=2"), "xx");
    client.request("HEAD", "/nothing/here").send().expect(404);
    assert_eq!(text(&mut client, "/faults/large?bytes=3"), "xxx");
}

#[test]
fn options_names_the_methods() {
    let host = Host::start(CONFIG);
    let answer = host.client().request("OPTIONS", "/faults/echo").send();
    assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    let allowed = answer.header("allow").unwrap_or_default();
    assert!(allowed.contains("POST") && allowed.contains("PUT"), "{answer:?}");
}

#[test]
fn bodies_arrive_whole_and_unchanged() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    let body: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    let answer = client.request("POST", "/faults/echo").body(body.clone()).send().expect(200);
    assert_eq!(answer.body, body);
    assert_eq!(client.request("PUT", "/faults/echo").body("").send().expect(200).header("x-length"), Some("0"));

    // The same in chunks that cut across everything.
    let mut connection = host.connect();
    connection.send("POST /faults/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in body.chunks(7_777) {
        connection.send(format!("{:x}\r\n", chunk.len()));
        connection.send(chunk);
        connection.send("\r\n");
    }
    connection.send("0\r\n\r\n");
    assert_eq!(connection.answer("POST").unwrap().expect(200).body, body);
}

#[test]
fn requests_in_a_row_on_one_connection_are_answered_in_order() {
    let host = Host::start(CONFIG);
    let mut connection = host.connect();
    let all: String = (0..50).map(|turn| format!("GET /faults/params/{turn}/x HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    connection.send(all);
    for turn in 0..50 {
        assert_eq!(connection.answer("GET").unwrap().expect(200).text(), format!("{turn}|x|"));
    }
}
