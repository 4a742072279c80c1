//! The type, straight from the bytes of a document; the counterpart of `encode`, for the same reason.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

/// Why a document does not fit a type, and in which field.
#[derive(Debug)]
pub(super) struct Mismatch {
    path: Vec<String>,
    message: String,
}

impl Mismatch {
    fn within(mut self, name: &str) -> Self {
        self.path.push(name.to_owned());
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.path.iter().rev().enumerate() {
            write!(formatter, "{}{name}", if index > 0 { "." } else { "" })?;
        }
        write!(formatter, "{}{}", if self.path.is_empty() { "" } else { ": " }, self.message)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: Vec::new(), message: message.to_string() }
    }
}

/// What the document holds, as the type.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Mismatch> {
    let kind = Element::DOCUMENT;
    T::deserialize(Element { kind, bytes })
}

fn broken() -> Mismatch {
    de::Error::custom("the bytes are no BSON")
}

/// A value: its kind, and its bytes without the name.
#[derive(Clone, Copy)]
struct Element<'de> {
    kind: u8,
    bytes: &'de [u8],
}

impl<'de> Element<'de> {
    const DOCUMENT: u8 = 0x03;

    fn fixed<const N: usize>(self) -> Result<[u8; N], Mismatch> {
        self.bytes.first_chunk::<N>().copied().ok_or_else(broken)
    }

    fn text(self) -> Result<&'de str, Mismatch> {
        let content = self.bytes.get(4..self.bytes.len().saturating_sub(1)).ok_or_else(broken)?;
        std::str::from_utf8(content).map_err(|_| broken())
    }

    fn elements(self) -> Result<Elements<'de>, Mismatch> {
        let rest = self.bytes.get(4..self.bytes.len().saturating_sub(1)).ok_or_else(broken)?;
        Ok(Elements { rest, value: None })
    }

    /// Numbers that a shell wrote are doubles, whole or not: a whole one serves as an integer.
    fn whole<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.kind == 0x01 {
            let number = f64::from_le_bytes(self.fixed()?);
            #[allow(clippy::cast_possible_truncation, reason = "whole, and smaller than 2^53")]
            if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
                return visitor.visit_i64(number as i64);
            }
        }
        self.deserialize_any(visitor)
    }

    fn is_null(self) -> bool {
        matches!(self.kind, 0x06 | 0x0a)
    }
}

/// How many bytes a value has.
fn size(kind: u8, rest: &[u8]) -> Result<usize, Mismatch> {
    let length = || {
        let bytes = rest.first_chunk::<4>().copied().ok_or_else(broken)?;
        usize::try_from(i32::from_le_bytes(bytes)).map_err(|_| broken())
    };
    Ok(match kind {
        0x01 | 0x09 | 0x11 | 0x12 => 8,
        0x02 | 0x0d | 0x0e => length()? + 4,
        0x03 | 0x04 | 0x0f => length()?,
        0x05 => length()? + 5,
        0x06 | 0x0a | 0x7f | 0xff => 0,
        0x07 => 12,
        0x08 => 1,
        0x0b => {
            let mut zeros = rest.iter().enumerate().filter(|(_, byte)| **byte == 0);
            zeros.nth(1).map(|(at, _)| at + 1).ok_or_else(broken)?
        }
        0x0c => length()? + 16,
        0x10 => 4,
        0x13 => 16,
        _ => return Err(broken()),
    })
}

