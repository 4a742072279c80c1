//! One operation of the document, told by the handler's parameters and result.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::request::param_names;
use crate::response::IntoResponse;

/// What the OpenAPI document says about one route. [`FromRequest::describe`](crate::FromRequest::describe) and
/// [`IntoResponse::describe`] add to it.
#[derive(Debug)]
pub struct Operation<'a> {
    generator: &'a mut SchemaGenerator,
    pattern: &'static str,
    value: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
    tags: Vec<&'static str>,
    /// Instead of the status that an answer has by itself.
    status: Option<u16>,
    pub(crate) mistakes: Vec<String>,
}

impl<'a> Operation<'a> {
    pub(crate) fn new(generator: &'a mut SchemaGenerator, pattern: &'static str) -> Self {
        Self {
            generator,
            pattern,
            value: Map::new(),
            parameters: Vec::new(),
            responses: Map::new(),
            tags: Vec::new(),
            status: None,
            mistakes: Vec::new(),
        }
    }

    /// The schema of a type, put among the document's components if it has a name.
    pub fn schema<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().to_value()
    }

    /// The route takes a body of this media type.
    pub fn body(&mut self, media: &str, schema: Option<Value>) {
        let content = json!({ media: { "schema": schema.unwrap_or_else(|| json!({})) } });
        self.value.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        self.refusal(400);
    }

    /// The route answers with this status, and a body if a media type is named.
    pub fn response(&mut self, status: u16, media: Option<&str>, schema: Option<Value>) {
        let status = self.status.unwrap_or(status);
        let mut response = json!({ "description": words(status) });
        if let (Some(media), Value::Object(response)) = (media, &mut response) {
            let schema = schema.unwrap_or_else(|| json!({ "type": "string" }));
            response.insert("content".to_owned(), json!({ media: { "schema": schema } }));
        }
        self.responses.insert(status.to_string(), response);
    }

    /// The route answers as `T` does, with another status.
    pub fn with_status<T: IntoResponse>(&mut self, status: u16) {
        let before = self.status.replace(status);
        T::describe(self);
        self.status = before;
    }

    /// The route may answer with a problem document.
    pub fn problem(&mut self) {
        self.responses.insert("default".to_owned(), problem("A problem"));
    }

    pub(crate) fn refusal(&mut self, status: u16) {
        self.responses.entry(status.to_string()).or_insert_with(|| problem(words(status)));
    }

    pub(crate) fn note(&mut self, name: &str, text: &str) {
        self.value.insert(name.to_owned(), json!(text));
    }

    pub(crate) fn tag(&mut self, tag: &'static str) {
        self.tags.push(tag);
    }

    pub(crate) fn extension(&mut self, name: &str, value: Value) {
        self.value.insert(name.to_owned(), value);
    }

    /// The parameters of the pattern have this type: one for all of it, a tuple, or a struct with fields of their names.
    pub(crate) fn path<T: JsonSchema>(&mut self) {
        let schema = self.resolved::<T>();
        let names: Vec<&str> = param_names(self.pattern).collect();
        let fields = schema.get("properties").and_then(Value::as_object);
        let items = schema.get("prefixItems").and_then(Value::as_array);
        if let Some(fields) = fields {
            for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                if let Some(field) = required.as_str().filter(|field| !names.contains(field)) {
                    self.mistakes.push(format!("`Path` wants `{field}`, the pattern has no such parameter"));
                }
            }
            for name in names {
                let schema = fields.get(name).cloned();
                self.path_parameter(name, schema);
            }
            return;
        }
        let wanted = items.map_or(1, Vec::len);
        if items.is_some() && wanted != names.len() || names.is_empty() {
            self.mistakes.push(format!("`Path` takes {wanted} parameters, the pattern has {}", names.len()));
        }
        for (index, name) in names.into_iter().enumerate() {
            let schema = match items {
                Some(items) => items.get(index).cloned(),
                None => (index == 0).then(|| schema.clone()),
            };
            self.path_parameter(name, schema);
        }
    }

    fn path_parameter(&mut self, name: &str, schema: Option<Value>) {
        let schema = schema.unwrap_or_else(|| json!({ "type": "string" }));
        self.parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        self.refusal(400);
    }

    /// The fields of this type come in the query.
    pub(crate) fn query<T: JsonSchema>(&mut self) {
        let schema = self.resolved::<T>();
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, field) in fields {
            let required = required.iter().any(|required| required.as_str() == Some(&name));
            self.parameters.push(json!({ "name": name, "in": "query", "required": required, "schema": field }));
        }
        self.refusal(400);
    }

    /// The schema itself, where `schema` may answer a reference.
    fn resolved<T: JsonSchema>(&mut self) -> Value {
        T::json_schema(self.generator).to_value()
    }

    pub(crate) fn finish(mut self, security: Vec<Value>) -> Value {
        let described: Vec<String> =
            self.parameters.iter().filter_map(|parameter| Some(parameter.get("name")?.as_str()?.to_owned())).collect();
        for name in param_names(self.pattern).filter(|name| !described.iter().any(|known| known == name)) {
            self.parameters
                .push(json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
        }
        if !self.parameters.is_empty() {
            self.value.insert("parameters".to_owned(), Value::Array(self.parameters));
        }
        if !self.tags.is_empty() {
            self.value.insert("tags".to_owned(), json!(self.tags));
        }
        if self.responses.is_empty() {
            self.responses.insert("default".to_owned(), json!({ "description": "An answer" }));
        }
        self.value.insert("responses".to_owned(), Value::Object(self.responses));
        self.value.insert("security".to_owned(), Value::Array(security));
        Value::Object(self.value)
    }
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn words(status: u16) -> &'static str {
    match status {
        200 => "Done",
        201 => "Made",
        202 => "Will be done",
        204 => "Done, nothing to say",
        400 => "The input is invalid",
        401 => "There is no session",
        403 => "The session may not do this",
        _ => "An answer",
    }
}
