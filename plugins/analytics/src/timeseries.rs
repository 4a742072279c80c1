//! How often something happened in each hour or day.

use std::collections::HashMap;

use devconnect_sdk::FieldError;
use devconnect_sdk::prelude::*;

use crate::effect::Metric;
use crate::scope::{Caller, Scope};
use crate::series::{self, DAY, HOUR, Hours, SERIES};

/// The most points of an answer.
const MOST: i64 = 1_000;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Wanted {
    metric: Metric,
    /// The first hour or day is the one that this moment is in.
    #[serde(default)]
    from: Option<DateTime>,
    /// Hours and days that begin before this moment. At most 1,000 are answered.
    #[serde(default)]
    to: Option<DateTime>,
    #[serde(default)]
    step: Step,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    #[default]
    Hour,
    Day,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct TimeSeries {
    metric: Metric,
    step: Step,
    /// Without gaps.
    points: Vec<Point>,
}

#[derive(Serialize, JsonSchema)]
struct Point {
    /// When the hour or day begins.
    t: DateTime,
    value: i64,
}

impl Step {
    const fn millis(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// How many are answered unless asked.
    const fn usual(self) -> i64 {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
        }
    }
}

pub(crate) fn timeseries(caller: Caller, Query(wanted): Query<Wanted>) -> Result<Json<TimeSeries>, Problem> {
    let Wanted { metric, step, .. } = wanted;
    let times = times(&wanted)?;
    let days = days(Scope::of(&caller), metric, &times)?;
    let value = |t: DateTime| {
        let hours = days.get(&series::start(t, DAY));
        hours.map_or(0, |hours| match step {
            Step::Hour => hours.get(&series::hour(t)).copied().unwrap_or(0),
            Step::Day => hours.values().sum(),
        })
    };
    let points = times.into_iter().map(|t| Point { t, value: value(t) }).collect();
    Ok(Json(TimeSeries { metric, step, points }))
}

/// When each of the hours or days begins.
fn times(wanted: &Wanted) -> Result<Vec<DateTime>, Problem> {
    let step = wanted.step.millis();
    let to = wanted.to.unwrap_or_else(DateTime::now);
    let usual = to.millis().saturating_sub(1).saturating_sub((wanted.step.usual() - 1) * step);
    let from = wanted.from.unwrap_or(DateTime::from_millis(usual));
    let first = series::start(from, step).millis();
    let count = to.millis().saturating_sub(first).saturating_add(step - 1).div_euclid(step);
    let problem = |field: &str, message: String| {
        Err(Problem::invalid_fields(vec![FieldError { field: field.to_owned(), message }]))
    };
    if from >= to {
        return problem("from", "must be before `to`".to_owned());
    }
    if count > MOST {
        return problem("from", format!("must be closer to `to`: these are {count} points, and {MOST} are the most"));
    }
    Ok((0..count).map(|index| DateTime::from_millis(first + index * step)).collect())
}

/// The numbers of the days that these moments are in, where there are any.
fn days(scope: Scope, metric: Metric, times: &[DateTime]) -> Result<HashMap<DateTime, Hours>, Error> {
    #[derive(Deserialize)]
    struct Row {
        t: DateTime,
        /// Of whichever metric was asked for.
        #[serde(flatten)]
        hours: HashMap<String, Hours>,
    }
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(HashMap::new()) };
    let rows = SERIES
        .of::<Row>()
        .find(doc! { "_id": { "$gte": series::id(scope, *first), "$lte": series::id(scope, *last) } })
        .projection(doc! { "_id": 0, "t": 1, metric.name(): 1 })
        .all()?;
    Ok(rows.into_iter().map(|row| (row.t, row.hours.into_values().next().unwrap_or_default())).collect())
}
