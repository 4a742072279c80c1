//! Guests that hold on to what they have, clients that leave or send too much, and answers that cannot be sent.

use crate::harness::{Connection, Host, eventually, says_nothing_of_the_inside};

/// One instance and no queue: whoever does not give it back is found out by the next request.
fn single(more: &str) -> Host {
    start(more, "")
}

fn start(limits: &str, server: &str) -> Host {
    Host::start(&format!(
        "[server]\n{server}\n\n[plugins.plain]\nsource = \"proxy.wasm\"\nmount = \"/plain\"\naccess = \"public\"\n\
         limits = {{ instances = 1, queue = 0, {limits} }}\n"
    ))
}

#[track_caller]
fn is_free(host: &Host) {
    eventually("a free instance", || match host.client().get("/plain/hello") {
        answer if answer.status == 200 => Ok(()),
        answer => Err(answer.text()),
    });
}

#[test]
fn a_guest_that_gave_away_its_answer_and_stays_is_ended() {
    let host = single("deadline = \"300ms\"");
    says_nothing_of_the_inside(&host.client().get("/plain/hold").problem(504));
    is_free(&host);
}

#[test]
fn a_client_that_leaves_before_the_head_frees_the_instance() {
    let host = single("deadline = \"1h\"");
    let waiting = host.occupy("/plain/late?ms=3600000", "/plain/hello");
    drop(waiting);
    is_free(&host);
}

fn post(host: &Host, head: &str) -> Connection {
    let mut connection = host.connect();
    connection.send(format!("POST /plain/echo HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n"));
    connection
}

#[test]
fn a_body_that_announces_too_much_is_refused_before_the_guest_is_called() {
    let host = start("deadline = \"60s\"", "body-limit = \"1MiB\"");
    let answer = post(&host, "Content-Length: 2000000").answer("POST").unwrap();
    assert_eq!(answer.problem(413)["status"], 413);
    is_free(&host);
}

#[test]
fn a_body_that_turns_out_too_large_ends_for_the_guest() {
    let host = start("deadline = \"60s\"", "body-limit = \"1MiB\"");
    let mut connection = post(&host, "Transfer-Encoding: chunked");
    let mut writer = connection.writer();
    let sender = std::thread::spawn(move || {
        use std::io::Write;
        let piece = [b'x'; 64 << 10];
        // The host may end the connection before all of it is sent.
        for _ in 0..32 {
            if write!(writer, "{:x}\r\n", piece.len()).is_err() || writer.write_all(&piece).is_err() {
                return;
            }
            if writer.write_all(b"\r\n").is_err() {
                return;
            }
        }
        drop(writer.write_all(b"0\r\n\r\n"));
    });
    if let Ok(head) = connection.head() {
        // What the guest had read by then comes back, and never more than the limit.
        let mut received = 0;
        while let Ok(Some(chunk)) = connection.chunk() {
            received += chunk.len();
        }
        assert!(head.status == 413 || received <= 1 << 20, "{} {received}", head.status);
    }
    drop(connection);
    sender.join().unwrap();
    is_free(&host);
}

#[test]
fn a_body_that_stops_coming_ends_for_the_guest() {
    let host = start("deadline = \"60s\"", "read-timeout = \"300ms\"");
    let mut connection = post(&host, "Content-Length: 10");
    connection.send("1");
    is_free(&host);
    assert_eq!(host.log.count("trapped"), 0, "{}", host.log.text());
}

#[test]
fn requests_that_name_no_host_are_the_clients_fault() {
    let host = single("deadline = \"5s\"");
    for head in ["GET /plain/hello HTTP/1.0\r\n\r\n", "GET /plain/hello HTTP/1.1\r\nHost: a b\r\n\r\n"] {
        let mut connection = host.connect();
        connection.send(head);
        let answer = connection.answer("GET").unwrap();
        says_nothing_of_the_inside(&answer.problem(400));
    }
    assert_eq!(host.log.count("fault"), 0, "{}", host.log.text());
    is_free(&host);
}

#[test]
fn a_status_that_no_answer_may_have_is_a_fault_of_the_plugin() {
    let host = single("deadline = \"5s\"");
    for status in [199, 600] {
        is_free(&host);
        let answer = eventually("an answer", || match host.client().get(&format!("/plain/status?n={status}")) {
            answer if answer.status == 503 => Err(answer.text()),
            answer => Ok(answer),
        });
        says_nothing_of_the_inside(&answer.problem(500));
        host.log.wait_for_all(0, &["plain", &format!("status is {status}")]);
    }
    eventually("a status of 299", || match host.client().get("/plain/status?n=299").status {
        299 => Ok(()),
        status => Err(status.to_string()),
    });
}

#[test]
fn the_guest_is_told_by_which_scheme_its_client_came() {
    let scheme = |host: &Host, forwarded: Option<&str>| {
        let mut client = host.client();
        let request = client.request("GET", "/plain/head");
        let request = match forwarded {
            Some(scheme) => request.header("X-Forwarded-Proto", scheme),
            None => request,
        };
        let text = request.send().expect(200).text();
        text.lines().find_map(|line| line.strip_prefix("scheme=")).unwrap().to_owned()
    };
    let behind = start("deadline = \"5s\"", "trusted-proxies = [\"127.0.0.1\"]");
    assert!(scheme(&behind, Some("https")).contains("Scheme::Https"));
    assert!(scheme(&behind, None).contains("Scheme::Http)"));
    let direct = single("deadline = \"5s\"");
    assert!(scheme(&direct, Some("https")).contains("Scheme::Http)"), "a stranger says how it came");
}

#[test]
fn the_texts_of_an_outgoing_request_are_bounded() {
    let host = single("deadline = \"5s\"");
    let asked = |length: usize| {
        // The instance of the request before may still be on its way out.
        eventually("an answer", || match host.client().get(&format!("/plain/asking?n={length}")) {
            answer if answer.status == 200 => Ok(answer.text()),
            answer => Err(answer.text()),
        })
    };
    let short = asked(100);
    assert!(short.starts_with("method=true path=true authority=true "), "{short}");
    assert!(short.contains("HttpRequestDenied"), "{short}");
    let long = asked(5_000);
    assert!(long.starts_with("method=false path=false authority=false "), "{long}");
}
