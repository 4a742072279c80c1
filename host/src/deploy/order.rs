//! In which order plugins are brought up.

use std::collections::HashSet;

use crate::config;

/// Filters before those that name them, otherwise in file order. The configuration has no cycles.
pub(super) fn filters_first(plugins: &[config::Plugin]) -> Vec<&config::Plugin> {
    let mut ordered: Vec<&config::Plugin> = Vec::with_capacity(plugins.len());
    let mut placed = HashSet::new();
    while ordered.len() < plugins.len() {
        let before = ordered.len();
        for plugin in plugins {
            let ready = plugin.filters.iter().all(|filter| *filter == plugin.name || placed.contains(filter.as_str()));
            if ready && placed.insert(plugin.name.as_str()) {
                ordered.push(plugin);
            }
        }
        if ordered.len() == before {
            // Only a cycle gets here, and `config::load` refuses those; whoever is left comes as written.
            ordered.extend(plugins.iter().filter(|plugin| !placed.contains(plugin.name.as_str())));
            break;
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::super::refused::tests::plugins;
    use super::*;

    fn ordered(plugins: &[config::Plugin]) -> Vec<&str> {
        filters_first(plugins).into_iter().map(|plugin| plugin.name.as_str()).collect()
    }

    #[test]
    fn filters_come_before_those_that_name_them() {
        let plugins =
            plugins(&[("chat", &["auth"]), ("audit", &["auth", "quota"]), ("quota", &["auth"]), ("auth", &[])]);
        assert_eq!(ordered(&plugins), ["auth", "chat", "quota", "audit"]);
    }

    #[test]
    fn without_filters_the_file_says() {
        assert_eq!(ordered(&plugins(&[("b", &[]), ("c", &[]), ("a", &[])])), ["b", "c", "a"]);
    }

    #[test]
    fn a_cycle_loses_nobody() {
        let mut plugins = plugins(&[("a", &[]), ("b", &["a"]), ("c", &[])]);
        plugins.iter_mut().filter(|plugin| plugin.name == "a").for_each(|plugin| plugin.filters = vec!["b".to_owned()]);
        assert_eq!(ordered(&plugins), ["c", "a", "b"]);
    }
}
