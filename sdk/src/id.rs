//! Ids of documents.

use std::fmt;
use std::str::FromStr;

use bson::Bson;
use bson::oid::ObjectId;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The id of a document: an ObjectId in documents, 24 hexadecimal digits in JSON, in paths and in keys, so that one type
/// serves all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(ObjectId);

impl Id {
    /// A new id; later ones sort behind it, as far as clocks agree.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Self {
        Self(ObjectId::new())
    }

    /// The id as BSON has it.
    #[must_use]
    pub const fn object_id(self) -> ObjectId {
        self.0
    }

    /// When it was made, to the second.
    #[must_use]
    pub fn made_at(self) -> crate::DateTime {
        self.0.timestamp().into()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_hex())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Id({self})")
    }
}

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("must be an id: 24 hexadecimal digits")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        ObjectId::parse_str(text).map(Self).map_err(|_| NotAnId)
    }
}

impl From<ObjectId> for Id {
    fn from(id: ObjectId) -> Self {
        Self(id)
    }
}

impl From<Id> for ObjectId {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl From<Id> for Bson {
    fn from(id: Id) -> Self {
        Self::ObjectId(id.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(IdVisitor)
        } else {
            deserializer.deserialize_bytes(IdVisitor)
        }
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Id;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an id: 24 hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Id, E> {
        let bytes = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &"12 bytes"))?;
        Ok(Id(ObjectId::from_bytes(bytes)))
    }

    /// What serde made of it where it had to keep it first (flattened structs, untagged enums).
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Id, A::Error> {
        match map.next_entry::<String, String>()? {
            Some((name, text)) if name == "$oid" => text.parse().map_err(de::Error::custom),
            _ => Err(de::Error::custom(NotAnId)),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Id {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F]{24}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_type_serves_json_and_documents() {
        #[derive(Debug, Deserialize, PartialEq, Serialize)]
        struct Row {
            #[serde(rename = "_id")]
            id: Id,
        }
        let id: Id = "0123456789abcdef01234567".parse().unwrap();
        let row = Row { id };
        assert_eq!(serde_json::to_string(&row).unwrap(), r#"{"_id":"0123456789abcdef01234567"}"#);
        assert_eq!(serde_json::from_str::<Row>(r#"{"_id":"0123456789abcdef01234567"}"#).unwrap(), row);
        let bytes = bson::serialize_to_vec(&row).unwrap();
        assert_eq!(bson::deserialize_from_slice::<bson::Document>(&bytes).unwrap(), bson::doc! { "_id": id });
        assert_eq!(bson::deserialize_from_slice::<Row>(&bytes).unwrap(), row);
        assert_eq!("123".parse::<Id>(), Err(NotAnId));
    }
}
