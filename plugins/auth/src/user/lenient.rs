//! Reading what other writers left: null for what is unset, and whole numbers as JavaScript has them.

use devconnect_sdk::prelude::*;
use serde::de::Deserializer;

/// Null stands for the default.
pub(super) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

macro_rules! texts {
    ($($name:ident $default:ident)*) => {$(
        /// Null and the empty text stand for the default.
        pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
            let text: Option<String> = Option::deserialize(deserializer)?;
            Ok(text.filter(|text| !text.is_empty()).unwrap_or_else(super::$default))
        }
    )*};
}
texts! { photo default_photo tier default_tier role default_role }

/// Null stands for the default text; an empty one was chosen.
pub(super) fn about<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let about: Option<String> = Option::deserialize(deserializer)?;
    Ok(about.unwrap_or_else(super::default_about))
}

/// A whole number, also where it is stored as 30.0; nothing where it is none.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let number: Option<f64> = Option::deserialize(deserializer)?;
    Ok(number.filter(|number| number.fract() == 0.0 && (0.0..=1_000.0).contains(number)).map(|number| number as i32))
}
