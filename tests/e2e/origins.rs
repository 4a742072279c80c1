//! CORS, and the check of the origin.

use crate::harness::{Answer, Host};

const CONFIG: &str = r#"
[server]
origins = ["https://app.example.com"]

[plugins.faults]
source = "faults.wasm"
grants = { passwords = true }
"#;

const OURS: &str = "https://app.example.com";
const FOREIGN: &str = "https://evil.example.com";

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn a_configured_origin_may_read_with_credentials() {
    let host = Host::start(CONFIG);
    let answer = host.client().request("GET", "/faults/incoming").header("Origin", OURS).send().expect(200);
    assert_eq!(allowed(&answer), Some(OURS));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert!(answer.all("vary").any(|value| value.to_lowercase().contains("origin")), "{answer:?}");
}

#[test]
fn a_foreign_origin_is_not_reflected() {
    let host = Host::start(CONFIG);
    for origin in [
        FOREIGN,
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:444",
    ] {
        let answer = host.client().request("GET", "/faults/incoming").header("Origin", origin).send().expect(200);
        assert_eq!(allowed(&answer), None, "{origin}");
        let preflight = host
            .client()
            .request("OPTIONS", "/faults/echo")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .send();
        assert_eq!(allowed(&preflight), None, "{origin}");
    }
}

#[test]
fn a_preflight_is_answered_without_the_plugin() {
    let host = Host::start(CONFIG);
    let answer = host
        .client()
        .request("OPTIONS", "/faults/echo")
        .header("Origin", OURS)
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "content-type, authorization")
        .send();
    assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    assert_eq!(allowed(&answer), Some(OURS));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert!(answer.header("access-control-allow-methods").unwrap().contains("PUT"));
    let headers = answer.header("access-control-allow-headers").unwrap().to_lowercase();
    assert!(headers.contains("content-type") && headers.contains("authorization"), "{headers}");
}

#[test]
fn an_unsafe_request_with_the_cookie_and_a_foreign_origin_is_403() {
    let host = Host::start(CONFIG);
    let send = |method: &str, origin: Option<&str>, cookie: bool| {
        let mut client = host.client();
        if cookie {
            client.cookies.insert("token".to_owned(), "anything".to_owned());
        }
        let target = if method == "GET" { "/faults/incoming" } else { "/faults/echo" };
        let request = client.request(method, target);
        let request = match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        };
        request.body("").send()
    };
    send("POST", Some(FOREIGN), true).problem(403);
    send("POST", Some("null"), true).problem(403);
    send("POST", Some(OURS), true).expect(200);
    send("POST", None, true).expect(200);
    send("POST", Some(FOREIGN), false).expect(200);
    send("GET", Some(FOREIGN), true).expect(200);
    let own = format!("http://{}", host.address);
    send("POST", Some(&own), true).expect(200);
}

#[test]
fn an_error_for_a_configured_origin_can_be_read_too() {
    let host = Host::start(CONFIG);
    let answer = host.client().request("GET", "/nothing/here").header("Origin", OURS).send();
    assert_eq!(allowed(&answer), Some(OURS));
    answer.problem(404);
    let answer = host.client().request("GET", "/faults/trap").header("Origin", OURS).send();
    assert_eq!(allowed(&answer), Some(OURS));
    answer.problem(500);
}

#[test]
fn frontend_url_adds_an_origin() {
    let host = crate::harness::Site::new(CONFIG).start_with(&[("FRONTEND_URL", "https://front.example.com")]);
    for origin in [OURS, "https://front.example.com"] {
        let answer = host.client().request("GET", "/faults/incoming").header("Origin", origin).send().expect(200);
        assert_eq!(allowed(&answer), Some(origin));
    }
}
