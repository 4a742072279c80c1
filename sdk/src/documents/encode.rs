//! A document as bytes, straight from the type.
//!
//! Not by the crate `bson`, whose serde code would make more than a megabyte of a component; its types (`Bson`,
//! `Document`, `ObjectId`, `DateTime`) may stand inside of a plugin's types all the same.

mod key;

use std::fmt;

use serde::ser::{self, Serialize};

use key::Key;

/// Why a value is no document.
#[derive(Debug)]
pub(super) struct Unfit(String);

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

impl ser::Error for Unfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The bytes of a document.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Unfit> {
    let mut out = Vec::with_capacity(256);
    value.serialize(Value { out: &mut out, kind_at: None })?;
    Ok(out)
}

mod kind {
    pub(super) const DOUBLE: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const DOCUMENT: u8 = 0x03;
    pub(super) const LIST: u8 = 0x04;
    pub(super) const BINARY: u8 = 0x05;
    pub(super) const OBJECT_ID: u8 = 0x07;
    pub(super) const BOOLEAN: u8 = 0x08;
    pub(super) const DATE: u8 = 0x09;
    pub(super) const NULL: u8 = 0x0a;
    pub(super) const INT32: u8 = 0x10;
    pub(super) const INT64: u8 = 0x12;
}

/// Where a value goes: its kind stands before its name, and is known only when the value comes.
struct Value<'a> {
    out: &'a mut Vec<u8>,
    /// Absent for the document as a whole, which can be nothing else.
    kind_at: Option<usize>,
}

impl<'a> Value<'a> {
    fn put(self, kind: u8, payload: &[u8]) -> Result<(), Unfit> {
        self.begin(kind)?.extend_from_slice(payload);
        Ok(())
    }

    fn begin(self, kind: u8) -> Result<&'a mut Vec<u8>, Unfit> {
        match self.kind_at.map(|at| self.out.get_mut(at)) {
            Some(Some(slot)) => *slot = kind,
            None if kind == kind::DOCUMENT => {}
            _ => return Err(Unfit("a document is a struct or a map".to_owned())),
        }
        Ok(self.out)
    }

    fn fields(self, kind: u8) -> Result<Fields<'a>, Unfit> {
        let out = self.begin(kind)?;
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        Ok(Fields { out, start, outer: None, index: 0, key: String::new() })
    }

    /// `{variant: {…}}`
    fn variant(self, variant: &str, kind: u8) -> Result<Fields<'a>, Unfit> {
        let mut outer = self.fields(kind::DOCUMENT)?;
        let kind_at = outer.name(variant)?;
        let start = outer.start;
        let inner = Value { out: outer.out, kind_at: Some(kind_at) }.fields(kind)?;
        Ok(Fields { outer: Some(start), ..inner })
    }
}

fn length(bytes: usize) -> Result<[u8; 4], Unfit> {
    i32::try_from(bytes).map(i32::to_le_bytes).map_err(|_| Unfit("it is larger than BSON can be".to_owned()))
}

