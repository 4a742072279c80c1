//! The OpenAPI 3.1 document of a plugin, made from its router and its types. Only the native build has it; `cargo xtask
//! build` puts it into the component as the custom section `devconnect:openapi`.

mod operation;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

pub use self::operation::Operation;

use crate::bindings::devconnect::platform::http_types::{Access, Method};
use crate::request::param_names;
use crate::router::{Route, Router};

impl Router {
    /// The OpenAPI 3.1 document of these routes.
    pub fn openapi(&self, title: &str, version: &str) -> Value {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        let mut generator = settings.into_generator();
        let schemes = self.schemes();

        let mut paths = Map::new();
        for route in &self.routes {
            let operation = operation(route, &mut generator, &schemes);
            let item = paths.entry(path(route.pattern)).or_insert_with(|| json!({}));
            if let Value::Object(item) = item {
                item.insert(method(route.method).to_owned(), operation);
            }
        }

        let mut schemas = generator.take_definitions(true);
        schemas.insert("Problem".to_owned(), problem_schema());
        json!({
            "openapi": "3.1.0",
            "info": { "title": title, "version": version },
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": schemes.into_iter().collect::<Map<_, _>>(),
            },
        })
    }

    /// What is wrong with the routes, so that a test says it before the host does.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut seen: Vec<(&str, Method)> = Vec::new();
        for route in &self.routes {
            let name = format!("{} {}", method(route.method).to_uppercase(), route.pattern);
            if !route.pattern.starts_with('/') {
                mistakes.push(format!("{name}: a pattern starts with `/`"));
            }
            let params: Vec<_> = param_names(route.pattern).collect();
            if params.len() > 6 {
                mistakes.push(format!("{name}: {} parameters, at most six are possible", params.len()));
            }
            let braces = route.pattern.matches(['{', '}']).count();
            if braces != params.len() * 2 || params.iter().any(|param| param.is_empty()) {
                mistakes.push(format!("{name}: a parameter is a whole segment, `{{name}}` or `{{*name}}`"));
            }
            if seen.contains(&(route.pattern, route.method)) {
                mistakes.push(format!("{name}: is there twice"));
            }
            seen.push((route.pattern, route.method));

            let mut generator = SchemaSettings::draft2020_12().into_generator();
            let mut operation = Operation::new(&mut generator, route.pattern);
            for describe in &route.endpoint.describe {
                describe(&mut operation);
            }
            mistakes.extend(operation.mistakes.iter().map(|mistake| format!("{name}: {mistake}")));
        }
        mistakes
    }

    fn schemes(&self) -> Vec<(String, Value)> {
        if self.security.is_empty() {
            return vec![("session".to_owned(), json!({ "type": "http", "scheme": "bearer" }))];
        }
        self.security.iter().map(|(name, scheme)| ((*name).to_owned(), scheme.clone())).collect()
    }
}

fn operation(route: &Route, generator: &mut SchemaGenerator, schemes: &[(String, Value)]) -> Value {
    let mut operation = Operation::new(generator, route.pattern);
    for describe in &route.endpoint.describe {
        describe(&mut operation);
    }
    let access = route.access();
    let mut security: Vec<Value> = schemes.iter().map(|(name, _)| json!({ name: [] })).collect();
    match &access {
        Access::Public => security = Vec::new(),
        Access::Optional => security.push(json!({})),
        Access::Session => operation.refusal(401),
        Access::Role(role) => {
            operation.extension("x-role", json!(role));
            operation.refusal(401);
            operation.refusal(403);
        }
    }
    operation.finish(security)
}

/// `/files/{*rest}` is `/files/{rest}` in OpenAPI, which knows no wildcards.
fn path(pattern: &str) -> String {
    pattern.replace("{*", "{")
}

pub(crate) fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Head => "head",
        Method::Post => "post",
        Method::Put => "put",
        Method::Delete => "delete",
        Method::Connect => "connect",
        Method::Options => "options",
        Method::Trace => "trace",
        Method::Patch => "patch",
    }
}

fn problem_schema() -> Value {
    json!({
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
    })
}
