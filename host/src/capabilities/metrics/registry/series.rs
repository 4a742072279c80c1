//! A series: labels, and a number or distribution.

use std::fmt::Write;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::capabilities::error::{Error, Result};

/// The longest name of a metric or label, in bytes.
const LONGEST_NAME: usize = 64;
/// The longest value of a label, in bytes.
const LONGEST_VALUE: usize = 128;
/// The most labels of a series.
const MOST_LABELS: usize = 16;
/// Labels that have a meaning already.
const RESERVED: [&str; 3] = ["plugin", "le", "quantile"];

/// Upper bounds in seconds.
const TIMES: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds in bytes.
const SIZES: [f64; 11] = [
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// What a family measures. Histograms of times and of sizes differ in their bounds, which a family has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Times,
    Sizes,
}

/// Labels in the order of their names, and the text that they are found by.
#[derive(Debug)]
pub(super) struct Labels {
    plugin: Box<str>,
    labels: Vec<(Box<str>, Box<str>)>,
    key: String,
}

/// Labels with what was recorded for them.
#[derive(Debug)]
pub(super) struct Series {
    labels: Labels,
    recorded: Recorded,
}

#[derive(Debug)]
enum Recorded {
    Counter(Counter),
    Gauge(Gauge<f64, AtomicU64>),
    Histogram(Histogram),
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Counter, Self::Gauge, Self::Times, Self::Sizes];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "a counter",
            Self::Gauge => "a gauge",
            Self::Times => "a histogram of times",
            Self::Sizes => "a histogram of sizes",
        }
    }

    /// The names that a family and its samples take.
    pub(super) fn samples(self, name: &str) -> impl Iterator<Item = String> {
        let suffixes: &[&str] = match self {
            Self::Counter => &["", "_total", "_created"],
            Self::Gauge => &[""],
            Self::Times | Self::Sizes => &["", "_sum", "_count", "_bucket", "_created"],
        };
        suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
    }
}

impl From<Kind> for MetricType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter,
            Kind::Gauge => Self::Gauge,
            Kind::Times | Kind::Sizes => Self::Histogram,
        }
    }
}

impl Labels {
    /// Checks a guest's labels for the metric `name`.
    pub(super) fn new(plugin: &str, name: &str, labels: &[(String, String)]) -> Result<Self> {
        if labels.len() > MOST_LABELS {
            return Err(Error::invalid(format!(
                "metrics: \"{name}\" has {} labels, at most {MOST_LABELS} are allowed",
                labels.len()
            )));
        }
        let mut sorted: Vec<(&str, &str)> = Vec::with_capacity(labels.len());
        for (label, value) in labels {
            check_name("a label", label)?;
            if RESERVED.contains(&label.as_str()) || label.starts_with("__") {
                return Err(Error::invalid(format!("metrics: \"{name}\" has a label \"{label}\", which is reserved")));
            }
            if value.len() > LONGEST_VALUE {
                return Err(Error::invalid(format!(
                    "metrics: label \"{label}\" of \"{name}\" has a value of {} bytes, at most {LONGEST_VALUE} are \
                     allowed",
                    value.len()
                )));
            }
            sorted.push((label, value));
        }
        sorted.sort_unstable();
        let is_twice = |(one, other): (&(&str, &str), &(&str, &str))| one.0 == other.0;
        if sorted.iter().zip(sorted.iter().skip(1)).any(is_twice) {
            return Err(Error::invalid(format!("metrics: \"{name}\" has a label twice")));
        }
        // Lengths keep values apart, whatever stands in them.
        let mut key = String::with_capacity(64);
        let mut add = |text: &str| write!(key, "{}:{text}", text.len()).unwrap_or_default();
        add(plugin);
        for (label, value) in &sorted {
            add(label);
            add(value);
        }
        let labels = sorted.into_iter().map(|(label, value)| (label.into(), value.into())).collect();
        Ok(Self { plugin: plugin.into(), labels, key })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

impl Series {
    pub(super) fn new(kind: Kind, labels: Labels) -> Self {
        let recorded = match kind {
            Kind::Counter => Recorded::Counter(Counter::default()),
            Kind::Gauge => Recorded::Gauge(Gauge::default()),
            Kind::Times => Recorded::Histogram(Histogram::new(TIMES)),
            Kind::Sizes => Recorded::Histogram(Histogram::new(SIZES)),
        };
        Self { labels, recorded }
    }

    pub(super) fn plugin(&self) -> &str {
        &self.labels.plugin
    }

    pub(super) fn key(&self) -> &str {
        self.labels.key()
    }

    pub(super) fn count(&self, by: u64) {
        if let Recorded::Counter(counter) = &self.recorded {
            counter.inc_by(by);
        }
    }

    pub(super) fn set(&self, value: f64) {
        if let Recorded::Gauge(gauge) = &self.recorded {
            gauge.set(value);
        }
    }

    pub(super) fn observe(&self, value: f64) {
        if let Recorded::Histogram(histogram) = &self.recorded {
            histogram.observe(value);
        }
    }

    pub(super) fn encode(&self, metric: &mut MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut labels = vec![("plugin", &*self.labels.plugin)];
        labels.extend(self.labels.labels.iter().map(|(label, value)| (&**label, &**value)));
        let metric = metric.encode_family(&labels)?;
        match &self.recorded {
            Recorded::Counter(counter) => counter.encode(metric),
            Recorded::Gauge(gauge) => gauge.encode(metric),
            Recorded::Histogram(histogram) => histogram.encode(metric),
        }
    }
}

/// Names are `[a-z_][a-z0-9_]*`.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_');
    let goes_on = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if begins && goes_on && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    // It may be long and hold anything: a start of it is enough to find it.
    let shown: String = name.chars().take(LONGEST_NAME).collect();
    Err(Error::invalid(format!(
        "metrics: {what} cannot be called {shown:?}: names are [a-z_][a-z0-9_]* of at most {LONGEST_NAME} bytes"
    )))
}
