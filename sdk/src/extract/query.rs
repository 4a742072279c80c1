//! `Query`: what follows the `?`.

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor};

use super::FromRequest;
use super::scalar::{Mismatch, Scalar};
#[cfg(not(target_arch = "wasm32"))]
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::request::{Request, percent_decode};
use crate::schema::JsonSchema;

/// The query, read into a struct. Fields that may be absent are `Option` or have `#[serde(default)]`; an `Option` that
/// came empty (`?before=`) is `None`; a list is given as `?skill=rust&skill=go`.
///
/// ```
/// use devconnect_sdk::prelude::*;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Page {
///     #[serde(default)]
///     page: u32,
///     limit: Option<u32>,
/// }
///
/// fn feed(Query(page): Query<Page>) -> String {
///     format!("page {}, {:?}", page.page, page.limit)
/// }
/// let routes = Router::new().get("/feed", feed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + JsonSchema> FromRequest for Query<T> {
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        read(request.query()).map(Self).map_err(|mismatch| mismatch.into_problem("query"))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.query::<T>();
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Mismatch> {
    let mut fields: Vec<(String, Values<'_>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let not_utf8 = || <Mismatch as de::Error>::custom("is not UTF-8");
        let name = percent_decode(name, true).ok_or_else(not_utf8)?;
        let value = percent_decode(value, true).ok_or_else(|| not_utf8().at(&name))?;
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.values.push(Scalar(value)),
            None => fields.push((name.to_string(), Values { name: name.into_owned(), values: vec![Scalar(value)] })),
        }
    }
    T::deserialize(MapAccessDeserializer::new(Fields { rest: fields.into_iter(), values: None }))
}

struct Fields<'de> {
    rest: std::vec::IntoIter<(String, Values<'de>)>,
    values: Option<Values<'de>>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Mismatch;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        let Some((name, values)) = self.rest.next() else { return Ok(None) };
        self.values = Some(values);
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let values = self.values.take().ok_or_else(|| <Mismatch as de::Error>::custom("a value before its name"))?;
        let name = values.name.clone();
        seed.deserialize(values).map_err(|mismatch| mismatch.at(&name))
    }
}

/// All values that came under one name.
struct Values<'de> {
    name: String,
    values: Vec<Scalar<'de>>,
}

impl<'de> IntoDeserializer<'de, Mismatch> for Scalar<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// One value is the last that came: what is appended to a link overrides what the link had.
macro_rules! last {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mismatch> {
            let value = self.last()?;
            value.$method(visitor).map_err(|mismatch| mismatch.at(&self.name))
        }
    )*};
}

impl<'de> Values<'de> {
    fn last(&mut self) -> Result<Scalar<'de>, Mismatch> {
        self.values.pop().ok_or_else(|| <Mismatch as de::Error>::custom("has no value").at(&self.name))
    }
}

impl<'de> de::Deserializer<'de> for Values<'de> {
    type Error = Mismatch;

    last! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_identifier deserialize_unit deserialize_map deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.values.iter().all(|value| value.0.is_empty()) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let value = self.last()?;
        value.deserialize_enum(name, variants, visitor).map_err(|mismatch| mismatch.at(&self.name))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let values = de::value::SeqDeserializer::new(self.values.into_iter());
        visitor.visit_seq(values).map_err(|mismatch: Mismatch| mismatch.at(&self.name))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_map(visitor)
    }
}
