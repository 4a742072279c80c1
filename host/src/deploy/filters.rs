//! Which versions are asked before the routes of a plugin.

use std::sync::Arc;

use super::failure::Failure;
use crate::config;
use crate::runtime::Version;

/// The filters of a plugin in the order in which they are asked, or why one of them cannot be. `version` looks up what
/// runs. A plugin that filters and names no filters is its own.
pub(super) fn of<'a>(
    plugin: &'a config::Plugin,
    own: &Arc<Version>,
    version: impl Fn(&str) -> Option<&'a Arc<Version>> + 'a,
) -> impl Iterator<Item = Result<Arc<Version>, Failure>> + 'a {
    let itself = (plugin.filters.is_empty() && own.is_filter()).then(|| Ok(Arc::clone(own)));
    let named = plugin.filters.iter().map(move |filter| match version(filter) {
        Some(found) if found.is_filter() => Ok(Arc::clone(found)),
        Some(_) => Err(Failure::NoFilter { plugin: plugin.name.clone(), filter: filter.clone() }),
        None => Err(Failure::FilterAway { plugin: plugin.name.clone(), filter: filter.clone() }),
    });
    itself.into_iter().chain(named)
}
