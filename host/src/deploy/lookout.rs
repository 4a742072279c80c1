//! When to look at files again, whoever tells: the watcher, a comparison now and then, or time that has passed.

use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use super::source::{Stamp, stamp_of};
use super::swap::Deployment;
use super::watch::Watcher;
use crate::config::Resolved;

/// How often files are compared with what was read, for what no watch tells of.
const COMPARE: Duration = Duration::from_secs(2);

/// Waits for reasons to look again.
pub(crate) struct Lookout {
    watcher: Option<Watcher>,
    config: PathBuf,
    /// The configuration's file when it was read last.
    read: Option<Stamp>,
    compare: Interval,
    /// What the last comparison found.
    seen: Unread,
}

/// Files that are not what was read: the configuration's, and those of plugins.
type Unread = (Option<Stamp>, Vec<(String, Option<Stamp>)>);

/// A reason to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A file changed, the configuration or a component.
    Files,
    /// A plugin that was refused is worth another try.
    Retry,
}

impl Lookout {
    /// For the configuration in this file. What it was when it was read first is not known, so that a change since then
    /// is found by the first comparison.
    pub(crate) fn new(config: PathBuf) -> Self {
        let watcher = Watcher::new().inspect_err(|error| {
            tracing::warn!("files are not watched, changes are seen some seconds later: {error}");
        });
        let mut compare = tokio::time::interval(COMPARE);
        compare.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { watcher: watcher.ok(), config, read: None, compare, seen: Unread::default() }
    }

    /// Watches what this configuration names, from now on. To be called before it is read: what changes while files are
    /// read is seen again.
    pub(crate) fn follow(&mut self, current: &Resolved) {
        if let Some(watcher) = &mut self.watcher {
            watcher.follow(current);
        }
    }

    /// Notes what the configuration's file is now. To be called before it is read.
    pub(crate) async fn note(&mut self) {
        self.read = stamp_of(&self.config).await;
    }

    /// Waits for the next reason.
    pub(crate) async fn next(&mut self, deployment: &Deployment, current: &Resolved) -> Look {
        let retry_at = deployment.retry_at();
        let retry = async || match retry_at {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => pending().await,
        };
        loop {
            let changed = async {
                match &mut self.watcher {
                    Some(watcher) => watcher.changed().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = changed => {
                    if let Some(watcher) = &mut self.watcher {
                        watcher.settle().await;
                    }
                    return Look::Files;
                }
                () = retry() => return Look::Retry,
                _ = self.compare.tick() => {
                    let now = stamp_of(&self.config).await;
                    let unread = (now.filter(|_| now != self.read), deployment.unread(current).await);
                    let before = std::mem::replace(&mut self.seen, unread);
                    // The same twice: nobody is writing just now.
                    if self.seen != Unread::default() && self.seen == before {
                        return Look::Files;
                    }
                }
            }
        }
    }
}
