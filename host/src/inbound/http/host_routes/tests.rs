#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use http::Method;
use http::header::ALLOW;
use http_body_util::{BodyExt, Empty};
use serde_json::Value;

use super::*;

async fn ask(readiness: Readiness, method: Method, path: &str) -> (http::response::Parts, String) {
    let openapi = Arc::new(ArcSwap::from_pointee(Bytes::from_static(b"{}")));
    let router = router(move || readiness.clone(), openapi);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    let (head, body) = call(&router, request, "id-1").await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head, String::from_utf8(body.to_vec()).unwrap())
}

fn serving(away: &[&str]) -> Readiness {
    Readiness::Serving { away: away.iter().map(|name| (*name).to_owned()).collect() }
}

#[tokio::test]
async fn every_route_that_is_named_is_answered() {
    for (verb, path) in ROUTES {
        assert_eq!(verb, Verb::Get);
        assert_eq!(ask(serving(&[]), Method::GET, path).await.0.status, 200, "{path}");
    }
}

#[tokio::test]
async fn health_is_told_whatever_the_readiness() {
    let (head, body) = ask(Readiness::Draining, Method::GET, "/healthz").await;
    assert_eq!((head.status.as_u16(), body.as_str()), (200, "ok"));
    assert!(head.headers[CONTENT_TYPE].to_str().unwrap().starts_with("text/plain"));
}

#[tokio::test]
async fn readiness_follows_the_plugins_and_not_the_stores() {
    for (readiness, status, expected) in [
        (Readiness::Starting, 503, None),
        (Readiness::Draining, 503, None),
        (serving(&[]), 200, Some("ok")),
        (serving(&["redis"]), 200, Some("degraded")),
    ] {
        let (head, body) = ask(readiness.clone(), Method::GET, "/readyz").await;
        assert_eq!(head.status, status, "{readiness:?}");
        let document: Value = serde_json::from_str(&body).unwrap();
        match expected {
            Some(expected) => assert_eq!(document["status"], expected),
            None => assert_eq!(document["requestId"], "id-1"),
        }
    }
    let (_, body) = ask(serving(&["redis", "kafka"]), Method::GET, "/readyz").await;
    assert_eq!(body, r#"{"away":["redis","kafka"],"status":"degraded"}"#);
}

#[tokio::test]
async fn the_document_is_the_one_of_the_moment() {
    let openapi: OpenApi = Arc::new(ArcSwap::from_pointee(Bytes::from_static(b"{}")));
    let router = router(|| Readiness::Starting, Arc::clone(&openapi));
    openapi.store(Arc::new(Bytes::from_static(br#"{"openapi":"3.1.0"}"#)));
    let request = Request::get("/openapi.json").body(Empty::<Bytes>::new()).unwrap();
    let response = call(&router, request, "id").await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), r#"{"openapi":"3.1.0"}"#);
}

#[tokio::test]
async fn everything_else_is_a_problem_with_the_requests_id() {
    let (head, body) = ask(serving(&[]), Method::GET, "/nothing").await;
    assert_eq!(head.status, 404);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["requestId"], "id-1");
    let (head, body) = ask(serving(&[]), Method::POST, "/healthz").await;
    assert_eq!(head.status, 405);
    assert_eq!(head.headers[ALLOW], "GET, HEAD, OPTIONS");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["status"], 405);
}
