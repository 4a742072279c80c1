#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn proxies() -> TrustedProxies {
    TrustedProxies::new(
        ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"].iter().map(|network| network.parse().unwrap()).collect(),
    )
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn address(peer: &str, forwarded: &[&str]) -> String {
    let lines: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
    proxies().address(peer.parse().unwrap(), &headers(&lines)).to_string()
}

#[test]
fn a_stranger_is_taken_for_what_it_is() {
    assert_eq!(address("203.0.113.9:1", &["198.51.100.1"]), "203.0.113.9");
    assert_eq!(address("[::ffff:203.0.113.9]:1", &[]), "203.0.113.9");
}

#[test]
fn behind_proxies_the_right_most_stranger_is_the_client() {
    assert_eq!(address("10.0.0.1:1", &["198.51.100.1"]), "198.51.100.1");
    assert_eq!(address("10.0.0.1:1", &["6.6.6.6, 198.51.100.1"]), "198.51.100.1");
    assert_eq!(address("10.0.0.1:1", &["6.6.6.6, 198.51.100.1 , 10.2.3.4,192.0.2.1"]), "198.51.100.1");
    assert_eq!(address("10.0.0.1:1", &["6.6.6.6", "198.51.100.1", "10.9.9.9"]), "198.51.100.1");
    assert_eq!(address("[::ffff:10.0.0.1]:1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    assert_eq!(address("[fd00::1]:1", &["2001:db8::7"]), "2001:db8::7");
}

#[test]
fn ports_are_taken_off() {
    assert_eq!(address("10.0.0.1:1", &["198.51.100.1:443"]), "198.51.100.1");
    assert_eq!(address("10.0.0.1:1", &["[2001:db8::7]:443"]), "2001:db8::7");
    assert_eq!(address("10.0.0.1:1", &["[2001:db8::7]"]), "2001:db8::7");
}

#[test]
fn without_a_stranger_the_farthest_proxy_is_the_client() {
    assert_eq!(address("10.0.0.1:1", &[]), "10.0.0.1");
    assert_eq!(address("10.0.0.1:1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
}

#[test]
fn garbage_before_the_first_stranger_is_not_believed() {
    for garbage in ["unknown", "", "198.51.100.1, ", "198.51.100.1, _hidden", "1.2.3", "[::1", "é"] {
        assert_eq!(address("10.0.0.1:1", &[garbage]), "10.0.0.1", "{garbage}");
    }
    assert_eq!(address("10.0.0.1:1", &["garbage, 198.51.100.1"]), "198.51.100.1");
}

#[test]
fn only_a_trusted_proxy_says_that_the_client_speaks_tls() {
    let scheme = |peer: &str, lines: &[&str]| {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-proto", *line)).collect();
        proxies().scheme(peer.parse().unwrap(), &headers(&lines))
    };
    assert_eq!(scheme("10.0.0.1:1", &["https"]), Scheme::Https);
    assert_eq!(scheme("10.0.0.1:1", &["HTTPS"]), Scheme::Https);
    assert_eq!(scheme("10.0.0.1:1", &["https", "http"]), Scheme::Http);
    assert_eq!(scheme("10.0.0.1:1", &["http, https"]), Scheme::Https);
    assert_eq!(scheme("10.0.0.1:1", &[]), Scheme::Http);
    assert_eq!(scheme("203.0.113.9:1", &["https"]), Scheme::Http);
    assert_eq!(TrustedProxies::default().scheme("10.0.0.1:1".parse().unwrap(), &headers(&[])), Scheme::Http);
}
