//! `wasi:http/outgoing-handler`: a plugin calls the hosts that it was granted, and no other.

mod peer;

use crate::harness::Host;
use peer::Peer;

/// A plugin with these grants; `more` goes into its table.
fn host(grants: &str, more: &str) -> Host {
    Host::start(&format!(
        "[plugins.outgoing]\nsource = \"outgoing.wasm\"\nmount = \"/out\"\naccess = \"public\"\n{more}\ngrants = {{ {grants} }}\n"
    ))
}

fn ask(host: &Host, query: &str) -> String {
    host.client().get(&format!("/out/ask?{query}")).expect(200).text()
}

#[test]
fn a_granted_host_is_called() {
    let peer = Peer::start();
    let port = peer.port();
    let host = host(&format!("http = [\"127.0.0.1:{port}\", \"localhost:{port}\"]"), "");
    assert_eq!(ask(&host, &format!("to=127.0.0.1:{port}&path=/hello")), "200, 5 bytes");
    assert_eq!(ask(&host, &format!("to=localhost:{port}&path=/hello")), "200, 5 bytes");
    assert_eq!(ask(&host, &format!("to=LocalHost:{port}&path=/hello")), "200, 5 bytes");
    assert_eq!(ask(&host, &format!("to=127.0.0.1:{port}&path=/count&post=70000")), "200, 5 bytes");
    let requests = peer.requests();
    assert!(requests[0].contains(&format!("host: 127.0.0.1:{port}\r\n")), "{requests:?}");
    assert!(requests.iter().all(|request| request.starts_with("GET /hello ") || request.starts_with("POST /count ")));
}

#[test]
fn connections_are_kept() {
    let peer = Peer::start();
    let host = host(&format!("http = [\"127.0.0.1:{}\"]", peer.port()), "");
    for _ in 0..10 {
        assert_eq!(ask(&host, &format!("to=127.0.0.1:{}&path=/hello", peer.port())), "200, 5 bytes");
    }
    assert!(peer.connections() < 10, "{} connections for 10 requests", peer.connections());
}

#[test]
fn without_a_grant_nothing_is_sent_and_the_log_has_the_line_to_add() {
    let peer = Peer::start();
    let port = peer.port();
    for grants in ["", "http = [\"127.0.0.1\", \"localhost:1\"]"] {
        let host = host(grants, "");
        for to in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
            assert_eq!(ask(&host, &format!("to={to}&path=/hello")), "ErrorCode::HttpRequestDenied");
            host.log.wait_for_all(0, &["WARN", "outgoing", &format!("add \"{to}\" to plugins.outgoing.grants.http")]);
        }
        // What looks like the granted host is not it.
        for to in [format!("127.0.0.1@127.0.0.1:{port}"), format!("127.0.0.1:80@localhost:{port}")] {
            let told = ask(&host, &format!("to={to}&path=/hello"));
            assert!(told.starts_with("ErrorCode::"), "{told}");
        }
    }
    assert_eq!(peer.connections(), 0);
}

#[test]
fn a_name_that_leads_to_a_private_address_is_refused_unless_the_operator_says_so() {
    let peer = Peer::start();
    // A name for this code, this machine for the system's resolver.
    let to = format!("127.1:{}", peer.port());
    let query = format!("to={to}&path=/hello");
    assert_eq!(ask(&host(&format!("http = [\"{to}\"]"), ""), &query), "ErrorCode::DestinationIpProhibited");
    assert_eq!(peer.connections(), 0);
    assert_eq!(ask(&host(&format!("http = [\"{to}\"], http-private = true"), ""), &query), "200, 5 bytes");
}

#[test]
fn a_redirect_is_the_guests_to_follow_and_checked_again() {
    let (peer, other) = (Peer::start(), Peer::start());
    peer.redirect_to(&format!("http://127.0.0.1:{}/hello", other.port()));
    let host = host(&format!("http = [\"127.0.0.1:{}\"]", peer.port()), "");
    let told = ask(&host, &format!("to=127.0.0.1:{}&path=/redirect", peer.port()));
    assert_eq!(told, format!("302 to http://127.0.0.1:{}/hello, 0 bytes", other.port()));
    let told = ask(&host, &format!("to=127.0.0.1:{}&path=/hello", other.port()));
    assert_eq!(told, "ErrorCode::HttpRequestDenied");
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_server_that_is_away_is_told_as_such() {
    let peer = Peer::start();
    let port = peer.port();
    drop(peer);
    let host = host(&format!("http = [\"127.0.0.1:{port}\", \"nobody.invalid\"]"), "");
    assert_eq!(ask(&host, &format!("to=127.0.0.1:{port}&path=/hello")), "ErrorCode::ConnectionRefused");
    let told = ask(&host, "to=nobody.invalid&path=/hello");
    assert!(told.starts_with("ErrorCode::DnsError"), "{told}");
}

#[test]
fn a_server_that_does_not_answer_takes_no_longer_than_the_call() {
    let peer = Peer::start();
    let query = format!("to=127.0.0.1:{}&path=/never", peer.port());
    let grants = format!("http = [\"127.0.0.1:{}\"]", peer.port());
    // In time for the guest to answer its client.
    let slow = host(&grants, "limits = { deadline = \"1s\" }");
    assert_eq!(ask(&slow, &query), "ErrorCode::HttpResponseTimeout");
    let patient = host(&grants, "limits = { deadline = \"60s\" }");
    assert_eq!(ask(&patient, &format!("{query}&first=50")), "ErrorCode::HttpResponseTimeout");
}

#[test]
fn an_answer_that_stops_in_the_middle_is_cut() {
    let peer = Peer::start();
    let grants = format!("http = [\"127.0.0.1:{}\"]", peer.port());
    let host = host(&grants, "limits = { deadline = \"60s\", stream-idle = \"200ms\" }");
    let told = ask(&host, &format!("to=127.0.0.1:{}&path=/stops", peer.port()));
    assert!(told.starts_with("200, broken: ") && told.ends_with(", 5 bytes"), "{told}");
    let told = ask(&host, &format!("to=127.0.0.1:{}&path=/breaks", peer.port()));
    assert!(told.starts_with("200, broken: ") && told.ends_with(", 5 bytes"), "{told}");
    let told = ask(&host, &format!("to=127.0.0.1:{}&path=/nonsense", peer.port()));
    assert!(told.starts_with("ErrorCode::"), "{told}");
}

#[test]
fn bodies_are_held_to_their_limit_in_both_directions() {
    let peer = Peer::start();
    let grants = format!("http = [\"127.0.0.1:{}\"]", peer.port());
    let host = host(&grants, "limits = { deadline = \"60s\", retained = \"256KiB\" }");
    let at = format!("to=127.0.0.1:{}", peer.port());
    assert_eq!(ask(&host, &format!("{at}&path=/bytes/262144")), "200, 262144 bytes");
    let told = ask(&host, &format!("{at}&path=/bytes/1000000"));
    assert!(told.starts_with("200, broken: "), "{told}");
    let bytes: usize = told.rsplit(", ").next().unwrap().trim_end_matches(" bytes").parse().unwrap();
    assert!(bytes <= 262_144, "{told}");
    let told = ask(&host, &format!("{at}&path=/count&post=1000000"));
    assert_eq!(told, "ErrorCode::HttpRequestBodySize(Some(262144))");
}
