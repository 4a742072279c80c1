//! One OpenAPI document of what all plugins say about their routes.
//!
//! Each plugin writes its fragment alone, so two may use one name for different components. The first keeps the name,
//! the other's becomes `<plugin>.<name>` and its references follow. Components that say the same are shared.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::origin::SESSION_COOKIE;
use super::problem;

#[cfg(test)]
mod tests;

/// Where references into components start.
const COMPONENTS: &str = "#/components/";
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Merges the plugins' fragments, in this order, with what the host itself answers.
pub(crate) fn merge(fragments: &[(String, Value)]) -> Value {
    let mut document = own();
    for (plugin, fragment) in fragments {
        if let Value::Object(fragment) = fragment {
            add(&mut document, plugin, fragment.clone());
        }
    }
    Value::Object(document)
}

fn add(document: &mut Map<String, Value>, plugin: &str, mut fragment: Map<String, Value>) {
    let renamed = clashes(document, &fragment);
    for value in fragment.values_mut() {
        rename_references(value, plugin, &renamed);
    }
    // A requirement of the whole fragment would be lost, or become that of all plugins.
    let security = fragment.remove("security");
    for (path, item) in take_object(&mut fragment, "paths") {
        let Value::Object(mut item) = item else { continue };
        for (method, operation) in &mut item {
            if METHODS.contains(&method.as_str())
                && let (Some(security), Value::Object(operation)) = (&security, operation)
            {
                operation.entry("security").or_insert_with(|| security.clone());
            }
        }
        if let Some(there) = object(document, "paths").and_then(|paths| object(paths, &path)) {
            for (key, value) in item {
                there.entry(key).or_insert(value);
            }
        }
    }
    for (section, components) in take_object(&mut fragment, "components") {
        let Value::Object(components) = components else { continue };
        let Some(there) = object(document, "components").and_then(|all| object(all, &section)) else { continue };
        for (name, component) in components {
            let name = if renamed.contains(&(section.clone(), name.clone())) { prefixed(plugin, &name) } else { name };
            there.entry(name).or_insert(component);
        }
    }
    if let Some(Value::Array(tags)) = fragment.remove("tags")
        && let Value::Array(there) = document.entry("tags").or_insert_with(|| json!([]))
    {
        let name = |tag: &Value| tag.get("name").cloned();
        for tag in tags {
            if !there.iter().any(|other| name(other) == name(&tag)) {
                there.push(tag);
            }
        }
    }
}

/// The components of a fragment that cannot keep their names: those that say something else than the one that has the
/// name, and those that say the same but refer to one of these.
fn clashes(document: &Map<String, Value>, fragment: &Map<String, Value>) -> BTreeSet<(String, String)> {
    let Some(sections) = fragment.get("components").and_then(Value::as_object) else {
        return BTreeSet::new();
    };
    let taken = |section: &str, name: &str| document.get("components")?.get(section)?.get(name);
    let shared: Vec<(&String, &String, &Value, &Value)> = sections
        .iter()
        .filter_map(|(section, components)| Some((section, components.as_object()?)))
        .flat_map(|(section, components)| components.iter().map(move |(name, component)| (section, name, component)))
        .filter_map(|(section, name, component)| Some((section, name, component, taken(section, name)?)))
        .collect();
    let mut renamed = BTreeSet::new();
    loop {
        let before = renamed.len();
        for (section, name, component, other) in &shared {
            if component != other || refers_to(component, &renamed) {
                renamed.insert(((*section).clone(), (*name).clone()));
            }
        }
        if renamed.len() == before {
            return renamed;
        }
    }
}

/// Section and name of the component that a reference leads to, and what follows them.
fn target(reference: &str) -> Option<(&str, &str, &str)> {
    let (section, name) = reference.strip_prefix(COMPONENTS)?.split_once('/')?;
    let end = name.find('/').unwrap_or(name.len());
    let (name, behind) = name.split_at_checked(end)?;
    Some((section, name, behind))
}

