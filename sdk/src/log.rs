//! Structured log lines. The host adds the plugin, its version and the request id, keeps what its level lets through,
//! and drops what is over the caps.
//!
//! ```
//! use devconnect_sdk::log;
//!
//! let user = "42";
//! log::info!("signed up");
//! log::warn!("log-in of {user} refused", attempts = 3, address = "192.0.2.1");
//! ```

use std::fmt;

pub use crate::bindings::devconnect::platform::logging::Level;
pub use crate::{__debug as debug, __error as error, __info as info, __trace as trace, __warn as warn};

use crate::platform::logging;
use crate::trace;

/// True if a line of this level would be kept: ask before working out an expensive one. The macros ask by themselves.
pub fn enabled(level: Level) -> bool {
    logging::enabled(level)
}

/// Writes a line with its fields; the macros of this module are the usual way.
pub fn write(level: Level, message: fmt::Arguments<'_>, fields: &[(&str, &dyn fmt::Display)]) {
    let mut fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
    fields.extend(trace::field());
    match message.as_str() {
        Some(message) => logging::log(level, message, &fields),
        None => logging::log(level, &message.to_string(), &fields),
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __trace {
    ($($line:tt)*) => { $crate::__log!(Trace, $($line)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($line:tt)*) => { $crate::__log!(Debug, $($line)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($line:tt)*) => { $crate::__log!(Info, $($line)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($line:tt)*) => { $crate::__log!(Warn, $($line)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($line:tt)*) => { $crate::__log!(Error, $($line)*) };
}

/// A text as in `format!`, then fields, `name = value`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $text:literal $(, $field:ident = $value:expr)* $(,)?) => {
        if $crate::log::enabled($crate::log::Level::$level) {
            $crate::log::write(
                $crate::log::Level::$level,
                ::core::format_args!($text),
                &[$((::core::stringify!($field), &$value)),*],
            );
        }
    };
}
