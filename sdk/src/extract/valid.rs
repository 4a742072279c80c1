//! `Valid`: what was read also keeps the rules that its type states.

pub use garde::Validate;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};

use super::{FromRequest, Json, Path, Query};
#[cfg(not(target_arch = "wasm32"))]
use crate::openapi::Operation;
use crate::problem::{FieldError, Problem};
use crate::request::Request;

/// Reads like the extractor inside, then checks the rules that the type states with garde's derive. The answer to a
/// breach is 400 and lists every one, by field.
///
/// The plugin needs the crate `garde` beside the SDK, for the code that the derive makes.
///
/// ```
/// use devconnect_sdk::prelude::*;
///
/// #[derive(Deserialize, JsonSchema, Validate)]
/// #[serde(rename_all = "camelCase", deny_unknown_fields)]
/// struct SignUp {
///     #[garde(length(chars, min = 2, max = 50))]
///     first_name: String,
///     #[garde(custom(devconnect_sdk::validate::email))]
///     email_id: String,
/// }
///
/// fn sign_up(Valid(Json(form)): Valid<Json<SignUp>>) -> String {
///     form.first_name
/// }
/// let routes = Router::new().post("/signup", sign_up);
/// ```
///
/// Rules know Rust's names (`first_name`); the answer has those that serde reads (`firstName`), where they differ by
/// `rename_all = "camelCase"`. Other renames are repeated for garde: `#[garde(rename = "_id", …)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valid<E>(pub E);

/// An extractor that [`Valid`] can look into.
pub trait Inner {
    /// What is inside.
    type Inner;

    /// What is inside.
    fn inner(&self) -> &Self::Inner;
}

macro_rules! inner {
    ($($extractor:ident)*) => {$(
        impl<T> Inner for $extractor<T> {
            type Inner = T;

            fn inner(&self) -> &T {
                &self.0
            }
        }
    )*};
}
inner!(Json Path Query);

impl<E> FromRequest for Valid<E>
where
    E: FromRequest + Inner<Inner: Validate<Context: Default> + DeserializeOwned>,
{
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        let extractor = E::from_request(request)?;
        match extractor.inner().validate() {
            Ok(()) => Ok(Self(extractor)),
            Err(report) => Err(problem(&report, serde_fields::<E::Inner>())),
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        E::describe(operation);
    }
}

#[cold]
fn problem(report: &garde::Report, fields: &[&str]) -> Problem {
    let mut errors: Vec<FieldError> = report
        .iter()
        .map(|(path, error)| FieldError {
            field: field_name(&path.to_string(), fields),
            message: error.message().to_owned(),
        })
        .collect();
    // Garde goes by the alphabet; people read a form from its top.
    errors.sort_by_key(|error| {
        let first = error.field.split(['.', '[']).next();
        fields.iter().position(|field| Some(*field) == first)
    });
    Problem::invalid_fields(errors)
}

/// The path with the names that serde has for its parts. Types inside are taken to be renamed as the outer one is.
fn field_name(path: &str, fields: &[&str]) -> String {
    if path.is_empty() {
        return "body".to_owned();
    }
    let camel_case = path.split('.').next().is_some_and(|first| {
        let name = first.split('[').next().unwrap_or(first);
        !fields.contains(&name) && fields.contains(&&*camel(name))
    }) || fields.iter().any(|field| field.contains(|letter: char| letter.is_ascii_uppercase()));
    if camel_case { camel(path) } else { path.to_owned() }
}

fn camel(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    let mut upper = false;
    for (index, letter) in name.char_indices() {
        if letter == '_' && index > 0 {
            upper = true;
        } else {
            result.push(if upper { letter.to_ascii_uppercase() } else { letter });
            upper = false;
        }
    }
    result
}

/// The names of a struct's fields, as serde's derive tells them to whatever it reads from.
fn serde_fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The probe refuses once it knows the names, so there is never a value.
    let _ = T::deserialize(Probe(&mut fields));
    fields
}

struct Probe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("not a struct"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(de::Error::custom("only the names were wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_serde() {
        assert_eq!(field_name("first_name", &["firstName"]), "firstName");
        assert_eq!(field_name("first_name", &["first_name"]), "first_name");
        assert_eq!(field_name("home_address.zip_code[2]", &["homeAddress"]), "homeAddress.zipCode[2]");
        assert_eq!(field_name("_id", &["_id", "firstName"]), "_id");
        assert_eq!(field_name("", &[]), "body");
    }
}
