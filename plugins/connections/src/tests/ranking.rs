use super::*;

fn ranked(app: &App, who: Id, query: &str) -> Value {
    let reply = get(app, who, &format!("/feed?ml=true{query}"));
    assert_eq!(reply.status(), 200, "{reply:?}");
    reply.value()
}

fn ids(feed: &Value) -> Vec<Id> {
    each(&feed["data"], "_id").iter().map(id).collect()
}

#[test]
fn the_best_come_first() {
    let app = app();
    let ada = skilled(&app, "Ada", &["React", "Node.js"], NOW);
    let related = skilled(&app, "Rel", &["graphql"], NOW);
    let half = skilled(&app, "Half", &["react", "knitting"], NOW);
    let same = skilled(&app, "Same", &["node.js", " REACT "], NOW);
    skilled(&app, "Other", &["knitting"], NOW);
    user(&app, "None");
    let feed = ranked(&app, ada, "");
    assert_eq!(ids(&feed), [same, half, related]);
    let about = &feed["recommendations"];
    assert_eq!(
        (&about["totalAvailable"], &about["returned"], &about["mlEnabled"]),
        (&json!(5), &json!(3), &json!(true))
    );
    let best = &feed["data"][0];
    // J = C = E = 1; of 11 related skills (javascript and others, react and node.js among them) both; two categories.
    let related = crate::skills::related("react").iter().chain(crate::skills::related("node.js"));
    let related: std::collections::HashSet<_> = related.collect();
    let expected = 0.3 + 0.25 + 0.2 * 2.0 / related.len() as f64 + 0.15 * 2.0 / 8.0 + 0.1;
    assert!((best["recommendationScore"].as_f64().unwrap() - expected).abs() < 1e-9, "{best}");
    let parts = &best["scoreBreakdown"];
    assert_eq!(
        (&parts["jaccard"], &parts["diversity"], &parts["experience"]),
        (&json!(1.0), &json!(0.25), &json!(1.0))
    );
    assert_eq!(best["firstName"], "Same");
    assert_eq!(best["recommendationReasoning"][0], "You both know node.js and react.");
    assert_eq!(feed["data"][2]["recommendationReasoning"][0], "Knows graphql, which goes with your skills.");
    let scores: Vec<f64> = each(&feed["data"], "recommendationScore").iter().map(|s| s.as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|left, right| left >= right) && scores[2] >= 0.05);
    let high = scores.iter().filter(|score| **score > 0.5).count();
    assert_eq!(about["highMatch"], high);
    assert!((1..3).contains(&high));
}

#[test]
fn equal_scores_are_in_the_order_of_ids_and_pages_do_not_overlap() {
    let app = app();
    let ada = skilled(&app, "Ada", &["rust"], NOW);
    // The most recently active are not the first ids.
    let others: Vec<Id> = (0..25)
        .map(|index| {
            skilled(&app, &format!("User{index}"), &["rust"], &format!("2026-11-{:02}T00:00:00Z", index % 20 + 1))
        })
        .collect();
    let mut seen = Vec::new();
    for (page, more) in [(1, true), (2, true), (3, false), (4, false)] {
        let feed = ranked(&app, ada, &format!("&page={page}"));
        assert_eq!(feed["recommendations"]["hasMore"], more);
        seen.extend(ids(&feed));
    }
    assert_eq!(seen, others);
}

#[test]
fn who_is_known_is_left_out() {
    let app = app();
    let ada = skilled(&app, "Ada", &["rust"], NOW);
    let [asked, asks, left] = ["Bob", "Eve", "Joe"].map(|name| skilled(&app, name, &["rust"], NOW));
    ask(&app, ada, asked);
    ask(&app, asks, ada);
    let feed = ranked(&app, ada, "");
    assert_eq!(ids(&feed), [left]);
    assert_eq!(feed["recommendations"]["totalAvailable"], 1);
}

#[test]
fn the_most_recently_active_thousand_are_candidates() {
    let app = app();
    let ada = skilled(&app, "Ada", &["rust"], NOW);
    user(&app, "Old");
    let old = skilled(&app, "Gone", &["rust"], "2020-01-01T00:00:00Z");
    let active: DateTime = NOW.parse().unwrap();
    let rows = (0..1_000).map(|_| {
        doc! { "_id": Id::new(), "skills": ["rust", "go"], "skillKeys": ["rust", "go"], "lastActiveAt": active }
    });
    app.platform().put_documents("users", rows.collect::<Vec<_>>());
    // Whoever asks is left out of the query, not of the thousand.
    let last = ranked(&app, ada, "&page=100");
    assert_eq!(
        (&last["recommendations"]["returned"], &last["recommendations"]["hasMore"]),
        (&json!(10), &json!(false))
    );
    assert_eq!(last["recommendations"]["totalAvailable"], 1_002);
    let first = ranked(&app, ada, "");
    assert!(!ids(&first).contains(&old), "the best match was active too long ago");
}

#[test]
fn without_skills_nobody_can_be_ranked() {
    let app = app();
    let ada = user_with(&app, "Ada", doc! { "skills": ["  "] });
    let bob = skilled(&app, "Bob", &["rust"], NOW);
    let feed = ranked(&app, ada, "");
    assert_eq!((ids(&feed), &feed["recommendations"]["mlEnabled"]), (vec![bob], &json!(false)));
    assert!(feed["recommendations"].get("highMatch").is_none());
    assert!(feed["data"][0].get("recommendationScore").is_none());
}

#[test]
fn who_scores_too_low_is_not_recommended() {
    let app = app();
    // One of many related skills, and nothing else in common.
    let ada = skilled(&app, "Ada", &["python", "react", "docker", "aws", "java"], NOW);
    let weak = skilled(&app, "Weak", &["linux"], NOW);
    let feed = ranked(&app, ada, "");
    let by_hand = {
        use crate::score::{Holder, Seeker};
        let own = ["python", "react", "docker", "aws", "java"].map(str::to_owned).to_vec();
        Seeker::new(Holder::new(own, None)).compare(&Holder::new(vec!["linux".to_owned()], None)).score()
    };
    assert_eq!(ids(&feed).contains(&weak), by_hand >= 0.05, "{by_hand}");
    assert!(by_hand < 0.05, "{by_hand}");
    assert_eq!(feed["recommendations"]["totalAvailable"], 1);
}
