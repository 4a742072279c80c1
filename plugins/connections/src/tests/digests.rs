use std::time::Duration;

use super::*;

fn run(app: &App) {
    app.platform().run(|| crate::schedules().run("weekly-digest")).unwrap();
}

fn waiting(from: usize, to: Id) -> Vec<Document> {
    let row = || doc! { "_id": Id::new(), "fromUserId": Id::new(), "toUserId": to, "status": "interested" };
    (0..from).map(|_| row()).collect()
}

#[test]
fn who_has_requests_to_answer_is_told() {
    let app = app();
    let [ada, bob, eve, joe] = ["Ada", "Bob", "Eve", "Joe"].map(|name| user(&app, name));
    ask(&app, ada, bob);
    ask(&app, eve, bob);
    connect(&app, eve, ada);
    send(&app, ada, "ignore", joe);
    run(&app);
    let [told] = &app.platform().events_of("notification-events")[..] else { panic!("one digest") };
    assert_eq!(told.key, Some(bob.to_string()));
    let expected = json!({
        "eventType": "WEEKLY_DIGEST", "userId": bob, "timestamp": NOW, "data": { "userId": bob, "pending": 2 },
    });
    assert_eq!(told.json(), expected);
    assert_eq!(told.delivered().event_id, format!("digest:{bob}:2026-W48"));
}

#[test]
fn once_a_week() {
    let app = app();
    let (ada, bob) = (user(&app, "Ada"), user(&app, "Bob"));
    app.platform().put_documents("connectionrequests", waiting(1, ada));
    run(&app);
    run(&app);
    assert_eq!(events(&app, "notification-events").len(), 1);
    app.platform().put_documents("connectionrequests", waiting(3, bob));
    run(&app);
    assert_eq!(each(&json!(events(&app, "notification-events")), "userId"), [json!(ada), json!(bob)]);
    app.platform().advance(Duration::from_secs(7 * 24 * 60 * 60));
    run(&app);
    assert_eq!(events(&app, "notification-events").len(), 4);
}

#[test]
fn many_are_told_in_pages() {
    let app = app();
    let users: Vec<Id> = (0..250).map(|_| Id::new()).collect();
    for (index, user) in users.iter().enumerate() {
        app.platform().put_documents("connectionrequests", waiting(index % 3 + 1, *user));
    }
    // Some were told by a run that ended in the middle.
    let at: DateTime = NOW.parse().unwrap();
    let told = [3, 99, 100, 249].map(|index: usize| doc! { "_id": format!("{}:2026-W48", users[index]), "at": at });
    app.platform().put_documents("digests", told);
    run(&app);
    let told = events(&app, "notification-events");
    assert_eq!(told.len(), 246);
    for event in told {
        let index = users.iter().position(|user| json!(user) == event["userId"]).unwrap();
        assert!(![3, 99, 100, 249].contains(&index));
        assert_eq!(event["data"]["pending"], index % 3 + 1);
    }
}

#[test]
fn it_is_on_mondays() {
    assert_eq!(crate::schedules().entries().collect::<Vec<_>>(), [("weekly-digest", "*/5 9 * * MON")]);
}
