//! Reads a struct by asking the host for each of its fields.

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};

use super::SettingError;
use crate::platform::settings;

impl de::Error for SettingError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self(format!("the setting `{field}` is not set: add it to `settings`"))
    }
}

pub(super) struct Fields;

impl<'de> Deserializer<'de> for Fields {
    type Error = SettingError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SettingError> {
        // A type without named fields (a unit, a flattened one) has nothing to ask for.
        visitor.visit_map(MapDeserializer::<'de, _, SettingError>::new(std::iter::empty::<(String, String)>()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, SettingError> {
        visitor.visit_map(Asking { rest: fields.iter(), value: None })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Asking {
    rest: std::slice::Iter<'static, &'static str>,
    value: Option<(&'static str, String)>,
}

impl<'de> MapAccess<'de> for Asking {
    type Error = SettingError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, SettingError> {
        self.value = self.rest.find_map(|name| settings::get(name).map(|json| (*name, json)));
        let Some((name, _)) = &self.value else { return Ok(None) };
        let name: StrDeserializer<'_, SettingError> = (*name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, SettingError> {
        let (name, json) = self.value.take().ok_or_else(|| SettingError::new("a value before its name"))?;
        let value = serde_json::from_slice::<serde_json::Value>(json.as_bytes());
        value.and_then(|value| seed.deserialize(value)).map_err(|error| SettingError::wrong(name, &error))
    }
}
