#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::*;

async fn document(response: Response<ResponseBody>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn a_problem_says_what_clients_and_people_need() {
    let response = Problem::not_found("no \"route\"\n").into_response("id-1");
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(
        document(response).await,
        json!({
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "no \"route\"\n",
            "message": "There is nothing here.",
            "requestId": "id-1",
        })
    );
}

#[tokio::test]
async fn without_an_id_none_is_named() {
    let document = document(Problem::forbidden("detail").into_response("")).await;
    assert_eq!(document.get("requestId"), None);
}

#[test]
fn each_constructor_has_its_status_and_header() {
    let second = Duration::from_millis(1);
    let cases = [
        (Problem::bad_request(""), 400, None),
        (Problem::unauthorized(""), 401, Some((WWW_AUTHENTICATE, "Bearer"))),
        (Problem::forbidden(""), 403, None),
        (Problem::not_found(""), 404, None),
        (Problem::method_not_allowed(HeaderValue::from_static("GET")), 405, Some((ALLOW, "GET"))),
        (Problem::timeout(""), 408, None),
        (Problem::too_large(""), 413, None),
        (Problem::uri_too_long(), 414, None),
        (Problem::internal(), 500, None),
        (Problem::not_implemented(), 501, None),
        (Problem::unavailable("", second), 503, Some((RETRY_AFTER, "1"))),
        (Problem::unavailable("", Duration::from_millis(60_001)), 503, Some((RETRY_AFTER, "61"))),
        (Problem::unavailable("", Duration::MAX), 503, Some((RETRY_AFTER, "86400"))),
        (Problem::gateway_timeout(""), 504, None),
    ];
    for (problem, status, header) in cases {
        assert_eq!(problem.status(), status);
        let response = problem.into_response("id");
        assert_eq!(response.status(), status);
        match header {
            Some((name, value)) => assert_eq!(response.headers()[name], value),
            None => assert_eq!(response.headers().len(), 1, "{status}"),
        }
    }
}
