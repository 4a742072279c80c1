//! What was refused, so that it is not tried again in vain, nor told twice.

use std::time::{Duration, Instant};

use super::failure::{Failure, Retry};
use super::source::Stamp;
use crate::config::{self, Resolved};

/// The pauses before a refused plugin is tried again by itself: each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// One entry a plugin: what it was when it was refused last, and why.
#[derive(Default)]
pub(super) struct Refusals(Vec<Refused>);

struct Refused {
    config: config::Plugin,
    stamp: Option<Stamp>,
    reason: String,
    retry: Retry,
    pause: Duration,
    due: Instant,
}

impl Refusals {
    /// Notes a refusal. True if it is news: the same plugin was not refused for the same reason before.
    pub(super) fn note(
        &mut self,
        config: &config::Plugin,
        stamp: Option<Stamp>,
        failure: &Failure,
        now: Instant,
    ) -> bool {
        let before = self.take(&config.name).filter(|before| before.config == *config && before.stamp == stamp);
        let retry = failure.retry();
        let reason = failure.to_string();
        let pause = match &before {
            Some(before) if before.retry == Retry::Later => (before.pause * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        let news = before.is_none_or(|before| before.reason != reason);
        self.0.push(Refused { config: config.clone(), stamp, reason, retry, pause, due: now + pause });
        news
    }

    /// Whether another try would be in vain: nothing has changed that could change its end.
    pub(super) fn holds(&self, config: &config::Plugin, stamp: Option<Stamp>, now: Instant) -> bool {
        self.get(&config.name).is_some_and(|refused| {
            refused.config == *config
                && refused.stamp == stamp
                && match refused.retry {
                    Retry::WhenChanged => true,
                    Retry::WithOthers => false,
                    Retry::Later => now < refused.due,
                }
        })
    }

    /// When the next plugin is to be tried again by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.iter().filter(|refused| refused.retry == Retry::Later).map(|refused| refused.due).min()
    }

    /// The file that was refused, if this plugin was.
    pub(super) fn stamp(&self, name: &str) -> Option<Option<Stamp>> {
        self.get(name).map(|refused| refused.stamp)
    }

    /// The names of the plugins that were refused.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|refused| refused.config.name.clone()).collect()
    }

    /// The plugin runs as configured.
    pub(super) fn clear(&mut self, name: &str) {
        drop(self.take(name));
    }

    /// Every plugin may be tried, and told of, again.
    pub(super) fn clear_all(&mut self) {
        self.0.clear();
    }

    /// Forgets plugins that are no longer wanted.
    pub(super) fn keep(&mut self, desired: &Resolved) {
        self.0.retain(|refused| desired.plugin(&refused.config.name).is_some());
    }

    fn get(&self, name: &str) -> Option<&Refused> {
        self.0.iter().find(|refused| refused.config.name == name)
    }

    fn take(&mut self, name: &str) -> Option<Refused> {
        let at = self.0.iter().position(|refused| refused.config.name == name)?;
        Some(self.0.remove(at))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
pub(super) mod tests;