impl<'a> ser::Serializer for Value<'a> {
    type Ok = ();
    type Error = Unfit;
    type SerializeSeq = Fields<'a>;
    type SerializeTuple = Fields<'a>;
    type SerializeTupleStruct = Fields<'a>;
    type SerializeTupleVariant = Fields<'a>;
    type SerializeMap = Fields<'a>;
    type SerializeStruct = Struct<'a>;
    type SerializeStructVariant = Fields<'a>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unfit> {
        self.put(kind::BOOLEAN, &[u8::from(value)])
    }

    fn serialize_i8(self, value: i8) -> Result<(), Unfit> {
        self.serialize_i32(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Unfit> {
        self.serialize_i32(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Unfit> {
        self.put(kind::INT32, &value.to_le_bytes())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unfit> {
        self.put(kind::INT64, &value.to_le_bytes())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Unfit> {
        self.serialize_i32(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Unfit> {
        self.serialize_i32(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unfit> {
        match i32::try_from(value) {
            Ok(small) => self.serialize_i32(small),
            Err(_) => self.serialize_i64(value.into()),
        }
    }

    fn serialize_u64(self, value: u64) -> Result<(), Unfit> {
        match i64::try_from(value) {
            Ok(signed) => self.serialize_i64(signed),
            Err(_) => Err(Unfit(format!("{value} is larger than BSON's integers"))),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unfit> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unfit> {
        self.put(kind::DOUBLE, &value.to_le_bytes())
    }

    fn serialize_char(self, value: char) -> Result<(), Unfit> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unfit> {
        let out = self.begin(kind::STRING)?;
        out.extend_from_slice(&length(value.len() + 1)?);
        out.extend_from_slice(value.as_bytes());
        out.push(0);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unfit> {
        let out = self.begin(kind::BINARY)?;
        out.extend_from_slice(&length(value.len())?);
        out.push(0);
        out.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unfit> {
        self.put(kind::NULL, &[])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unfit> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unfit> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unfit> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unfit> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unfit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        let mut fields = self.fields(kind::DOCUMENT)?;
        fields.field(variant, value)?;
        fields.finish()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Fields<'a>, Unfit> {
        self.fields(kind::LIST)
    }

    fn serialize_tuple(self, _: usize) -> Result<Fields<'a>, Unfit> {
        self.fields(kind::LIST)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, Unfit> {
        self.fields(kind::LIST)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, Unfit> {
        self.variant(variant, kind::LIST)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'a>, Unfit> {
        self.fields(kind::DOCUMENT)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Struct<'a>, Unfit> {
        match name {
            "$oid" | "$date" => Ok(Struct::Extended(self)),
            _ if name.starts_with('$') => Err(Unfit(format!("BSON's type {name} cannot stand in a plugin's types"))),
            _ => self.fields(kind::DOCUMENT).map(Struct::Fields),
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, Unfit> {
        self.variant(variant, kind::DOCUMENT)
    }
}

/// A document or list that is being written.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// Where the document around it starts, for variants with fields.
    outer: Option<usize>,
    index: usize,
    key: String,
}

impl Fields<'_> {
    /// Writes the name; where the kind goes.
    fn name(&mut self, name: &str) -> Result<usize, Unfit> {
        if name.contains('\0') {
            return Err(Unfit("a field's name cannot contain a zero".to_owned()));
        }
        let kind_at = self.out.len();
        self.out.push(0);
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(0);
        Ok(kind_at)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Unfit> {
        let kind_at = self.name(name)?;
        value.serialize(Value { out: self.out, kind_at: Some(kind_at) })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        let name = self.index.to_string();
        self.index += 1;
        self.field(&name, value)
    }

    fn finish(self) -> Result<(), Unfit> {
        for start in [Some(self.start), self.outer].into_iter().flatten() {
            self.out.push(0);
            let length = length(self.out.len() - start)?;
            if let Some(slot) = self.out.get_mut(start..start + 4) {
                slot.copy_from_slice(&length);
            }
        }
        Ok(())
    }
}

macro_rules! lists {
    ($($name:ident $method:ident)*) => {$(
        impl ser::$name for Fields<'_> {
            type Ok = ();
            type Error = Unfit;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
                self.element(value)
            }

            fn end(self) -> Result<(), Unfit> {
                self.finish()
            }
        }
    )*};
}
lists!(SerializeSeq serialize_element SerializeTuple serialize_element SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field);

impl ser::SerializeStructVariant for Fields<'_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unfit> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Unfit> {
        self.finish()
    }
}

impl ser::SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unfit> {
        self.key = key.serialize(Key)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        let key = std::mem::take(&mut self.key);
        self.field(&key, value)
    }

    fn end(self) -> Result<(), Unfit> {
        self.finish()
    }
}

/// A struct, or one of the structs by which the crate `bson` tells serde of an ObjectId or a date.
enum Struct<'a> {
    Fields(Fields<'a>),
    Extended(Value<'a>),
    Done,
}

impl ser::SerializeStruct for Struct<'_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unfit> {
        match std::mem::replace(self, Self::Done) {
            Self::Fields(mut fields) => {
                let written = fields.field(name, value);
                *self = Self::Fields(fields);
                written
            }
            Self::Extended(target) => extended(target, name, value),
            Self::Done => Err(Unfit(format!("{name} has one field"))),
        }
    }

    fn end(self) -> Result<(), Unfit> {
        match self {
            Self::Fields(fields) => fields.finish(),
            Self::Extended(_) | Self::Done => Ok(()),
        }
    }
}

/// `{"$oid": "hex"}` and `{"$date": {"$numberLong": "millis"}}`.
fn extended<T: Serialize + ?Sized>(target: Value<'_>, name: &str, value: &T) -> Result<(), Unfit> {
    let json = serde_json::to_string(value).map_err(ser::Error::custom)?;
    let unfit = || Unfit(format!("{json} is no {name}"));
    if name == "$oid" {
        let id = bson::oid::ObjectId::parse_str(json.trim_matches('"')).map_err(|_| unfit())?;
        return target.put(kind::OBJECT_ID, &id.bytes());
    }
    let digits: String = json.chars().filter(|letter| letter.is_ascii_digit() || *letter == '-').collect();
    let millis: i64 = digits.parse().map_err(|_| unfit())?;
    target.put(kind::DATE, &millis.to_le_bytes())
}
