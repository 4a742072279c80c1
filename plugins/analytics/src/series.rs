//! Numbers over time: one document for each day and scope, with a number for each hour in which something happened.
//!
//! A day is the sum of its hours, so that an event changes one document, and a question for a thousand days reads a thousand.

use std::collections::HashMap;

use devconnect_sdk::prelude::*;

use crate::scope::Scope;

pub(crate) const SERIES: Collection<()> = Collection::new("analytics_series");

pub(crate) const HOUR: i64 = 60 * 60 * 1_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The beginning of the hour or day that a moment is in.
pub(crate) fn start(moment: DateTime, step: i64) -> DateTime {
    DateTime::from_millis(moment.millis() - moment.millis().rem_euclid(step))
}

/// The document of a day. The ids of a scope are in the order of days.
pub(crate) fn id(scope: Scope, day: DateTime) -> String {
    match scope {
        Scope::Everybody => format!("all:{}", day.day()),
        Scope::User(user) => format!("{user}:{}", day.day()),
    }
}

/// The field of a moment's hour.
pub(crate) fn hour(moment: DateTime) -> String {
    format!("h{:02}", moment.millis().rem_euclid(DAY) / HOUR)
}

/// The numbers of one metric on one day, by hour.
pub(crate) type Hours = HashMap<String, i64>;
