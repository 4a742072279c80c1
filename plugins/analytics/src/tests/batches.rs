//! A batch is few transactions.

use devconnect_sdk::test::Store;

use super::*;

#[test]
fn many_events_are_few_trips() {
    let app = app();
    let users: Vec<Id> = (0..3).map(|_| Id::new()).collect();
    let log_ins: Vec<Delivery> = (0..80).map(|index| user_event("USER_LOGIN", users[index % 3])).collect();
    let before = app.platform().trips(Store::Documents);
    consume_all(&app, &log_ins);
    // 80 notes, 3 users, their 3 days, everybody's day and the totals.
    assert_eq!(app.platform().trips(Store::Documents) - before, 2, "which ones are counted, and one transaction");
    assert_eq!(summary(&app)["logins"], 80);

    let before = app.platform().trips(Store::Documents);
    consume_all(&app, &log_ins);
    assert_eq!(app.platform().trips(Store::Documents) - before, 1);
}

#[test]
fn a_transaction_has_no_more_than_it_may() {
    let app = app();
    // Each changes documents of its own: two users and a day.
    let messages: Vec<Delivery> = (0..300).map(|_| message(Id::new(), Id::new())).collect();
    let before = app.platform().trips(Store::Documents);
    consume_all(&app, &messages);
    let trips = app.platform().trips(Store::Documents) - before;
    // 4 writes an event, and 2 that all share: 24 events a transaction.
    assert!((13..=15).contains(&trips), "{trips}");
    assert_eq!(summary(&app)["messages"], 300);
    assert_eq!(app.platform().documents("analytics_users").len(), 600);
}
