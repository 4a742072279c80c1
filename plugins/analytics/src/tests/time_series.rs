use super::*;

fn log_in(at: &str, user: Id) -> Delivery {
    event_at(at, "user-events", "USER_LOGIN", user, json!({}))
}

fn points(reply: &Reply) -> Vec<(String, i64)> {
    assert_eq!(reply.status(), 200, "{reply:?}");
    let value = reply.value();
    let points = value["points"].as_array().unwrap().iter();
    points.map(|point| (point["t"].as_str().unwrap().to_owned(), point["value"].as_i64().unwrap())).collect()
}

fn values(reply: &Reply) -> Vec<i64> {
    points(reply).into_iter().map(|(_, value)| value).collect()
}

#[test]
fn hours_and_days_have_their_numbers() {
    let app = app();
    let ada = Id::new();
    let log_ins = [
        "2026-11-23T23:59:59.999Z",
        "2026-11-24T00:00:00.000Z",
        "2026-11-24T00:30:00.000Z",
        "2026-11-24T02:00:00.000Z",
        "2026-11-24T23:59:59.999Z",
        "2026-11-25T00:00:00.000Z",
    ];
    consume_all(&app, &log_ins.map(|at| log_in(at, ada)));
    let hours = get_as_admin(
        &app,
        "/analytics/timeseries?metric=logins&step=hour&from=2026-11-23T23:00:00Z&to=2026-11-24T03:00:00Z",
    );
    let expected = [
        ("2026-11-23T23:00:00.000Z", 1),
        ("2026-11-24T00:00:00.000Z", 2),
        ("2026-11-24T01:00:00.000Z", 0),
        ("2026-11-24T02:00:00.000Z", 1),
    ];
    assert_eq!(points(&hours), expected.map(|(t, value)| (t.to_owned(), value)));
    assert_eq!((&hours.value()["metric"], &hours.value()["step"]), (&json!("logins"), &json!("hour")));
    let days = get_as_admin(
        &app,
        "/analytics/timeseries?metric=logins&step=day&from=2026-11-22T12:00:00Z&to=2026-11-25T00:00:00.001Z",
    );
    let expected = [
        ("2026-11-22T00:00:00.000Z", 0),
        ("2026-11-23T00:00:00.000Z", 1),
        ("2026-11-24T00:00:00.000Z", 4),
        ("2026-11-25T00:00:00.000Z", 1),
    ];
    assert_eq!(points(&days), expected.map(|(t, value)| (t.to_owned(), value)));
    let other = get_as_admin(&app, "/analytics/timeseries?metric=signups&step=day&from=2026-11-22T12:00:00Z");
    assert!(values(&other).iter().all(|value| *value == 0));
}

#[test]
fn unless_asked_it_is_the_last_day_by_hours_and_the_last_month_by_days() {
    let app = app();
    consume_all(&app, &[log_in(NOW, Id::new())]);
    let hours = points(&get_as_admin(&app, "/analytics/timeseries?metric=logins"));
    assert_eq!((hours.len(), hours[0].0.as_str()), (24, "2026-11-23T10:00:00.000Z"));
    assert_eq!(hours[23], ("2026-11-24T09:00:00.000Z".to_owned(), 1));
    let days = points(&get_as_admin(&app, "/analytics/timeseries?metric=logins&step=day"));
    assert_eq!((days.len(), days[0].0.as_str()), (30, "2026-10-26T00:00:00.000Z"));
    assert_eq!(days[29], ("2026-11-24T00:00:00.000Z".to_owned(), 1));
}

#[test]
fn offsets_are_understood() {
    let app = app();
    consume_all(&app, &[log_in("2026-11-24T09:30:00+02:00", Id::new())]);
    let range = "from=2026-11-24T09:00:00%2B02:00&to=2026-11-24T10:00:00%2B02:00";
    let reply = get_as_admin(&app, &format!("/analytics/timeseries?metric=logins&{range}"));
    assert_eq!(points(&reply), [("2026-11-24T07:00:00.000Z".to_owned(), 1)]);
}

#[test]
fn they_are_ones_own() {
    let app = app();
    let [ada, bob] = [Id::new(), Id::new()];
    consume_all(&app, &[log_in(NOW, ada), log_in(NOW, bob), log_in(NOW, bob)]);
    consume_all(&app, &[message(ada, bob), review(ada, bob, "accepted")]);
    let today = |who: Id, metric: &str| {
        let query = format!("/analytics/timeseries?metric={metric}&step=day&from={NOW}&to=2026-11-25T00:00:00Z");
        values(&get(&app, who, &query))
    };
    assert_eq!((today(ada, "logins"), today(bob, "logins"), today(Id::new(), "logins")), (vec![1], vec![2], vec![0]));
    assert_eq!((today(ada, "messages"), today(bob, "messages")), (vec![1], vec![0]));
    assert_eq!((today(ada, "accepted"), today(bob, "accepted")), (vec![1], vec![1]));
    let query = format!("/analytics/timeseries?metric=logins&step=day&from={NOW}&to=2026-11-25T00:00:00Z");
    assert_eq!(values(&get_as_admin(&app, &query)), [3]);
}

#[test]
fn nonsense_names_its_field() {
    let app = app();
    for (query, field) in [
        ("", "metric"),
        ("metric=online", "metric"),
        ("metric=Logins", "metric"),
        ("metric=logins&step=minute", "step"),
        ("metric=logins&from=yesterday", "from"),
        ("metric=logins&to=1", "to"),
        ("metric=logins&from=2026-11-24T00:00:00Z&to=2026-11-24T00:00:00Z", "from"),
        ("metric=logins&from=2026-11-25T00:00:00Z&to=2026-11-24T00:00:00Z", "from"),
        ("metric=logins&from=2027-01-01T00:00:00Z", "from"),
        ("metric=logins&step=hour&from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", "from"),
        ("metric=logins&step=day&from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
    ] {
        let reply = get_as_admin(&app, &format!("/analytics/timeseries?{query}"));
        assert_problem(&reply, 400);
        assert_eq!(reply.invalid_fields(), [field], "{query}");
    }
}

#[test]
fn a_thousand_points_are_the_most() {
    let app = app();
    let range = |to: &str| format!("/analytics/timeseries?metric=logins&step=day&from=2024-01-01T00:00:00Z&to={to}");
    assert_eq!(points(&get_as_admin(&app, &range("2026-09-27T00:00:00Z"))).len(), 1_000);
    assert_problem(&get_as_admin(&app, &range("2026-09-27T00:00:00.001Z")), 400);
}
