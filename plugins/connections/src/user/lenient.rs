//! Reading what other writers left: null for what is unset, and whole numbers as JavaScript has them.

use devconnect_sdk::prelude::*;
use serde::de::{Deserializer, IgnoredAny};

use super::Tier;

/// Null stands for the default.
pub(super) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Null and the empty text stand for the default.
pub(super) fn photo<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let photo: Option<String> = Option::deserialize(deserializer)?;
    Ok(photo.filter(|photo| !photo.is_empty()).unwrap_or_else(default_photo))
}

/// Null stands for the default text; an empty one was chosen.
pub(super) fn about<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let about: Option<String> = Option::deserialize(deserializer)?;
    Ok(about.unwrap_or_else(default_about))
}

/// A whole number, also where it is stored as 30.0; nothing where it is none.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let number: Option<f64> = Option::deserialize(deserializer)?;
    Ok(number.filter(|number| number.fract() == 0.0 && (0.0..=1_000.0).contains(number)).map(|number| number as i32))
}

/// The texts of a list; one row that somebody mistyped at a shell must not spoil a page of many.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        Of(Vec<Element>),
        No(IgnoredAny),
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Element {
        Text(String),
        Other(IgnoredAny),
    }
    let text = |element: Element| match element {
        Element::Text(text) => Some(text),
        Element::Other(_) => None,
    };
    Ok(match List::deserialize(deserializer)? {
        List::Of(elements) => elements.into_iter().filter_map(text).collect(),
        List::No(_) => Vec::new(),
    })
}

/// What is no tier's name is the one that may least.
impl<'de> Deserialize<'de> for Tier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok([Self::Silver, Self::Gold].into_iter().find(|tier| tier.name() == name).unwrap_or_default())
    }
}

pub(super) fn default_photo() -> String {
    super::DEFAULT_PHOTO.to_owned()
}

pub(super) fn default_about() -> String {
    super::DEFAULT_ABOUT.to_owned()
}
