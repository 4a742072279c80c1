//! Scores against hand-computed ones, and what is true of all of them.

use proptest::prelude::*;

use crate::score::{Holder, Parts, Seeker};
use crate::skills;

fn holder(skills: &[&str], age: Option<i32>) -> Holder {
    Holder::new(skills.iter().map(|skill| skills::normal(skill)).collect(), age)
}

fn compare(own: &[&str], own_age: Option<i32>, other: &[&str], other_age: Option<i32>) -> Parts {
    Seeker::new(holder(own, own_age)).compare(&holder(other, other_age))
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

/// react goes with node.js, typescript, javascript, next.js, redux, graphql, react native; python with django, fastapi, machine
/// learning, pandas, sql, docker.
#[test]
fn a_score_computed_by_hand() {
    let parts = compare(&["React", "Python"], Some(30), &["react", "TypeScript", "Docker"], Some(24));
    // Shared: react. All: react, python, typescript, docker.
    assert!(close(parts.jaccard, 1.0 / 4.0));
    // Weights: react 1.2, python 1.0; react 1.2, typescript 1.0, docker 1.1.
    let cosine = 1.44 / ((1.44_f64 + 1.0).sqrt() * (1.44_f64 + 1.0 + 1.21).sqrt());
    assert!(close(parts.cosine, cosine) && close(cosine, 0.482_526_474_700_958), "{parts:?}");
    // Of 13 related skills: typescript and docker.
    assert!(close(parts.related, 2.0 / 13.0));
    // Frontend, languages, devops.
    assert!(close(parts.diversity, 3.0 / 8.0));
    // e(A) = 2 ln 13, e(B) = 3 ln 7.
    assert!(close(parts.experience, 2.0 * 13.0_f64.ln() / (3.0 * 7.0_f64.ln())) && parts.experience < 1.0);
    let by_hand = 0.3 * 0.25 + 0.25 * 0.482_526_474_700_958 + 0.2 * 2.0 / 13.0 + 0.15 * 0.375 + 0.1 * 0.878_748_815;
    assert!((parts.score() - by_hand).abs() < 1e-6, "{} {by_hand}", parts.score());
}

#[test]
fn an_age_that_is_unset_is_25_and_nobody_is_younger_than_19() {
    assert!(close(compare(&["rust"], None, &["rust"], Some(25)).experience, 1.0));
    let young = compare(&["rust"], Some(13), &["rust"], Some(19));
    assert!(close(young.experience, 1.0), "both count as a year: {young:?}");
    let parts = compare(&["rust"], Some(19), &["rust"], None);
    assert!(close(parts.experience, 2.0_f64.ln() / 8.0_f64.ln()) && close(parts.experience, 1.0 / 3.0));
}

#[test]
fn strangers_have_nothing_in_common() {
    let parts = compare(&["knitting"], None, &["sewing", "cooking"], None);
    assert_eq!((parts.jaccard, parts.cosine, parts.related), (0.0, 0.0, 0.0));
    assert!(close(parts.diversity, 1.0 / 8.0) && close(parts.experience, 0.5));
    let none = compare(&["rust"], None, &[], None);
    assert_eq!(none.score(), 0.0);
}

#[test]
fn nine_categories_are_no_more_than_all() {
    let all = ["react", "node.js", "android", "redis", "docker", "aws", "nlp", "rust", "figma"];
    assert_eq!(holder(&all, None).categories(), 9);
    assert!(close(compare(&["react"], None, &all, None).diversity, 1.0));
    assert!(close(compare(&["react"], None, &all[..8], None).diversity, 1.0));
    assert!(close(compare(&["react"], None, &all[..7], None).diversity, 7.0 / 8.0));
}

fn skill() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] =
        &["react", "node.js", "TypeScript", "python", "Machine  Learning", "docker", "aws", "redis", "kotlin", "figma"];
    prop_oneof![4 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => "[a-c]{0,2}"]
}

fn person() -> impl Strategy<Value = (Vec<String>, Option<i32>)> {
    (prop::collection::vec(skill(), 0..10), prop::option::of(0..130))
}

proptest! {
    #[test]
    fn every_part_is_a_share((own, own_age) in person(), (other, other_age) in person()) {
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let other: Vec<&str> = other.iter().map(String::as_str).collect();
        let parts = compare(&own, own_age, &other, other_age);
        let back = compare(&other, other_age, &own, own_age);
        for part in [parts.jaccard, parts.cosine, parts.related, parts.diversity, parts.experience, parts.score()] {
            prop_assert!((0.0..=1.0).contains(&part), "{:?}", parts);
        }
        prop_assert!(close(parts.jaccard, back.jaccard) && close(parts.cosine, back.cosine));
        prop_assert!(close(parts.experience, back.experience));
        prop_assert_eq!(parts.jaccard == 0.0, parts.cosine == 0.0);
    }

    #[test]
    fn the_same_skills_match_wholly((own, age) in person()) {
        let same: Vec<String> = own.iter().rev().map(|skill| format!(" {} ", skill.to_uppercase())).collect();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let same: Vec<&str> = same.iter().map(String::as_str).collect();
        let parts = compare(&own, age, &same, age);
        let whole = if holder(&own, None).is_empty() { 0.0 } else { 1.0 };
        prop_assert!(close(parts.jaccard, whole) && close(parts.cosine, whole) && close(parts.experience, whole));
    }

    #[test]
    fn a_candidate_is_found_by_what_scores((own, _) in person(), (other, _) in person()) {
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let other: Vec<&str> = other.iter().map(String::as_str).collect();
        let (seeker, other) = (Seeker::new(holder(&own, None)), holder(&other, None));
        let parts = seeker.compare(&other);
        let found = seeker.wanted().any(|skill| other.has(skill));
        prop_assert_eq!(found, parts.jaccard > 0.0 || parts.related > 0.0);
    }
}
