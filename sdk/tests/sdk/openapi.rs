use devconnect_sdk::prelude::*;
use devconnect_sdk::serde_json::{Value, json};

#[derive(Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
struct NewUser {
    #[garde(length(min = 2, max = 50))]
    first_name: String,
}

#[derive(Serialize, JsonSchema)]
struct User {
    #[serde(rename = "_id")]
    id: Id,
    at: DateTime,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only described")]
struct Page {
    limit: Option<u32>,
    page: u32,
}

fn add(Valid(Json(new)): Valid<Json<NewUser>>) -> Result<Created<Json<User>>, Problem> {
    Err(Problem::not_found(new.first_name))
}

fn list(Query(_): Query<Page>, Path((_, _)): Path<(Id, String)>) -> Json<Vec<User>> {
    Json(Vec::new())
}

fn routes() -> Router {
    Router::new()
        .post("/users", public(add).summary("Adds a user").tag("users"))
        .get("/users/{id}/{*rest}", optional(list))
        .delete("/users/{id}", role("admin", || NoContent))
        .security("cookie", json!({ "type": "apiKey", "in": "cookie", "name": "token" }))
}

#[test]
fn the_document_tells_what_the_types_tell() {
    let document = routes().openapi("users", "1.2.3");
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"], json!({ "title": "users", "version": "1.2.3" }));

    let add = &document["paths"]["/users"]["post"];
    assert_eq!((&add["summary"], &add["tags"]), (&json!("Adds a user"), &json!(["users"])));
    assert_eq!(add["security"], json!([]));
    let reference = &add["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(reference, "#/components/schemas/NewUser");
    let schema = &document["components"]["schemas"]["NewUser"];
    assert_eq!(schema["properties"]["firstName"]["minLength"], 2);
    assert_eq!(schema["required"], json!(["firstName"]));
    assert_eq!(add["responses"]["201"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/User");
    let user = &document["components"]["schemas"]["User"]["properties"];
    assert_eq!((&user["_id"]["pattern"], &user["at"]["format"]), (&json!("^[0-9a-fA-F]{24}$"), &json!("date-time")));
    for status in ["400", "default"] {
        let content = &add["responses"][status]["content"]["application/problem+json"];
        assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{status}");
    }

    let list = &document["paths"]["/users/{id}/{rest}"]["get"];
    let parameters: Vec<_> =
        list["parameters"].as_array().unwrap().iter().map(|it| (&it["in"], &it["name"], &it["required"])).collect();
    let text = |value: &'static str| Value::from(value);
    assert_eq!(
        parameters,
        [
            (&text("query"), &text("limit"), &json!(false)),
            (&text("query"), &text("page"), &json!(true)),
            (&text("path"), &text("id"), &json!(true)),
            (&text("path"), &text("rest"), &json!(true)),
        ]
    );
    assert_eq!(list["security"], json!([{ "cookie": [] }, {}]));
    let remove = &document["paths"]["/users/{id}"]["delete"];
    assert_eq!((&remove["security"], &remove["x-role"]), (&json!([{ "cookie": [] }]), &json!("admin")));
    assert!(remove["responses"]["403"].is_object());
    assert_eq!(document["components"]["securitySchemes"]["cookie"]["name"], "token");
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = routes().openapi("users", "1");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 5, "{found:?}");
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn mistakes_are_told_before_the_host_does() {
    assert_eq!(routes().mistakes(), [""; 0]);
    let none = || ();
    let wrong = Router::new()
        .get("no-slash", none)
        .get("/a{b}", none)
        .get("/{a}/{b}/{c}/{d}/{e}/{f}/{g}", none)
        .get("/one/{a}", |Path(_): Path<(u8, u8)>| ())
        .get("/none", |Path(_): Path<u8>| ())
        .get("/twice", none)
        .get("/twice", none);
    let mistakes = wrong.mistakes();
    for (mistake, start) in mistakes.iter().zip([
        "GET no-slash: a pattern starts",
        "GET /a{b}: a parameter is a whole segment",
        "GET /{a}/{b}/{c}/{d}/{e}/{f}/{g}: 7 parameters",
        "GET /one/{a}: `Path` takes 2 parameters",
        "GET /none: `Path` takes 1 parameters",
        "GET /twice: is there twice",
    ]) {
        assert!(mistake.starts_with(start), "{mistake}");
    }
    assert_eq!(mistakes.len(), 6, "{mistakes:?}");
}
