use super::*;

#[test]
fn everybody_sees_their_own_numbers() {
    let app = app();
    let [ada, bob] = [Id::new(), Id::new()];
    consume_all(&app, &[user_event("USER_SIGNUP", ada), user_event("USER_SIGNUP", bob), user_event("USER_LOGIN", ada)]);
    consume_all(&app, &[message(ada, bob), message(bob, ada), message(bob, ada), request(ada, bob, "interested")]);
    consume_all(&app, &[review(ada, bob, "accepted"), view(ada, bob)]);
    let own = |who: Id| get(&app, who, "/analytics/summary").value();
    let numbers = |logins: i64, messages: i64, requests: i64, views: i64| {
        json!({
            "signups": 1, "logins": logins, "messages": messages, "requests": requests, "accepted": 1, "profileViews": views,
            "online": 0,
        })
    };
    assert_eq!((own(ada), own(bob)), (numbers(1, 1, 1, 0), numbers(0, 2, 0, 1)));
    let all = json!({
        "signups": 2, "logins": 1, "messages": 3, "requests": 1, "accepted": 1, "profileViews": 1, "online": 0,
    });
    assert_eq!(summary(&app), all);
    assert_eq!(own(Id::new())["signups"], 0, "who did nothing has zeros");
}

#[test]
fn somebody_elses_are_for_admins() {
    let app = app();
    let [ada, bob] = [Id::new(), Id::new()];
    consume_all(&app, &[message(ada, bob)]);
    let path = format!("/analytics/users/{bob}");
    assert_problem(&get(&app, ada, &path), 403);
    assert_eq!(get(&app, bob, &path).value()["messagesReceived"], 1);
    assert_eq!(get_as_admin(&app, &path).value()["messagesReceived"], 1);
    let other = app.call(Request::get(&*path).identity_as(ada.to_string(), "user"));
    assert_problem(&other, 403);
    assert_problem(&get(&app, ada, "/analytics/users/1"), 400);
}

#[test]
fn a_session_is_needed() {
    let app = app();
    for path in
        ["/analytics/summary", "/analytics/users/000000000000000000000000", "/analytics/timeseries?metric=logins"]
    {
        assert_eq!(app.call(Request::get(path)).status(), 401);
    }
}
