//! `Json`: a body in, a body out.

mod locate;

use serde::de::DeserializeOwned;

use self::locate::path_at;
use super::FromRequest;
#[cfg(not(target_arch = "wasm32"))]
use crate::openapi::Operation;
use crate::problem::{FieldError, Problem};
use crate::request::Request;
use crate::schema::JsonSchema;

/// As a parameter: the body, read as JSON whatever its `content-type` says. What does not fit the type is answered 400
/// and named by its field. As a result: 200 with the value as JSON.
///
/// ```
/// use devconnect_sdk::prelude::*;
///
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// struct Point {
///     x: i32,
///     y: i32,
/// }
///
/// fn mirror(Json(point): Json<Point>) -> Json<Point> {
///     Json(Point { x: -point.x, y: -point.y })
/// }
/// let routes = Router::new().post("/mirror", mirror);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + JsonSchema> FromRequest for Json<T> {
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        match serde_json::from_slice(&request.body) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(problem(&request.body, &error)),
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.schema::<T>();
        operation.body("application/json", Some(schema));
    }
}

/// Where and what: serde_json tells line and column, the body tells which field that is. So the path costs nothing
/// while all goes well, and no type is compiled a second time to track it.
#[cold]
fn problem(body: &[u8], error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    // What is no JSON is told by its last character, what does not fit by the end of its value.
    let end = offset(body, error.line(), error.column());
    let before = path_at(body, end.saturating_sub(1));
    let mut path = if error.is_data() { path_at(body, end) } else { before.clone() };
    let after_brace = body.get(end.saturating_sub(1)) == Some(&b'}');
    if path.is_empty() && after_brace && !message.starts_with("missing field ") {
        // A type's own refusal of the last field comes when the brace behind it is read already.
        path = before;
    }
    if !error.is_data() {
        return Problem::bad_request("The body is not valid JSON")
            .with_detail(text.clone())
            .with_error(if path.is_empty() { "body".to_owned() } else { path }, text);
    }
    let (field, message) = if let Some(name) = quoted(message, "missing field ") {
        (join(&path, name), "is required".to_owned())
    } else if let Some(name) = quoted(message, "unknown field ") {
        (join(parent(&path), name), "is not a known field".to_owned())
    } else {
        (path, message.to_owned())
    };
    let field = if field.is_empty() { "body".to_owned() } else { field };
    Problem::invalid_fields(vec![FieldError { field, message }])
}

fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let start: usize = body.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    start + column
}

/// The name in `missing field `name``.
fn quoted<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.strip_prefix('`')?.split('`').next()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// An unknown field is found when its name was read: the path ends with it already.
fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Outer {
        name: String,
        age: u8,
        inner: Option<Inner>,
        list: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Inner {
        zip: u32,
    }

    fn field(body: &str) -> (String, String) {
        let error = serde_json::from_str::<Outer>(body).unwrap_err();
        let problem = problem(body.as_bytes(), &error);
        (problem.errors()[0].field.clone(), problem.errors()[0].message.clone())
    }

    #[test]
    fn wrong_types_name_the_field() {
        assert_eq!(field(r#"{"name": 1, "age": 2}"#).0, "name");
        assert_eq!(field(r#"{"name": "x", "age": "2"}"#).0, "age");
        assert_eq!(field(r#"{"name": "x", "age": 300}"#).0, "age");
        assert_eq!(field(r#"{"name": "x", "age": {"a": 1}}"#).0, "age");
        assert_eq!(field(r#"{"name": "x", "age": null, "inner": null}"#).0, "age");
        assert_eq!(field("{\n \"name\": \"x\",\n \"age\": [1]}").0, "age");
        assert_eq!(field(r#"{"name": "x", "age": 2, "inner": {"zip": true}}"#).0, "inner.zip");
        assert_eq!(field(r#"{"name": "x", "age": 2, "list": [{"zip": 1}, {"zip": "a\"]"}]}"#).0, "list[1].zip");
        assert_eq!(field(r#"{"name": "x", "age": 2, "list": [{"zip": 1}, 7]}"#).0, "list[1]");
    }

    #[test]
    fn what_a_type_refuses_by_itself_is_its_field() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "only read")]
        struct Made {
            at: crate::DateTime,
            by: Option<crate::Id>,
        }
        let field = |body: &str| {
            let error = serde_json::from_str::<Made>(body).unwrap_err();
            problem(body.as_bytes(), &error).errors()[0].field.clone()
        };
        assert_eq!(field(r#"{"at": "yesterday"}"#), "at");
        assert_eq!(field(r#"{"at": "yesterday", "by": null}"#), "at");
        assert_eq!(field(r#"{"at": "2026-11-24T09:30:00Z", "by": "me" }"#), "by");
        assert_eq!(field(r#"{"by": null}"#), "at");
    }

    #[test]
    fn missing_and_unknown_fields_are_named() {
        assert_eq!(field(r#"{"name": "x"}"#), ("age".to_owned(), "is required".to_owned()));
        assert_eq!(field(r#"{"name": "x", "age": 1, "inner": {}}"#).0, "inner.zip");
        assert_eq!(field(r#"{"name": "x", "agee": 1}"#), ("agee".to_owned(), "is not a known field".to_owned()));
        assert_eq!(field(r#"{"name": "x", "inner": {"zipp": 1}}"#).0, "inner.zipp");
    }

    #[test]
    fn what_is_no_json_says_where() {
        assert_eq!(field("").0, "body");
        assert_eq!(field("[]").0, "body");
        assert_eq!(field("{\"name\": \"x\", \"age\": }").0, "age");
        assert_eq!(field("nonsense").0, "body");
        assert_eq!(field("{\"name\": \"x").0, "name");
    }
}
