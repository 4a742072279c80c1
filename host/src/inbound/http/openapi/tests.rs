#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn fragment(path: &str, schema: Value, schemas: Value) -> Value {
    json!({
        "paths": { path: { "get": { "responses": { "200": { "content": { "application/json": { "schema": schema } } } } } } },
        "components": { "schemas": schemas },
    })
}

fn schema<'d>(document: &'d Value, path: &str) -> &'d Value {
    &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
}

#[test]
fn without_plugins_it_is_the_hosts_own_document() {
    let document = merge(&[]);
    assert_eq!(document["openapi"], "3.1.0");
    for (_, path) in super::super::host_routes::ROUTES {
        assert!(document["paths"][path]["get"].is_object(), "{path}");
    }
    assert!(document["components"]["schemas"]["Problem"].is_object());
    assert_eq!(document["components"]["securitySchemes"]["cookie"]["name"], "token");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[test]
fn a_name_that_means_two_things_is_two_components() {
    let auth = fragment("/a", reference("User"), json!({ "User": { "type": "object" } }));
    let chat = fragment("/b", reference("User"), json!({ "User": { "type": "string" } }));
    let document = merge(&[("auth".to_owned(), auth), ("chat".to_owned(), chat)]);
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["User"]["type"], "object");
    assert_eq!(schemas["chat.User"]["type"], "string");
    assert_eq!(*schema(&document, "/a"), reference("User"));
    assert_eq!(*schema(&document, "/b"), reference("chat.User"));
}

#[test]
fn a_name_that_means_one_thing_is_one_component() {
    let user = json!({ "User": { "type": "object" } });
    let auth = fragment("/a", reference("User"), user.clone());
    let chat = fragment("/b", reference("User"), user);
    let document = merge(&[("auth".to_owned(), auth), ("chat".to_owned(), chat)]);
    assert_eq!(document["components"]["schemas"].as_object().unwrap().len(), 2, "with the host's Problem");
    assert_eq!(*schema(&document, "/b"), reference("User"));
}

#[test]
fn what_refers_to_a_renamed_component_is_renamed_too() {
    let with = |leaf: &str| {
        json!({
            "List": { "items": reference("User") },
            "User": { "properties": { "address": reference("Address") } },
            "Address": { "type": leaf },
        })
    };
    let auth = fragment("/a", reference("List"), with("object"));
    let chat = fragment("/b", reference("List"), with("string"));
    let document = merge(&[("auth".to_owned(), auth), ("chat".to_owned(), chat)]);
    let schemas = &document["components"]["schemas"];
    assert_eq!(*schema(&document, "/b"), reference("chat.List"));
    assert_eq!(schemas["chat.List"]["items"], reference("chat.User"));
    assert_eq!(schemas["chat.User"]["properties"]["address"], reference("chat.Address"));
    assert_eq!(schemas["List"]["items"], reference("User"));
}

#[test]
fn references_into_components_and_mappings_follow() {
    let auth = fragment("/a", json!({}), json!({ "Pet": { "type": "object" } }));
    let inner = "#/components/schemas/Pet/properties/name";
    let uses = json!({ "$ref": inner, "discriminator": { "mapping": { "pet": "#/components/schemas/Pet" } } });
    let chat = fragment("/b", uses, json!({ "Pet": { "type": "string" }, "Pets": { "items": reference("Pet") } }));
    let document = merge(&[("auth".to_owned(), auth), ("chat".to_owned(), chat)]);
    let schema = schema(&document, "/b");
    assert_eq!(schema["$ref"], "#/components/schemas/chat.Pet/properties/name");
    assert_eq!(schema["discriminator"]["mapping"]["pet"], "#/components/schemas/chat.Pet");
    // A name that merely starts like another one is another one.
    assert_eq!(document["components"]["schemas"]["Pets"]["items"], reference("chat.Pet"));
}

#[test]
fn one_path_may_have_methods_of_two_plugins() {
    let auth = json!({ "paths": { "/user/{id}": { "get": { "operationId": "view" } } } });
    let chat =
        json!({ "paths": { "/user/{id}": { "patch": { "operationId": "edit" }, "get": { "operationId": "other" } } } });
    let document = merge(&[("auth".to_owned(), auth), ("chat".to_owned(), chat)]);
    let item = &document["paths"]["/user/{id}"];
    assert_eq!(item["get"]["operationId"], "view");
    assert_eq!(item["patch"]["operationId"], "edit");
}

#[test]
fn security_of_a_fragment_is_that_of_its_operations_alone() {
    let auth = json!({
        "security": [{ "bearer": [] }],
        "paths": { "/a": { "get": {}, "post": { "security": [] }, "parameters": [] } },
    });
    let document = merge(&[("auth".to_owned(), auth)]);
    assert_eq!(document["paths"]["/a"]["get"]["security"], json!([{ "bearer": [] }]));
    assert_eq!(document["paths"]["/a"]["post"]["security"], json!([]));
    assert_eq!(document["paths"]["/a"]["parameters"], json!([]));
    assert_eq!(document.get("security"), None);
}

#[test]
fn tags_are_collected_once() {
    let tagged = |description: &str| json!({ "tags": [{ "name": "users", "description": description }] });
    let document = merge(&[("auth".to_owned(), tagged("first")), ("chat".to_owned(), tagged("second"))]);
    let tags = document["tags"].as_array().unwrap();
    assert_eq!(tags.len(), 2, "with the host's own");
    assert_eq!(tags[1]["description"], "first");
}

#[test]
fn nonsense_breaks_nothing() {
    for nonsense in [
        json!(null),
        json!([]),
        json!({ "paths": [] }),
        json!({ "paths": { "/healthz": 1, "/a": [] } }),
        json!({ "components": { "schemas": 1, "x": { "y": 1 } } }),
        json!({ "components": 1, "tags": {}, "security": 1 }),
    ] {
        let document = merge(&[("bad".to_owned(), nonsense)]);
        assert!(document["paths"]["/healthz"]["get"].is_object());
        assert!(document["components"]["schemas"]["Problem"].is_object());
    }
}
