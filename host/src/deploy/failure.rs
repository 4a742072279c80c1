//! Why a plugin does not take over, and when another try may end otherwise.

use super::source;
use crate::inbound::routes;
use crate::runtime::{Refusal, compile};

/// Why a plugin does not take over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Source(#[from] source::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Routes(#[from] routes::Error),
    #[error("`{plugin}` names the filter `{filter}`, which does not run")]
    FilterAway { plugin: String, filter: String },
    #[error("`{plugin}` names the filter `{filter}`, which exports no `devconnect:platform/http-filter`")]
    NoFilter { plugin: String, filter: String },
    #[error("{limit} is above {most} of the running host: restart needed")]
    Restart { limit: &'static str, most: &'static str },
    #[error("the smoke path {0} leads to no GET route of this plugin")]
    SmokePath(String),
    #[error("the smoke request GET {path} answered {answer}")]
    Smoke { path: String, answer: String },
}

/// When another try may end otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// When its file or its configuration has changed: the same input fails the same way, and compiling it is dear.
    WhenChanged,
    /// When another plugin has changed.
    WithOthers,
    /// After a while: what is missing comes back by itself.
    Later,
}

impl Failure {
    pub(super) const fn retry(&self) -> Retry {
        match self {
            Self::Source(source::Error::Io { .. })
            | Self::Refused(
                Refusal::Full | Refusal::Host(_) | Refusal::Unready(_) | Refusal::Compile(compile::Error::Io(_)),
            )
            | Self::Smoke { .. } => Retry::Later,
            Self::Routes(_) | Self::FilterAway { .. } | Self::NoFilter { .. } => Retry::WithOthers,
            Self::Source(_) | Self::Refused(_) | Self::Restart { .. } | Self::SmokePath(_) => Retry::WhenChanged,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_comes_back_by_itself_is_tried_again() {
        let away = || io::Error::other("away");
        for failure in [
            Failure::Refused(Refusal::Unready("the documents are away".to_owned())),
            Failure::Refused(Refusal::Full),
            Failure::Refused(Refusal::Host("no space left".to_owned())),
            Failure::Refused(Refusal::Compile(compile::Error::Io(away()))),
            Failure::Source(source::Error::Io { path: "a.wasm".to_owned(), source: away() }),
            Failure::Smoke { path: "/".to_owned(), answer: "503".to_owned() },
        ] {
            assert_eq!(failure.retry(), Retry::Later, "{failure}");
        }
    }

    #[test]
    fn what_the_same_input_causes_again_is_not() {
        for failure in [
            Failure::Refused(Refusal::Precompiled),
            Failure::Refused(Refusal::NoExports),
            Failure::Refused(Refusal::NoMount("a".into())),
            Failure::Refused(Refusal::Link("no such import".to_owned())),
            Failure::Refused(Refusal::Init("its settings: none".to_owned())),
            Failure::Refused(Refusal::Compile(compile::Error::Rejected("bad magic number".to_owned()))),
            Failure::Refused(Refusal::Compile(compile::Error::Timeout(std::time::Duration::from_secs(60)))),
            Failure::Source(source::Error::Missing { path: "a.wasm".to_owned() }),
            Failure::Restart { limit: "limits.memory", most: "runtime.max-memory" },
            Failure::SmokePath("/".to_owned()),
        ] {
            assert_eq!(failure.retry(), Retry::WhenChanged, "{failure}");
        }
    }

    #[test]
    fn what_another_plugin_causes_is_tried_when_that_one_has_changed() {
        let (plugin, filter) = ("chat".to_owned(), "auth".to_owned());
        assert_eq!(Failure::FilterAway { plugin, filter }.retry(), Retry::WithOthers);
    }
}