impl<'de> Deserializer<'de> for Element<'de> {
    type Error = Mismatch;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.kind {
            0x01 => visitor.visit_f64(f64::from_le_bytes(self.fixed()?)),
            0x02 | 0x0d | 0x0e => visitor.visit_borrowed_str(self.text()?),
            0x03 => visitor.visit_map(self.elements()?),
            0x04 => visitor.visit_seq(self.elements()?),
            0x05 => visitor.visit_borrowed_bytes(self.bytes.get(5..).ok_or_else(broken)?),
            0x06 | 0x0a => visitor.visit_unit(),
            // As the crate `bson` tells its own types of them.
            0x07 => visitor.visit_map(Extended::Id(bson::oid::ObjectId::from_bytes(self.fixed()?).to_hex())),
            0x08 => visitor.visit_bool(self.fixed::<1>()? != [0]),
            0x09 => visitor.visit_map(Extended::Date(i64::from_le_bytes(self.fixed()?).to_string())),
            0x10 => visitor.visit_i32(i32::from_le_bytes(self.fixed()?)),
            0x12 => visitor.visit_i64(i64::from_le_bytes(self.fixed()?)),
            kind => Err(de::Error::custom(format_args!("BSON's type {kind:#04x} cannot stand in a plugin's types"))),
        }
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.whole(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.whole(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.whole(visitor)
    }

    /// Also how [`DateTime`](crate::DateTime) asks.
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.kind == 0x09 {
            return visitor.visit_i64(i64::from_le_bytes(self.fixed()?));
        }
        self.whole(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.whole(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.whole(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.whole(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.whole(visitor)
    }

    /// Also how [`Id`](crate::Id) asks.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.kind == 0x07 {
            return visitor.visit_borrowed_bytes(self.bytes);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        if self.kind == Self::DOCUMENT {
            return visitor.visit_enum(self.elements()?);
        }
        visitor.visit_enum(BorrowedStrDeserializer::new(self.text_of_variant()?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

impl<'de> Element<'de> {
    fn text_of_variant(self) -> Result<&'de str, Mismatch> {
        if self.kind == 0x02 { self.text() } else { Err(de::Error::custom("a variant is a text or a document")) }
    }
}

/// The name of a field; for a map's key, whatever is read from a text.
struct Name<'de>(&'de str);

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// The elements of a document or list that are left.
struct Elements<'de> {
    rest: &'de [u8],
    /// The one whose name was read.
    value: Option<(&'de str, Element<'de>)>,
}

impl<'de> Elements<'de> {
    fn step(&mut self) -> Result<Option<(&'de str, Element<'de>)>, Mismatch> {
        let Some((kind, rest)) = self.rest.split_first() else { return Ok(None) };
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(broken)?;
        let (name, rest) = rest.split_at_checked(end).ok_or_else(broken)?;
        let name = std::str::from_utf8(name).map_err(|_| broken())?;
        let rest = rest.get(1..).ok_or_else(broken)?;
        let (bytes, rest) = rest.split_at_checked(size(*kind, rest)?).ok_or_else(broken)?;
        self.rest = rest;
        Ok(Some((name, Element { kind: *kind, bytes })))
    }
}

impl<'de> MapAccess<'de> for Elements<'de> {
    type Error = Mismatch;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        self.value = self.step()?;
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(Name(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let (name, element) = self.value.take().ok_or_else(broken)?;
        seed.deserialize(element).map_err(|mismatch| mismatch.within(name))
    }
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        let Some((name, element)) = self.step()? else { return Ok(None) };
        seed.deserialize(element).map(Some).map_err(|mismatch| mismatch.within(name))
    }
}

impl<'de> EnumAccess<'de> for Elements<'de> {
    type Error = Mismatch;
    type Variant = Element<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<(S::Value, Element<'de>), Mismatch> {
        let (name, element) = self.step()?.ok_or_else(|| <Mismatch as de::Error>::custom("a variant is missing"))?;
        Ok((seed.deserialize(BorrowedStrDeserializer::<Mismatch>::new(name))?, element))
    }
}

impl<'de> VariantAccess<'de> for Element<'de> {
    type Error = Mismatch;

    fn unit_variant(self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Mismatch> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_any(visitor)
    }
}

/// `{"$oid": "hex"}` and `{"$date": {"$numberLong": "millis"}}`, one entry at a time.
enum Extended {
    Id(String),
    Date(String),
    Number(String),
    Done,
}

impl<'de> MapAccess<'de> for Extended {
    type Error = Mismatch;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        let name = match self {
            Self::Id(_) => "$oid",
            Self::Date(_) => "$date",
            Self::Number(_) => "$numberLong",
            Self::Done => return Ok(None),
        };
        seed.deserialize(BorrowedStrDeserializer::<Mismatch>::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        match std::mem::replace(self, Self::Done) {
            Self::Id(text) | Self::Number(text) => {
                let text: StringDeserializer<Mismatch> = text.into_deserializer();
                seed.deserialize(text)
            }
            Self::Date(millis) => seed.deserialize(de::value::MapAccessDeserializer::new(Self::Number(millis))),
            Self::Done => Err(broken()),
        }
    }
}
