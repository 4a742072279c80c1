//! Whatever is delivered twice counts once.

use super::*;

/// All kinds of events among a few users, over some days.
fn history() -> Vec<Delivery> {
    let users: Vec<Id> = (0..7).map(|_| Id::new()).collect();
    let user = |index: usize| users[index % users.len()];
    let mut all = Vec::new();
    for index in 0..240_usize {
        let (one, other) = (user(index), user(index / 7 + 1));
        let at = format!("2026-11-{:02}T{:02}:00:00.000Z", 20 + index % 4, index % 24);
        let mut delivery = match index % 8 {
            0 => user_event("USER_SIGNUP", one),
            1 => user_event("USER_LOGIN", one),
            2 | 3 => message(one, other),
            4 => request(one, other, "interested"),
            5 => review(one, other, "accepted"),
            6 => view(one, other),
            _ => user_event(if index % 16 == 7 { "USER_ONLINE" } else { "USER_OFFLINE" }, one),
        };
        let mut value: Value = devconnect_sdk::serde_json::from_slice(&delivery.value).unwrap();
        value["timestamp"] = json!(at);
        delivery.value = value.to_string().into_bytes();
        delivery.offset = index as u64;
        all.push(delivery);
    }
    // As consumers get them: topic by topic.
    all.sort_by(|left, right| left.topic.cmp(&right.topic));
    all
}

/// All that is answered.
fn answers(app: &App) -> Vec<Value> {
    let mut answers = vec![summary(app)];
    for metric in ["signups", "logins", "messages", "requests", "accepted", "profileViews"] {
        for step in ["hour", "day"] {
            let range = "from=2026-11-19T00:00:00Z&to=2026-11-25T00:00:00Z";
            let path = format!("/analytics/timeseries?metric={metric}&{range}&step={step}");
            answers.push(get_as_admin(app, &path).value());
        }
    }
    let mut users: Vec<String> = app
        .platform()
        .documents("analytics_users")
        .iter()
        .map(|row| row.get_object_id("_id").unwrap().to_hex())
        .collect();
    users.sort();
    answers.extend(users.iter().map(|user| get_as_admin(app, &format!("/analytics/users/{user}")).value()));
    answers
}

#[test]
fn the_whole_topic_again_changes_nothing() {
    let history = history();
    let app = app();
    for delivery in &history {
        consume_all(&app, std::slice::from_ref(delivery));
    }
    let expected = answers(&app);
    let all = &expected[0];
    let once = json!({
        "signups": 30, "logins": 30, "messages": 60, "requests": 30, "accepted": 30, "profileViews": 30,
        "online": all["online"],
    });
    assert_eq!(*all, once);
    assert_eq!(app.platform().documents("analytics_processed").len(), history.len());

    for size in [1, 7, 100, 240] {
        for batch in history.chunks(size) {
            consume_all(&app, batch);
        }
        assert_eq!(answers(&app), expected, "in batches of {size}");
    }
}

#[test]
fn batches_are_cut_anywhere() {
    let history = history();
    let single = app();
    for delivery in &history {
        consume_all(&single, std::slice::from_ref(delivery));
    }
    let expected = answers(&single);
    for size in [2, 3, 10, 33, 99, 240] {
        let app = app();
        for batch in history.chunks(size) {
            consume_all(&app, batch);
        }
        assert_eq!(answers(&app), expected, "in batches of {size}");
    }
}

/// As after a rebalance: each batch begins somewhere in the one before.
#[test]
fn batches_overlap() {
    let history = history();
    let single = app();
    consume_all(&single, &history);
    let app = app();
    for start in (0..history.len()).step_by(20) {
        consume_all(&app, &history[start..(start + 50).min(history.len())]);
    }
    assert_eq!(answers(&app), answers(&single));
}

#[test]
fn an_event_that_is_twice_in_a_batch_counts_once() {
    let app = app();
    let log_in = user_event("USER_LOGIN", Id::new());
    consume_all(&app, &[log_in.clone(), user_event("USER_SIGNUP", Id::new()), log_in.clone(), log_in]);
    let all = summary(&app);
    assert_eq!((&all["logins"], &all["signups"]), (&json!(1), &json!(1)));
}
