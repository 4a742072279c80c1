use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::runtime::Refusal;

/// Plugins with these names and filters.
pub(in super::super) fn plugins(named: &[(&str, &[&str])]) -> Vec<config::Plugin> {
    let mut text = String::new();
    for (name, filters) in named {
        // Some file that is there: the configuration looks for it.
        writeln!(text, "[plugins.{name}]\nsource = \"Cargo.toml\"\nfilters = {filters:?}").unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("devconnect.toml");
    config::parse(&file, &text, &BTreeMap::new()).unwrap().plugins
}

fn plugin() -> config::Plugin {
    plugins(&[("subject", &[])]).remove(0)
}

fn unready() -> Failure {
    Failure::Refused(Refusal::Unready("a store is away".to_owned()))
}

#[test]
fn the_same_file_is_refused_for_good_until_something_changes() {
    let (mut refusals, now, plugin) = (Refusals::default(), Instant::now(), plugin());
    let stamp = Some(Stamp::example(1));
    assert!(refusals.note(&plugin, stamp, &Failure::Refused(Refusal::NoExports), now));
    assert!(refusals.holds(&plugin, stamp, now + Duration::from_secs(3600)));
    assert_eq!(refusals.due(), None);

    assert!(!refusals.holds(&plugin, Some(Stamp::example(2)), now), "another file");
    let other = config::Plugin { smoke: Some("/".to_owned()), ..plugin.clone() };
    assert!(!refusals.holds(&other, stamp, now), "another configuration");
    refusals.clear_all();
    assert!(!refusals.holds(&plugin, stamp, now), "forgotten");
}

#[test]
fn what_passes_is_tried_again_after_growing_pauses() {
    let (mut refusals, mut now, plugin) = (Refusals::default(), Instant::now(), plugin());
    let mut pauses = Vec::new();
    for _ in 0..6 {
        refusals.note(&plugin, None, &unready(), now);
        let due = refusals.due().unwrap();
        assert!(refusals.holds(&plugin, None, due - Duration::from_millis(1)));
        assert!(!refusals.holds(&plugin, None, due));
        pauses.push((due - now).as_secs());
        now = due;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 15, 15]);
    // Another file begins anew.
    refusals.note(&plugin, Some(Stamp::example(1)), &unready(), now);
    assert_eq!(refusals.due(), Some(now + FIRST_PAUSE));
}

#[test]
fn a_reason_is_news_once() {
    let (mut refusals, now, plugin) = (Refusals::default(), Instant::now(), plugin());
    assert!(refusals.note(&plugin, None, &unready(), now));
    assert!(!refusals.note(&plugin, None, &unready(), now));
    assert!(refusals.note(&plugin, None, &Failure::Refused(Refusal::NoExports), now), "another reason");
    assert!(
        refusals.note(&plugin, Some(Stamp::example(1)), &Failure::Refused(Refusal::NoExports), now),
        "another file"
    );
    assert_eq!(refusals.names(), ["subject"], "one entry a plugin");
}

#[test]
fn what_depends_on_others_is_tried_at_every_look() {
    let (mut refusals, now, plugin) = (Refusals::default(), Instant::now(), plugin());
    let away = Failure::FilterAway { plugin: "subject".to_owned(), filter: "auth".to_owned() };
    refusals.note(&plugin, None, &away, now);
    assert!(!refusals.holds(&plugin, None, now));
    assert_eq!(refusals.due(), None);
}
