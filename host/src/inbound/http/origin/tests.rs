#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;

const PAGE: &str = "http://localhost:5173";

fn origins() -> Origins {
    Origins::new(vec![PAGE.to_owned(), "https://app.example.com".to_owned()])
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("host.example:3000"))]);
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn judge(method: &Method, lines: &[(&'static str, &str)]) -> Verdict {
    origins().judge(method, &Uri::from_static("/path"), &headers(lines), || Scheme::Http)
}

fn marked(verdict: Verdict) -> HeaderMap {
    let Verdict::Marked(mark) = verdict else { panic!("{verdict:?}") };
    let mut headers = HeaderMap::new();
    mark.apply(&mut headers);
    headers
}

#[test]
fn without_an_origin_nothing_is_asked() {
    let scheme = || panic!("nobody needs it");
    let verdict = origins().judge(&Method::POST, &Uri::from_static("/"), &headers(&[("cookie", "token=x")]), scheme);
    assert!(matches!(verdict, Verdict::Plain));
}

#[test]
fn a_configured_origin_may_act_and_read() {
    let headers = marked(judge(&Method::POST, &[("origin", PAGE), ("cookie", "token=x")]));
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], PAGE);
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    assert_eq!(headers[VARY], "origin");
}

#[test]
fn an_unknown_origin_is_never_reflected() {
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost:5173.evil.example",
        "https://localhost:5173",
        "http://localhost",
    ] {
        let headers = marked(judge(&Method::GET, &[("origin", origin), ("cookie", "token=x")]));
        assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN), None, "{origin}");
        assert_eq!(headers[VARY], "origin");
    }
}

#[test]
fn an_unknown_origin_must_not_act_with_the_sessions_cookie() {
    for origin in ["https://evil.example", "null", "http://host.example", "https://host.example:3000"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for cookie in ["token=x", "a=b; token=x", "a=b;token", "token = x"] {
                let verdict = judge(&method, &[("origin", origin), ("cookie", cookie)]);
                let Verdict::Refused(problem) = verdict else { panic!("{origin} {method} {cookie}: {verdict:?}") };
                assert_eq!(problem.status(), 403);
            }
        }
    }
    let two_lines = [("origin", "null"), ("cookie", "a=b"), ("cookie", "token=x")];
    assert!(matches!(judge(&Method::POST, &two_lines), Verdict::Refused(_)));
}

#[test]
fn an_unknown_origin_without_the_cookie_acts_for_nobody() {
    for cookie in ["a=b", "Token=x", "xtoken=x", "a=token=x"] {
        let verdict = judge(&Method::POST, &[("origin", "https://evil.example"), ("cookie", cookie)]);
        assert!(matches!(verdict, Verdict::Marked(Mark { origin: None })), "{cookie}");
    }
}

#[test]
fn the_hosts_own_pages_may_do_everything() {
    let own = [("origin", "http://host.example:3000"), ("cookie", "token=x")];
    assert!(matches!(judge(&Method::POST, &own), Verdict::Plain));
    let secure = |origin: &'static str, host: &'static str| {
        let headers = HeaderMap::from_iter([
            (ORIGIN, HeaderValue::from_static(origin)),
            (HOST, HeaderValue::from_static(host)),
            (COOKIE, HeaderValue::from_static("token=x")),
        ]);
        origins().judge(&Method::POST, &Uri::from_static("/"), &headers, || Scheme::Https)
    };
    assert!(matches!(secure("https://host.example", "host.example"), Verdict::Plain));
    assert!(matches!(secure("https://host.example", "HOST.example:443"), Verdict::Plain));
    assert!(matches!(secure("http://host.example", "host.example"), Verdict::Refused(_)));
}

#[test]
fn a_preflight_of_a_configured_origin_is_told_everything() {
    let wanted = "content-type, x-request-id";
    let lines =
        [("origin", PAGE), ("access-control-request-method", "PATCH"), ("access-control-request-headers", wanted)];
    let verdict = judge(&Method::OPTIONS, &lines);
    let Verdict::Preflight(mark) = verdict else { panic!("{verdict:?}") };
    let response = mark.preflight(Allow::of([Verb::Get, Verb::Patch]), &headers(&lines));
    assert_eq!(response.status(), 204);
    let headers = response.headers();
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], PAGE);
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET, PATCH");
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], wanted);
    assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], MAX_AGE);
    assert!(headers[VARY].to_str().unwrap().starts_with("origin"));
    let file = mark.preflight(Allow::default(), &HeaderMap::new());
    assert_eq!(file.headers()[ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD");
}

#[test]
fn a_preflight_of_an_unknown_origin_is_refused() {
    for origin in ["https://evil.example", "null"] {
        let verdict = judge(&Method::OPTIONS, &[("origin", origin), ("access-control-request-method", "GET")]);
        assert!(matches!(verdict, Verdict::Refused(_)), "{origin}");
    }
    // Without the header it is an ordinary OPTIONS.
    assert!(matches!(judge(&Method::OPTIONS, &[("origin", PAGE)]), Verdict::Marked(_)));
}
