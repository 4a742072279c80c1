use devconnect_sdk::test::Store;

use super::*;

#[test]
fn a_session_may_ask_a_hundred_times_a_minute() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let bob = sign_up(&app, "Bob");
    for _ in 0..100 {
        assert_eq!(view(&app, &member).status(), 200);
    }
    let refused = view(&app, &member);
    assert_problem(&refused, 429);
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(app.call(member.signs(Request::get("/email-preferences"))).status(), 200, "each route for itself");
    assert_eq!(view(&app, &bob).status(), 200, "each session for itself");
    app.platform().advance(Duration::from_secs(59));
    assert_eq!(view(&app, &member).header("retry-after"), Some("1"));
    app.platform().advance(Duration::from_secs(1));
    assert_eq!(view(&app, &member).status(), 200);
}

#[test]
fn without_a_session_the_address_counts() {
    let app = app();
    app.platform().set_setting("requests-per-minute", 2);
    let ask = |address: &str| app.call(Request::get("/profile/view").bearer("nonsense").from(address)).status();
    assert_eq!((ask("192.0.2.7"), ask("192.0.2.7"), ask("192.0.2.7"), ask("192.0.2.8")), (401, 401, 429, 401));
    assert_eq!(app.platform().cached::<i64>("ratelimit:192.0.2.7:/profile/view"), Some(3));
}

#[test]
fn the_keys_are_those_of_the_former_system() {
    let app = app();
    let member = sign_up(&app, "Ada");
    let path = format!("/user/{}", member.id);
    app.call(member.signs(Request::get(path)));
    let keys = app.platform().cached_keys();
    let limits: Vec<_> = keys.iter().filter(|key| key.starts_with("ratelimit:")).collect();
    assert!(limits.iter().any(|key| *key == "ratelimit:Ada:/signup"), "{limits:?}");
    assert!(limits.iter().any(|key| key.ends_with(":/user/{userId}")), "{limits:?}");
    assert!(!limits.iter().any(|key| key.contains(&member.token)), "{limits:?}");
}

#[test]
fn an_address_may_sign_up_and_log_in_twenty_times_a_minute() {
    let app = app();
    sign_up(&app, "Ada");
    let log_in = || log_in(&app, "ada@example.com", "wrong");
    let sign_up = || {
        app.call(Request::post("/signup").json(&json!({
            "firstName": "A", "emailId": "a", "password": "p",
        })))
    };
    for _ in 0..20 {
        assert_eq!((log_in().status(), sign_up().status()), (401, 400));
    }
    for refused in [log_in(), sign_up()] {
        assert_problem(&refused, 429);
        assert_eq!(refused.header("retry-after"), Some("60"));
    }
    let form = json!({ "emailId": "ada@example.com", "password": PASSWORD });
    assert_eq!(app.call(Request::post("/login").json(&form).from("198.51.100.1")).status(), 200);
    app.platform().advance(minutes(1));
    assert_eq!(log_in().status(), 401);
}

#[test]
fn the_operator_sets_them() {
    let app = app();
    app.platform().set_setting("log-ins-per-minute", 1);
    app.platform().set_setting("sign-ups-per-minute", 0);
    assert_eq!(log_in(&app, "a@example.com", "x").status(), 401);
    assert_eq!(log_in(&app, "a@example.com", "x").status(), 429);
    assert_eq!(
        app.call(Request::post("/signup").json(&json!({
            "firstName": "Ada", "emailId": "ada@example.com", "password": PASSWORD,
        })))
        .status(),
        429
    );
}

#[test]
fn with_the_cache_away_requests_pass_and_are_counted() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().set_setting("requests-per-minute", 1);
    app.platform().set_setting("log-ins-per-minute", 1);
    app.platform().take_away(Store::Cache);
    let before = app.platform().lines().len();
    for _ in 0..3 {
        assert_eq!(view(&app, &member).status(), 200);
        assert_eq!(log_in(&app, "ada@example.com", PASSWORD).status(), 200);
    }
    let lines = app.platform().lines();
    let passed = lines.iter().skip(before).filter(|line| line.message.contains("a rate limit lets pass")).count();
    assert_eq!(passed, 6);
}

#[test]
fn a_log_out_counts_for_its_session_and_nobody_else() {
    let app = app();
    let member = sign_up(&app, "Ada");
    app.platform().set_setting("requests-per-minute", 2);
    for _ in 0..5 {
        assert_eq!(app.call(Request::post("/logout")).status(), 200);
    }
    assert_eq!((log_out(&app, &member).status(), log_out(&app, &member).status()), (200, 200));
    assert_eq!(log_out(&app, &member).status(), 429);
}
