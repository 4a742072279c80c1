use devconnect_sdk::prelude::*;
use devconnect_sdk::test::{App, Request};

fn named(name: &'static str) -> impl Fn() -> &'static str + Send + Sync {
    move || name
}

#[test]
fn the_most_specific_pattern_wins() {
    let routes = Router::new()
        .get("/{*rest}", named("rest"))
        .get("/user/{id}", named("user"))
        .get("/user/me", named("me"))
        .get("/user/{id}/{*rest}", named("below"))
        .access(Access::Public);
    let app = App::new(routes);
    for (target, name) in
        [("/user/me", "me"), ("/user/7?x=1", "user"), ("/user/7/a/b", "below"), ("/a/b", "rest"), ("/user/", "rest")]
    {
        assert_eq!(app.call(Request::get(target)).text(), name, "{target}");
    }
    assert_eq!(app.call(Request::get("/")).status(), 404);
    assert_eq!(app.call(Request::post("/user/me")).status(), 405);
}

#[test]
fn nobody_enters_a_route_that_says_nothing() {
    let app = App::new(Router::new().get("/mine", named("mine")));
    assert_eq!(app.call(Request::get("/mine")).status(), 401);
    assert_eq!(app.call(Request::get("/mine").identity("ada")).text(), "mine");
}

#[test]
fn access_reaches_only_the_routes_so_far_that_say_nothing() {
    let routes = Router::new()
        .get("/open", named("open"))
        .get("/admin", role("admin", named("admin")))
        .access(Access::Public)
        .get("/late", named("late"))
        .merge(Router::new().get("/other", named("other")).access(Access::Optional));
    let app = App::new(routes);
    assert_eq!(app.call(Request::get("/open")).status(), 200);
    assert_eq!(app.call(Request::get("/other")).status(), 200);
    assert_eq!(app.call(Request::get("/late")).status(), 401);
    assert_eq!(app.call(Request::get("/admin")).status(), 401);
    assert_eq!(app.call(Request::get("/admin").identity("ada")).status(), 403);
    assert_eq!(app.call(Request::get("/admin").identity_as("ada", "user")).status(), 403);
    assert_eq!(app.call(Request::get("/admin").identity_as("ada", "admin")).text(), "admin");
}

#[test]
fn answers_have_their_status_and_type() {
    #[derive(Serialize, JsonSchema)]
    struct Thing {
        name: &'static str,
    }
    let routes = Router::new()
        .get("/text", || "text")
        .get("/html", || Html("<p>"))
        .get("/bytes", || vec![1_u8, 2])
        .get("/empty", || ())
        .get("/nothing", || NoContent)
        .get("/json", || Json(Thing { name: "x" }))
        .get("/created", || Created(Json(Thing { name: "y" })))
        .get("/accepted", || Accepted("later"))
        .get("/teapot", || (418, "short and stout"))
        .get("/cookie", || (Cookie::new("token", "abc"), "set"))
        .access(Access::Public);
    let app = App::new(routes);
    let answer = |target: &str| {
        let reply = app.call(Request::get(target));
        (reply.status(), reply.media().clone(), reply.text().to_owned())
    };
    assert_eq!(answer("/text"), (200, Media::Text, "text".to_owned()));
    assert_eq!(answer("/html"), (200, Media::Html, "<p>".to_owned()));
    assert_eq!(answer("/bytes"), (200, Media::OctetStream, "\u{1}\u{2}".to_owned()));
    assert_eq!(answer("/empty"), (200, Media::None, String::new()));
    assert_eq!(answer("/nothing"), (204, Media::None, String::new()));
    assert_eq!(answer("/json"), (200, Media::Json, r#"{"name":"x"}"#.to_owned()));
    assert_eq!(answer("/created"), (201, Media::Json, r#"{"name":"y"}"#.to_owned()));
    assert_eq!(answer("/accepted"), (202, Media::Text, "later".to_owned()));
    assert_eq!(answer("/teapot"), (418, Media::Text, "short and stout".to_owned()));
    let reply = app.call(Request::get("/cookie"));
    assert_eq!((reply.cookie("token"), reply.text()), (Some("abc"), "set"));
    assert_eq!(reply.header("set-cookie"), Some("token=abc; Path=/; HttpOnly; SameSite=Lax"));
}

#[test]
fn head_comes_to_the_route_for_get() {
    let app = App::new(Router::new().get("/x", public(named("x"))));
    assert_eq!(app.call(Request::new(Method::Head, "/x")).status(), 200);
}
