use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::json;
use devconnect_sdk::test::{App, Request};

#[test]
fn path_is_a_value_a_tuple_or_a_struct() {
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Target {
        user_id: u32,
        verb: Verb,
    }
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Verb {
        Send,
        Review,
    }
    let routes = Router::new()
        .get("/one/{name}", |Path(name): Path<String>| name)
        .get("/id/{id}", |Path(id): Path<Id>| id.to_string())
        .get("/two/{a}/{b}", |Path((a, b)): Path<(u8, bool)>| format!("{a} {b}"))
        .get("/struct/{userId}/{verb}", |Path(target): Path<Target>| format!("{} {:?}", target.user_id, target.verb))
        .get("/rest/{*rest}", |Path(rest): Path<String>| rest)
        .access(Access::Public);
    let app = App::new(routes);
    for (target, text) in [
        ("/one/J%C3%BCrgen%20X", "Jürgen X"),
        ("/one/a+b", "a+b"),
        ("/id/0123456789abcdef01234567", "0123456789abcdef01234567"),
        ("/two/7/true", "7 true"),
        ("/struct/9/review", "9 Review"),
        ("/struct/9/send", "9 Send"),
        ("/rest/a/b%2Fc", "a/b/c"),
    ] {
        assert_eq!(app.call(Request::get(target)).text(), text, "{target}");
    }
    for (target, field, message) in [
        ("/id/xyz", "id", "must be an id: 24 hexadecimal digits"),
        ("/two/300/true", "a", "must be a whole number from 0 to 255"),
        ("/two/3/yes", "b", "must be true or false"),
        ("/struct/9/fly", "verb", "must be one of send, review"),
        ("/struct/-1/send", "userId", "must be a whole number from 0 to 4294967295"),
        ("/one/%ff", "name", "is not UTF-8"),
    ] {
        let reply = app.call(Request::get(target));
        assert_eq!(reply.status(), 400, "{target}");
        assert_eq!(reply.value()["errors"], json!([{ "field": field, "message": message }]), "{target}");
    }
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only shown")]
struct Page {
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
    #[serde(default)]
    #[garde(skip)]
    sort_by: String,
    #[serde(default)]
    #[garde(skip)]
    skill: Vec<String>,
    #[garde(skip)]
    before: Option<Id>,
}

#[test]
fn query_reads_forms() {
    let app = App::new(Router::new().get("/", public(|Query(page): Query<Page>| format!("{page:?}"))));
    let text = |target: &str| app.call(Request::get(target)).text().to_owned();
    assert_eq!(text("/"), r#"Page { limit: None, sort_by: "", skill: [], before: None }"#);
    assert_eq!(text("/?limit=5&sortBy=a+b%26"), r#"Page { limit: Some(5), sort_by: "a b&", skill: [], before: None }"#);
    assert_eq!(
        text("/?limit=&skill=rust&skill=go&x=1"),
        r#"Page { limit: None, sort_by: "", skill: ["rust", "go"], before: None }"#
    );
    assert_eq!(text("/?limit=1&limit=2"), r#"Page { limit: Some(2), sort_by: "", skill: [], before: None }"#);
    for (target, field) in [("/?limit=many", "limit"), ("/?before=x", "before"), ("/?x=%ff", "x")] {
        let reply = app.call(Request::get(target));
        assert_eq!((reply.status(), reply.invalid_fields()), (400, vec![field.to_owned()]), "{target}");
    }
}

#[test]
fn a_query_is_checked_too() {
    let app = App::new(Router::new().get("/", public(|Valid(Query(page)): Valid<Query<Page>>| format!("{page:?}"))));
    assert_eq!(app.call(Request::get("/?limit=200")).status(), 200);
    assert_eq!(app.call(Request::get("/?limit=201")).invalid_fields(), ["limit"]);
}

#[derive(Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignUp {
    #[garde(length(chars, min = 2, max = 50))]
    first_name: String,
    #[garde(custom(validate::email))]
    email_id: String,
    #[serde(default)]
    #[garde(inner(length(chars, max = 3)))]
    skills: Vec<String>,
}

#[test]
fn every_breach_of_a_rule_is_named_as_json_names_it() {
    let app = App::new(Router::new().post("/", public(|Valid(Json(form)): Valid<Json<SignUp>>| form.first_name)));
    let good = json!({ "firstName": "Ada", "emailId": "ada@example.com", "skills": ["c", "go"] });
    assert_eq!(app.call(Request::post("/").json(&good)).text(), "Ada");

    let reply =
        app.call(Request::post("/").json(&json!({ "firstName": "A", "emailId": "ada", "skills": ["go", "rust"] })));
    assert_eq!(reply.status(), 400);
    assert_eq!(reply.media(), &Media::Problem);
    assert_eq!(reply.invalid_fields(), ["firstName", "emailId", "skills[1]"]);

    for (body, field) in [
        (json!({ "emailId": "a@b.co" }), "firstName"),
        (json!({ "firstName": 1, "emailId": "a@b.co" }), "firstName"),
        (json!({ "firstName": "Ada", "emailId": "a@b.co", "isAdmin": true }), "isAdmin"),
        (json!({ "firstName": "Ada", "emailId": "a@b.co", "skills": "rust" }), "skills"),
        (json!(null), "body"),
    ] {
        assert_eq!(app.call(Request::post("/").json(&body)).invalid_fields(), [field], "{body}");
    }
    assert_eq!(app.call(Request::post("/").body("{")).status(), 400);
    assert_eq!(app.call(Request::post("/")).status(), 400);
}

#[test]
fn identity_and_the_facts_of_the_call() {
    fn facts(
        context: Context,
        headers: Headers,
        RemoteAddress(address): RemoteAddress,
        who: Option<Identity>,
    ) -> String {
        let who = who.map_or("nobody".to_owned(), |who| who.subject);
        let (cookie, bearer) = (headers.cookie("token").unwrap_or_default(), headers.bearer().unwrap_or_default());
        format!("{who} {address} {cookie} {bearer} {}", context.request_id())
    }
    let app = App::new(Router::new().get("/", optional(facts)));
    let request =
        Request::get("/").from("198.51.100.7").header("Cookie", "a=1; token=abc; b=2").bearer("xyz").identity("ada");
    assert_eq!(app.call(request).text(), "ada 198.51.100.7 abc xyz test-request");
    assert_eq!(app.call(Request::get("/")).text(), "nobody 192.0.2.1   test-request");
}

#[test]
fn a_body_comes_as_it_is() {
    let app = App::new(Router::new().post("/", public(|Body(bytes): Body| bytes)));
    assert_eq!(app.call(Request::post("/").body([0_u8, 159, 255])).body(), [0, 159, 255]);
}