fn refers_to(value: &Value, names: &BTreeSet<(String, String)>) -> bool {
    match value {
        Value::String(text) => {
            target(text).is_some_and(|(section, name, _)| names.contains(&(section.to_owned(), name.to_owned())))
        }
        Value::Array(values) => values.iter().any(|value| refers_to(value, names)),
        Value::Object(members) => members.values().any(|value| refers_to(value, names)),
        _ => false,
    }
}

/// Any text that is such a reference is one: `$ref`, and the targets of a discriminator's mapping.
fn rename_references(value: &mut Value, plugin: &str, names: &BTreeSet<(String, String)>) {
    match value {
        Value::String(text) => {
            if let Some((section, name, behind)) = target(text)
                && names.contains(&(section.to_owned(), name.to_owned()))
            {
                *text = format!("{COMPONENTS}{section}/{}{behind}", prefixed(plugin, name));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename_references(value, plugin, names)),
        Value::Object(members) => members.values_mut().for_each(|value| rename_references(value, plugin, names)),
        _ => {}
    }
}

fn prefixed(plugin: &str, name: &str) -> String {
    format!("{plugin}.{name}")
}

/// The member that is an object, made if it is not there; `None` if it is something else.
fn object<'v>(parent: &'v mut Map<String, Value>, name: &str) -> Option<&'v mut Map<String, Value>> {
    parent.entry(name).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

fn take_object(parent: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match parent.remove(name) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// What the host itself answers.
fn own() -> Map<String, Value> {
    let problem =
        json!({ "content": { problem::MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } } });
    let with = |description: &str| {
        let mut answer = problem.clone();
        if let Value::Object(members) = &mut answer {
            members.insert("description".to_owned(), description.into());
        }
        answer
    };
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "DevConnect", "version": env!("CARGO_PKG_VERSION") },
        "tags": [{ "name": "host", "description": "What the host itself answers." }],
        "paths": {
            "/healthz": { "get": {
                "tags": ["host"], "operationId": "healthz", "summary": "Whether the process is alive", "security": [],
                "responses": { "200": {
                    "description": "It is.",
                    "content": { "text/plain": { "schema": { "type": "string", "const": "ok" } } },
                } },
            } },
            "/readyz": { "get": {
                "tags": ["host"], "operationId": "readyz", "summary": "Whether the host wants traffic", "security": [],
                "responses": {
                    "200": {
                        "description": "It does. A store that is away does not change that, but is named.",
                        "content": { "application/json": { "schema": {
                            "type": "object", "required": ["status", "away"],
                            "properties": {
                                "status": { "enum": ["ok", "degraded"] },
                                "away": { "type": "array", "items": { "type": "string" } },
                            },
                        } } },
                    },
                    "503": with("It is starting or ending."),
                },
            } },
            "/openapi.json": { "get": {
                "tags": ["host"], "operationId": "openapi", "summary": "This document", "security": [],
                "responses": { "200": {
                    "description": "OpenAPI 3.1.", "content": { "application/json": { "schema": { "type": "object" } } },
                } },
            } },
        },
        "components": {
            "securitySchemes": {
                "cookie": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE },
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
            // Word for word what the SDK writes, so that the plugins' fragments share it.
            "schemas": { "Problem": {
                "type": "object",
                "description": "What went wrong, after RFC 9457.",
                "properties": {
                    "type": { "type": "string", "format": "uri-reference" },
                    "title": { "type": "string" },
                    "status": { "type": "integer" },
                    "detail": { "type": "string" },
                    "message": { "type": "string", "description": "A sentence for the user." },
                    "requestId": { "type": "string" },
                    "errors": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": { "field": { "type": "string" }, "message": { "type": "string" } },
                            "required": ["field", "message"],
                        },
                    },
                },
                "required": ["type", "title", "status", "detail", "message"],
            } },
        },
    });
    match document {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
