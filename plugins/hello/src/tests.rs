use devconnect_sdk::serde_json::json;
use devconnect_sdk::test::{App, Request};

use super::routes;

#[test]
fn hello_is_a_text() {
    let reply = App::new(routes()).call(Request::get("/hello"));
    assert_eq!((reply.status(), reply.text()), (200, "Hello, World!"));
}

#[test]
fn an_order_is_confirmed() {
    let reply = App::new(routes()).call(Request::post("/json").json(&json!({
        "id": 4711,
        "customer": "Ada Lovelace",
        "email": "ada@example.com",
        "items": [{ "name": "gear", "quantity": 2, "price": 1.25 }, { "name": "punched card", "quantity": 100, "price": 0.5 }],
        "express": true,
    })));
    assert_eq!(reply.status(), 200);
    assert_eq!(
        reply.value(),
        json!({
            "id": 4711,
            "customer": "Ada Lovelace",
            "email": "ada@example.com",
            "items": [{ "name": "gear", "quantity": 2, "price": 1.25 }, { "name": "punched card", "quantity": 100, "price": 0.5 }],
            "total": 52.5,
            "express": true,
        })
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let app = App::new(routes());
    let reply = app.call(
        Request::post("/json").json(&json!({ "id": 1, "customer": "x", "email": "y", "items": [{ "name": 1 }] })),
    );
    assert_eq!((reply.status(), reply.invalid_fields()), (400, vec!["items[0].name".to_owned()]));
    let reply = app.call(Request::post("/json").json(&json!({ "id": 1, "colour": "red" })));
    assert_eq!((reply.status(), reply.invalid_fields()), (400, vec!["colour".to_owned()]));
}
