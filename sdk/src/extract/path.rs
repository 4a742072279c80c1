//! `Path`: the parameters of the route's pattern.

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::FromRequest;
use super::scalar::{Mismatch, Scalar};
#[cfg(not(target_arch = "wasm32"))]
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::request::{Request, param_names, percent_decode};
use crate::schema::JsonSchema;

/// The parameters of the route's pattern, percent-decoded: one value, a tuple in the pattern's order, or a struct with
/// fields of their names.
///
/// ```
/// use devconnect_sdk::prelude::*;
///
/// fn one(Path(id): Path<u64>) -> String {
///     format!("{id}")
/// }
/// fn two(Path((status, user)): Path<(String, Id)>) -> String {
///     format!("{status} {user}")
/// }
/// let routes = Router::new().get("/user/{id}", one).post("/request/send/{status}/{toUserId}", two);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + JsonSchema> FromRequest for Path<T> {
    fn from_request(request: &mut Request) -> Result<Self, Problem> {
        let request = &*request;
        T::deserialize(Params { request }).map(Self).map_err(|mismatch| {
            // A lone value may be refused after it was read, when nobody puts a name on that any more.
            let mut names = param_names(request.pattern);
            let lone = names.next().filter(|_| names.next().is_none());
            mismatch.into_problem(lone.unwrap_or("path"))
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn describe(operation: &mut Operation<'_>) {
        operation.path::<T>();
    }
}

struct Params<'de> {
    request: &'de Request,
}

impl<'de> Params<'de> {
    fn pairs(&self) -> Pairs<'de, impl Iterator<Item = (&'static str, &'de str)>> {
        Pairs { rest: param_names(self.request.pattern).zip(self.request.raw_params()), value: None }
    }

    fn single(&self) -> Result<(&'static str, Scalar<'de>), Mismatch> {
        match self.pairs().rest.next() {
            Some((name, raw)) => Ok((name, decode(name, raw)?)),
            None => Err(de::Error::custom(format_args!("the pattern {} has no parameter", self.request.pattern))),
        }
    }
}

fn decode<'a>(name: &str, raw: &'a str) -> Result<Scalar<'a>, Mismatch> {
    let decoded = percent_decode(raw, false);
    decoded.map(Scalar).ok_or_else(|| <Mismatch as de::Error>::custom("is not UTF-8").at(name))
}

/// A lone value is the first parameter; a name is put on what goes wrong with it.
macro_rules! single {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            let (name, value) = self.single()?;
            value.$method(visitor).map_err(|mismatch| mismatch.at(name))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Params<'de> {
    type Error = Mismatch;

    single! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_identifier
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let (param, value) = self.single()?;
        value.deserialize_enum(name, variants, visitor).map_err(|mismatch| mismatch.at(param))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_seq(self.pairs())
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_seq(self.pairs())
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_seq(self.pairs())
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_map(self.pairs())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_map(self.pairs())
    }
}

struct Pairs<'de, I: Iterator<Item = (&'static str, &'de str)>> {
    rest: I,
    value: Option<(&'static str, &'de str)>,
}

impl<'de, I: Iterator<Item = (&'static str, &'de str)>> SeqAccess<'de> for Pairs<'de, I> {
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        let Some((name, raw)) = self.rest.next() else { return Ok(None) };
        seed.deserialize(decode(name, raw)?).map(Some).map_err(|mismatch| mismatch.at(name))
    }
}

impl<'de, I: Iterator<Item = (&'static str, &'de str)>> MapAccess<'de> for Pairs<'de, I> {
    type Error = Mismatch;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        self.value = self.rest.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let (name, raw) = self.value.take().ok_or_else(|| <Mismatch as de::Error>::custom("a value before its key"))?;
        seed.deserialize(decode(name, raw)?).map_err(|mismatch| mismatch.at(name))
    }
}
